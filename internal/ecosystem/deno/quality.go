package deno

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// tasksOf are the usual names of tasks for each stage. All of lint's run; of the others
// the first that exists.
func tasksOf(stage string) []string {
	return map[string][]string{
		plan.StageLint:        {"lint:ci", "lint", "check", "check:types", "typecheck", "type-check", "fmt:check", "format:check", "check:fmt"},
		plan.StageUnitTests:   {"test:unit", "unit", "test:ci", "test"},
		plan.StageIntegration: {"test:integration", "test:int", "integration", "test:it", "test:api"},
		plan.StageE2E:         {"test:e2e", "e2e"},
	}[stage]
}

// testFile are names of tests that deno test finds
// (https://docs.deno.com/runtime/reference/cli/test/).
var testFile = pattern.Lazy(`(?:^|/)(?:[^/]*[._])?test\.(?:[cm]?[jt]s|[jt]sx)$|(?:^|/)__tests__/.*\.(?:[cm]?[jt]s|[jt]sx)$`)

// foundTests are what the names of files tell of tests.
type foundTests struct {
	unit             string // a file, "" without
	integration, e2e string // a directory
}

// prove adds the quality stages to a plan.
func (s *service) prove(p *plan.Service) {
	if !s.Want.Prove {
		return
	}
	t := s.findTests()
	proof := ecosystem.Proof{Sources: s.testSources(), Checks: map[string][]ecosystem.Check{plan.StageLint: s.lintChecks()}, Wants: s.CompanionVariables(p.Reads)}
	for _, stage := range []string{plan.StageUnitTests, plan.StageIntegration, plan.StageE2E} {
		proof.Checks[stage] = s.testChecks(stage, t)
	}
	proof.Ignore, proof.Trim = s.testIgnore()
	s.Prove(p, proof)
}

// findTests looks for files of tests. Directories tell which of them need more than the
// sources.
func (s *service) findTests() foundTests {
	var t foundTests
	ecosystem.EachSource(s.Dir, func(name string, dir bool) bool {
		base := path.Base(name)
		if dir {
			return base != "node_modules" && base != "vendor" && !strings.HasPrefix(base, ".") && s.why(name, true) != ecosystem.WhyReplaced
		}
		return testFile().MatchString(name)
	}, func(name string, _ []byte) {
		parts := strings.Split(path.Dir(name), "/")
		at := func(names ...string) string {
			i := slices.IndexFunc(parts, func(p string) bool { return slices.Contains(names, p) })
			return strings.Join(parts[:i+1], "/")
		}
		switch integration, e2e := at("integration", "integration_tests"), at("e2e", "playwright"); {
		case e2e != "":
			t.e2e = ecosystem.Or(t.e2e, e2e)
		case integration != "":
			t.integration = ecosystem.Or(t.integration, integration)
		default:
			t.unit = ecosystem.Or(t.unit, name)
		}
	})
	return t
}

// testChecks are the tests of a stage: those of a task, else what deno test finds.
// Nothing outside of the step can be harmed, so the tests may do everything.
func (s *service) testChecks(stage string, t foundTests) []ecosystem.Check {
	var dirs []string
	for _, dir := range []string{t.integration, t.e2e} {
		if dir != "" && stage == plan.StageUnitTests {
			dirs = append(dirs, dir)
		}
	}
	apart := ""
	if len(dirs) > 0 {
		apart = " --ignore=" + ecosystem.Quoted([]string{strings.Join(dirs, ",")})[0]
	}
	for _, name := range tasksOf(stage) {
		if s.settings.task(name) != "" {
			return ecosystem.DistinctReports(s.ofTask(name, stage, apart), plan.ReportsOf(stage))
		}
	}
	run := func(args, file string) []ecosystem.Check {
		return []ecosystem.Check{{Tool: "deno test", Run: s.denoTest("deno test --allow-all"+args, stage), Why: "tests", File: file}}
	}
	quoted := func(name string) string { return ecosystem.Quoted([]string{name})[0] }
	switch {
	case stage == plan.StageUnitTests && t.unit != "":
		return run(apart, t.unit)
	case stage == plan.StageIntegration && t.integration != "":
		return run(" "+quoted(t.integration), t.integration)
	case stage == plan.StageE2E && t.e2e != "":
		return run(" "+quoted(t.e2e), t.e2e)
	}
	return nil
}

// lintChecks are the tasks that check, and those of deno lint and deno check that no task
// runs: Deno brings both. What only formats is left to the tasks.
func (s *service) lintChecks() []ecosystem.Check {
	var out []ecosystem.Check
	ran := ""
	for _, name := range tasksOf(plan.StageLint) {
		if text := s.settings.task(name); text != "" && !writes(text) && !strings.Contains(ran, "deno task "+name) {
			out = append(out, s.ofTask(name, plan.StageLint, "")...)
			ran += text + "\n"
		}
	}
	dir := plan.ReportsOf(plan.StageLint)
	at := ecosystem.Or(s.settings.file, s.entry)
	if !strings.Contains(ran, "deno lint") {
		out = append(out, ecosystem.Check{Tool: "deno lint", Run: denoLint("deno lint", dir), Why: "part of Deno", File: at})
	}
	if !strings.Contains(ran, "deno check") && s.entry != "" && path.Ext(s.entry) != ".js" && path.Ext(s.entry) != ".mjs" {
		out = append(out, ecosystem.Check{Tool: "deno check", Run: ecosystem.Kept("NO_COLOR=1 deno check "+ecosystem.Quoted([]string{s.entry})[0], dir+"/deno-check.txt"), Why: "part of Deno", File: s.entry})
	}
	return ecosystem.DistinctReports(out, dir)
}

// writes reports a task that repairs or watches, which no check does.
func writes(text string) bool {
	return strings.Contains(text, "--fix") || strings.Contains(text, "--watch") || strings.Contains(text, "deno fmt") && !strings.Contains(text, "--check")
}

// ofTask are the commands of a task, each with its report where all of them are known;
// else the task as it stands. apart keeps tests of other stages out of one that names
// none itself.
func (s *service) ofTask(name, stage, apart string) []ecosystem.Check {
	line := s.settings.lineOf(name)
	whole := []ecosystem.Check{{Tool: "deno task " + name, Run: "deno task " + ecosystem.Quoted([]string{name})[0], Why: "task", File: s.settingsAt(), Line: line}}
	text := s.settings.task(name)
	if strings.ContainsAny(text, "|;<>$`()#\n") || s.depends(name) {
		return whole
	}
	var out []ecosystem.Check
	for command := range strings.SplitSeq(text, "&&") {
		words := strings.Fields(command)
		if len(words) < 2 || words[0] != "deno" {
			return whole
		}
		words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "--watch") || strings.HasPrefix(w, "--junit-path") })
		command = strings.Join(words, " ")
		check := ecosystem.Check{Tool: "deno " + words[1], Why: "task " + name, File: s.settingsAt(), Line: line}
		switch dir := plan.ReportsOf(stage); words[1] {
		case "test":
			if !slices.ContainsFunc(words[2:], func(w string) bool { return !strings.HasPrefix(w, "-") || strings.HasPrefix(w, "--ignore") }) {
				command += apart
			}
			check.Run = s.denoTest(command, stage)
		case "lint":
			check.Run = denoLint(command, dir)
		case "check", "fmt":
			check.Run = ecosystem.Kept("NO_COLOR=1 "+command, dir+"/deno-"+words[1]+".txt")
		default:
			return whole
		}
		out = append(out, check)
	}
	return out
}

// depends reports a task that Deno runs others for.
func (s *service) depends(name string) bool {
	t, ok := s.settings.Tasks[name].(map[string]any)
	return ok && t["dependencies"] != nil
}

// denoTest runs deno test with reports. Coverage of the tests' own making stays.
func (s *service) denoTest(command, stage string) string {
	dir := plan.ReportsOf(stage)
	const test = "deno test"
	if strings.Contains(command, "--coverage") || stage == plan.StageE2E {
		return strings.Replace(command, test, test+" --junit-path="+dir+"/junit.xml", 1)
	}
	const profile = "/tmp/coverage"
	run := strings.Replace(command, test, test+" --junit-path="+dir+"/junit.xml --coverage="+profile, 1)
	return "code=0; " + run + "\n|| code=$?; deno coverage --lcov --output=" + dir + "/lcov.info " + profile + " || true; ( exit $code )"
}

// denoLint runs deno lint once for the report, and once more to print what it has found.
func denoLint(command, dir string) string {
	return command + " --json > " + dir + "/deno-lint.json\n|| { code=$?; " + command + "; ( exit $code ); }"
}

// testSources has the sources with their tests and the packages that they import.
func (s *service) testSources() plan.Stage {
	st := plan.Stage{Name: plan.StageTestSources, From: plan.StageDependencies, Comment: "The sources with their tests, for the stages below. Production takes nothing from here."}
	isDir := func(name string) bool { return ecosystem.IsDir(s.Dir, name) }
	var names []string
	entries, _ := fs.ReadDir(s.Dir, ".")
	for _, e := range entries {
		why := s.why(e.Name(), e.IsDir())
		if why == "" || s.checksRead(e.Name(), e.IsDir()) {
			names = append(names, e.Name())
		}
	}
	st.Steps = append(st.Steps, copies(s.TestSources(names, isDir), isDir)...)
	return st
}

// checksRead reports an entry that production does not need and that checks read.
func (s *service) checksRead(name string, dir bool) bool {
	why := ecosystem.Needless(name, dir)
	return !dir && isTest(name) || why == ecosystem.WhyTests || why == ecosystem.WhyTools
}

// testIgnore are the patterns of .dockerignore with which tests reach the build, and the
// step that keeps what they let in out of production.
func (s *service) testIgnore() (patterns []string, trim []plan.Step) {
	var drop, let []string
	entries, _ := fs.ReadDir(s.Dir, ".")
	for _, e := range entries {
		if s.checksRead(e.Name(), e.IsDir()) {
			let = append(let, e.Name())
		}
	}
	for _, name := range s.nested {
		if s.checksRead(name, ecosystem.IsDir(s.Dir, name)) {
			drop = append(drop, name)
		}
	}
	if s.Ignore.Own {
		for _, name := range slices.Clone(let) {
			if ecosystem.IsDir(s.Dir, name) {
				let = append(let, name+"/**")
			}
		}
		return s.Ignore.LetIn(nil, let), nil // the builder itself deletes what is nested
	}
	if patterns = s.Ignore.LetIn(drop, nil); patterns != nil && len(drop) > 0 {
		trim = []plan.Step{{Op: plan.OpRun, Shell: "rm -rf " + strings.Join(ecosystem.Quoted(drop), " "), Comment: "Tests, which the stages below need, stay out of production."}}
	}
	return patterns, trim
}
