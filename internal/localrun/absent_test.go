package localrun

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/plan"
)

func TestAbsent(t *testing.T) {
	for line, want := range map[string]string{
		`Exception in thread "main" java.nio.file.NoSuchFileException: /run/secrets/db-password`:                     "/run/secrets/db-password",
		"Caused by: java.io.FileNotFoundException: conf/app.yml (No such file or directory)":                         "conf/app.yml",
		"panic: open /etc/shop/config.yaml: no such file or directory":                                               "/etc/shop/config.yaml",
		"FileNotFoundError: [Errno 2] No such file or directory: 'model.bin'":                                        "model.bin",
		"Error: ENOENT: no such file or directory, open '/app/certs/ca.pem'":                                         "/app/certs/ca.pem",
		"panic: open config/app.yml: no such file or directory":                                                      "config/app.yml",
		`thread 'main' panicked: failed to read ./config.toml: Os { code: 2, message: "No such file or directory" }`: "./config.toml",
		"no such file or directory":  "",
		"dial tcp db:5432: no route": "",
		"GET /a: 404, no such file":  "",
		"java.io.FileNotFoundException: class path resource [x.yml] cannot be opened: it does not exist": "",
	} {
		e := Evidence{Status: Status{Service: "web", Exit: &Exit{Code: 1}}, LastLines: []string{"first", line}}
		if got := e.absent(); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
		text, hint := Explain(e), Hint(e)
		if strings.Contains(text, "it found no file "+want) != (want != "") || strings.Contains(hint, "for web in slipway.yaml") != (want != "" && !strings.HasPrefix(want, "/run/secrets/")) ||
			strings.Contains(hint, "give it to web with secrets:") != strings.HasPrefix(want, "/run/secrets/") {
			t.Errorf("%q: %s\nhint: %s", line, text, hint)
		}
	}
}

// TestAbsentAndMissing: a file of variables that does not exist, and a variable that
// the log names, leave the word to the variables.
func TestAbsentAndMissing(t *testing.T) {
	missing := []plan.Use{{Name: "DATABASE_URL", File: "main.go", Line: 9}}
	for line, want := range map[string]string{
		"no settings: open .env: no such file or directory":                   "it reads DATABASE_URL",
		"DATABASE_URL is empty: open /cfg/db.json: no such file or directory": "it reads DATABASE_URL",
		"cannot start: open /etc/shop/rates.csv: no such file or directory":   "it found no file /etc/shop/rates.csv",
	} {
		e := Evidence{Status: Status{Service: "web", Exit: &Exit{Code: 1}}, LastLines: []string{line}, Missing: missing}
		if got := Explain(e); !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %q", line, got, want)
		}
	}
	refused := Evidence{Status: Status{Service: "web", Exit: &Exit{Code: 1}}, LastLines: []string{"no password file: open /etc/pgpass: no such file or directory", "Error: Connection refused (os error 111)"}}
	if got := Explain(refused); strings.Contains(got, "it found no file") {
		t.Errorf("a file that it went on without: %s", got)
	}
	ready := Evidence{Status: Status{Service: "web", Exit: &Exit{Code: 1}, ReadyMillis: 9}, LastLines: []string{"open /x: no such file or directory"}}
	if got := Explain(ready); strings.Contains(got, "it found no file") {
		t.Errorf("a service that was ready: %s", got)
	}
}

// TestUnreached: a service that ends, or never listens, is explained by the server
// that its settings name; its log does not have the address.
func TestUnreached(t *testing.T) {
	local := plan.Use{Name: "localhost:3306", File: "application.properties", Line: 2}
	named := plan.Use{Name: "db:3306", File: "App.java", Line: 67}
	failed := []string{"com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure"}
	for name, c := range map[string]struct {
		e    Evidence
		want string
	}{
		"its own container": {Evidence{Status: Status{Exit: &Exit{Code: 1}}, LastLines: failed, Connects: []plan.Use{local}}, "web ended before it was ready: exit code 1; it connects to localhost:3306 (application.properties:2), which is its own container"},
		"another host":      {Evidence{Status: Status{Exit: &Exit{Code: 1}}, LastLines: failed, Connects: []plan.Use{named}}, "web ended before it was ready: exit code 1; it connects to db:3306 (App.java:67)"},
		"the one it names":  {Evidence{Status: Status{Exit: &Exit{Code: 1}}, LastLines: append(failed, "db timed out"), Connects: []plan.Use{local, named}}, "web ended before it was ready: exit code 1; it connects to db:3306 (App.java:67)"},
		"something else":    {Evidence{Status: Status{Exit: &Exit{Code: 1}}, LastLines: []string{"bad flag"}, Connects: []plan.Use{named}}, "web ended before it was ready: exit code 1"},
		"it waits":          {Evidence{Status: Status{State: Unhealthy}, Port: 8080, Connects: []plan.Use{named}}, "web is unhealthy: it does not listen on its port 8080; it connects to db:3306 (App.java:67)"},
		"it was ready":      {Evidence{Status: Status{Exit: &Exit{Code: 1}, ReadyMillis: 5}, LastLines: failed, Connects: []plan.Use{named}}, "web ended: exit code 1"},
	} {
		c.e.Status.Service = "web"
		got, _, _ := strings.Cut(Explain(c.e), "\n")
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
		if hints := strings.Contains(Hint(c.e), "start the server that it needs"); hints != strings.Contains(c.want, "connects to") {
			t.Errorf("%s: hint %q", name, Hint(c.e))
		}
	}
}
