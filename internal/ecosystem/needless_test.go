package ecosystem

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/config"
)

// TestNeedless: what is surely needless goes, and what could hold data stays.
func TestNeedless(t *testing.T) {
	for name, want := range map[string]string{
		".git/": WhyVersionControl, "lib/.gitkeep": WhyVersionControl, ".github/": WhyCI, "Jenkinsfile": WhyCI, "lib/Jenkinsfile": "",
		".vscode/": WhyEditor, "tests/": WhyTests, "src/__tests__/": WhyTests, "src/a.test.ts": WhyTests, "a_test.go": WhyTests, "test_x.py": WhyTests,
		"Dockerfile": WhyContainer, "Dockerfile.dev": WhyContainer, "templates/Dockerfile": "", "compose.prod.yaml": WhyContainer,
		"README.md": WhyPeople, "docs/README.md": "", "docs/": "", "terms.md": "", "LICENSE": WhyPeople, ".well-known/": "", "openapi.yaml": "",
		"data/": "", "spec/": "", "examples/": "", "config/.env": WhySecret, ".env.production": WhySecret, ".env.example": "", "certs/tls.key": WhySecret,
		"certs/tls.crt": "", "public/test.html": "", "latest.js": "", ".eslintrc.json": WhyTools, "config/.eslintrc": "", "deploy/": "", "test": "",
	} {
		if got := Needless(strings.TrimSuffix(name, "/"), strings.HasSuffix(name, "/")); got != want {
			t.Errorf("%s is left out as %q, not %q", name, got, want)
		}
	}
}

// TestEachNameOfTheTable is found by what it stands for, whatever its case.
func TestEachNameOfTheTable(t *testing.T) {
	sample := strings.NewReplacer("*", "x", "[jt]", "j", "[cm]", "c").Replace
	for _, row := range needless() {
		for _, name := range row.names {
			if got := Needless(strings.ToUpper(sample(name)), row.kind == onlyDir); got == "" {
				t.Errorf("%s is not found", name)
			}
		}
	}
	names, _ := secretFiles()
	for _, name := range names {
		if !IsSecret("a/" + sample(name.pattern)) {
			t.Errorf("%s is no secret", name.pattern)
		}
	}
}

// TestSecretsStayOutAtAnyDepth: the supplied patterns and the names agree.
func TestSecretsStayOutAtAnyDepth(t *testing.T) {
	for _, name := range []string{".env", "config/.env", "a/b/c/.env.local", ".env.example", "x/.env.sample", "id_rsa", "deploy/id_ed25519", "certs/tls.key", "certs/tls.crt", "a/keys.ts", "a/server-key.pem"} {
		out, err := patternmatcher.MatchesOrParentMatches(name, Supplied())
		if err != nil || out != IsSecret(name) {
			t.Errorf("%s: the patterns leave it out: %v, by its name it is a secret: %v, %v", name, out, IsSecret(name), err)
		}
	}
}

func TestFilesAndExcludeOfTheFleetFile(t *testing.T) {
	s := Open(fstest.MapFS{}, config.Service{Name: "a", Files: []config.File{{Path: "data/seed.json"}, {Path: "**/*.tmpl"}, {From: "web", To: "static"}}, Exclude: []string{"docs", "*.map"}}, nil)
	for name, want := range map[string]bool{"data": true, "data/seed.json": true, "data/other.json": false, "x/a.tmpl": true, "static": false} {
		if s.Wanted(name) != want {
			t.Errorf("%s is wanted: %v", name, !want)
		}
	}
	for name, want := range map[string]bool{"docs": true, "docs/a.md": true, "src/docs": false, "a.map": true} {
		if s.Excluded(name) != want {
			t.Errorf("%s is excluded: %v", name, !want)
		}
	}
}

// BenchmarkNeedless: a plan asks for each entry of a tree, up to thousands.
func BenchmarkNeedless(b *testing.B) {
	for b.Loop() {
		Needless("src/components/invoice/invoice-table.ts", false)
	}
}
