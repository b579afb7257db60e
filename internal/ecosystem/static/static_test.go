package static

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

func tree(names ...string) fstest.MapFS {
	t := fstest.MapFS{}
	for _, n := range names {
		t[n] = &fstest.MapFile{Data: []byte("<!doctype html>")}
	}
	return t
}

func TestRecognise(t *testing.T) {
	for want, files := range map[string][]string{
		"index.html":        {"index.html", "public/index.html"},
		"public/index.html": {"public/index.html", "dist/index.html"},
		"dist/index.html":   {"README.md", "dist/index.html"},
		"":                  {"about.html", "docs/index.html"},
	} {
		if diff := cmp.Diff(want, Ecosystem{}.Recognise(tree(files...))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", files, diff)
		}
	}
}

// content returns what a stage writes to a file of its own.
func content(p plan.Service, file string) string {
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if s.Content != "" && s.Args[0] == file {
				return s.Content
			}
		}
	}
	return ""
}

func planOf(t *testing.T, want config.Service, fleet *config.Fleet) plan.Service {
	t.Helper()
	p, findings := Ecosystem{}.Plan(tree("public/index.html"), want, fleet)
	if err := findings.Errors(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlan(t *testing.T) {
	p := planOf(t, config.Service{Name: "a", Path: "a", Port: 3000}, nil)
	if p.Type != "static" || p.Port != 3000 || p.Health.HTTP != "/healthz" {
		t.Errorf("type %q, port %d, health %q", p.Type, p.Port, p.Health.HTTP)
	}
	conf := content(p, configFile)
	for _, part := range []string{"listen 3000;", "brotli_static on;", "error_page 404 /404.html;", "pid /tmp/"} {
		if !strings.Contains(conf, part) {
			t.Errorf("the configuration lacks %q", part)
		}
	}
	if strings.Contains(conf, "try_files $uri /index.html") {
		t.Error("a site of pages answers unknown paths with its first page")
	}
}

// TestOtherBases: images of others have nginx without the brotli module.
func TestOtherBases(t *testing.T) {
	for _, family := range []string{"official", "alpine"} {
		p := planOf(t, config.Service{Name: "a", Path: "a"}, &config.Fleet{Bases: config.Bases{Family: family}, User: config.DefaultUser()})
		if conf := content(p, configFile); strings.Contains(conf, "brotli") || !strings.Contains(conf, "gzip_static on") {
			t.Errorf("%s: the configuration asks for a module that the base lacks", family)
		}
	}
}

func TestFindings(t *testing.T) {
	for code, c := range map[string]struct {
		files []string
		want  config.Service
		bases config.Bases
	}{
		codeNoPages: {files: []string{"about.html"}},
		codeCommand: {files: []string{"index.html"}, want: config.Service{Command: []string{"node", "a.js"}}},
		codeHealth:  {files: []string{"index.html"}, want: config.Service{Health: config.Health{GRPC: new("a.B")}}},
		codeNoBase:  {files: []string{"index.html"}, bases: config.Bases{Family: "map", Images: map[string]string{"node-toolchain": "a", "node-runtime": "b"}}},
	} {
		c.want.Name, c.want.Path = "a", "svc"
		p, findings := Ecosystem{}.Plan(tree(c.files...), c.want, &config.Fleet{File: "slipway.yaml", Bases: c.bases})
		if len(findings) != 1 || findings[0].Code != code || findings[0].Hint == "" || len(p.Stages) > 0 {
			t.Errorf("want %s with a hint and no plan, got %v", code, findings)
		}
	}
}

// TestHeredocs: texts that are copied must not end their heredocs.
func TestHeredocs(t *testing.T) {
	for _, text := range []string{packScript, minifierLock(), minifierManifest(), Site{Fallback: "/index.html", Hashed: []string{HexDigest}}.config(8080, true)} {
		for line := range strings.Lines(text) {
			if strings.TrimSpace(line) == "EOF" {
				t.Errorf("a line ends the heredoc:\n%s", text)
			}
		}
	}
}
