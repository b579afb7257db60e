package python

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/pelletier/go-toml/v2"

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

// packageManager decides on the package manager by its lock file, else by the
// manifest, and reads what the service depends on.
func (s *service) packageManager() bool {
	has := func(name string) bool { return ecosystem.Exists(s.Dir, name) }
	want := s.Want.PackageManager
	may := func(manager, file string) bool { return (want == "" || want == manager) && has(file) }
	switch {
	case may("uv", "uv.lock"), s.member != "" && (want == "" || want == "uv"):
		return s.locked("uv", "uv.lock", "uv lock", s.uv)
	case may("poetry", "poetry.lock"):
		return s.locked("Poetry", "poetry.lock", "poetry lock", s.poetry)
	case may("pdm", "pdm.lock"):
		return s.locked("PDM", "pdm.lock", "pdm lock", s.pdm)
	case may("pipenv", "Pipfile.lock"):
		return s.pipenv()
	case may("pipenv", "Pipfile"):
		return s.noLock("Pipfile", "pipenv lock", "Pipfile.lock")
	case want != "" && want != "pip":
		s.OnConfig(codeNoLock, "run "+want+" lock and commit the lock file", "package_manager is %s, but its lock file is missing", want)
		return false
	}
	for _, name := range []string{"requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt"} {
		if has(name) {
			return s.pip(name)
		}
	}
	switch {
	case s.project == nil:
		s.manager = manager{name: "none"}
		s.Fact("package manager", "none", "default: no file names packages", "", 0)
		return true
	case s.project.Tool.PDM != nil && len(s.project.Project.Dependencies) > 0:
		return s.noLock("pyproject.toml", "pdm lock", "pdm.lock")
	case s.project.Tool.Poetry != nil && len(s.project.Tool.Poetry.Dependencies) > 1:
		return s.noLock("pyproject.toml", "poetry lock", "poetry.lock")
	}
	return s.plainProject()
}

func (s *service) noLock(file, command, lock string) bool {
	s.Report(diag.Error, codeNoLock, file, 0, s.inDir(command), "%s is missing, so the build would not be reproducible", lock)
	return false
}

// inDir is a command line to be run in the service's directory.
func (s *service) inDir(command string) string {
	if s.Want.Path == "" || s.Want.Path == "." {
		return command
	}
	return "cd " + s.Want.Path + " && " + command
}

// locked reads a manager that keeps pyproject.toml and a lock file in TOML.
func (s *service) locked(name, lock, relock string, then func(data []byte) bool) bool {
	data, err := ecosystem.Read(s.lockDir(), lock)
	if err != nil {
		s.Report(diag.Error, codeManifest, s.fromTop(lock), 0, "", "%s cannot be read: %v", lock, err)
		return false
	}
	var pins struct {
		Package []struct {
			Name string `toml:"name"`
		} `toml:"package"`
	}
	if err := toml.Unmarshal(data, &pins); err != nil {
		s.Report(diag.Error, codeManifest, s.fromTop(lock), errorLine(err), s.inDir(relock), "%s is not valid: %v", lock, err)
		return false
	}
	if s.project == nil {
		s.Report(diag.Error, codeManifest, lock, 0, "commit pyproject.toml beside it", "pyproject.toml, the source of %s, is missing", lock)
		return false
	}
	if local := s.project.local(); local != "" {
		s.Report(diag.Error, codeLocal, "pyproject.toml", s.project.line(local), "publish it, or build the service from its own Dockerfile",
			"the dependency %s is a directory, which is not supported yet", local)
		return false
	}
	s.pinned = map[string]bool{}
	for _, p := range pins.Package {
		s.pinned[normalised(p.Name)] = true
	}
	for _, d := range s.project.dependencies() {
		s.deps[d.name] = d
		if !s.pinned[d.name] {
			s.Report(diag.Error, codeStale, "pyproject.toml", d.line, s.inDir(relock), "%s is out of date: %s is missing", lock, d.name)
		}
	}
	s.Fact("package manager", name, "lock file", s.fromTop(lock), 0)
	return then(data)
}

func (s *service) poetry([]byte) bool {
	s.manager = manager{
		name: "Poetry", manifests: []string{"pyproject.toml", "poetry.lock"}, tool: poetryTool, cache: pipCache,
		install: []string{tools + "/bin/poetry export --only main --output " + exported, pipInstall + exported},
	}
	return true
}

// pdmScript writes what pdm.lock pins; PDM itself is not needed for that.
const pdmScript = `import tomllib

for p in tomllib.load(open("pdm.lock", "rb"))["package"]:
    if "default" in p.get("groups", ["default"]):
        extras = "[" + ",".join(p["extras"]) + "]" if "extras" in p else ""
        marker = " ; " + p["marker"] if "marker" in p else ""
        print(p["name"] + extras + "==" + p["version"] + marker, *("--hash=" + f["hash"] for f in p["files"]))
`

func (s *service) pdm([]byte) bool {
	s.manager = manager{
		name: "PDM", manifests: []string{"pyproject.toml", "pdm.lock"}, script: pdmScript, cache: pipCache,
		install: []string{"python3 " + scriptFile + " > " + exported, pipInstall + exported},
	}
	return true
}

// pipfile is the part of Pipfile that matters here.
type pipfile struct {
	Requires map[string]any `toml:"requires"`
	Packages map[string]any `toml:"packages"`
}

// pipenvScript writes what Pipfile.lock pins; Pipenv itself is not needed for
// that.
const pipenvScript = `import json

for name, p in json.loads(open("Pipfile.lock", "rb").read())["default"].items():
    extras = "[" + ",".join(p["extras"]) + "]" if "extras" in p else ""
    marker = " ; " + p["markers"] if "markers" in p else ""
    print(name + extras + p["version"] + marker, *("--hash=" + h for h in p["hashes"]))
`

func unmarshalTOML(data []byte, into any) error { return toml.Unmarshal(data, into) }

func (s *service) pipenv() bool {
	data, err := ecosystem.Read(s.Dir, "Pipfile")
	var p pipfile
	if err == nil {
		err = toml.Unmarshal(data, &p)
	}
	if err != nil {
		s.Report(diag.Error, codeManifest, "Pipfile", errorLine(err), "", "Pipfile is not valid: %v", err)
		return false
	}
	text, err := ecosystem.Read(s.Dir, "Pipfile.lock")
	var lock struct {
		Default map[string]any `json:"default"`
	}
	if err == nil {
		err = json.Unmarshal(text, &lock)
	}
	if err != nil {
		s.Report(diag.Error, codeManifest, "Pipfile.lock", 0, s.inDir("pipenv lock"), "Pipfile.lock is not valid: %v", err)
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(p.Packages)) {
		d := tableDep(name, p.Packages[name])
		d.file, d.line = "Pipfile", lineOf(data, name)
		s.deps[d.name] = d
		if _, ok := lock.Default[d.name]; !ok {
			s.Report(diag.Error, codeStale, "Pipfile", d.line, s.inDir("pipenv lock"), "Pipfile.lock is out of date: %s is missing", name)
		}
	}
	s.Fact("package manager", "Pipenv", "lock file", "Pipfile.lock", 0)
	s.manager = manager{
		name: "Pipenv", manifests: []string{"Pipfile", "Pipfile.lock"}, script: pipenvScript, cache: pipCache,
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
	for _, l := range r.lines {
		if l.local != "" {
			s.Report(diag.Error, codeLocal, l.file, l.line, "depend on a release, or on the address of an archive (https://….tar.gz); the service's own sources need no line",
				"%s is a directory or needs git, which is not supported yet", l.local)
			continue
		}
		s.deps[l.name] = l.dep
	}
	s.Fact("package manager", "pip", "requirements file", file, 0)
	if open := r.unpinned(); len(open) > 0 {
		s.Report(diag.Warning, codeUnpinned, open[0].file, open[0].line, "pin them all: pip freeze, or uv pip compile --generate-hashes",
			"%d of %d requirements have no pinned version, so the build is not reproducible", len(open), len(r.lines))
	}
	install := pipInstall + file
	if !r.hash { // else pip takes nothing without a digest
		install = s.withResources(install)
	}
	s.manager = manager{name: "pip", manifests: r.files, cache: pipCache, install: []string{install}}
	return true
}

// plainProject is a pyproject.toml without a lock file.
func (s *service) plainProject() bool {
	s.Fact("package manager", "pip", "dependencies of the project", "pyproject.toml", s.project.line("dependencies"))
	open := 0
	for _, d := range s.project.dependencies() {
		s.deps[d.name] = d
		if !d.pinned {
			open++
		}
	}
	if open > 0 {
		s.Report(diag.Warning, codeUnpinned, "pyproject.toml", s.project.line("dependencies"), s.inDir("uv lock")+", and commit uv.lock",
			"%d of %d dependencies have no pinned version and there is no lock file, so the build is not reproducible", open, len(s.deps))
	}
	s.manager = manager{name: "pip", manifests: []string{"pyproject.toml"}, cache: pipCache, install: []string{
		`python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"].get("dependencies", []), sep="\n")' > ` + exported,
		s.withResources(pipInstall + exported),
	}}
	return true
}

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
