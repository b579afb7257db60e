package python

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Why a path is left out, beyond what every language leaves out.
const (
	whyVenv        = "local virtual environment"
	whyPackages    = "installed by the build"
	whyIgnoredHere = ".dockerignore of the service"
	whyMember      = "another project of the workspace"
	whySetup       = "setuptools build output"
	whyNotebook    = "notebook"
	whyNode        = "Node.js packages"
	whyDatabase    = "development database"
)

// Limits of the walk through a service's tree, and the most that is left out
// below its top: each is a line of .dockerignore, which every file is held
// against. What is beyond them is in the image.
const (
	maxTree      = 20_000
	maxTreeDepth = 10
	maxNested    = 60
)

// tree is what production holds of the service's directory.
type tree struct {
	sources []string // entries of the directory that production gets
	models  []string // entries that hold trained models and nothing else
	modules []string // every .py file among the sources
	sqlite  []string // every .sqlite3 file among the sources
	nested  []string // left out below a source
	left    []left   // in the order of the walk
	seen    int
}

type left struct {
	name, why string
	dir       bool
}

// findTree decides what of the service's directory production holds: all that is
// not known to be needless. A missing file breaks the service, one too many only
// costs room.
func (s *service) findTree() {
	s.tree = tree{}
	if data, err := ecosystem.Read(s.Dir, ".dockerignore"); s.member != "" && err == nil {
		s.ignores, _ = ecosystem.ParseIgnore(data)
	}
	entries, err := fs.ReadDir(s.Dir, ".")
	if err != nil {
		s.Report(diag.Error, codeManifest, ".", 0, "", "the directory cannot be read: %v", err)
		return
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case s.leaves(name, e.IsDir()):
		case e.IsDir() && s.holdsModels(name), !e.IsDir() && isModel(name):
			s.tree.models = append(s.tree.models, name)
		default:
			s.tree.sources = append(s.tree.sources, name)
			s.enter(name, e.IsDir())
		}
	}
	s.src = ecosystem.IsDir(s.Dir, "src") && !ecosystem.Exists(s.Dir, "src/__init__.py") && !ecosystem.Exists(s.Dir, "src/main.py")
}

// enter looks at what lies below a source.
func (s *service) enter(name string, dir bool) {
	if !dir {
		switch path.Ext(name) {
		case ".py":
			s.tree.modules = append(s.tree.modules, name)
		case ".sqlite3":
			s.tree.sqlite = append(s.tree.sqlite, name)
		}
		return
	}
	if s.tree.seen > maxTree || strings.Count(name, "/") >= maxTreeDepth {
		return
	}
	entries, _ := fs.ReadDir(s.Dir, name)
	s.tree.seen += len(entries)
	for _, e := range entries {
		if below := path.Join(name, e.Name()); !s.leaves(below, e.IsDir()) {
			s.enter(below, e.IsDir())
		}
	}
}

// leaves decides whether an entry is left out, and notes why.
func (s *service) leaves(name string, dir bool) bool {
	why := s.why(name, dir)
	if why == "" {
		return false
	}
	if dir && s.Wanted(name) && why != ecosystem.WhyIgnored {
		s.leaveChildren(name)
		return false
	}
	s.tree.left = append(s.tree.left, left{name, why, dir})
	if strings.Contains(name, "/") && why != ecosystem.WhyIgnored {
		if len(s.tree.nested) == maxNested && why != ecosystem.WhySecret && why != ecosystem.WhyExcluded {
			s.tree.left = s.tree.left[:len(s.tree.left)-1]
			return false
		}
		s.tree.nested = append(s.tree.nested, name)
	}
	return true
}

// leaveChildren leaves out what files: does not name of a directory that is
// needless but for that.
func (s *service) leaveChildren(name string) {
	entries, _ := fs.ReadDir(s.Dir, name)
	for _, e := range entries {
		below := path.Join(name, e.Name())
		if !s.Wanted(below) && !e.IsDir() {
			s.tree.left = append(s.tree.left, left{below, ecosystem.Or(s.why(name, true), ecosystem.WhyExcluded), false})
			s.tree.nested = append(s.tree.nested, below)
		}
	}
}

// why returns the reason for leaving an entry out, "" to take it.
func (s *service) why(name string, dir bool) string {
	switch {
	case s.Ignore.Own && s.ignored(name, dir):
		return ecosystem.WhyIgnored
	case s.named[name] && !dir:
		return ""
	case !dir && s.Wanted(name) && (!ecosystem.IsSecret(name) || s.wantedExactly(name)):
		return ""
	case s.Excluded(name):
		return ecosystem.WhyExcluded
	case s.ignoredByMember(name, dir):
		return whyIgnoredHere
	case s.named[name], dir && s.wantedExactly(name):
		return ""
	}
	if strings.ContainsAny(name, "*?[]!#\\\"") {
		return "" // no pattern of .dockerignore can mean it alone
	}
	if why := ecosystem.Needless(name, dir); why != "" && (dir || why != ecosystem.WhyVersionControl || !strings.Contains(name, "/")) {
		return why // but for a .gitkeep below, which keeps its directory
	}
	if dir {
		return s.whyDir(name)
	}
	return s.whyFile(name)
}

// wantedExactly reports a path that files: of slipway.yaml names itself.
func (s *service) wantedExactly(name string) bool {
	for _, f := range s.Want.Files {
		if f.From == "" && path.Clean(f.Path) == name {
			return true
		}
	}
	return false
}

// whyDir knows directories that no Python service reads.
func (s *service) whyDir(name string) string {
	base := path.Base(name)
	has := func(entry string) bool { return ecosystem.Exists(s.Dir, path.Join(name, entry)) }
	switch {
	case s.project != nil && s.member == "" && has("pyproject.toml") && s.project.hasMember(name):
		return whyMember
	case base == ".venv" || name == "venv" || has("pyvenv.cfg"):
		return whyVenv
	case base == "node_modules":
		return whyNode
	case (name == "build" || name == "dist") && s.setupOutput(name):
		return whySetup
	}
	return ""
}

// setupOutput reports a directory that setuptools or a build back end wrote.
func (s *service) setupOutput(dir string) bool {
	entries, _ := fs.ReadDir(s.Dir, dir)
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.IsDir() && dir == "build" && (name == "lib" || strings.HasPrefix(name, "lib.") || strings.HasPrefix(name, "bdist.") || strings.HasPrefix(name, "temp.")):
		case !e.IsDir() && (path.Ext(name) == ".whl" || path.Ext(name) == ".egg" || strings.HasSuffix(name, ".tar.gz")):
		default:
			return false
		}
	}
	return len(entries) > 0
}

// whyFile knows files that no Python service reads.
func (s *service) whyFile(name string) string {
	lower := strings.ToLower(name)
	switch {
	case path.Ext(lower) == ".ipynb":
		return whyNotebook
	case s.databases[name]:
		return whyDatabase
	}
	if strings.Contains(name, "/") {
		return ""
	}
	if slices.Contains(s.manager.manifests, s.inContext(name)) && name != "pyproject.toml" {
		return whyPackages
	}
	for _, p := range []string{"requirements*.txt", "requirements*.in", "constraints*.txt", "pipfile", "pipfile.lock", "poetry.lock", "pdm.lock", "uv.lock", "runtime.txt"} {
		if ok, _ := path.Match(p, lower); ok {
			return whyPackages
		}
	}
	if slices.Contains([]string{"setup.cfg", "uv.toml", "poetry.toml", "pdm.toml", ".pdm-python", "pylintrc"}, lower) {
		return ecosystem.WhyTools
	}
	return ""
}

// ignored reports an entry that the .dockerignore of the build context keeps out
// of the build: a directory only when nothing below it takes part.
func (s *service) ignored(name string, dir bool) bool {
	return s.keptOut(name, dir, s.Ignore.Patterns, func(name string) bool { return s.Ignore.Excludes(s.inContext(name)) })
}

// ignoredByMember is the same of a .dockerignore in a member of a workspace, which
// no builder reads.
func (s *service) ignoredByMember(name string, dir bool) bool {
	return s.member != "" && s.keptOut(name, dir, s.ignores, func(name string) bool {
		out, err := patternmatcher.MatchesOrParentMatches(name, s.ignores)
		return err == nil && out
	})
}

func (s *service) keptOut(name string, dir bool, patterns []string, excludes func(name string) bool) bool {
	if !excludes(name) {
		return false
	}
	if !dir || !slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(p, "!") }) {
		return true
	}
	takes, seen := false, 0
	_ = fs.WalkDir(s.Dir, name, func(below string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > maxTree {
			return fs.SkipAll
		}
		if !e.IsDir() && !excludes(below) {
			takes = true
			return fs.SkipAll
		}
		return nil
	})
	return !takes
}

// isModel knows the files of trained models.
func isModel(name string) bool {
	return slices.Contains([]string{".pkl", ".joblib", ".onnx", ".pt", ".pth", ".safetensors", ".h5", ".keras", ".npz", ".gguf", ".tflite", ".ubj"}, strings.ToLower(path.Ext(name)))
}

// holdsModels tells whether a directory has trained models and no program.
func (s *service) holdsModels(dir string) bool {
	found := false
	entries, _ := fs.ReadDir(s.Dir, dir)
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) == ".py" {
			return false
		}
		found = found || isModel(e.Name())
	}
	return found
}

// supplied are the patterns for services without a .dockerignore. What they
// would exclude of the tree is named as an exception.
func (s *service) supplied() []string {
	out := append(ecosystem.Supplied(), "**/__pycache__", "**/*.py[cod]", ".venv", "venv", ".tox", ".nox", ".pytest_cache", ".mypy_cache", ".ruff_cache",
		".coverage", "htmlcov", "**/*.egg-info", "**/.ipynb_checkpoints")
	for _, name := range s.tree.nested {
		if !ecosystem.IsSecret(name) {
			out = append(out, s.inContext(name))
		}
	}
	for name := range s.databases {
		if s.why(name, false) == whyDatabase {
			out = append(out, s.inContext(name))
		}
	}
	taken := slices.Concat(s.tree.sources, s.tree.models, s.secretsTaken(), slices.Sorted(maps.Keys(s.named)))
	for _, name := range slices.Compact(slices.Sorted(slices.Values(taken))) {
		if excluded, err := patternmatcher.MatchesOrParentMatches(s.inContext(name), out); err == nil && excluded {
			out = append(out, "!"+s.inContext(name))
		}
	}
	return out
}

// secretsTaken are the files that look like secrets and that files: names.
func (s *service) secretsTaken() []string {
	var out []string
	for _, f := range s.Want.Files {
		if name := path.Clean(f.Path); f.From == "" && ecosystem.IsSecret(name) && ecosystem.Exists(s.Dir, name) {
			out = append(out, name)
		}
	}
	return out
}

// removed are the paths that the builder deletes, because the service's own
// .dockerignore lets them in.
func (s *service) removed() []string {
	if !s.Ignore.Own {
		return nil
	}
	return slices.Sorted(slices.Values(s.tree.nested))
}
