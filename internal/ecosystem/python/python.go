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
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Ecosystem is Python. The zero value knows no repository around a service's
// directory; In gives it one.
type Ecosystem struct{ root fs.FS }

// In returns the ecosystem for a repository, whose root the paths of services
// are relative to.
func (Ecosystem) In(root fs.FS) ecosystem.Language { return Ecosystem{root} }

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
	family string

	project *pyproject // nil without pyproject.toml
	version string     // of Python, "3.13"
	manager manager
	deps    map[string]dep  // what the service itself asks for, by normalised name
	pinned  map[string]bool // what a lock file of TOML pins

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
	s.family = bases.Family
	if ecosystem.Exists(dir, "pyproject.toml") && !s.readProject() {
		return s
	}
	if s.project != nil {
		s.Name(s.project.name())
	} else {
		s.Name("")
	}
	s.openWorkspace(e.root, want.Path)
	s.runtimeVersion()
	if !s.packageManager() {
		return s
	}
	s.checkSystem()
	s.inTop(s.ReadIgnore)
	s.findTree()
	s.readSources()
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

// toolVersion is the line of Python in a file of asdf or mise.
var toolVersion = pattern.Lazy(`(?m)^\s*python\s+([^\s#]+)`)

// versionEvidence returns the strongest statement about the version; an empty
// file stands for slipway.yaml.
func (s *service) versionEvidence() (file string, line int, text string) {
	if s.Want.Version != "" {
		return "", 0, s.Want.Version
	}
	for _, name := range []string{".python-version", "runtime.txt", s.fromTop(".python-version")} {
		dir, base := s.Dir, name
		if rest, above := strings.CutPrefix(name, s.fromTop("")); above && s.member != "" {
			dir, base = s.top, rest
		}
		data, err := ecosystem.Read(dir, base)
		if err != nil {
			continue
		}
		for i, l := range strings.Split(string(data), "\n") {
			l, _, _ = strings.Cut(l, "#")
			if l = strings.TrimSpace(l); l != "" {
				return name, i + 1, l
			}
		}
	}
	if data, err := ecosystem.Read(s.Dir, ecosystem.ToolVersions); err == nil {
		if h := ecosystem.Find(toolVersion(), ecosystem.ToolVersions, data); h.Found() {
			return h.File, h.Line, h.Text
		}
	}
	if s.project != nil {
		if text, key := s.project.python(); text != "" {
			return "pyproject.toml", s.project.line(key), text
		}
	}
	if data, err := ecosystem.Read(s.Dir, "Pipfile"); err == nil {
		var p pipfile
		if unmarshalTOML(data, &p) == nil {
			for _, key := range []string{"python_full_version", "python_version"} {
				if v, ok := p.Requires[key].(string); ok {
					return "Pipfile", lineOf(data, key), v
				}
			}
		}
	}
	return "", 0, ""
}
