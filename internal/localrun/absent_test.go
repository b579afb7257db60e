package localrun

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/plan"
)

// TestAFileThatDoesNotExistIsNamed: a service that ends because a file is missing says
// which, whatever language wrote the line.
func TestAFileThatDoesNotExistIsNamed(t *testing.T) {
	const ended = "; it reads "
	for line, want := range map[string]string{
		"2026/11/28 22:00:00 open /run/secrets/db-password: no such file or directory":                               "/run/secrets/db-password",
		"panic: open config/app.yml: no such file or directory":                                                      "config/app.yml",
		"FileNotFoundError: [Errno 2] No such file or directory: 'settings/prod.toml'":                               "settings/prod.toml",
		"Error: ENOENT: no such file or directory, open '/app/keys/a.pem'":                                           "/app/keys/a.pem",
		`Exception in thread "main" java.nio.file.NoSuchFileException: /etc/shop/app.conf`:                           "/etc/shop/app.conf",
		`thread 'main' panicked: failed to read ./config.toml: Os { code: 2, message: "No such file or directory" }`: "./config.toml",
		"listening on :8080":         "",
		"no such file or directory":  "",
		"dial tcp db:5432: no route": "",
	} {
		e := Evidence{Status: Status{Service: "api", State: Exited, Exit: &Exit{Code: 1}}, LastLines: []string{line}}
		first, _, _ := strings.Cut(Explain(e), "\n")
		switch {
		case want == "" && strings.Contains(first, ended):
			t.Errorf("%q: %s", line, first)
		case want != "" && !strings.Contains(first, ended+want+", which does not exist in its container"):
			t.Errorf("%q: %s", line, first)
		}
		if secret := strings.HasPrefix(want, "/run/secrets/"); secret != strings.Contains(first, "secrets: with file:") {
			t.Errorf("%q: %s", line, first)
		}
	}
	e := Evidence{Status: Status{Service: "api", State: Exited, Exit: &Exit{Code: 1}}, LastLines: []string{"open .env/x: no such file or directory"},
		Missing: []plan.Use{{Name: "DATABASE_URL", File: "main.go", Line: 3}}}
	if text := Explain(e); !strings.Contains(text, "DATABASE_URL") || strings.Contains(text, "does not exist in its container") {
		t.Errorf("a variable that is not set comes first: %s", text)
	}
}
