package internal_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// example is the indented Go code of a package's comment.
type example struct {
	pkg  string // "internal/retry"
	name string
	code string
}

// docExamples returns the examples of all packages below internal, in order.
func docExamples(h *house) []example {
	var all []example
	for _, pkg := range h.packages() {
		if !strings.HasPrefix(pkg, "internal/") {
			continue
		}
		var code []string
		for _, f := range h.folders[pkg] {
			for line := range strings.Lines(f.Doc.Text()) {
				if strings.HasPrefix(line, "\t") {
					code = append(code, strings.TrimSuffix(line, "\n"))
				}
			}
		}
		all = append(all, example{pkg, h.folders[pkg][0].Name.Name, strings.Join(code, "\n")})
	}
	return all
}

// parse wraps the code into a file that imports the packages which it names: its
// own, those of the table, and others of the module by their names.
func (e example) parse(files *token.FileSet, byName map[string]string) (*ast.File, error) {
	body := "func _() {\n" + e.code + "\n}\n"
	f, err := parser.ParseFile(files, e.pkg, "package example\n"+body, 0)
	if err != nil {
		return nil, err
	}
	imports := map[string]bool{}
	for name := range qualifiers(f) {
		switch p := byName[name]; {
		case name == e.name:
			imports[module+e.pkg] = true
		case p != "":
			imports[p] = true
		}
	}
	var paths []string
	for p := range imports {
		paths = append(paths, fmt.Sprintf("import %q\n", p))
	}
	sort.Strings(paths)
	return parser.ParseFile(files, e.pkg, "package example\n"+strings.Join(paths, "")+body, 0)
}

// qualifiers returns the undeclared names that only stand before a dot: packages,
// and variables of the surroundings, which no package is called like.
func qualifiers(f *ast.File) map[string]bool {
	free, out := map[*ast.Ident]bool{}, map[string]bool{}
	for _, id := range f.Unresolved {
		free[id] = true
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && free[x] {
				out[x.Name] = true
				delete(free, x)
			}
		}
		return true
	})
	for id := range free { // used in another way too
		delete(out, id.Name)
	}
	return out
}

// packagesByName maps names to paths: what examples use of the standard library,
// and the module's packages.
func packagesByName(h *house) map[string]string {
	out := map[string]string{}
	for _, pkg := range h.packages() {
		out[h.folders[pkg][0].Name.Name] = module + pkg
	}
	for _, p := range []string{"context", "fmt", "os", "path/filepath", "time"} {
		out[path.Base(p)] = p
	}
	return out
}

// TestPackageExamplesParse: the comment of every package has an example, and it is
// Go. Whether it compiles is seen by TestPackageExamplesCompile.
func TestPackageExamplesParse(t *testing.T) {
	h := open(t)
	for _, e := range docExamples(h) {
		if e.code == "" {
			t.Errorf("%s: the package's comment has no example", e.pkg)
			continue
		}
		if _, err := e.parse(token.NewFileSet(), packagesByName(h)); err != nil {
			t.Errorf("%s: the example in the package's comment is no Go: %v\n%s", e.pkg, err, e.code)
		}
	}
}

// TestPackageExamplesCompile type-checks the examples; their free variables may be
// anything. It needs every package compiled, so make check runs it.
func TestPackageExamplesCompile(t *testing.T) {
	if os.Getenv("SLIPWAY_CHECK") == "" {
		t.Skip("compiles every package: make check sets SLIPWAY_CHECK=1")
	}
	h := open(t)
	exports := exportData(t)
	for _, e := range docExamples(h) {
		files := token.NewFileSet()
		f, err := e.parse(files, packagesByName(h))
		if err != nil {
			continue // reported by the other test
		}
		var problems []string
		config := types.Config{
			Importer: importer.ForCompiler(files, "gc", func(p string) (io.ReadCloser, error) { return os.Open(exports[p]) }),
			Error: func(err error) {
				if e := err.(types.Error); !freely(e) {
					problems = append(problems, e.Msg)
				}
			},
		}
		_, _ = config.Check("example", files, []*ast.File{f}, nil)
		if len(problems) > 0 {
			t.Errorf("%s: the example in the package's comment does not compile: %s\n%s", e.pkg, strings.Join(problems, "; "), e.code)
		}
	}
}

// freely reports whether an error is one of a fragment: a variable that the
// surroundings have, one that they use, or what they return.
func freely(e types.Error) bool {
	for _, free := range []string{"undefined: ", "declared and not used: ", "too many return values", "missing return", "imported and not used"} {
		if rest, ok := strings.CutPrefix(e.Msg, free); ok {
			return free != "undefined: " || !strings.Contains(rest, ".") // pkg.Name is not a variable
		}
	}
	return strings.Contains(e.Msg, "imported and not used")
}

// exportData returns the files with the compiled packages' types, by path.
func exportData(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./...")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if p, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			found[p] = file
		}
	}
	return found
}

// TestArchitectureNamesTheHouse: docs/ARCHITECTURE.md has every package on its
// floor, and the files that it names exist.
func TestArchitectureNamesTheHouse(t *testing.T) {
	data, err := os.ReadFile("../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{} // packages, and the floors of their rows
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z/]+)`").FindAllStringSubmatch(cells[2], -1) {
			named["internal/"+m[1]] = strings.TrimSpace(cells[1])
		}
	}
	h := open(t)
	exists := map[string]bool{}
	for _, pkg := range h.packages() {
		l, ok := floor(pkg)
		if strings.HasPrefix(pkg, "internal/") && ok && named[pkg] != l.String() {
			t.Errorf("docs/ARCHITECTURE.md has %s on the floor %q, and it is on %s", pkg, named[pkg], l)
		}
		for _, file := range h.names[pkg] {
			exists[path.Base(file)] = true
			exists[path.Base(pkg)+"/"+path.Base(file)] = true
			exists[strings.TrimPrefix(pkg, "internal/")+"/"+path.Base(file)] = true
		}
	}
	exists["internal/house_test.go"] = true
	for _, m := range regexp.MustCompile("`([a-z_/]+\\.go)`").FindAllStringSubmatch(string(data), -1) {
		if !exists[m[1]] {
			t.Errorf("docs/ARCHITECTURE.md names %s, which does not exist", m[1])
		}
	}
}
