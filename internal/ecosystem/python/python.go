// Package python knows services written for Python: how to recognise one, what
// its files say about it, and the four stages that build it. It installs with
// pip, uv, Poetry, PDM and Pipenv into a virtual environment, and finds the
// server that FastAPI, Flask, Django, Streamlit and Celery run under. It refuses
// what would only break later: a Python that the bases do not have, packages
// that need a system library, a web application without a server, a lock file
// that does not fit; each with what to write. It only reads files; nothing is
// executed.
//
//	p, findings := python.Ecosystem{}.Plan(dir, service, fleet)
package python

import (
	"io/fs"
	"path"
	"slices"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Ecosystem is Python. The zero value knows no repository around a service's
// directory; In gives it one.
type Ecosystem struct {
	root     fs.FS
	mirrored bool
}

// In returns the ecosystem for a repository, whose root the paths of services
// are relative to.
func (e Ecosystem) In(root fs.FS) ecosystem.Language {
	e.root = root
	return e
}

// On returns the ecosystem for a machine, as far as bases say of it.
func (e Ecosystem) On(bases config.Bases) ecosystem.Language {
	e.mirrored = bases.Pythons
	return e
}

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return "python" }

// Recognise returns the file that makes a directory a Python service, "" when
// there is none.
func (Ecosystem) Recognise(dir fs.FS) string {
	for _, name := range []string{
		"requirements.txt", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile", "pyproject.toml", "manage.py", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt",
	} {
		if ecosystem.Exists(dir, name) {
			return name
		}
	}
	return condaFile(dir)
}

// condaFile is the description of a conda environment beside programs in Python
// that nothing else describes, "" without one. It does not suffice, which is said.
func condaFile(dir fs.FS) string {
	entries, err := fs.ReadDir(dir, ".")
	has := func(pattern string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { ok, _ := path.Match(pattern, e.Name()); return ok })
	}
	if err != nil || !has("*.py") || has("package.json") || has("go.mod") || has("Cargo.toml") || has("pom.xml") || has("build.gradle*") {
		return ""
	}
	for _, name := range condaFiles() {
		if data, err := ecosystem.Read(dir, name); err == nil && condaEnvironment().Match(data) {
			return name
		}
	}
	return ""
}

// Inspect completes a service, of which at least the name and path are known,
// with what its files say, and returns the evidence.
func (e Ecosystem) Inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings) {
	s := e.inspect(dir, want, fleet)
	return s.Want, s.Facts, s.Findings
}

// Plan returns the stages of a service. With an error among the findings, the
// plan is not to be built.
func (e Ecosystem) Plan(dir fs.FS, want config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	s := e.inspect(dir, want, fleet)
	if s.Findings.Errors() != nil {
		return plan.Service{}, s.Findings
	}
	return s.plan(fleet), s.Findings
}

// Services returns "." for a directory that starts, and nothing for a package
// that others import or a pyproject.toml that only configures tools.
func (e Ecosystem) Services(dir fs.FS) []string {
	s := e.inspect(dir, config.Service{Path: "."}, nil)
	if s.project == nil {
		return []string{"."}
	}
	if s.project.name() == "" && len(s.deps) == 0 && !slices.ContainsFunc(s.tree.sources, func(n string) bool { return path.Ext(n) == ".py" }) {
		return nil
	}
	for _, f := range s.Findings {
		if f.Code == codeNoStart && (len(s.project.BuildSystem.Requires) > 0 || s.project.Tool.UV.Workspace != nil) {
			return nil
		}
	}
	return []string{"."}
}

// IsLibrary reports a Django project without packages of its own, below the
// service that has them: it is that service.
func (e Ecosystem) IsLibrary(at string) bool {
	manages := func(at string) string {
		dir, err := fs.Sub(e.root, at)
		if err != nil {
			return ""
		}
		return e.Recognise(dir)
	}
	if e.root == nil || at == "." || !fs.ValidPath(at) || manages(at) != "manage.py" {
		return false
	}
	for up := path.Dir(at); ; up = path.Dir(up) {
		if name := manages(up); name != "" && name != "manage.py" {
			return true
		}
		if up == "." {
			return false
		}
	}
}

// service is what is known of one service. Paths are relative to its directory.
type service struct {
	ecosystem.Service
	workspace
	tree
	family   string
	mirrored bool // standalone Pythons can be had

	interpreter
	project      *pyproject // nil without pyproject.toml
	manager      manager
	deps         map[string]dep       // what the service itself asks for, by normalised name
	pinned       map[string]bool      // what a lock file of TOML pins
	stale        bool                 // no lock file fits
	cpuOnly      bool                 // PyTorch has nothing for GPUs
	git          ecosystem.Need       // of the first dependency that git fetches
	repo         fs.FS                // the repository, nil when it is not known
	lockReleases map[string][]release // what a lock file pins for production
	uvLock       uvLock

	named     map[string]bool // paths that are in because the sources name them
	databases map[string]bool // files that the settings name as a developer's database
	scan      scan
	index     index

	src     bool            // packages lie in src/
	root    string          // the directory from which the program's modules are imported
	more    []string        // further ones
	cwd     string          // the directory in which the program runs
	sure    bool            // its files say so
	reached map[string]bool // files that the program imports

	django     django
	app        app
	program    ecosystem.Hit // the file that starts, of no framework
	programWhy string
	start      []string
	server     addedServer       // that the build adds
	env        map[string]string // of the start command
}

// assembled tells whether Slipway makes the bases.
func (s *service) assembled() bool { return s.family == "" || s.family == "debian" }

// inspect reads the service's files.
func (e Ecosystem) inspect(dir fs.FS, want config.Service, fleet *config.Fleet) *service {
	s := &service{Service: ecosystem.Open(dir, want, fleet), deps: map[string]dep{}, root: ".", cwd: "."}
	bases, _ := ecosystem.Settings(fleet)
	s.family, s.repo, s.mirrored = bases.Family, e.root, e.mirrored || bases.Pythons
	if ecosystem.Exists(dir, "pyproject.toml") && !s.readProject() {
		return s
	}
	if s.project != nil {
		s.Name(s.project.name())
	} else {
		s.Name("")
	}
	s.openWorkspace(e.root, want.Path)
	if !s.packagesSourcesAndVersion() {
		return s
	}
	s.checkSystem()
	s.findGPU()
	s.takeNamed()
	s.noteTree()
	s.findApp()
	s.findStart()
	s.findWritten()
	s.inTop(func() { s.CheckIgnored(s.supplied(), s.needed()) })
	return s
}

// readProject reads pyproject.toml.
func (s *service) readProject() bool {
	data, err := ecosystem.Read(s.Dir, "pyproject.toml")
	if err != nil {
		s.Report(diag.Error, codeManifest, "pyproject.toml", 0, "", "pyproject.toml cannot be read: %v", err)
		return false
	}
	p, line, err := parsePyproject(data)
	if err != nil {
		s.Report(diag.Error, codeManifest, "pyproject.toml", line, "fix the TOML", "pyproject.toml is not valid: %v", err)
		return false
	}
	s.project = p
	return true
}
