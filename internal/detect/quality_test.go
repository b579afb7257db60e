package detect_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"

	"github.com/slipway-build/slipway/internal/detect"
)

// TestCorpusQuality plans each repository of the corpus with its quality stages: they
// change nothing of what a build makes, and BuildKit accepts the text.
func TestCorpusQuality(t *testing.T) {
	cases, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			dir := filepath.Join(corpus, c.Name())
			root := os.DirFS(filepath.Join(dir, "repo"))
			plain, findings := load(t, root)
			proved, more := load(t, root, detect.WithQuality)
			if diff := cmp.Diff(text(findings), text(more)); diff != "" {
				t.Errorf("planning the quality stages changes the findings (-want +got):\n%s", diff)
			}
			var out strings.Builder
			for i, p := range proved {
				fmt.Fprintf(&out, "## %s\n%s", p.Name, qualityText(p))
				if len(p.Quality) > 0 {
					lint(t, dockerfile.RenderAll(p))
				}
				p.Quality, p.LeftOutStages, p.QualityBases, p.QualityIgnore, p.QualityTrim = nil, nil, nil, nil, nil
				if diff := cmp.Diff(plain[i], p); diff != "" {
					t.Errorf("%s: planning the quality stages changes the rest (-want +got):\n%s", p.Name, diff)
				}
			}
			if !strings.Contains(out.String(), "\nFROM ") {
				out.Reset() // nothing is checked
			}
			golden(t, filepath.Join(dir, "quality.golden"), []byte(out.String()))
		})
	}
}

// qualityText is what checks a service, and its stages as text.
func qualityText(p plan.Service) string {
	out := ""
	for _, st := range p.Checks() {
		for _, f := range st.Facts {
			out += fmt.Sprintf("%s: %s (%s, %s:%d)\n", st.Name, f.Value, f.Evidence, f.File, f.Line)
		}
	}
	for _, l := range p.LeftOutStages {
		out += fmt.Sprintf("no %s: %s\n", l.Name, l.Why)
	}
	if p.QualityIgnore != nil {
		for _, pattern := range p.DockerIgnore {
			if !slices.Contains(p.QualityIgnore, pattern) {
				out += "let in: " + pattern + "\n"
			}
		}
		for _, pattern := range p.QualityIgnore {
			if !slices.Contains(p.DockerIgnore, pattern) {
				out += "exception: " + pattern + "\n"
			}
		}
	}
	for _, step := range p.QualityTrim {
		out += "trim: " + step.Shell + "\n"
	}
	return out + string(dockerfile.RenderQuality(p))
}

// TestQualityCopiesWhatIsThere: what the supplied patterns keep out of the build is not
// copied, or the stage could not be built.
func TestQualityCopiesWhatIsThere(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	plans, findings := detect.Plan(fstest.MapFS{
		"package.json":          file(`{"name": "web", "main": "server.js", "scripts": {"lint": "eslint ."}}`),
		"package-lock.json":     file(`{"lockfileVersion": 3, "packages": {"": {"name": "web"}}}`),
		"server.js":             file("require('http').createServer().listen(3000)"),
		".vscode/settings.json": file("{}"), ".idea/a.xml": file("<a/>"), "coverage/lcov.info": file(""), "npm.log": file(""), ".editorconfig": file("root = true"),
	}, nil, detect.WithQuality)
	if findings.Errors() != nil || len(plans) != 1 {
		t.Fatal(plans, findings)
	}
	text := string(dockerfile.RenderQuality(plans[0]))
	if want := "COPY package.json package-lock.json .editorconfig server.js ./\n"; !strings.Contains(text, want) || strings.Count(text, "COPY ") != 2 {
		t.Errorf("want %q and the copy of the reports alone:\n%s", want, text)
	}
}

// TestQualityHasGeneratedCodeBesideABrowser: what the sources' stage generates is copied
// from there.
func TestQualityHasGeneratedCodeBesideABrowser(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	plans, findings := detect.Plan(fstest.MapFS{
		"package.json":         file(`{"name": "web", "main": "server.js", "scripts": {"test:e2e": "playwright test"}, "dependencies": {"@prisma/client": "6.0.0"}, "devDependencies": {"@playwright/test": "1.0.0", "prisma": "6.0.0"}}`),
		"package-lock.json":    file(`{"lockfileVersion": 3, "packages": {"": {"name": "web", "dependencies": {"@prisma/client": "6.0.0"}, "devDependencies": {"@playwright/test": "1.0.0", "prisma": "6.0.0"}}, "node_modules/@prisma/client": {"version": "6.0.0"}, "node_modules/prisma": {"version": "6.0.0", "dev": true}, "node_modules/@playwright/test": {"version": "1.0.0", "dev": true}}}`),
		"prisma/schema.prisma": file("generator client {\n  provider = \"prisma-client-js\"\n}\ndatasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n"),
		"server.js":            file("require('@prisma/client'); require('http').createServer().listen(3000)"),
		"e2e/a.js":             file("1"),
	}, nil, detect.WithQuality)
	if findings.Errors() != nil || len(plans) != 1 {
		t.Fatal(plans, findings)
	}
	if text := string(dockerfile.RenderAll(plans[0])); !strings.Contains(text, "COPY --from=test-sources /app/ /app/\n") {
		t.Errorf("the generated client is missing:\n%s", text)
	}
}

// TestQualityHasABrowser: tests that drive Debian's Chromium start from a stage that has
// it; production and the other stages do not get it.
func TestQualityHasABrowser(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for runner, want := range map[string]struct {
		script  string
		browser bool
		links   bool
	}{
		"@playwright/test": {"playwright test", true, true},
		"puppeteer":        {"node e2e/a.js", true, false},
		"cypress":          {"cypress run", false, false}, // it downloads its own, and needs a screen
	} {
		t.Run(runner, func(t *testing.T) {
			plans, findings := detect.Plan(fstest.MapFS{
				"package.json":      file(`{"name": "web", "main": "server.js", "scripts": {"test:e2e": "` + want.script + `"}, "devDependencies": {"` + runner + `": "1.0.0"}}`),
				"package-lock.json": file(`{"lockfileVersion": 3, "packages": {"": {"name": "web", "devDependencies": {"` + runner + `": "1.0.0"}}, "node_modules/` + runner + `": {"version": "1.0.0", "dev": true}}}`),
				"server.js":         file("require('http').createServer().listen(3000)"),
				"e2e/a.js":          file("1"),
			}, nil, detect.WithQuality)
			if findings.Errors() != nil || len(plans) != 1 {
				t.Fatal(plans, findings)
			}
			p := plans[0]
			at := slices.IndexFunc(p.Quality, func(s plan.Stage) bool { return s.Name == plan.StageE2E })
			if at < 0 {
				t.Fatalf("no stage of end-to-end tests: %+v", p.LeftOutStages)
			}
			if got := p.Quality[at].From == plan.StageTestBrowser; !got {
				t.Errorf("the stage starts from %s", p.Quality[at].From)
			}
			text := string(dockerfile.RenderAll(p))
			if got := strings.Contains(text, "FROM slipway/node/chromium-headless-shell/fonts-dejavu-core:"); got != want.browser {
				t.Errorf("a base with a browser: %v\n%s", got, text)
			}
			if got := strings.Contains(text, "INSTALLATION_COMPLETE"); got != want.links {
				t.Errorf("links for Playwright: %v\n%s", got, text)
			}
			if links := strings.Index(text, "INSTALLATION_COMPLETE"); want.links && (!strings.Contains(text[:links], "COPY --from=dependencies /app/ /app/\n") || !strings.Contains(text[links:], "COPY e2e/ e2e/\n")) {
				t.Errorf("a change of the sources prepares the browser again:\n%s", text)
			}
			if slices.ContainsFunc(p.Bases, func(b plan.Base) bool { return strings.Contains(b.Ref, "chromium") }) {
				t.Errorf("production has a browser: %+v", p.Bases)
			}
			lint(t, []byte(text))
		})
	}
}
