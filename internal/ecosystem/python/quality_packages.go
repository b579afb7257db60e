package python

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// testTools are what checks run when no manifest names them, new on 2026-11-29; for
// Python 3.9 the last ones that run on it.
func testTools(python string) map[string]string {
	if python == "3.9" {
		return map[string]string{"pytest": "pytest==8.4.2", "coverage": "coverage==7.10.7", "ruff": "ruff==0.17.6"}
	}
	return map[string]string{"pytest": "pytest==9.2.0", "coverage": "coverage==7.17.5", "ruff": "ruff==0.17.6"}
}

// devGroups are the usual names of groups and extras for tests and linters.
func devGroups() []string {
	return []string{"check", "ci", "dev", "develop", "development", "lint", "linting", "qa", "quality", "test", "testing", "tests", "types", "typing"}
}

// devFiles are the usual names of requirements files for tests and linters.
func devFiles() []string {
	return []string{
		"requirements-dev.txt", "requirements_dev.txt", "dev-requirements.txt", "requirements-test.txt", "requirements_test.txt", "requirements-tests.txt", "test-requirements.txt", "tests/requirements.txt",
		"requirements/dev.txt", "requirements/development.txt", "requirements/local.txt", "requirements/test.txt", "requirements/tests.txt", "requirements/testing.txt", "requirements/lint.txt",
	}
}

// devPackages are the packages that only checks need.
type devPackages struct {
	names  map[string]dep // by normalised name
	top    []string       // requirements files that nothing includes
	files  []string       // requirements files of the service's directory, with those that they include
	groups []string       // of the project
	extras []string       // of the project
	lines  []string       // requirements in the project, where no lock file has them
	tox    []string       // requirements in tox.ini, which nothing else names
	edit   string         // takes projects of the repository out of the files, which are not there
}

// devProject is the part of pyproject.toml that names them.
type devProject struct {
	Project struct {
		Optional map[string][]string `toml:"optional-dependencies"`
	} `toml:"project"`
	Groups map[string][]any `toml:"dependency-groups"`
	Tool   struct {
		Poetry struct {
			Dev   map[string]any `toml:"dev-dependencies"`
			Group map[string]struct {
				Dependencies map[string]any `toml:"dependencies"`
			} `toml:"group"`
		} `toml:"poetry"`
		PDM struct {
			Dev map[string][]string `toml:"dev-dependencies"`
		} `toml:"pdm"`
		UV struct {
			Dev []string `toml:"dev-dependencies"`
		} `toml:"uv"`
	} `toml:"tool"`
}

// findDevPackages reads what manifests name for tests and linters.
func (s *service) findDevPackages() devPackages {
	d := devPackages{names: map[string]dep{}}
	if s.project != nil {
		d.ofProject(s.project)
	}
	if data, err := ecosystem.Read(s.Dir, "Pipfile"); err == nil && s.manager.name == "Pipenv" {
		var p struct {
			Dev map[string]any `toml:"dev-packages"`
		}
		if unmarshalTOML(data, &p) == nil {
			for name := range p.Dev {
				d.names[normalised(name)] = dep{name: normalised(name), file: "Pipfile", line: lineOf(data, name)}
			}
		}
	}
	if s.manager.name == "pip" || s.manager.name == "none" {
		d.ofFiles(s)
		d.ofTox(s)
	}
	return d
}

// ofProject takes groups and extras of pyproject.toml.
func (d *devPackages) ofProject(p *pyproject) {
	var dev devProject
	if unmarshalTOML(p.data, &dev) != nil {
		return
	}
	note := func(text string, keep bool) {
		if one, ok := parseRequirement(text); ok {
			one.file, one.line = "pyproject.toml", p.line(text)
			d.names[one.name] = one
			if keep {
				d.lines = append(d.lines, text)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dev.Project.Optional)) {
		if slices.Contains(devGroups(), name) {
			d.extras = append(d.extras, name)
			for _, text := range dev.Project.Optional[name] {
				note(text, !strings.HasPrefix(text, p.name()+"["))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dev.Groups)) {
		if slices.Contains(devGroups(), name) {
			d.groups = append(d.groups, name)
			for _, item := range dev.Groups[name] {
				if text, ok := item.(string); ok {
					note(text, true)
				}
			}
		}
	}
	for _, text := range dev.Tool.UV.Dev {
		note(text, true)
	}
	for _, name := range slices.Sorted(maps.Keys(dev.Tool.PDM.Dev)) {
		d.groups = append(d.groups, name)
		for _, text := range dev.Tool.PDM.Dev[name] {
			note(text, true)
		}
	}
	if len(dev.Tool.Poetry.Dev) > 0 {
		d.groups = append(d.groups, "dev")
		d.ofTable(p, dev.Tool.Poetry.Dev)
	}
	for _, name := range slices.Sorted(maps.Keys(dev.Tool.Poetry.Group)) {
		if slices.Contains(devGroups(), name) {
			d.groups = append(d.groups, name)
			d.ofTable(p, dev.Tool.Poetry.Group[name].Dependencies)
		}
	}
	slices.Sort(d.groups)
	d.groups = slices.Compact(d.groups)
}

// ofTable takes dependencies as Poetry writes them.
func (d *devPackages) ofTable(p *pyproject, table map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		one := tableDep(name, table[name])
		one.file, one.line = "pyproject.toml", p.line("\n"+name)+1
		d.names[one.name] = one
		d.lines = append(d.lines, name) // of any version, where no lock file has one
	}
}

// ofFiles takes requirements files.
func (d *devPackages) ofFiles(s *service) {
	for _, name := range devFiles() {
		if ecosystem.Exists(s.Dir, name) && !slices.Contains(s.manager.manifests, name) {
			d.ofFile(s, name)
		}
	}
}

// ofFile takes a requirements file, and those that it includes.
func (d *devPackages) ofFile(s *service, name string) {
	var r requirements
	if err := r.read(s.Dir, name, func(name string) ([]byte, error) { return ecosystem.Read(s.Dir, name) }); err != nil {
		return
	}
	d.top = append(d.top, name)
	for _, l := range r.lines {
		if l.name != "" {
			d.names[l.name] = l.dep
		}
	}
	for _, f := range r.files {
		if !slices.Contains(d.files, f) {
			d.files = append(d.files, f)
		}
	}
	if slices.ContainsFunc(r.lines, func(l requirement) bool { return l.local != "" }) {
		d.edit = r.edit(true)
	}
}

// testPackages installs what checks need beyond the service's packages, nil when
// nothing. added are tools that no manifest names.
func (s *service) testPackages(d devPackages, added []string) *plan.Stage {
	var commands []string
	st := plan.Stage{Name: plan.StageTestPackages, From: plan.StageDependencies, Comment: "The packages that only tests and linters need."}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	if s.own {
		commands = append(commands, "cd "+ecosystem.Quoted([]string{s.member})[0])
	}
	before := len(commands)
	switch {
	case len(d.names) > 0 && !s.stale && (s.manager.name == "uv" || s.manager.name == "Poetry"):
		commands = append(commands, s.lockedDev(d)...)
	case s.manager.name == "PDM" && !s.stale && len(d.groups) > 0:
		add(plan.Step{Op: plan.OpCopy, Args: []string{scriptFile}, Content: strings.Replace(pdmScript, `"default" in p.get("groups", ["default"])`, `set(p.get("groups", [])) & {"`+strings.Join(d.groups, `", "`)+`"}`, 1)})
		commands = append(commands, "python3 "+scriptFile+" > "+exported, pipInstall+exported)
	case s.manager.name == "Pipenv" && !s.stale && len(d.names) > 0:
		add(plan.Step{Op: plan.OpCopy, Args: []string{scriptFile}, Content: strings.Replace(pipenvScript, `["default"]`, `["develop"]`, 1)})
		commands = append(commands, "python3 "+scriptFile+" > "+exported, pipInstall+exported)
	case len(d.files) > 0:
		for _, args := range (manager{manifests: s.allInContext(d.files)}).copyArgs() {
			add(plan.Step{Op: plan.OpCopy, Args: args})
		}
		if d.edit != "" {
			commands = append(commands, d.edit+strings.Join(ecosystem.Quoted(d.files), " "))
		}
		commands = append(commands, pipInstall+strings.Join(ecosystem.Quoted(d.top), " -r "))
	case len(d.lines) > 0:
		add(plan.Step{Op: plan.OpCopy, Args: []string{"/tmp/test-requirements.txt"}, Content: strings.Join(d.lines, "\n") + "\n"})
		commands = append(commands, pipInstall+"/tmp/test-requirements.txt")
	}
	if len(added) > 0 {
		commands = append(commands, s.beside(added))
	}
	if len(commands) == before {
		return nil
	}
	mount := ecosystem.Or(s.manager.cache, pipCache)
	mounts := cache(mount)
	if mount != pipCache {
		mounts = append(mounts, cache(pipCache)...)
	}
	if s.manager.cache == "" { // there were no packages to install
		script, why := s.hook()
		add(plan.Step{Op: plan.OpCopy, Args: []string{hooks + "/sitecustomize.py"}, Content: script, Comment: why})
	}
	add(plan.Step{Op: plan.OpRun, Mounts: mounts, Shell: strings.Join(commands, " && ")})
	return &st
}

// beside installs tools next to the packages of a service, which stay as they are: the
// tests are to run with what the image has. Where the newest of a tool cannot, pip finds
// an older one.
func (s *service) beside(tools []string) string {
	const kept = "/tmp/packages.txt"
	python := pip + venv + "/bin/python "
	install := func(tools []string) string {
		return python + "install --no-compile -c " + kept + " " + strings.Join(tools, " ")
	}
	any := slices.Clone(tools)
	for name, pinned := range testTools(s.version) {
		if i := slices.Index(any, pinned); i >= 0 {
			any[i] = name
		}
	}
	all := install(tools)
	if !slices.Equal(any, tools) {
		all = "{ " + all + " || " + install(any) + "; }"
	}
	return python + "list --format=freeze > " + kept + " && " + all
}

func (s *service) allInContext(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, s.inContext(n))
	}
	return out
}

// lockedDev are the commands of the installation with the groups for checks.
func (s *service) lockedDev(d devPackages) []string {
	var out []string
	for _, c := range s.commands() {
		flags := ""
		for _, e := range d.extras {
			flags += " --extra " + e
		}
		switch {
		case strings.Contains(c, "/bin/uv "):
			for _, g := range d.groups {
				if g != "dev" {
					flags += " --group " + g
				}
			}
			c = strings.Replace(c, " --no-dev", flags, 1)
		case strings.Contains(c, "poetry export"):
			with := ""
			if len(d.groups) > 0 {
				with = " --with " + strings.Join(d.groups, ",")
			}
			for _, e := range d.extras {
				with += " --extras " + e
			}
			c = strings.Replace(c, " --only main", with, 1)
		}
		if !strings.HasPrefix(c, "cd ") {
			out = append(out, c)
		}
	}
	return out
}

// hasDev reports a package of the service or of its checks.
func (s *service) hasDev(d devPackages, name string) bool {
	_, dev := d.names[name]
	return dev || s.has(name)
}

// settingsOf returns the first file with settings of a tool: one of its own, or a
// section of pyproject.toml, setup.cfg or tox.ini.
func (s *service) settingsOf(section string, files ...string) (file string, line int) {
	for _, f := range files {
		if ecosystem.Exists(s.Dir, f) {
			return f, 0
		}
	}
	for _, f := range []string{"pyproject.toml", "setup.cfg", "tox.ini"} {
		text := "[" + section
		if f == "pyproject.toml" {
			text = "[tool." + section
		}
		if data, err := ecosystem.Read(s.Dir, f); err == nil {
			for _, end := range []string{"]", ".", ":"} {
				if at := lineOf(data, text+end); at > 0 {
					return f, at
				}
			}
		}
	}
	return "", 0
}

// isTestFile knows the names of tests that pytest and Django find.
func isTestFile(name string) bool {
	base := path.Base(name)
	return path.Ext(base) == ".py" && (strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || base == "tests.py")
}
