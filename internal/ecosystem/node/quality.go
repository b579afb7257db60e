package node

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/static"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// scriptsOf are the usual names of scripts for each stage; the first that exists is
// the stage's.
func scriptsOf(stage string) []string {
	return map[string][]string{
		plan.StageLint:        {"lint:ci", "lint", "lint:check"},
		plan.StageUnitTests:   {"test:unit", "unit", "test:ci", "unit-test", "test"},
		plan.StageIntegration: {"test:integration", "test:int", "integration", "test:it", "integration-test", "test:api"},
		plan.StageE2E:         {"test:e2e", "e2e", "e2e:ci", "test:playwright", "playwright", "cypress:run", "test:cypress", "cy:run", "cypress"},
	}[stage]
}

// typeScripts are the usual names of scripts that check types or formatting, which
// belong to lint.
func alsoLint() []string {
	return []string{"typecheck", "type-check", "check-types", "check:types", "types:check", "tsc", "format:check", "check:format", "check-format", "prettier:check", "lint:prettier", "stylelint", "lint:css"}
}

// noTest is what npm init writes for a package without tests.
const noTest = "no test specified"

// prove adds the quality stages to a plan.
func (s *service) prove(p *plan.Service) {
	if !s.Want.Prove {
		return
	}
	t := s.findTests()
	proof := ecosystem.Proof{Sources: s.testSources(), Checks: map[string][]ecosystem.Check{}, Missing: map[string]string{}, Ignore: s.testIgnore()}
	proof.Wants = s.CompanionVariables(p.Reads)
	for _, stage := range plan.QualityStages() {
		proof.Checks[stage] = s.scriptChecks(stage, &proof)
	}
	if len(proof.Checks[plan.StageLint]) == 0 {
		proof.Checks[plan.StageLint] = s.configuredLint()
	}
	for _, name := range alsoLint() {
		if text := s.pkg.Scripts[name]; text != "" && !s.lintRuns(name) {
			proof.Checks[plan.StageLint] = append(proof.Checks[plan.StageLint], s.ofScript(name, plan.StageLint)...)
		}
	}
	if s.site != nil && len(s.site.Rules.Redirects)+len(s.site.Rules.Headers) > 0 { // else the configuration is the same for all sites
		proof.Checks[plan.StageLint] = append(proof.Checks[plan.StageLint], static.ConfigCheck(p, ""))
	}
	if len(proof.Checks[plan.StageUnitTests]) == 0 && proof.Missing[plan.StageUnitTests] == "" {
		proof.Checks[plan.StageUnitTests] = s.configuredTests(t)
	}
	s.apartTests(t, &proof)
	proof.Checks[plan.StageUnitTests] = append(proof.Checks[plan.StageUnitTests], s.memberTests()...)
	s.browserTests(p.Bases, &proof)
	for i, c := range proof.Checks[plan.StageE2E] {
		if i > 0 && c.Tool == tools()["playwright"].title { // the stage's variable is the first one's
			proof.Checks[plan.StageE2E][i].Run = "PLAYWRIGHT_JUNIT_OUTPUT_FILE=" + plan.ReportsOf(plan.StageE2E) + "/" + strconv.Itoa(i+1) + "/junit.xml " + c.Run
		}
	}
	for stage, checks := range proof.Checks {
		proof.Checks[stage] = ecosystem.DistinctReports(checks, plan.ReportsOf(stage))
	}
	s.Prove(p, proof)
}

// lintRuns reports a script that the stage's own script runs.
func (s *service) lintRuns(name string) bool {
	for _, own := range scriptsOf(plan.StageLint) {
		if text := s.pkg.Scripts[own]; text != "" {
			return slices.Contains(strings.FieldsFunc(s.unfolded(text, 3), func(r rune) bool { return strings.ContainsRune(" \t\"';&|", r) }), name) || text == s.pkg.Scripts[name]
		}
	}
	return false
}

// scriptChecks are what the script of a stage runs.
func (s *service) scriptChecks(stage string, proof *ecosystem.Proof) []ecosystem.Check {
	waits := ""
	for _, name := range scriptsOf(stage) {
		text := s.pkg.Scripts[name]
		switch {
		case text == "":
			continue
		case strings.Contains(text, noTest):
			proof.Missing[stage] = "the script " + name + " says that there are none"
			return nil
		case stage == plan.StageUnitTests && s.isE2E(text):
			continue
		case stage == plan.StageE2E && s.opensCypress(name):
			waits = ecosystem.Or(waits, "the script "+name+" opens Cypress's window: add a script cypress:run with cypress run")
			continue
		}
		return s.ofScript(name, stage)
	}
	if waits != "" {
		proof.Missing[stage] = waits
	}
	return nil
}

// isE2E reports a script that only runs a browser.
func (s *service) isE2E(text string) bool {
	v, ok := invocationOf(text)
	return ok && tools()[v.name].kind == plan.StageE2E
}

// ofScript are the commands of a script, each with its report where all of them are
// known; else the script as it stands.
func (s *service) ofScript(name, stage string) []ecosystem.Check {
	line := s.pkg.line("scripts", name)
	whole := []ecosystem.Check{{Tool: "npm run " + name, Run: s.printed(name, stage), Why: "script", File: "package.json", Line: line}}
	var out []ecosystem.Check
	for _, command := range s.flat(name, 4) {
		if fetchesBrowser(command) {
			continue
		}
		v, ok := invocationOf(command)
		if !ok {
			return whole
		}
		out = append(out, ecosystem.Check{Tool: tools()[v.name].title, Run: v.line(s, plan.ReportsOf(stage)), Why: "script " + name, File: "package.json", Line: line})
	}
	if len(out) == 0 || s.pkg.Scripts["post"+name] != "" {
		return whole
	}
	if s.pkg.Scripts["pre"+name] != "" {
		out[0].Run = s.run("pre"+name) + " && " + out[0].Run
	}
	return out
}

// flat are the commands of a script and of the scripts that it runs; one that cannot be
// taken apart is a word that no tool has.
func (s *service) flat(name string, depth int) []string {
	const unknown = "?"
	all := s.pkg.Scripts
	if depth == 0 {
		return []string{unknown}
	}
	var out []string
	for command := range strings.SplitSeq(all[name], "&&") {
		command = strings.TrimSpace(command)
		script, args, ok := runs(strings.Fields(command))
		switch {
		case !ok || len(args) > 0 || all[script] == "":
			out = append(out, command)
		case all["pre"+script]+all["post"+script] != "":
			out = append(out, unknown)
		default:
			out = append(out, s.flat(script, depth-1)...)
		}
	}
	return out
}

// hasTool reports a package among those that are installed for development.
func (s *service) hasTool(name string) bool {
	for _, m := range []*manifest{s.pkg, s.topManifest()} {
		if m == nil {
			continue
		}
		if _, ok := union(m.Dependencies, m.DevDeps)[name]; ok {
			return true
		}
	}
	return false
}

// settings returns the first file, of the service or the top of its workspace, that a
// pattern fits.
func (s *service) settings(patterns ...string) string {
	for _, dir := range []fs.FS{s.Dir, s.top} {
		entries, _ := fs.ReadDir(dir, ".")
		for _, p := range patterns {
			for _, e := range entries {
				if ok, _ := path.Match(p, e.Name()); ok && !e.IsDir() {
					return e.Name()
				}
			}
		}
	}
	return ""
}

// configuredLint are the linters that have settings in the repository and that no script
// runs.
func (s *service) configuredLint() []ecosystem.Check {
	var out []ecosystem.Check
	add := func(name, command, file string) {
		v, ok := invocationOf(command)
		if file == "" || !ok {
			return
		}
		out = append(out, ecosystem.Check{Tool: tools()[name].title, Run: v.line(s, plan.ReportsOf(plan.StageLint)), Why: "its settings", File: file})
	}
	if s.hasTool("eslint") {
		add("eslint", "eslint .", s.settings("eslint.config.*", ".eslintrc", ".eslintrc.*"))
	}
	if s.hasTool("@biomejs/biome") {
		add("biome", "biome ci .", s.settings("biome.json", "biome.jsonc"))
	}
	return out
}

// tests are what the names of files tell of tests.
type tests struct {
	first string // a file of tests, "" without
	node  string // one that uses node:test and that node runs without a compiler
	apart string // name of directories with tests that need more than the sources, "" without
	other bool   // there are tests outside of them
}

var nodeTest = pattern.Lazy(`(?:from|require\()\s*['"]node:test['"]`)

// testName are names of tests that every runner finds, and those of node --test.
var (
	testName     = pattern.Lazy(`(?:\.(?:test|spec)\.[cm]?[jt]sx?$)|(?:^|/)__tests__/.*\.[cm]?[jt]sx?$`)
	nodeTestName = pattern.Lazy(`(?:[._-]test|^test|/test|(?:^|/)test/.*|(?:^|/)test-[^/]*)\.[cm]?js$`)
)

// findTests looks for files of tests.
func (s *service) findTests() tests {
	var t tests
	ecosystem.EachSource(s.Dir, func(name string, dir bool) bool {
		if dir {
			base := path.Base(name)
			return base != "node_modules" && !strings.HasPrefix(base, ".") && !s.builtAnew(name) && base != "cypress" && base != "playwright"
		}
		return testName().MatchString(name) || nodeTestName().MatchString(name)
	}, func(name string, data []byte) {
		if parts := strings.Split(path.Dir(name), "/"); testName().MatchString(name) {
			i := slices.IndexFunc(parts, func(p string) bool { return p == "integration" || p == "integration-tests" })
			if i > 0 {
				t.apart = ecosystem.Or(t.apart, parts[i])
			} else {
				t.other = true
			}
		}
		if testName().MatchString(name) && t.first == "" {
			t.first = name
		}
		if nodeTestName().MatchString(name) && nodeTest().Match(data) && t.node == "" {
			t.node = name
		}
	})
	return t
}

// configuredTests are tests that no script runs.
func (s *service) configuredTests(t tests) []ecosystem.Check {
	check := func(command, why, file string, line int) []ecosystem.Check {
		v, ok := invocationOf(command)
		if !ok {
			return nil
		}
		return []ecosystem.Check{{Tool: tools()[v.name].title, Run: v.line(s, plan.ReportsOf(plan.StageUnitTests)), Why: why, File: file, Line: line}}
	}
	if t.first != "" {
		for _, name := range []string{"vitest", "jest", "mocha"} {
			if _, ok := union(s.pkg.Dependencies, s.pkg.DevDeps)[name]; ok {
				return check(name, "development package; tests such as "+t.first, "package.json", s.pkg.line("devDependencies", name))
			}
		}
		if s.bun.runs() && s.manager.name == "bun" {
			return check("bun test", "tests", t.first, 0)
		}
	}
	if t.node != "" && s.node.major >= 18 {
		return check("node --test", "tests", t.node, 0)
	}
	return nil
}

// testSources has the sources with tests and settings of tools, and the code that the
// build generates from them.
func (s *service) testSources() plan.Stage {
	st := plan.Stage{
		Name: plan.StageTestSources, From: plan.StageDependencies,
		Comment: "The sources with their tests, for the stages below. Production takes nothing from here.",
		Steps:   []plan.Step{{Op: plan.OpEnv, Args: []string{"CI=true"}}},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	if s.member != "" {
		if files := s.topSettings(); len(files) > 0 {
			add(plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
		}
	}
	add(s.libraries()...)
	names := s.testEntries()
	files, dirs := copies(s.Dir, names)
	manifests := []string{"package.json"}
	if s.sharesInstall() {
		manifests = s.ownManifests()
	}
	files = append(slices.Clone(manifests), files...)
	for i, name := range files {
		files[i] = s.in(name)
	}
	add(plan.Step{Op: plan.OpCopy, Args: append(slices.Compact(files), "./")})
	for _, d := range dirs {
		add(s.copyDir(d))
	}
	if commands := s.generators(); len(commands) > 0 {
		add(plan.Step{Op: plan.OpRun, Shell: strings.Join(commands, " && ")})
	}
	return st
}

// topSettings are files of the workspace's root that tools of its members read.
func (s *service) topSettings() []string {
	var out []string
	entries, _ := fs.ReadDir(s.top, ".")
	for _, e := range entries {
		why := ecosystem.Needless(e.Name(), e.IsDir())
		settings := why == ecosystem.WhyTools && strings.ContainsAny(e.Name(), ".") || why == ecosystem.WhyTests && strings.Contains(e.Name(), "config")
		if !e.IsDir() && settings && !s.isManagers(e.Name()) {
			out = append(out, s.fromTop(e.Name()))
		}
	}
	return out
}

// testEntries are the entries of the service's directory that tests and linters may
// read.
func (s *service) testEntries() []string {
	entries, _ := fs.ReadDir(s.Dir, ".")
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() || e.IsDir() || slices.Contains(s.sources, name) {
			if s.mayCopy(name) && (!s.Ignore.Excludes(s.in(name)) || s.letsIn(name, e.IsDir())) {
				names = append(names, name)
			}
		}
	}
	return s.TestSources(names, func(name string) bool { return ecosystem.IsDir(s.Dir, name) })
}

// letsIn reports an entry that .dockerignore keeps out and that checks need.
func (s *service) letsIn(name string, dir bool) bool {
	why := ecosystem.Needless(name, dir)
	return why == ecosystem.WhyTests || why == ecosystem.WhyTools
}

// testIgnore are the patterns of .dockerignore with which tests reach the build, nil
// where they do anyhow.
func (s *service) testIgnore() []string {
	if !s.Ignore.Own {
		return nil
	}
	var in []string
	for _, n := range s.tree.needless {
		if s.letsIn(n.path, n.dir) {
			in = append(in, s.in(n.path))
			if n.dir {
				in = append(in, s.in(n.path)+"/**")
			}
		}
	}
	return s.Ignore.LetIn(nil, in)
}

// generators are the commands that make code from the sources; the build of the
// service is among them where its tests read what it writes.
func (s *service) generators() []string {
	var out []string
	for _, command := range s.rootRuns {
		if !strings.HasPrefix(command, "npm run ") {
			command = s.inBin(command)
		}
		out = append(out, command)
	}
	if s.generate != "" {
		out = append(out, s.run(s.generate))
	}
	if s.prisma.generate {
		out = append(out, s.prismaCommand())
	}
	for _, stage := range plan.QualityStages() {
		for _, name := range scriptsOf(stage) {
			text := s.pkg.Scripts[name]
			if s.build != "" && s.outDir != "" && strings.Contains(text, s.outDir+"/") && !strings.Contains(s.unfolded(text, 3), s.pkg.Scripts[s.building]) && !strings.Contains(s.pkg.Scripts["pre"+name], s.building) {
				return append(out, s.run(s.build))
			}
		}
	}
	return out
}
