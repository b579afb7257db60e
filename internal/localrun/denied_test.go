package localrun

import (
	"strings"
	"testing"
)

func TestDenied(t *testing.T) {
	for line, want := range map[string]string{
		"open /app/data/shop.db: permission denied":                   "/app/data",
		"PermissionError: [Errno 13] Permission denied: '/app/cache'": "/app/cache",
		"EACCES: permission denied, open '/app/logs/app.log'":         "/app/logs",
		"mkdir /data/v1.2: read-only file system":                     "/data/v1.2",
		"sqlite3.OperationalError: unable to open database file":      ".",
		"listening on 3000": "",
		"java.nio.file.AccessDeniedException: /app/x (see permissions)": "",
	} {
		e := Evidence{Status: Status{Service: "web", Exit: &Exit{Code: 1}}, LastLines: []string{"first", line}}
		if got := e.denied(); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
		if hint := Hint(e); strings.Contains(hint, "writable:") != (want != "") {
			t.Errorf("%q: hint %q", line, hint)
		}
	}
}

func TestStranger(t *testing.T) {
	for line, want := range map[string]string{
		"Error: getaddrinfo ENOTFOUND redis":                                                              "redis",
		"getaddrinfo EAI_AGAIN db.internal":                                                               "db.internal",
		"dial tcp: lookup mysql on 127.0.0.11:53: no such host":                                           "mysql",
		"dial tcp: lookup cache: no such host":                                                            "cache",
		`could not translate host name "db" to address: Name or service not known`:                        "db",
		"java.net.UnknownHostException: kafka: Name or service not known":                                 "kafka",
		"redis.exceptions.ConnectionError: Error -2 connecting to redis:6379. Name or service not known.": "redis",
		"GET /lookup of a host":                                                                           "",
	} {
		e := Evidence{Status: Status{Service: "web", Exit: &Exit{Code: 1}}, LastLines: []string{line}}
		if got := e.stranger(); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
