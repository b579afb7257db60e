// Package internal_test keeps the shape of the house: which package may import
// which, and what every package has. It is the import table of the design as an
// ordinary test.
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

const module = "github.com/slipway-build/slipway/"

// layer is a floor of the house; imports go down only.
type layer int

const (
	words layer = iota
	core
	parents
	leaves
	adapters // join leaves to the interfaces of the parents
	top
)

func (l layer) String() string {
	return [...]string{"words", "core", "parents", "leaves", "adapters", "top"}[l]
}

// rooms says on which floor each package lives. A new package is entered here,
// which is the moment to think about where it belongs; what lies below a
// directory with a star shares its floor.
func rooms() map[string]layer {
	return map[string]layer{
		"internal/cli": top,

		"internal/state":     adapters,
		"internal/history":   adapters,
		"internal/delivery":  adapters,
		"internal/host":      adapters,
		"internal/fleet":     adapters,
		"internal/generated": adapters,

		"internal/engine/embedded": leaves,
		"internal/engine/remote":   leaves,
		"internal/baseimage":       leaves,
		"internal/image":           leaves,
		"internal/ledger":          leaves,
		"internal/registry":        leaves,
		"internal/rootless":        leaves,
		"internal/trace":           leaves,
		"internal/ram":             leaves,
		"internal/docker":          leaves,
		"internal/repository":      leaves,
		"internal/gate/*":          leaves,
		"internal/localrun/oci":    leaves,
		"internal/localrun/names":  leaves,
		"internal/deploy/*":        leaves,
		"internal/fingerprint/*":   leaves,

		"internal/engine":             parents,
		"internal/engine/solve":       parents, // what both engines do; only they import it
		"internal/engine/conformance": parents, // for tests of both engines
		"internal/probe":              parents,
		"internal/probe/secure":       parents, // TLS, which the small probe leaves out
		"internal/localrun":           parents,
		"internal/localrun/view":      parents,
		"internal/pipeline":           parents,
		"internal/bench":              parents,

		"internal/baseimage/spec": core,

		"internal/config":      core,
		"internal/dotenv":      core,
		"internal/plan":        core,
		"internal/ecosystem":   core,
		"internal/ecosystem/*": core,
		"internal/detect":      core,
		"internal/dockerfile":  core,
		"internal/fingerprint": core,
		"internal/gate":        core,
		"internal/proof":       core,
		"internal/proof/*":     core,
		"internal/deploy":      core,
		"internal/report":      core,

		"internal/diag":       words,
		"internal/plaintext":  words,
		"internal/event":      words,
		"internal/assets":     words,
		"internal/pattern":    words,
		"internal/parallel":   words,
		"internal/atomicfile": words, // not for core, which writes nothing
		"internal/retry":      words, // not for core, which waits for nothing
	}
}

// neighbours are the imports within a floor that are wanted. Core is free among
// itself; the compiler keeps it without circles.
func neighbours() map[string][]string {
	return map[string][]string{
		"internal/assets":             {"internal/diag", "internal/atomicfile"},
		"internal/event":              {"internal/diag"},
		"internal/baseimage/debian":   {"internal/baseimage/download"},
		"internal/bench":              {"internal/engine"},
		"internal/engine/embedded":    {"internal/ram"},
		"internal/localrun/oci":       {"internal/localrun/names"},
		"internal/engine/solve":       {"internal/engine"},
		"internal/engine/conformance": {"internal/engine"},
		"internal/pipeline":           {"internal/engine", "internal/localrun", "internal/probe"},
		"internal/localrun":           {"internal/probe"},
		"internal/probe/secure":       {"internal/probe"},
		"internal/localrun/view":      {"internal/localrun"},
		"internal/fleet":              {"internal/generated"},
		"internal/delivery":           {"internal/fleet"},
		"internal/state":              {"internal/host"},
	}
}

// owners are the packages that alone may import a dependency that is heavy or
// would spread.
func owners() map[string][]string {
	return map[string][]string{
		"github.com/spf13/cobra":        {"internal/cli"},
		"github.com/moby/buildkit/":     {"internal/engine/embedded", "internal/engine/remote", "internal/engine/solve", "internal/dockerfile", "internal/cli"},
		"github.com/containerd/":        {"internal/engine/embedded", "internal/engine/remote", "internal/engine/solve", "internal/localrun/oci", "internal/cli"},
		"github.com/distribution/dist":  {"internal/registry", "internal/cli"},
		"github.com/goccy/go-yaml":      {"internal/config", "internal/detect", "internal/cli"},
		"github.com/invopop/jsonschema": {"internal/config", "internal/cli"},
		"pault.ag/go/debian":            {"internal/baseimage/debian", "internal/cli"},
		"go.opentelemetry.io/":          {"internal/trace"},
		"github.com/moby/moby/":         {"internal/docker"},
		"github.com/google/go-containerregistry/": {
			"internal/image", "internal/baseimage", "internal/docker", "internal/localrun/oci", "internal/registry", "internal/gate/*", "internal/deploy/*",
			"internal/cli", "internal/state", "internal/history", "internal/fleet",
			"internal/engine/conformance", // the registry of its tests
		},
	}
}

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

// floor finds the layer of a package: its own entry, else that of the nearest
// directory above with a star, else that of the nearest entry above.
func floor(pkg string) (layer, bool) {
	all := rooms()
	if l, ok := all[pkg]; ok {
		return l, true
	}
	for p := path.Dir(pkg); p != "."; p = path.Dir(p) {
		if l, ok := all[p+"/*"]; ok {
			return l, true
		}
		if l, ok := all[p]; ok {
			return l, true
		}
	}
	return 0, false
}

func TestImportsGoDown(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		if strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		from, ok := floor(pkg)
		if !ok {
			t.Errorf("%s is on no floor: enter it in rooms of internal/house_test.go", pkg)
			continue
		}
		for target, at := range h.imports(pkg) {
			other, inside := strings.CutPrefix(target, module)
			if !inside {
				continue
			}
			to, ok := floor(other)
			if !ok || to < from || from == core && to == core || slices.Contains(neighbours()[pkg], other) || strings.HasPrefix(other, pkg+"/") && to == from {
				continue
			}
			t.Errorf("%s: %s (%s) imports %s (%s): imports go down only\n  chain: %s", at, pkg, from, other, to, h.chain(other, pkg))
		}
	}
}

// chain shows how a package is reached from the command, through the one that
// imports it.
func (h *house) chain(pkg, via string) string {
	came := map[string]string{"cmd/slipway": ""}
	queue := []string{"cmd/slipway"}
	for len(queue) > 0 && came[via] == "" {
		at := queue[0]
		queue = queue[1:]
		var next []string
		for target := range h.imports(at) {
			if other, inside := strings.CutPrefix(target, module); inside {
				next = append(next, other)
			}
		}
		sort.Strings(next)
		for _, n := range next {
			if _, seen := came[n]; !seen {
				came[n] = at
				queue = append(queue, n)
			}
		}
	}
	out := []string{via, pkg}
	for p := came[via]; p != ""; p = came[p] {
		out = append([]string{p}, out...)
	}
	return strings.Join(out, " → ")
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

func TestCommandsImportOneRoom(t *testing.T) {
	h := open(t)
	for pkg, want := range map[string]string{"cmd/slipway": "internal/cli", "cmd/slipway-probe": "internal/probe"} {
		for target, at := range h.imports(pkg) {
			if other, inside := strings.CutPrefix(target, module); inside && other != want && !strings.HasPrefix(other, want+"/") {
				t.Errorf("%s: %s imports %s, not only %s", at, pkg, other, want)
			}
		}
	}
}

// TestCoreIsPure: no network, no processes, no clock, no environment, no file
// system but io/fs.
func TestCoreIsPure(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		if l, ok := floor(pkg); !ok || l != core {
			continue
		}
		for target, at := range h.imports(pkg) {
			for _, forbidden := range []string{"os", "net", "syscall", "unsafe", "math/rand", "plugin", "log", "golang.org/x/sys", "embed", module + "internal/atomicfile", module + "internal/retry"} {
				if target == forbidden || strings.HasPrefix(target, forbidden+"/") {
					t.Errorf("%s: %s is core and imports %s", at, pkg, target)
				}
			}
		}
		h.each(pkg, func(n ast.Node) {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer"}, s.Sel.Name) {
					t.Errorf("%s: %s is core and reads the clock: time.%s", h.files.Position(n.Pos()), pkg, s.Sel.Name)
				}
			}
		})
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

func TestDependenciesStayWithTheirOwners(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		for target, at := range h.imports(pkg) {
			for prefix, allowed := range owners() {
				if !strings.HasPrefix(target, prefix) {
					continue
				}
				if !slices.ContainsFunc(allowed, func(a string) bool {
					return pkg == a || strings.HasSuffix(a, "/*") && strings.HasPrefix(pkg, strings.TrimSuffix(a, "*"))
				}) {
					t.Errorf("%s: %s imports %s, which only %s may", at, pkg, target, strings.Join(allowed, ", "))
				}
			}
		}
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
