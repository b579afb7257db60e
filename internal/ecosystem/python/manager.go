package python

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// The package managers that have to run, new on 2026-11-21. pip installs them
// where they are needed; they never reach production.
const (
	uvTool     = "uv==0.13.9"
	poetryTool = "poetry==2.5.1 poetry-plugin-export==1.10.1"
)

// manager is how the service's packages are installed.
type manager struct {
	name      string
	manifests []string // files of the directory that the installation reads
	tool      string   // what pip installs first, "" for pip itself
	script    string   // that writes requirements from the lock file, "" without
	cache     string   // directory of downloads
	install   []string // shell commands
	lists     []string // of requirements, as pip reads them; nil: the exported one
	first     bool     // local projects are there when they run
	open      bool     // what local projects need is not pinned
}

// tool is what pip installs to install the packages, in a release that runs on the
// service's Python.
func (s *service) tool() string {
	if s.manager.tool == poetryTool && s.version == "3.9" {
		return "poetry==2.2.1 poetry-plugin-export==1.9.0"
	}
	return s.manager.tool
}

const (
	pipCache   = "/root/.cache/pip"
	pip        = "PYTHONPATH=" + hooks + " pip --python "
	pipInstall = pip + venv + "/bin/python install --no-compile -r "
	exported   = "/tmp/requirements.txt"
	scriptFile = "/tmp/requirements.py"
)

// hooks is a directory that pip's Python runs sitecustomize.py of.
const hooks = "/tmp/pip"

// keepScript makes pip's cache keep packages. pip keeps what an index allows by
// its headers, which many mirrors lack. A package is found by its address and
// checked against the digest of the index as if it had just been downloaded;
// lists of versions are asked for each time.
const keepScript = `from http.client import HTTPResponse

begin = HTTPResponse.begin


def begin_and_keep(self):
    begin(self)
    kind = self.headers.get_content_type()
    if self.status == 200 and "html" not in kind and "json" not in kind:
        del self.headers["Cache-Control"], self.headers["Expires"], self.headers["Pragma"]
        self.headers["Cache-Control"] = "max-age=31536000"


HTTPResponse.begin = begin_and_keep
`

// packageManager decides on the package manager and reads what the service depends
// on. In a build context that is wider than the service, the installation runs in
// the service's directory.
func (s *service) packageManager() bool {
	if !s.chooseManager() {
		return false
	}
	for name, d := range s.deps {
		if address, ok := strings.CutPrefix(d.spec, "@git+"); ok && !s.needGit(name, address, d.file, d.line) {
			return false
		}
	}
	if s.own && len(s.manager.install) > 0 {
		for i, f := range s.manager.manifests {
			s.manager.manifests[i] = s.inContext(f)
		}
		s.manager.install = slices.Insert(s.manager.install, 0, "cd "+ecosystem.Quoted([]string{s.member})[0])
	}
	return true
}

// chooseManager decides by the lock file, else by the manifest.
func (s *service) chooseManager() bool {
	want := s.Want.PackageManager
	plain := s.requirementsFile()
	may := func(manager, file string) bool {
		return (want == "" || want == manager) && ecosystem.Exists(s.Dir, file) && (s.project != nil || plain == "" || file == "Pipfile" || file == "Pipfile.lock")
	}
	switch {
	case may("uv", "uv.lock"), s.member != "" && (want == "" || want == "uv"):
		return s.lockedProject("uv", "uv.lock", "uv lock", s.uv)
	case may("poetry", "poetry.lock"):
		return s.lockedProject("Poetry", "poetry.lock", "poetry lock", s.poetry)
	case may("pdm", "pdm.lock"):
		return s.lockedProject("PDM", "pdm.lock", "pdm lock", s.pdm)
	case may("pipenv", "Pipfile.lock") && ecosystem.Exists(s.Dir, "Pipfile"), may("pipenv", "Pipfile"):
		return s.pipenv()
	case want != "" && want != "pip" && s.project == nil:
		s.OnConfig(codeNoLock, "run "+want+" lock and commit the lock file", "package_manager is %s, but its manifest is missing", want)
		return false
	case plain != "" && (want == "" || want == "pip"):
		return s.pip(plain)
	case s.project == nil:
		return s.noManifest()
	case want == "uv" || want == "" && s.project.Tool.UV.Sources != nil:
		return s.lockedProject("uv", "uv.lock", "uv lock", s.uv)
	case want == "poetry" || s.project.Tool.Poetry != nil && len(s.project.Tool.Poetry.Dependencies) > 1:
		return s.lockedProject("Poetry", "poetry.lock", "poetry lock", s.poetry)
	case want == "pdm" || s.project.Tool.PDM != nil && len(s.project.Project.Dependencies) > 0:
		s.withoutLock("PDM", "pyproject.toml", "pdm lock", "pdm.lock")
	}
	return s.plainProject()
}

// requirementsFile is the requirements file of a service, "" without one.
func (s *service) requirementsFile() string {
	for _, name := range []string{"requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt"} {
		if ecosystem.Exists(s.Dir, name) {
			return name
		}
	}
	return ""
}

// noManifest is a service without a file that names packages for pip. conda's
// environments hold more than packages of Python, from other indexes.
func (s *service) noManifest() bool {
	if name := condaFile(s.Dir); name != "" {
		s.Report(diag.Error, codeConda, name, 0, "in the activated environment, run pip list --format=freeze > requirements.txt, and commit that file; or bring a Dockerfile",
			"only %s lists the packages, and Slipway does not install conda's packages", name)
		return false
	}
	s.manager = manager{name: "none"}
	s.Fact("package manager", "none", "default: no file names packages", "", 0)
	return true
}

// inDir is a command line to be run in the service's directory.
func (s *service) inDir(command string) string {
	if s.Want.Path == "" || s.Want.Path == "." {
		return command
	}
	return "cd " + s.Want.Path + " && " + command
}

// lockedProject reads a manager that keeps pyproject.toml and a lock file in TOML.
// then gets the lock file, nil without one.
func (s *service) lockedProject(name, lock, relock string, then func(data []byte) bool) bool {
	if s.project == nil {
		s.Report(diag.Error, codeManifest, lock, 0, "commit pyproject.toml beside it", "pyproject.toml, the source of %s, is missing", lock)
		return false
	}
	for _, d := range s.project.dependencies() {
		s.deps[d.name] = d
	}
	data, err := ecosystem.Read(s.lockDir(), lock)
	if errors.Is(err, fs.ErrNotExist) {
		s.withoutLock(name, "pyproject.toml", relock, lock)
		return then(nil)
	}
	if err != nil {
		s.Report(diag.Error, codeManifest, s.fromTop(lock), 0, "", "%s cannot be read: %v", lock, err)
		return false
	}
	packages, ok := s.readLock(lock, relock, data)
	if !ok {
		return false
	}
	var missing []string
	at := 0
	for _, d := range s.project.dependencies() {
		if !s.pinned[d.name] {
			missing, at = append(missing, d.name), cmp.Or(at, d.line)
		}
	}
	s.Fact("package manager", name, "lock file", s.fromTop(lock), 0)
	if len(missing) > 0 {
		s.outOfDate(lock, relock, "pyproject.toml", at, missingIn(missing))
	}
	if lock != "uv.lock" && !s.stale && !s.lockLocals(packages) {
		return false
	}
	return then(data)
}

// lockLocals takes the projects of the repository that a lock of Poetry or PDM
// names.
func (s *service) lockLocals(packages []lockedPackage) bool {
	var all []local
	for _, p := range packages {
		if dir := p.directory(); dir != "" && p.production() {
			all = append(all, local{name: normalised(p.Name), dir: dir})
		}
	}
	return s.takeLocals(s.placed(all))
}

// isArchive reports a path of a wheel or of an archive of sources.
func isArchive(name string) bool {
	return slices.ContainsFunc([]string{".whl", ".tar.gz", ".zip"}, func(ext string) bool { return strings.HasSuffix(name, ext) })
}

// tomlModule reads TOML on a Python that cannot by itself: pip brings what can.
const tomlModule = `try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
`

// pdmScript writes what pdm.lock pins; PDM itself is not needed for that. pip takes
// nothing from git beside digests.
const pdmScript = tomlModule + `
packages = [p for p in tomllib.load(open("pdm.lock", "rb"))["package"] if "default" in p.get("groups", ["default"])]
hashed = not any("git" in p for p in packages)
for p in packages:
    extras = "[" + ",".join(p["extras"]) + "]" if "extras" in p else ""
    marker = " ; " + p["marker"] if "marker" in p else ""
    if "git" in p:
        print(p["name"] + extras + " @ git+" + p["git"] + "@" + p["revision"] + marker)
    elif "path" not in p:
        pin = " @ " + p["url"] if "url" in p else "==" + p["version"]
        print(p["name"] + extras + pin + marker, *("--hash=" + f["hash"] for f in p["files"] if hashed))
`

// pdm installs what pdm.lock pins, and without one that fits what the project
// depends on.
func (s *service) pdm([]byte) bool {
	if s.stale {
		return s.plainProject()
	}
	s.manager = manager{
		name: "PDM", manifests: []string{"pyproject.toml", "pdm.lock"}, script: pdmScript, cache: pipCache,
		install: []string{"python3 " + scriptFile + " > " + exported, pipInstall + exported},
	}
	return true
}

// pip reads requirements.txt and what it includes.
func (s *service) pip(file string) bool {
	var r requirements
	if err := r.read(s.Dir, file, func(name string) ([]byte, error) { return ecosystem.Read(s.Dir, name) }); err != nil {
		s.Report(diag.Error, codeManifest, file, 0, "fix the name after -r or -c", "the requirements cannot be read: %v", err)
		return false
	}
	locals, ok := s.references(r)
	if !ok {
		return false
	}
	s.Fact("package manager", "pip", "requirements file", file, 0)
	if !s.takeLocals(locals) {
		return false
	}
	if open := r.unpinned(); len(open) > 0 {
		s.Report(diag.Warning, codeUnpinned, open[0].file, open[0].line, "pin them all: pip freeze, or uv pip compile --generate-hashes",
			"%d of %d requirements have no pinned version, so the build is not reproducible", len(open), len(r.lines))
	}
	install := pipInstall + file
	if !r.hash { // else pip takes nothing without a digest
		install = s.withResources(install)
	}
	s.manager = manager{name: "pip", manifests: r.files, lists: slices.Clone(r.files), cache: pipCache, install: []string{install}, open: true}
	if edit := r.edit(len(s.locals) > 0); edit != "" {
		s.manager.install = []string{edit + strings.Join(ecosystem.Quoted(r.files), " "), install}
	}
	return true
}

// plainProject is a pyproject.toml without a lock file.
func (s *service) plainProject() bool {
	if !s.stale {
		s.Fact("package manager", "pip", "dependencies of the project", "pyproject.toml", s.project.line("dependencies"))
	}
	if !s.takeLocals(s.placed(s.project.fileLocals())) {
		return false
	}
	open := 0
	for _, d := range s.project.dependencies() {
		s.deps[d.name] = d
		if !d.pinned {
			open++
		}
	}
	if open > 0 && !s.stale {
		s.Report(diag.Warning, codeUnpinned, "pyproject.toml", s.project.line("dependencies"), s.inDir("uv lock")+", and commit uv.lock",
			"%d of %d dependencies have no pinned version and there is no lock file, so the build is not reproducible", open, len(s.deps))
	}
	s.manager = manager{name: "pip", manifests: []string{"pyproject.toml"}, script: projectScript, cache: pipCache, open: true,
		install: []string{"python3 " + scriptFile + " > " + exported, s.withResources(pipInstall + exported)}}
	return true
}

// projectScript writes what a project depends on, but for projects of the repository.
const projectScript = tomlModule + `
for line in tomllib.load(open("pyproject.toml", "rb")).get("project", {}).get("dependencies", []):
    if "file:" not in line:
        print(line)
`

// needed are the files of the build context that .dockerignore must not exclude.
func (s *service) needed() []string {
	out := slices.Clone(s.manager.manifests)
	if s.app.file != "" && s.Ignore.Own {
		out = append(out, s.inContext(s.app.file))
	}
	for _, f := range s.Want.Files {
		if name := path.Clean(f.Path); f.From == "" && ecosystem.Exists(s.Dir, name) && !ecosystem.IsDir(s.Dir, name) {
			out = append(out, s.inContext(name))
		}
	}
	return out
}

// copies are the COPY steps of the manifests, which may lie in directories.
func (m manager) copyArgs() [][]string {
	byDir := map[string][]string{}
	for _, f := range m.manifests {
		byDir[path.Dir(f)] = append(byDir[path.Dir(f)], f)
	}
	var out [][]string
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		to := "./"
		if dir != "." {
			to = fmt.Sprintf("%s/", dir)
		}
		out = append(out, append(byDir[dir], to))
	}
	return out
}
