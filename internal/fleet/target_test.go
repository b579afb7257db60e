package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

// TestSeveralDirectories: directories without a slipway.yaml are services of what
// lies above them, as when none is named.
func TestSeveralDirectories(t *testing.T) {
	top := t.TempDir()
	for name, text := range map[string]string{
		"web/index.html": "x", "api/go.mod": "module example.com/api\n\ngo 1.26\n", "api/main.go": "package main\n\nfunc main() {}\n",
		"own/Dockerfile": "FROM scratch\n", "fleet/slipway.yaml": "version: 1\nfleet: a\nservices: {}\n",
	} {
		file := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		words, want []string // want: paths, nil for a refusal
	}{
		{[]string{"web", "api"}, []string{"web", "api"}},
		{[]string{"./web", "api/"}, []string{"web", "api"}},
		{[]string{"own", "web"}, []string{"own", "web"}},
		{[]string{"web", filepath.Join(top, "api")}, []string{"web", "api"}},
		{[]string{"web", "fleet"}, nil},
		{[]string{"web", ".."}, nil},
	} {
		got, err := Loader{Dir: top}.Resolve(c.words)
		if c.want == nil {
			if err == nil {
				t.Errorf("%q: taken as %+v", c.words, got)
			}
			continue
		}
		if diff := cmp.Diff(Target{Root: top, Paths: c.want, Named: true}, got, cmp.AllowUnexported(Target{})); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", c.words, err, diff)
		}
	}
}

// TestADirectoryIsSurveyedOnce: deciding what a word means may take a survey of
// the repository, and the plan then starts from that one.
func TestADirectoryIsSurveyedOnce(t *testing.T) {
	top := t.TempDir()
	site := func(name string) {
		t.Helper()
		file := filepath.Join(top, filepath.FromSlash(name), "index.html")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("<!doctype html>"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	site("apps/web")
	if err := os.Mkdir(filepath.Join(top, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := Loader{Dir: top, Warn: func(diag.Findings) {}}
	target, err := l.Resolve([]string{"apps"})
	if err != nil || target.survey == nil {
		t.Fatalf("%v, %+v", err, target)
	}
	site("apps/later") // a second survey would find it
	for _, c := range []struct {
		o    Overrides
		want []string
	}{
		{Overrides{}, []string{"web"}},
		{Overrides{Afresh: true}, []string{"later", "web"}}, // files that Slipway generated are not to count
	} {
		f, err := l.Load(target, c.o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range f.Planned {
			got = append(got, s.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.o, diff)
		}
	}
}

// TestADirectoryWithoutAServiceIsNotTheFleet: a member of a workspace that cannot be
// planned is refused for what it lacks, and nothing else is planned in its place.
func TestADirectoryWithoutAServiceIsNotTheFleet(t *testing.T) {
	top := t.TempDir()
	for name, text := range map[string]string{
		"package.json": `{"name": "all", "private": true, "workspaces": ["web", "edge", "lib"]}`, "package-lock.json": `{"lockfileVersion": 3, "packages": {"": {}}}`,
		"web/package.json": `{"name": "web", "scripts": {"start": "node server.js"}}`, "web/server.js": "require('http').createServer().listen(3000)",
		"edge/package.json": `{"name": "edge", "scripts": {"dev": "wrangler dev"}, "devDependencies": {"wrangler": "^3.0.0"}}`,
		"lib/README.md":     "nothing",
	} {
		file := filepath.Join(top, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	l := Loader{Dir: top, Warn: func(diag.Findings) {}}
	for word, want := range map[string]string{"edge": "in the runtime of Cloudflare Workers", "lib": "lib"} {
		target, err := l.Resolve([]string{word})
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.Load(target, Overrides{})
		if err == nil {
			t.Errorf("%s: planned %d services", word, len(f.Planned))
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "web") {
			t.Errorf("%s: %v", word, err)
		}
	}
	target, err := l.Resolve([]string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := l.Load(target, Overrides{}); err != nil || len(f.Planned) != 1 || f.Planned[0].Name != "web" {
		t.Errorf("web: %v", err)
	}
}
