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
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/deno"
	"github.com/slipway-build/slipway/internal/ecosystem/golang"
	"github.com/slipway-build/slipway/internal/ecosystem/java"
	"github.com/slipway-build/slipway/internal/ecosystem/node"
	"github.com/slipway-build/slipway/internal/ecosystem/python"
	"github.com/slipway-build/slipway/internal/ecosystem/rust"
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

// Equipped is an ecosystem of which some machines have more than others.
type Equipped interface {
	// On returns the ecosystem for a machine, as far as bases say of it.
	On(bases config.Bases) Ecosystem
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

// Exampled is an ecosystem that tells examples and tests of a repository from what
// is deployed.
type Exampled interface {
	// IsExample tells by a path whether what lies there is one.
	IsExample(at string) bool
}

// Server is an ecosystem that tells a service from a manifest for others.
type Server interface {
	// Serves returns the file that the service in a directory starts from; "" when
	// nothing says that one does.
	Serves(dir fs.FS) string
}

// Programmer is an ecosystem in which one directory may hold several services that
// only their commands tell apart.
type Programmer interface {
	// Programs returns these services with name and command; nil for a single one.
	Programs(dir fs.FS) []config.Service
}

// Ecosystems are all that Slipway knows, in the order in which they are asked.
func Ecosystems() []Ecosystem {
	return []Ecosystem{static.Generated{}, golang.Ecosystem{}, rust.Ecosystem{}, java.Ecosystem{}, deno.Ecosystem{}, node.Ecosystem{}, python.Ecosystem{}, static.Ecosystem{}}
}

// The codes of findings about a repository. A code has one meaning for ever.
const (
	codeNoDirectory  = "SLP220" // a configured service has no directory
	codeUnknown      = "SLP221" // no ecosystem recognises a directory
	codeTooLarge     = "SLP222" // the walk stopped at its limit
	codeNothing      = "SLP223" // no services
	codeWalk         = "SLP224" // a directory cannot be read
	codeName         = "SLP226" // a name that cannot stand in a Dockerfile
	codeLong         = "SLP521" // a word that is too long for one
	codeMisplaced    = "SLP227" // a key that says nothing of this ecosystem
	codeForeign      = "SLP231" // a .dockerignore that was written for another Dockerfile
	codeFrom         = "SLP232" // files: from a service whose output cannot be taken
	codeCircle       = "SLP233" // services that take files from each other
	codeOtherVersion = "SLP235" // a Dockerfile starts from a version that the bases do not have
	codeOwnFiles     = "SLP234" // files: and exclude: of a service that is built from its own Dockerfile
)

// repository is the tree that services are looked for in, and the ecosystems as
// they know it.
type repository struct {
	tree      *ecosystem.Tree
	languages []Ecosystem
	deploy    *deployFiles
	named     []string // directories in which examples are services too
	taking    []string // the services that take the output of the one that is planned
	prove     bool     // the quality stages are planned too
	parsed    *dockerfile.Parsed
}

func open(below fs.FS) repository {
	tree := ecosystem.Guard(below)
	r := repository{tree: tree, deploy: newDeployFiles()}
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
	Program    bool       // its command tells it from other services of its directory
	Reads      []plan.Use // variables without a default; filled in by whoever plans too
	Connects   []plan.Use // servers that settings and sources name; likewise
}

// Key is what tells the service from others, with the rest left to detection.
func (f Found) Key() config.Service {
	s := config.Service{Name: f.Service.Name, Path: f.Service.Path, Files: f.Service.Files}
	if f.Program {
		s.Command = f.Service.Command
	}
	return s
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
// findings of services stand with them; those returned are about the search. Examples
// below the directories that somebody named are services like all others.
func Survey(tree fs.FS, fleet *config.Fleet, named ...string) ([]Found, diag.Findings) {
	root := open(tree)
	root.named = named
	return root.survey(fleet)
}

// SurveyOn is Survey without a fleet, on a machine of which the bases say what it has.
func SurveyOn(bases config.Bases, tree fs.FS, named ...string) ([]Found, diag.Findings) {
	root := open(tree)
	root.named = named
	for i, e := range root.languages {
		if equipped, ok := e.(Equipped); ok {
			root.languages[i] = equipped.On(bases)
		}
	}
	return root.survey(nil)
}

func (r repository) survey(fleet *config.Fleet) ([]Found, diag.Findings) {
	services, findings := services(r, fleet)
	var out []Found
	var all diag.Findings
	for _, s := range services {
		found, fs := inspect(r, s, fleet)
		if found.Service.Name == "" {
			found.Service.Name = or(s.Name, config.Unnamed)
		}
		found.Service.Path, found.Findings, found.Program = s.Path, fs, fleet == nil && len(s.Command) > 0
		out, all = append(out, found), append(all, fs...)
	}
	if fleet == nil {
		out = r.propose(out)
	}
	return out, append(findings, r.unread(append(all, findings...))...)
}

// Planned is the plan of one service with the findings about it. With an error
// among them the plan is not to be built.
type Planned struct {
	Name     string
	Plan     plan.Service
	Findings diag.Findings
}

// Option is what plans have beyond what a build needs, or leave behind.
type Option func(*repository)

// WithQuality plans the quality stages too, which reads more files.
func WithQuality(r *repository) { r.prove = true }

// Keeping keeps the Dockerfiles of services that are read, for who builds from them.
func Keeping(p *dockerfile.Parsed) Option { return func(r *repository) { r.parsed = p } }

// Plan returns the plans of a repository's services, sorted by name. Services
// with an error among the findings are missing. The tree is read by as many
// readers at once as there are processors, unless it is an *ecosystem.Tree.
func Plan(tree fs.FS, fleet *config.Fleet, with ...Option) ([]plan.Service, diag.Findings) {
	all, findings := PlanEach(tree, fleet, with...)
	var out []plan.Service
	for _, p := range all {
		findings = append(findings, p.Findings...)
		if p.Findings.Errors() == nil {
			out = append(out, p.Plan)
		}
	}
	return out, findings
}

// PlanEach is Plan with the services that have errors: who goes on with the
// others can say which one failed. The findings returned are about the search.
func PlanEach(tree fs.FS, fleet *config.Fleet, with ...Option) ([]Planned, diag.Findings) {
	roots := []repository{open(tree)}
	services, findings := services(roots[0], fleet)
	if _, one := tree.(*ecosystem.Tree); !one { // which is not for concurrent use
		for len(roots) < min(runtime.GOMAXPROCS(0), len(services)/fewServices) {
			roots = append(roots, open(tree))
		}
	}
	all := make([]Planned, len(services))
	var group errgroup.Group
	var next atomic.Int64 // services differ: who is ready takes the next one
	for _, root := range roots {
		for _, option := range with {
			option(&root)
		}
		group.Go(func() error {
			for j := int(next.Add(1)) - 1; j < len(all); j = int(next.Add(1)) - 1 {
				all[j].Plan, all[j].Findings = planOne(root, services[j], fleet)
				all[j].Name = or(or(all[j].Plan.Name, services[j].Name), config.Unnamed)
			}
			return nil
		})
	}
	_ = group.Wait() // there are findings, no errors
	said := slices.Clone(findings)
	for _, p := range all {
		said = append(said, p.Findings...)
	}
	unread := map[diag.Place]diag.Finding{}
	for _, root := range roots {
		for _, f := range root.unread(said) {
			unread[f.Place] = f
		}
	}
	return all, append(findings, diag.Findings(slices.Collect(maps.Values(unread))).Sorted()...)
}

// fewServices are not worth a tree of their own, whose directories are listed
// once more.
const fewServices = 4

// PlanOne returns the plan of one service.
func PlanOne(tree fs.FS, s config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	root := open(tree)
	p, findings := planOne(root, s, fleet)
	return p, append(findings, root.unread(findings)...)
}

// unread returns what was refused and is not the subject of a finding already.
func (r repository) unread(said diag.Findings) diag.Findings {
	places := map[string]bool{}
	for _, f := range said {
		places[f.Place.File] = true
	}
	return slices.DeleteFunc(r.tree.Refused(), func(f diag.Finding) bool { return places[f.Place.File] })
}

// unwritable reports names of files that no line of a Dockerfile can hold: what
// lies in a repository must not become an instruction.
func unwritable(p plan.Service) diag.Findings {
	for _, stage := range slices.Concat(p.Stages, p.Quality) {
		for _, step := range stage.Steps {
			if tooLong(step) {
				return diag.Findings{{Code: codeLong, Place: diag.Place{File: p.Dir}, Text: fmt.Sprintf("%s: the %s instruction of its Dockerfile would have a word of more than %d bytes", p.Name, step.Op, dockerfile.MaxLine),
					Hint: "shorten the command, name or version in the manifest, or write it into a file"}}
			}
			if step.Op != plan.OpCopy || step.From != "" {
				continue
			}
			for _, name := range step.Args[:max(0, len(step.Args)-1)] {
				if step.Pattern {
					name = strings.NewReplacer("*", "", "?", "").Replace(name)
				}
				if !dockerfile.CopiesName(name) {
					return diag.Findings{{Code: codeName, Place: diag.Place{File: path.Join(p.Dir, name)},
						Text: p.Name + ": the build would copy it, but a Dockerfile cannot contain its name", Hint: "rename it, or add it to .dockerignore"}}
				}
			}
		}
	}
	return nil
}

// tooLong reports a step with a word that no line of a Dockerfile can hold.
func tooLong(s plan.Step) bool {
	long := func(word string) bool { return len(word) > dockerfile.MaxLine }
	return slices.ContainsFunc(s.Args, long) || long(s.Shell) && slices.ContainsFunc(strings.Split(s.Shell, " && "), long)
}

// services returns what is to be looked at.
func services(root repository, fleet *config.Fleet) ([]config.Service, diag.Findings) {
	if fleet != nil {
		return fleet.Services, nil
	}
	return walk(root, maxDirs)
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
			return e, misplaced(e.Name(), s, fleet)
		}
	}
	f := finding(codeUnknown, s, fleet, "%s: the language of %q cannot be determined", s.Name, s.Path)
	f.Hint = "Slipway recognises " + signs + "; anything else builds from a Dockerfile in the directory"
	return nil, f
}

// signs says in a hint what ecosystems are recognised by.
const signs = "Node.js by package.json, Deno by deno.json, Go by go.mod, Rust by Cargo.toml, Java by pom.xml or build.gradle, Python by requirements.txt, pyproject.toml or Pipfile, static sites by index.html or the configuration of Hugo, Jekyll, mdBook, MkDocs or Sphinx"

// finding makes an error at the service's key in slipway.yaml, or at its directory.
func finding(code string, s config.Service, fleet *config.Fleet, format string, args ...any) *diag.Finding {
	at := diag.Place{File: s.Path}
	if fleet != nil && s.Line > 0 {
		at = diag.Place{File: fleet.File, Line: s.Line}
	}
	return &diag.Finding{Code: code, Place: at, Text: fmt.Sprintf(format, args...)}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
