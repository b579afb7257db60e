// Package detect walks a repository, asks every ecosystem what it recognises,
// and merges what slipway.yaml says over what the files say: first to services
// with their evidence, then to plans. It reads files only through fs.FS, within
// limits, and never follows what a .gitignore or node_modules hides.
//
//	plans, findings := detect.Plan(os.DirFS("."), fleet)
package detect

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/golang"
	"github.com/slipway-build/slipway/internal/ecosystem/node"
	"github.com/slipway-build/slipway/internal/ecosystem/python"
	"github.com/slipway-build/slipway/internal/ecosystem/static"
	"github.com/slipway-build/slipway/internal/plan"
)

// Ecosystem is a language: how to recognise a service of it, what its files say,
// and how it is built.
type Ecosystem = ecosystem.Language

// Rooted is an ecosystem whose services may need files above their directory,
// such as those of a workspace.
type Rooted interface {
	// In returns the ecosystem for a repository, whose root the paths of
	// services are relative to.
	In(root fs.FS) Ecosystem
}

// Lister is an ecosystem of which one recognised directory may hold several
// services, or a library and so none.
type Lister interface {
	// Services returns the paths of the services below a directory, "." for the
	// directory itself.
	Services(dir fs.FS) []string
}

// Librarian is an ecosystem that tells libraries of a repository from services.
type Librarian interface {
	// IsLibrary tells whether nothing starts what lies at a path.
	IsLibrary(at string) bool
}

// Ecosystems are all that Slipway knows, in the order in which they are asked.
func Ecosystems() []Ecosystem {
	return []Ecosystem{golang.Ecosystem{}, node.Ecosystem{}, python.Ecosystem{}, static.Ecosystem{}}
}

// The codes of findings about a repository. A code has one meaning for ever.
const (
	codeNoDirectory = "SLP220" // a configured service has no directory
	codeUnknown     = "SLP221" // no ecosystem recognises a directory
	codeTooLarge    = "SLP222" // the walk stopped at its limit
	codeNothing     = "SLP223" // no services
	codeWalk        = "SLP224" // a directory cannot be read
	codePackages    = "SLP226" // packages: of a service whose bases take none
)

// repository is the tree that services are looked for in, and the ecosystems as
// they know it.
type repository struct {
	tree      fs.FS
	languages []Ecosystem
}

func open(tree fs.FS) repository {
	r := repository{tree: tree}
	for _, e := range Ecosystems() {
		if rooted, ok := e.(Rooted); ok {
			e = rooted.In(tree)
		}
		r.languages = append(r.languages, e)
	}
	return r
}

// Found is a service with the evidence for what is known about it.
type Found struct {
	Service    config.Service // completed by detection
	Facts      []plan.Fact
	Dockerfile string // path of its own Dockerfile, relative to the root; "" without
	Findings   diag.Findings
}

// Detect returns the services of a repository, sorted by name: those of the
// fleet, or, with a nil fleet, those that a walk of the tree finds.
func Detect(root fs.FS, fleet *config.Fleet) ([]Found, diag.Findings) {
	all, findings := Survey(root, fleet)
	var out []Found
	for _, found := range all {
		findings = append(findings, found.Findings...)
		if found.Findings.Errors() == nil {
			out = append(out, found)
		}
	}
	return out, findings
}

// Survey is Detect with the services that have errors, which are incomplete. The
// findings of services stand with them; those returned are about the search.
func Survey(tree fs.FS, fleet *config.Fleet) ([]Found, diag.Findings) {
	root := open(tree)
	services, findings := services(root, fleet)
	var out []Found
	for _, s := range services {
		found, fs := inspect(root, s, fleet)
		if found.Service.Name == "" {
			found.Service.Name = or(s.Name, "app")
		}
		found.Service.Path, found.Findings = s.Path, fs
		out = append(out, found)
	}
	return out, findings
}

// Plan returns the plans of a repository's services, sorted by name. Services
// with an error among the findings are missing.
func Plan(tree fs.FS, fleet *config.Fleet) ([]plan.Service, diag.Findings) {
	root := open(tree)
	services, findings := services(root, fleet)
	var out []plan.Service
	for _, s := range services {
		p, fs := planOne(root, s, fleet)
		findings = append(findings, fs...)
		if fs.Errors() == nil {
			out = append(out, p)
		}
	}
	return out, findings
}

// PlanOne returns the plan of one service.
func PlanOne(tree fs.FS, s config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	return planOne(open(tree), s, fleet)
}

func planOne(root repository, s config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	dir, f := directory(root, s, fleet)
	if f != nil {
		return plan.Service{}, diag.Findings{*f}
	}
	if name := ownDockerfile(dir); name != "" {
		found, findings := inspect(root, s, fleet)
		return ownPlan(dir, found, fleet), findings
	}
	e, f := ecosystemOf(root, dir, s, fleet)
	if f != nil {
		return plan.Service{}, diag.Findings{*f}
	}
	p, findings := e.Plan(dir, s, fleet)
	return p, append(findings, noPackages(e, s, fleet)...)
}

// noPackages warns of Debian packages for a service whose bases take none.
func noPackages(e Ecosystem, s config.Service, fleet *config.Fleet) diag.Findings {
	takes := e.Name() == "node" || e.Name() == "python"
	if takes && (fleet == nil || fleet.Bases.Family == "debian") || len(s.Packages.Build)+len(s.Packages.Runtime) == 0 {
		return nil
	}
	f := finding(codePackages, s, fleet, "%s: packages: has no effect on its bases", s.Name)
	f.Severity, f.Hint = diag.Warning, "Slipway adds packages to the Debian bases of Node.js and Python; for others, bring a Dockerfile"
	return diag.Findings{*f}
}

// services returns what is to be looked at.
func services(root repository, fleet *config.Fleet) ([]config.Service, diag.Findings) {
	if fleet != nil {
		return fleet.Services, nil
	}
	return walk(root, maxDirs)
}

func inspect(root repository, s config.Service, fleet *config.Fleet) (Found, diag.Findings) {
	dir, f := directory(root, s, fleet)
	if f != nil {
		return Found{}, diag.Findings{*f}
	}
	e, f := ecosystemOf(root, dir, s, fleet)
	if own := ownDockerfile(dir); own != "" {
		return inspectOwn(e, dir, s, fleet, own), nil
	}
	if f != nil {
		return Found{}, diag.Findings{*f}
	}
	done, facts, findings := e.Inspect(dir, s, fleet)
	done.Ecosystem = e.Name()
	return Found{Service: done, Facts: facts}, append(findings, noPackages(e, s, fleet)...)
}

// directory returns the file system of a service's directory.
func directory(root repository, s config.Service, fleet *config.Fleet) (fs.FS, *diag.Finding) {
	info, err := fs.Stat(root.tree, s.Path)
	if err == nil && info.IsDir() {
		if dir, err := fs.Sub(root.tree, s.Path); err == nil {
			return dir, nil
		}
	}
	f := finding(codeNoDirectory, s, fleet, "%s: the directory %q does not exist", s.Name, s.Path)
	if err == nil {
		f.Text = fmt.Sprintf("%s: %q is not a directory", s.Name, s.Path)
	}
	f.Hint = "write path: for the service"
	parent := path.Dir(s.Path)
	var siblings []string
	entries, _ := fs.ReadDir(root.tree, parent)
	for _, e := range entries {
		if e.IsDir() {
			siblings = append(siblings, e.Name())
		}
	}
	if near := diag.Nearest(path.Base(s.Path), siblings); near != "" {
		f.Hint = fmt.Sprintf("did you mean path: %s?", path.Join(parent, near))
	}
	return nil, f
}

// ecosystemOf returns the ecosystem that is written or that recognises the
// directory.
func ecosystemOf(root repository, dir fs.FS, s config.Service, fleet *config.Fleet) (Ecosystem, *diag.Finding) {
	for _, e := range root.languages {
		if s.Ecosystem == e.Name() || s.Ecosystem == "" && e.Recognise(dir) != "" {
			return e, nil
		}
	}
	f := finding(codeUnknown, s, fleet, "%s: nothing in %q tells what it is written in", s.Name, s.Path)
	f.Hint = "Slipway recognises " + signs + "; anything else builds from a Dockerfile in the directory"
	return nil, f
}

// signs says in a hint what ecosystems are recognised by.
const signs = "Node.js by package.json, Go by go.mod, Python by requirements.txt, pyproject.toml or Pipfile, static sites by index.html"

// finding makes an error at the service's key in slipway.yaml, or at its directory.
func finding(code string, s config.Service, fleet *config.Fleet, format string, args ...any) *diag.Finding {
	at := diag.Place{File: s.Path}
	if fleet != nil && s.Line > 0 {
		at = diag.Place{File: fleet.File, Line: s.Line}
	}
	return &diag.Finding{Code: code, Place: at, Text: fmt.Sprintf(format, args...)}
}

// Limits of the walk: the deepest of 25 public monorepos keeps its services four
// levels down.
const (
	maxDepth = 6
	maxDirs  = 20_000
)

// walk finds the directories that an ecosystem recognises. Below such a
// directory it looks no further, except at the root of the repository, whose
// manifest is often that of a workspace.
func walk(root repository, limit int) ([]config.Service, diag.Findings) {
	var findings diag.Findings
	var paths []string
	var pages pages
	weak := false // the root is a service only if there is no other
	dirs := 0
	_ = fs.WalkDir(root.tree, ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			findings = append(findings, diag.Finding{Code: codeWalk, Severity: diag.Warning, Place: diag.Place{File: p}, Text: "the directory cannot be read: " + err.Error()})
			return fs.SkipDir
		case !e.IsDir():
			return nil
		case p != "." && (skipped(e.Name()) || strings.Count(p, "/") >= maxDepth):
			return fs.SkipDir
		}
		if dirs++; dirs > limit {
			findings = append(findings, diag.Finding{Code: codeTooLarge, Severity: diag.Warning, Place: diag.Place{File: p},
				Text: fmt.Sprintf("the search for services stopped after %d directories", limit), Hint: "name the services in " + config.FileName})
			return fs.SkipAll
		}
		dir, err := fs.Sub(root.tree, p)
		if err != nil {
			return nil
		}
		below, sure, ok := recognised(dir)
		if p != "." && ok && onlyPages(dir) {
			return pages.add(p)
		}
		for _, b := range below {
			paths = append(paths, path.Join(p, b))
		}
		if p != "." && ok {
			return fs.SkipDir
		}
		weak, pages.rooted = weak || ok && !sure, pages.rooted || ok && p == "."
		return nil
	})
	paths = slices.DeleteFunc(paths, func(p string) bool { return isLibrary(root, p) })
	if len(paths) > 1 && weak {
		paths, pages.rooted = paths[1:], false
	}
	paths = append(paths, pages.services()...)
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	if len(paths) == 0 && findings == nil {
		findings = append(findings, diag.Finding{Code: codeNothing, Text: "there is no service in this directory", Hint: "Slipway recognises " + signs + ", and any directory with a Dockerfile"})
	}
	return named(paths), findings
}

// recognised returns the services of a directory by their paths below it, whether
// they are services for sure or perhaps only the manifest of a workspace, and
// whether anything recognises the directory at all.
func recognised(dir fs.FS) (below []string, sure, ok bool) {
	if ownDockerfile(dir) != "" {
		return []string{"."}, false, true
	}
	for _, e := range Ecosystems() {
		if e.Recognise(dir) == "" {
			continue
		}
		l, lists := e.(Lister)
		if !lists {
			return []string{"."}, false, true
		}
		ok = true
		if below = l.Services(dir); len(below) > 0 {
			return below, true, true
		}
	}
	return nil, true, ok
}

// isLibrary tells whether a directory is there for other packages only: one that
// nothing but package.json speaks for, and that nothing starts.
func isLibrary(root repository, p string) bool {
	dir, err := fs.Sub(root.tree, p)
	if err != nil || p == "." || ownDockerfile(dir) != "" {
		return false
	}
	for i, e := range Ecosystems() {
		if e.Recognise(dir) != "" {
			l, ok := root.languages[i].(Librarian)
			return ok && l.IsLibrary(p)
		}
	}
	return false
}

// skipped are directories that hold no services of the repository itself.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "vendor", "dist", "build", "target", "coverage", "testdata"}, name)
}

// named gives each directory its own name as the service's; the shortest end of
// the path that is unique.
func named(paths []string) []config.Service {
	var out []config.Service
	count := map[string]int{}
	for _, p := range paths {
		count[path.Base(p)]++
	}
	for _, p := range paths {
		name := path.Base(p)
		if p == "." {
			name = "" // the ecosystem's manifest has it
		} else if count[name] > 1 {
			name = strings.ReplaceAll(p, "/", "-")
		}
		name = strings.ToLower(name)
		if p != "." && !config.ValidName(name) {
			name = fmt.Sprintf("service-%d", len(out)+1)
		}
		out = append(out, config.Service{Name: name, Path: p})
	}
	slices.SortFunc(out, func(a, b config.Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
