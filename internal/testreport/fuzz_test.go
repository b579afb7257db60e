package testreport

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func FuzzJUnit(f *testing.F)      { fuzz(f, "JUnit XML") }
func FuzzCobertura(f *testing.F)  { fuzz(f, "Cobertura") }
func FuzzJaCoCo(f *testing.F)     { fuzz(f, "JaCoCo") }
func FuzzSpotBugs(f *testing.F)   { fuzz(f, "SpotBugs") }
func FuzzCheckstyle(f *testing.F) { fuzz(f, "Checkstyle") }
func FuzzGoTest(f *testing.F)     { fuzz(f, "go test -json") }
func FuzzCargo(f *testing.F)      { fuzz(f, "cargo's messages") }
func FuzzMypy(f *testing.F)       { fuzz(f, "mypy's JSON") }
func FuzzDenoLint(f *testing.F)   { fuzz(f, "deno lint's JSON") }
func FuzzDenoCheck(f *testing.F)  { fuzz(f, "output of deno check") }
func FuzzSARIF(f *testing.F)      { fuzz(f, "SARIF") }
func FuzzMocha(f *testing.F)      { fuzz(f, "Mocha's JSON") }
func FuzzJest(f *testing.F)       { fuzz(f, "Jest's JSON") }
func FuzzCoveragePy(f *testing.F) { fuzz(f, "coverage.py's JSON") }
func FuzzESLint(f *testing.F)     { fuzz(f, "ESLint's JSON") }
func FuzzProfile(f *testing.F)    { fuzz(f, "Go cover profile") }
func FuzzLCOV(f *testing.F)       { fuzz(f, "LCOV") }
func FuzzTAP(f *testing.F)        { fuzz(f, "TAP") }
func FuzzUnittest(f *testing.F)   { fuzz(f, "output of unittest") }
func FuzzLibtest(f *testing.F)    { fuzz(f, "output of cargo test") }

func FuzzLintText(f *testing.F) {
	each(f, func(name string, content []byte) {
		if tool, ok := linter(name); ok {
			f.Add(tool, content)
		}
	})
	f.Fuzz(func(t *testing.T, tool string, content []byte) {
		var r Report
		in := &intake{report: &r, stage: "lint", file: tool + ".txt", content: content}
		in.use(format{name: tool, read: readLintText})
		sound(t, r)
	})
}

// FuzzRead covers the recognition of formats, and what turns bytes into text.
func FuzzRead(f *testing.F) {
	each(f, func(name string, content []byte) { f.Add(filepath.Base(name), content) })
	f.Add("a.json", []byte("noise\n{\"stats\": {}}"))
	f.Add("TEST-a.xml", []byte("\xff\xfe<\x00a\x00"))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		var r, again Report
		err := Read(&r, "stage", name, content)
		if err != nil && (len(r.Cases)+len(r.Findings)+len(r.Coverage)+len(r.Problems) > 0 || strings.ContainsRune(name, 0)) {
			t.Errorf("an error, and yet a report: %v", err)
		}
		sound(t, r)
		_ = Read(&again, "stage", name, content)
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("reading twice differs: %s", diff)
		}
	})
}

func FuzzChanged(f *testing.F) {
	f.Add([]byte("diff --git a/a.go b/a.go\n--- a/a.go\n+++ b/a.go\n@@ -3 +3,2 @@ f\n-x\n+y\n+z\n"))
	f.Add([]byte("diff --git a/a b/a\n--- \"a/\\303\\244\"\n+++ \"b/\\303\\244\"\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n"))
	f.Fuzz(func(t *testing.T, diff []byte) {
		changed, err := Changed(diff)
		if err != nil && changed != nil {
			t.Error("an error, and yet a result")
		}
		for name, numbers := range changed {
			if name == "" || !utf8.ValidString(name) || len(numbers) == 0 {
				t.Errorf("%q: %v", name, numbers)
			}
		}
	})
}

// each calls fn for the files of the corpus.
func each(t testing.TB, fn func(name string, content []byte)) {
	err := filepath.WalkDir("testdata", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(p, ".golden") || strings.Contains(p, "testdata/fuzz") {
			return err
		}
		content, err := os.ReadFile(p)
		if err == nil {
			fn(p, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fuzz gives a reader anything; the seeds are the files of its format.
func fuzz(f *testing.F, name string) {
	var chosen format
	for _, one := range formats() {
		if one.name == name {
			chosen = one
		}
	}
	seeds := 0
	each(f, func(file string, content []byte) {
		in := &intake{report: &Report{}, file: file, content: decoded(content)}
		for _, one := range formats() {
			if in.quiet(); one.is(in) {
				if one.name == name {
					seeds++
					f.Add(content)
				}
				break
			}
		}
	})
	if seeds == 0 {
		f.Fatalf("no file of the corpus is %s", name)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var r Report
		in := &intake{report: &r, stage: "stage", file: "reports/x", content: content}
		in.use(chosen)
		sound(t, r)
	})
}

// sound checks what holds for every report.
func sound(t *testing.T, r Report) {
	t.Helper()
	totals := r.Totals()
	if totals.Tests != totals.Passed+totals.Failed+totals.Errored+totals.Skipped+totals.Flaky {
		t.Errorf("%+v", totals)
	}
	for _, c := range r.Cases {
		harmless(t, c.Suite, c.Name, c.File, c.Message, c.Output)
		if c.Name == "" || c.Line < 0 || c.Duration < 0 || c.Duration > maxDuration || (c.Runs == 0) != (c.Status == Skipped) {
			t.Errorf("%+v", c)
		}
	}
	for _, f := range r.Findings {
		harmless(t, f.Tool, f.Rule, f.File, f.Text)
		if f.Severity != Error && f.Severity != Warning && f.Severity != Note || f.Line < 0 || f.Column < 0 {
			t.Errorf("%+v", f)
		}
	}
	for _, p := range r.Problems {
		harmless(t, p.Text)
		if p.Text == "" || p.Line < 0 {
			t.Errorf("%+v", p)
		}
	}
	for _, f := range r.Coverage {
		harmless(t, f.Path)
		for n, runs := range f.Lines {
			if n < 1 || runs < 0 {
				t.Errorf("%s:%d ran %d times", f.Path, n, runs)
			}
		}
		if f.BranchesTaken < 0 || f.Branches < 0 {
			t.Errorf("%+v", f)
		}
	}
	if p := r.Covered().Percent(); p < 0 || p > 100 {
		t.Errorf("%f %%", p)
	}
	Merge(r, r.Relocate(Roots{Prefixes: map[string]string{"/app": "."}, Base: "x", Files: []string{"x/a.js"}})).Rerun(r)
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func harmless(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !utf8.ValidString(s) || len(s) > 4*maxText || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
			t.Errorf("%q", s)
		}
	}
}
