package python

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// inUTF16 is a text as PowerShell writes it: little endian, with a mark and CRLF.
func inUTF16(text string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(strings.ReplaceAll(text, "\n", "\r\n"))) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

// TestManifestsInUTF16 are read as their tools read them, and rewritten for those
// that do not.
func TestManifestsInUTF16(t *testing.T) {
	const app = "from flask import Flask\napp = Flask(1)\n"
	lock := `{"default": {"flask": {"version": "==3"}, "gunicorn": {"version": "==23"}}}`
	for name, c := range map[string]struct {
		files   map[string]string
		recoded string
	}{
		"requirements":   {map[string]string{"requirements.txt": "flask==3\ngunicorn==23\n"}, ""},
		"their includes": {map[string]string{"requirements.txt": "-r base.txt\n", "base.txt": "flask==3\ngunicorn==23\n"}, ""},
		"pyproject":      {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask==3\", \"gunicorn==23\"]\n"}, "pyproject.toml"},
		"Pipfile":        {map[string]string{"Pipfile": "[packages]\nflask = \"*\"\ngunicorn = \"*\"\n", "Pipfile.lock": lock}, "Pipfile Pipfile.lock"},
		"Procfile":       {map[string]string{"requirements.txt": "flask==3\ngunicorn==23\n", "Procfile": "web: gunicorn app:app\n"}, ""},
		"uv.lock":        {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"flask\", \"gunicorn\"]\n", "uv.lock": "[[package]]\nname = \"flask\"\n[[package]]\nname = \"gunicorn\"\n"}, "pyproject.toml uv.lock"},
	} {
		for _, mark := range []string{"UTF-16", "UTF-8"} {
			dir := fstest.MapFS{"app.py": {Data: []byte(app)}}
			for f, text := range c.files {
				dir[f] = &fstest.MapFile{Data: inUTF16(text)}
				if mark == "UTF-8" {
					dir[f].Data = []byte("\xef\xbb\xbf" + text)
				}
			}
			p, findings := Ecosystem{}.Plan(dir, config.Service{Name: "a", Path: "."}, nil)
			if got := step(p, "production", plan.OpCmd); !strings.HasPrefix(got, "gunicorn app:app") || findings.Errors() != nil || slices.ContainsFunc(findings, func(f diag.Finding) bool { return f.Code == codeUnpinned }) {
				t.Errorf("%s in %s: starts %q, findings %v", name, mark, got, findings)
			}
			_, rest, has := strings.Cut(shell(p, "dependencies"), `sys.argv[1:])]' `)
			rest, _, _ = strings.Cut(rest, " &&")
			if has && strings.Contains(recode, "\n") {
				t.Errorf("a Dockerfile joins the lines of a step, so this is no program: %s", recode)
			}
			if has != (c.recoded != "") || rest != c.recoded && has {
				t.Errorf("%s in %s: rewrites %q, want %q", name, mark, rest, c.recoded)
			}
		}
	}
}
