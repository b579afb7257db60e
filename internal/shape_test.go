package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// house is every package of the module that is shipped, by path.
type house struct {
	files   *token.FileSet
	folders map[string][]*ast.File // without tests
	names   map[string][]string    // paths of the files
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{files: token.NewFileSet(), folders: map[string][]*ast.File{}, names: map[string][]string{}}
	for _, root := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", root), func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() && (e.Name() == "testdata" || e.Name() == "node_modules") {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(h.files, p, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			dir := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(p), ".."+string(filepath.Separator)))
			h.folders[dir] = append(h.folders[dir], f)
			h.names[dir] = append(h.names[dir], p)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// packages returns the folders in order.
func (h *house) packages() []string {
	var out []string
	for p := range h.folders {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// imports returns what a package imports, with a place for each.
func (h *house) imports(pkg string) map[string]string {
	out := map[string]string{}
	for _, f := range h.folders[pkg] {
		if f.Name.Name == "main" && pkg == "internal/cli" {
			continue
		}
		for _, i := range f.Imports {
			if p, err := strconv.Unquote(i.Path.Value); err == nil {
				out[p] = h.files.Position(i.Pos()).String()
			}
		}
	}
	return out
}

// TestTheHallIsClear: the command line holds commands, flags, output and wiring.
func TestTheHallIsClear(t *testing.T) {
	h := open(t)
	allowed := regexp.MustCompile(`^(cli|root|usage|output|flags_[a-z]+|cmd_[a-z]+(_linux|_unix|_other)?)\.go$`)
	for _, name := range h.names["internal/cli"] {
		if base := filepath.Base(name); !allowed.MatchString(base) {
			t.Errorf("%s is neither a command nor flags, output or wiring: it belongs into a room of its own", name)
		}
	}
	if len(h.names["internal/cli"]) == 0 {
		t.Error("internal/cli has no files")
	}
}

// each calls fn for every node of a package.
func (h *house) each(pkg string, fn func(ast.Node)) {
	for _, f := range h.folders[pkg] {
		ast.Inspect(f, func(n ast.Node) bool {
			if n != nil {
				fn(n)
			}
			return true
		})
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		var doc string
		for _, f := range h.folders[pkg] {
			if f.Doc != nil {
				doc += f.Doc.Text()
			}
		}
		name := h.folders[pkg][0].Name.Name
		start := "Package " + name
		if name == "main" {
			start = "Command " + path.Base(pkg)
		}
		if !strings.HasPrefix(doc, start) && !strings.Contains(doc, "\n"+start) {
			t.Errorf("%s has no comment that starts with %q", pkg, start)
		}
	}
}

func TestNoPackageIsADrawer(t *testing.T) {
	for _, pkg := range open(t).packages() {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "base", "misc", "shared", "lib", "tools"}, path.Base(pkg)) {
			t.Errorf("%s says nothing about what is in it", pkg)
		}
	}
}

// TestNothingHappensBeforeMain: no init functions, and nothing ends the process
// but main.go and the two places named with their reasons.
func TestNothingHappensBeforeMain(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		for _, f := range h.folders[pkg] {
			at := h.files.Position(f.Pos()).Filename
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: %s has an init function", h.files.Position(d.Pos()), pkg)
				}
			}
			if strings.HasPrefix(pkg, "cmd/") || mayExit(filepath.ToSlash(at)) {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if what := endsProcess(n); what != "" {
					t.Errorf("%s: %s ends the process with %s", h.files.Position(n.Pos()), pkg, what)
				}
				return true
			})
		}
	}
}

// mayExit lists the files outside main.go that end the process.
func mayExit(file string) bool {
	return slices.Contains([]string{
		"../internal/cli/cli.go",              // the second interrupt stops now
		"../internal/rootless/enter_linux.go", // the process inside the user namespace ends with the one outside
	}, file)
}

// endsProcess names a call that ends the process.
func endsProcess(n ast.Node) string {
	if call := calls(n, "os.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln", "runtime.Goexit", "syscall.Exit", "unix.Exit"); call != nil {
		return nameOf(call)
	}
	return ""
}

// calls returns the node if it is a call of one of the functions, "package.Name".
func calls(n ast.Node, names ...string) *ast.CallExpr {
	if call, ok := n.(*ast.CallExpr); ok && slices.Contains(names, nameOf(call)) {
		return call
	}
	return nil
}

// nameOf returns what a call calls, "package.Name", or nothing.
func nameOf(call *ast.CallExpr) string {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := s.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return x.Name + "." + s.Sel.Name
}

// TestFilesStayReadable reports files over 400 lines and functions over 60;
// tables and state machines that read better whole are listed with the reason.
func TestFilesStayReadable(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		for i, f := range h.folders[pkg] {
			data, err := os.ReadFile(h.names[pkg][i])
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(data), "\n"); n > 400 {
				t.Errorf("%s has %d lines", h.names[pkg][i], n)
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				from, to := h.files.Position(fn.Pos()).Line, h.files.Position(fn.End()).Line
				if to-from > 60 {
					t.Errorf("%s: %s has %d lines", h.files.Position(fn.Pos()), fn.Name.Name, to-from+1)
				}
			}
		}
	}
}

// TestTestdataIsOurs: testdata holds no third party's code, so nothing below it has
// a licence, and vendored Go modules are of a domain that nobody publishes under.
func TestTestdataIsOurs(t *testing.T) {
	for _, root := range []string{"../testdata", "../internal", "../test"} {
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil || !strings.Contains(filepath.ToSlash(p), "testdata/") || e.IsDir() {
				return err
			}
			slashed := filepath.ToSlash(p)
			if name := strings.ToUpper(e.Name()); strings.HasPrefix(name, "LICEN") || strings.HasPrefix(name, "COPYING") {
				t.Errorf("%s: whose licence is it?", p)
			}
			if _, module, ok := strings.Cut(slashed, "/vendor/"); ok && module != "modules.txt" && !strings.HasPrefix(module, "example.com/") {
				t.Errorf("%s is a vendored module of somebody: write a small one under example.com", p)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoMachineIsNamed keeps addresses and paths of the machines that the
// project is written on out of it: they are read from configuration.
func TestNoMachineIsNamed(t *testing.T) {
	for _, word := range []string{"registry." + "npmjs", "deb." + "debian.org", "proxy." + "golang", "/work" + "/main", "/root" + "/go"} {
		err := filepath.WalkDir("..", func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules" || e.Name() == "bin" || e.Name() == "dist") {
				return skip(err)
			}
			if info, err := e.Info(); e.Name() == ".git" || err != nil || !info.Mode().IsRegular() || info.Size() > 4<<20 {
				return err
			}
			data, err := os.ReadFile(p)
			if err == nil && strings.Contains(string(data), word) {
				t.Errorf("%s names %s", p, word)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func skip(err error) error {
	if err != nil {
		return fmt.Errorf("walking the module: %w", err)
	}
	return filepath.SkipDir
}
