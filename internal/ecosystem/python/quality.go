package python

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// testTree is what the names and contents of files tell of tests.
type testTree struct {
	unit        string   // a file of unit tests, "" without
	integration []string // directories of tests that need more than the sources
	e2e         []string
	pytest      bool   // a test imports pytest
	marked      string // a file whose tests are marked as integration tests
	plain       bool   // a file is called tests.py, which pytest does not look for
}

var (
	importsPytest = pattern.Lazy(`(?m)^\s*(?:import|from) pytest\b`)
	marksTests    = pattern.Lazy(`\bpytest\.mark\.integration\b`)
)

// prove adds the quality stages to a plan.
func (s *service) prove(p *plan.Service) {
	if !s.Want.Prove {
		return
	}
	d, t := s.findDevPackages(), s.findTests()
	proof := ecosystem.Proof{
		Sources: s.testSources(), Missing: map[string]string{plan.StageUnitTests: "no test files"},
		Wants: s.CompanionVariables(p.Reads), Checks: map[string][]ecosystem.Check{},
	}
	lint, added := s.lintChecks(d)
	added = append(added, ecosystem.Quoted(d.tox)...)
	proof.Checks[plan.StageLint] = lint
	add := func(name string) {
		if pinned := testTools(s.version)[name]; !s.hasDev(d, name) && !slices.Contains(added, pinned) {
			added = append(added, pinned)
		}
	}
	if t.unit != "" || len(t.integration)+len(t.e2e) > 0 {
		if !s.django.found() || s.hasDev(d, "pytest") || s.hasDev(d, "pytest-django") {
			add("pytest")
		}
		if !s.hasDev(d, "pytest-cov") {
			add("coverage")
		}
		s.testChecks(&proof, d, t)
	}
	if proof.Packages = s.testPackages(d, added); proof.Packages != nil {
		proof.Sources.From = plan.StageTestPackages
	}
	proof.Ignore, proof.Trim = s.testIgnore()
	s.Prove(p, proof)
}

// found reports a project of Django.
func (d django) found() bool { return d.settings != "" }

// findTests looks for tests. Directories tell which of them need more than sources.
func (s *service) findTests() testTree {
	var t testTree
	ecosystem.EachSource(s.Dir, func(name string, dir bool) bool {
		base := path.Base(name)
		if dir {
			return !strings.HasPrefix(base, ".") && base != "node_modules" && base != "venv" && !ecosystem.Exists(s.Dir, name+"/pyvenv.cfg") && s.whyDir(name) == ""
		}
		return isTestFile(name)
	}, func(name string, data []byte) {
		t.pytest = t.pytest || importsPytest().Match(data)
		t.plain = t.plain || path.Base(name) == "tests.py"
		parts := strings.Split(path.Dir(name), "/")
		at := func(names ...string) string {
			i := slices.IndexFunc(parts, func(p string) bool { return slices.Contains(names, p) })
			if i < 1 && !(i == 0 && parts[0] != "integration") {
				return ""
			}
			return strings.Join(parts[:i+1], "/")
		}
		switch integration, e2e := at("integration", "integration_tests", "integrationtests"), at("e2e", "e2e_tests", "end_to_end", "playwright"); {
		case e2e != "":
			t.e2e = append(t.e2e, e2e)
		case integration != "":
			t.integration = append(t.integration, integration)
		case marksTests().Match(data):
			t.marked = ecosystem.Or(t.marked, name)
			t.unit = ecosystem.Or(t.unit, name)
		default:
			t.unit = ecosystem.Or(t.unit, name)
		}
	})
	t.integration, t.e2e = slices.Compact(slices.Sorted(slices.Values(t.integration))), slices.Compact(slices.Sorted(slices.Values(t.e2e)))
	return t
}

// testChecks are the runs of tests.
func (s *service) testChecks(proof *ecosystem.Proof, d devPackages, t testTree) {
	if s.django.found() && !s.hasDev(d, "pytest") && !s.hasDev(d, "pytest-django") {
		s.djangoTests(proof, t)
		return
	}
	if t.unit != "" {
		ignore := ""
		for _, dir := range slices.Concat(t.integration, t.e2e) {
			ignore += " --ignore=" + ecosystem.Quoted([]string{dir})[0]
		}
		if t.marked != "" {
			ignore += " -m 'not integration'"
		}
		if t.plain && !s.settingsHave("pytest", "python_files") && !s.settingsHave("tool:pytest", "python_files") && !s.settingsHave("pytest.ini_options", "python_files") {
			ignore += " -o python_files='test_*.py *_test.py tests.py'"
		}
		proof.Checks[plan.StageUnitTests] = []ecosystem.Check{s.pytest(d, plan.StageUnitTests, ignore, t.unit)}
	}
	switch {
	case len(t.integration) > 0:
		proof.Checks[plan.StageIntegration] = []ecosystem.Check{s.pytest(d, plan.StageIntegration, " "+strings.Join(ecosystem.Quoted(t.integration), " "), t.integration[0])}
	case t.marked != "":
		proof.Checks[plan.StageIntegration] = []ecosystem.Check{s.pytest(d, plan.StageIntegration, " -m integration", t.marked)}
	}
	if len(t.e2e) > 0 && !s.hasDev(d, "playwright") && !s.hasDev(d, "pytest-playwright") && !s.hasDev(d, "selenium") {
		proof.Checks[plan.StageE2E] = []ecosystem.Check{s.pytest(d, plan.StageE2E, " "+strings.Join(ecosystem.Quoted(t.e2e), " "), t.e2e[0])}
	} else if len(t.e2e) > 0 {
		proof.Missing[plan.StageE2E] = t.e2e[0] + " needs a browser: write quality: {e2e-tests: {run: …}}"
	}
}

// pytest runs tests of any kind that it finds, those of unittest among them. Python
// finds the modules of the working directory. Coverage is measured by pytest-cov where
// a manifest names it, else by coverage, which changes nothing for the tests.
func (s *service) pytest(d devPackages, stage, arguments, file string) ecosystem.Check {
	dir := plan.ReportsOf(stage)
	why, line := "tests; no manifest names pytest", 0
	if dep, ok := d.names["pytest"]; ok {
		why, line = "development package; tests such as "+file, dep.line
		file = dep.file
	} else if s.has("pytest") {
		why = "tests"
	}
	module := "python -m pytest --junitxml=" + dir + "/junit.xml" + arguments
	if stage == plan.StageE2E { // they ask a server from outside
		return ecosystem.Check{Tool: "pytest", Run: module, Why: why, File: file, Line: line}
	}
	if s.hasDev(d, "pytest-cov") {
		run := module + "\n--cov --cov-report=xml:" + dir + "/coverage.xml --cov-report=term"
		if part := stage != plan.StageUnitTests || strings.Contains(arguments, " --ignore=") || strings.Contains(arguments, " -m "); s.limitsCoverage() && (part || !s.measures()) {
			run += " --cov-fail-under=0" // the project's limit is for all tests, where it measures them
		}
		return ecosystem.Check{Tool: "pytest", Run: run, Why: why, File: file, Line: line}
	}
	return ecosystem.Check{Tool: "pytest", Run: s.covered(strings.TrimPrefix(module, "python "), dir, ""), Why: why, File: file, Line: line}
}

// limitsCoverage reports settings that fail tests which cover too little.
func (s *service) limitsCoverage() bool {
	for _, f := range []string{"pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", ".pytest.ini", ".coveragerc"} {
		if data, err := ecosystem.Read(s.Dir, f); err == nil && (bytes.Contains(data, []byte("fail_under")) || bytes.Contains(data, []byte("fail-under"))) {
			return true
		}
	}
	return false
}

var addsCoverage = pattern.Lazy(`(?m)^\s*addopts\b[^\[]*?--cov(?:[=\s"',]|$)|^\s*addopts\s*=\s*\[[^\]]*--cov(?:[=\s"',]|$)`)

// measures reports settings of pytest that measure coverage.
func (s *service) measures() bool {
	return slices.ContainsFunc([]string{"pytest.ini", ".pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini"}, func(name string) bool {
		data, err := ecosystem.Read(s.Dir, name)
		return err == nil && addsCoverage().Match(data)
	})
}

// covered measures the coverage of a module that runs tests; kept is a file for what it
// prints, "" where it leaves a report itself.
func (s *service) covered(module, dir, kept string) string {
	flags := ""
	if file, _ := s.settingsOf("coverage", ".coveragerc"); file == "" {
		flags = " --source=. --omit='test_*.py,*_test.py,*/tests/*,tests/*,test/*,tests.py,*/tests.py,conftest.py,*/migrations/*'"
	}
	to, show := "", ""
	if kept != "" {
		to, show = " > "+kept+" 2>&1", "cat "+kept+"; "
	}
	return "code=0; python -m coverage run --data-file=" + dir + "/.coverage" + flags + " " + module + to + "\n|| code=$?; " + show +
		"python -m coverage xml --data-file=" + dir + "/.coverage -o " + dir + "/coverage.xml; rm -f " + dir + "/.coverage; ( exit $code )"
}

// djangoTests runs the tests of a project as its manage.py does, which makes the
// database for them.
func (s *service) djangoTests(proof *ecosystem.Proof, t testTree) {
	manage := path.Join(s.root, "manage.py")
	if t.unit == "" || !ecosystem.Exists(s.Dir, manage) {
		return
	}
	env := append(slices.Clone(s.django.insists), "SECRET_KEY=only-for-this-step")
	slices.Sort(env)
	dir := plan.ReportsOf(plan.StageUnitTests)
	report := dir + "/unittest.txt" // Django has no report but its text, which names each test from -v 2 on
	run := "( export " + strings.Join(slices.Compact(env), " ") + " && " + s.covered(manage+" test --noinput -v 2", dir, report) + " )"
	proof.Checks[plan.StageUnitTests] = []ecosystem.Check{{Tool: "manage.py test", Run: run, Why: "tests of a Django project", File: t.unit}}
	proof.Companions = []string{plan.StageUnitTests}
}

// lintChecks are the linters that have settings or that a manifest names, and what has
// to be installed for them.
func (s *service) lintChecks(d devPackages) (checks []ecosystem.Check, added []string) {
	dir := plan.ReportsOf(plan.StageLint)
	add := func(tool, run, why, file string, line int) {
		checks = append(checks, ecosystem.Check{Tool: tool, Run: run, Why: why, File: file, Line: line})
	}
	named := func(tool string) (file string, line int, ok bool) {
		one, ok := d.names[tool]
		return one.file, one.line, ok
	}
	if file, line := s.settingsOf("ruff", "ruff.toml", ".ruff.toml"); file != "" || s.hasDev(d, "ruff") {
		why := "its settings"
		if at, n, ok := named("ruff"); ok {
			file, line, why = at, n, "development package"
		} else if !s.has("ruff") {
			added = append(added, testTools(s.version)["ruff"])
		}
		add("ruff", "ruff check --output-format=sarif --output-file="+dir+"/ruff.sarif .\n|| { code=$?; ruff check .; ( exit $code ); }", why, file, line)
		if file, line := s.settingsOf("ruff.format"); file != "" {
			add("ruff format", ecosystem.Kept("ruff format --check .", dir+"/ruff-format.txt"), "its settings", file, line)
		}
	}
	if file, line, ok := named("flake8"); ok {
		add("flake8", "flake8 --tee --output-file="+dir+"/flake8.txt .", "development package", file, line)
	}
	if file, line, ok := named("black"); ok {
		add("Black", ecosystem.Kept("black --check .", dir+"/black.txt"), "development package", file, line)
	}
	if file, line, ok := named("isort"); ok {
		add("isort", ecosystem.Kept("isort --check-only .", dir+"/isort.txt"), "development package", file, line)
	}
	if file, line, ok := named("pylint"); ok {
		if at, n := s.settingsOf("pylint", ".pylintrc", "pylintrc", ".pylintrc.toml"); at != "" { // without, it fails for what hardly anybody wants
			add("Pylint", ecosystem.Kept("pylint --recursive=y .", dir+"/pylint.txt"), "its settings", at, n)
		} else {
			checks = append(checks, ecosystem.Check{Tool: "Pylint", Lacks: "Pylint has no settings, with which it fails for every missing docstring: add [tool.pylint] to pyproject.toml", File: file, Line: line})
		}
	}
	if file, line, ok := named("mypy"); ok {
		target := " ."
		if s.settingsHave("mypy", "files", "packages", "modules") {
			target = ""
		}
		add("mypy", ecosystem.Kept("mypy"+target, dir+"/mypy.txt"), "development package", file, line)
	}
	for _, tool := range []string{"pyright", "basedpyright"} {
		if file, line, ok := named(tool); ok {
			add(tool, ecosystem.Kept(tool, dir+"/"+tool+".txt"), "development package", file, line)
		}
	}
	return checks, added
}

// settingsHave reports a key of a tool's settings, whose section ends at the next one.
func (s *service) settingsHave(section string, keys ...string) bool {
	for _, f := range []string{section + ".ini", "." + section + ".ini", "pyproject.toml", "setup.cfg", "tox.ini"} {
		data, err := ecosystem.Read(s.Dir, f)
		if err != nil {
			continue
		}
		inside := false
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") {
				inside = line == "["+section+"]" || line == "[tool."+section+"]"
				continue
			}
			key, _, _ := strings.Cut(line, "=")
			if inside && slices.Contains(keys, strings.TrimSpace(key)) {
				return true
			}
		}
	}
	return false
}

// testSources has the sources with their tests where the program would find them.
func (s *service) testSources() plan.Stage {
	env := []string{"PYTHONDONTWRITEBYTECODE=1"}
	if at := s.pythonPath(); len(at) > 0 {
		env = append(env, "PYTHONPATH="+strings.Join(at, ":"))
	}
	if s.django.settings != "" {
		env = append(env, "DJANGO_SETTINGS_MODULE="+s.django.settings)
	}
	st := plan.Stage{
		Name: plan.StageTestSources, From: plan.StageDependencies,
		Comment: "The sources with their tests, for the stages below. Production takes nothing from here.",
		Steps:   []plan.Step{{Op: plan.OpWorkdir, Args: []string{ecosystem.WorkDir}}, {Op: plan.OpEnv, Args: env}},
	}
	var files, dirs []string
	isDir := func(name string) bool { return ecosystem.IsDir(s.Dir, name) }
	for _, name := range s.TestSources(s.testEntries(), isDir) {
		if isDir(name) {
			dirs = append(dirs, name)
		} else {
			files = append(files, s.inContext(name))
		}
	}
	if len(files) > 0 {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
	}
	for _, d := range dirs {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: []string{s.inContext(d) + "/", d + "/"}})
	}
	return st
}

// testEntries are the entries of the service's directory that reach the build of tests.
func (s *service) testEntries() []string {
	var out []string
	entries, _ := fs.ReadDir(s.Dir, ".")
	for _, e := range entries {
		name := e.Name()
		why := s.why(name, e.IsDir())
		switch {
		case !e.IsDir() && !e.Type().IsRegular():
		case why == "", s.checksRead(name, e.IsDir()), why == whyPackages && !s.Ignore.Excludes(s.inContext(name)):
			out = append(out, name)
		}
	}
	return out
}

// checksRead reports an entry that production does not need and that checks read.
func (s *service) checksRead(name string, dir bool) bool {
	why := ecosystem.Needless(name, dir)
	return why == ecosystem.WhyTests || why == ecosystem.WhyTools
}

// testIgnore are the patterns of .dockerignore with which tests reach the build, and
// the steps that keep what they let in out of production.
func (s *service) testIgnore() (patterns []string, trim []plan.Step) {
	var let, gone, drop []string
	for _, l := range s.tree.left {
		if !s.checksRead(l.name, l.dir) {
			continue
		}
		at := s.inContext(l.name)
		let = append(let, at)
		if l.dir {
			let = append(let, at+"/**")
		}
		if strings.Contains(l.name, "/") {
			drop = append(drop, at)
			gone = append(gone, l.name)
		}
	}
	if s.Ignore.Own {
		patterns = s.Ignore.LetIn(nil, let)
	} else {
		patterns = s.Ignore.LetIn(drop, nil)
	}
	if patterns != nil && len(gone) > 0 {
		trim = []plan.Step{{Op: plan.OpRun, Shell: "rm -rf " + strings.Join(ecosystem.Quoted(gone), " "), Comment: "Tests, which the stages below need, stay out of production."}}
	}
	return patterns, trim
}
