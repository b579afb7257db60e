package ecosystem

import "testing"

func TestServerAddress(t *testing.T) {
	for text, want := range map[string]string{
		"jdbc:postgresql://db:5433/shop":         "db:5433",
		"jdbc:mysql://db/example?useSSL=false":   "db:3306",
		"jdbc:mysql:loadbalance://a:1/x":         "",
		"r2dbc:mariadb://m.example.com:3307":     "m.example.com:3307",
		"jdbc:sqlserver://sql;databaseName=x":    "sql:1433",
		"jdbc:oracle:thin:@ora:1522/XE":          "ora:1522",
		"jdbc:oracle:thin:@//ora/XE":             "ora:1521",
		"mongodb://me:secret@mongo/shop":         "mongo:27017",
		"rediss://cache":                         "cache:6379",
		"amqps://guest:guest@rabbit:5679/vhost":  "rabbit:5679",
		"jdbc:h2:mem:test":                       "",
		"jdbc:sqlite:shop.db":                    "",
		"jdbc:postgresql:///local":               "",
		"jdbc:postgresql://${DB_HOST}:5432/shop": "",
		"https://mysql.example.com":              "",
		"mongodb+srv://cluster0.example.net/x":   "",
	} {
		if got := ServerAddress(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
