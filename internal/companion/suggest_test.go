package companion

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	for in, want := range map[string]string{
		"db:5432 cache:6379 /":             "{db: postgres, cache: redis}",
		"localhost:5432 127.0.0.1:27017 /": "[postgres, mongodb]",
		"db.internal.example:3306 /":       "[mysql]",
		"postgres:5432 / REDIS_URL":        "[postgres, redis]",
		"/ DATABASE_URL":                   "", // PostgreSQL's or MySQL's
		"/ PGHOST PGUSER AMQP_URL":         "[postgres, rabbitmq]",
		"/ AWS_REGION":                     "",
		"api:8080 minio:9000 /":            "",
		"/":                                "",
	} {
		connects, reads, _ := strings.Cut(in, "/")
		if got := Suggest(strings.Fields(connects), strings.Fields(reads)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
