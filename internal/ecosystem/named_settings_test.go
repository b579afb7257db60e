package ecosystem

import (
	"slices"
	"testing"
)

// TestSettingsPort takes the server's port of a settings file, no other's.
func TestSettingsPort(t *testing.T) {
	for text, want := range map[string]string{
		"application:\n  host: 0.0.0.0\n  port: 8000\ndatabase:\n  port: 5432\n": "8000",
		"database:\n  port: 5432\nserver:\n  port: 8081\n":                       "8081",
		"redis:\n  port: 6379\n":                                                 "",
		"port: 9000\n":                                                           "9000",
		"port: '9001' # of the server\n":                                         "9001",
		"db_port: 5432\nhttp_port: 8088\n":                                       "8088",
		"[server]\nport = 3000\n[database]\nport = 5432\n":                       "3000",
		"[postgres]\nport = 5432\n\n[http]\nport=8090\n":                         "8090",
		"{\n  \"http\": {\n    \"port\": 4000\n  }\n}\n":                         "4000",
	} {
		if got := settingsPort("a.yaml", settingsIn([]byte(text))).Text; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestSettingsServers takes the servers that a program needs, and not its own address.
func TestSettingsServers(t *testing.T) {
	for text, want := range map[string][]string{
		"application:\n  host: 0.0.0.0\n  port: 8000\ndatabase:\n  host: \"127.0.0.1\"\n  port: 5432\nredis_uri: \"redis://127.0.0.1:6379\"": {"127.0.0.1:5432", "127.0.0.1:6379"},
		"[database]\nserver = \"db\"\nport = 3307\n[http]\nhost = \"0.0.0.0\"\n":                                                             {"db:3307"},
		"postgres:\n  host: pg.example.com\n":                                       {"pg.example.com:5432"},
		"redis:\n  addr: cache:6380\n":                                              {"cache:6380"},
		"database:\n  host: db\n":                                                   nil, // of which kind is not known
		"db_host: db\ndb_port: 5432\nhost: 0.0.0.0\n":                               {"db:5432"},
		"{\n  \"mongo\": {\n    \"host\": \"m\",\n    \"port\": 27018\n  }\n}":      {"m:27018"},
		"cache:\n  dsn: postgres://a:b@c/d\nlogging:\n  host: logs\n  port: 9999\n": {"c:5432"},
	} {
		var got []string
		for _, s := range settingsServers(settingsIn([]byte(text))) {
			got = append(got, s.value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("a:\n  - host: b\n[c]\nport = 1\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		all := settingsIn(data)
		settingsPort("a", all)
		settingsServers(all)
	})
}
