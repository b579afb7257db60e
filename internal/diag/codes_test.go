package diag_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

var update = flag.Bool("update", false, "write docs/FINDINGS.md")

// declared is a constant or string of the sources that is a code.
type declared struct {
	name, pkg, place, comment string
}

// codesInSources finds every code in the shipped sources, by code. The table
// itself does not count.
func codesInSources(t *testing.T) map[string][]declared {
	t.Helper()
	code := regexp.MustCompile(`^SLP\d+$`)
	found := map[string][]declared{}
	files := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && e.Name() == "testdata" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(filepath.ToSlash(path), "../diag/codes") {
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, ".."+string(filepath.Separator))))
		names := map[ast.Expr]declared{}
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, value := range v.Values {
					names[value] = declared{name: v.Names[i].Name, comment: strings.TrimSpace(v.Comment.Text())}
				}
			}
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err == nil && code.MatchString(text) {
				d := names[lit]
				d.pkg, d.place = pkg, files.Position(lit.Pos()).String()
				found[text] = append(found[text], d)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestACodeHasOneMeaning: each code of the sources is written once, in the package
// of its line in the table, and each line of the table is reported by somebody.
func TestACodeHasOneMeaning(t *testing.T) {
	found := codesInSources(t)
	if len(found) < 90 {
		t.Errorf("only %d codes in the sources: are they written in another way now?", len(found))
	}
	listed := map[string]diag.Code{}
	last := ""
	for _, c := range diag.Codes() {
		if !regexp.MustCompile(`^SLP[1-9]\d\d$`).MatchString(c.Code) {
			t.Errorf("%q is not a code", c.Code)
		}
		if c.Code <= last {
			t.Errorf("%s comes after %s: each code once", c.Code, last)
		}
		last = c.Code
		listed[c.Code] = c
		if c.Name == "" || !strings.HasSuffix(c.Meaning, ".") || len(strings.Fields(c.Meaning)) > 25 {
			t.Errorf("%s: a name, and one sentence of at most 25 words; it has %q, %q", c.Code, c.Name, c.Meaning)
		}
		if c.Retired != (len(found[c.Code]) == 0) {
			t.Errorf("%s: retired %v, and the sources have it %d times", c.Code, c.Retired, len(found[c.Code]))
		}
	}
	for code, places := range found {
		c, ok := listed[code]
		first := places[0]
		switch {
		case !ok:
			t.Errorf("%s: %s is not in the table. Add to internal/diag/codes.go, and run go test ./internal/diag -update:\n"+
				"\t\t{Code: %q, Name: \"…\", Meaning: \"…\"}, // to the list of %s; %s: %s", first.place, code, code, first.pkg, first.name, first.comment)
		case len(places) > 1:
			t.Errorf("%s is written at %s and at %s: a code has one meaning, declared once", code, first.place, places[1].place)
		case c.Package != first.pkg:
			t.Errorf("%s: %s is in the table for package %s", first.place, code, c.Package)
		}
	}
}

// TestFindingsAreDocumented compares docs/FINDINGS.md with the table.
func TestFindingsAreDocumented(t *testing.T) {
	const file = "../../docs/FINDINGS.md"
	var b strings.Builder
	b.WriteString("# Findings\n\n" +
		"Each problem that Slipway finds in a repository or an image has a code whose meaning never changes. A finding names\n" +
		"its place, the cause and a hint. `go test ./internal/diag -update` writes this page from `internal/diag/codes.go`.\n\n" +
		"| code | name | meaning | package |\n|---|---|---|---|\n")
	for _, c := range diag.Codes() {
		meaning := c.Meaning
		if c.Retired {
			meaning += " Retired."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", c.Code, c.Name, meaning, c.Package)
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("go test ./internal/diag -update (-want +got):\n%s", diff)
	}
}
