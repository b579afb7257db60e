package java

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// checker is a plugin of the build that checks sources, by its name in both tools.
type checker struct {
	title  string
	maven  string // artifact
	goal   string // group and artifact for Maven, before the goal check
	after  string // the phase that it needs
	gradle string // word of the plugin in a build file
	task   string
	report string // file name of its report
}

func checkers() []checker {
	return []checker{
		{"Checkstyle", "maven-checkstyle-plugin", "org.apache.maven.plugins:maven-checkstyle-plugin", "", "checkstyle", "checkstyleMain", "checkstyle-result.xml"},
		{"SpotBugs", "spotbugs-maven-plugin", "com.github.spotbugs:spotbugs-maven-plugin", "compile", "com.github.spotbugs", "spotbugsMain", "spotbugsXml.xml"},
		{"PMD", "maven-pmd-plugin", "org.apache.maven.plugins:maven-pmd-plugin", "compile", "pmd", "pmdMain", "pmd.xml"},
		{"Spotless", "spotless-maven-plugin", "com.diffplug.spotless:spotless-maven-plugin", "", "com.diffplug.spotless", "spotlessCheck", ""},
		{"ktlint", "", "", "", "org.jlleitschuh.gradle.ktlint", "ktlintCheck", ""},
		{"detekt", "", "", "", "io.gitlab.arturbosch.detekt", "detekt", ""},
	}
}

// javaTests are what the names and contents of files tell of tests: one file of each.
// Where neither tells, any class counts, and its runner says that there are none.
type javaTests struct{ unit, integration, any string }

// Tests of JUnit, TestNG, jqwik, ArchUnit, Cucumber, Spock, Kotest and ScalaTest.
var (
	testClass = pattern.Lazy(`@(?:\w*Test|TestFactory|TestTemplate|Property|Example|RunWith|Suite|IncludeEngines|CucumberOptions)\b|\bjunit\.framework\b|\bextends\s+TestCase\b|\b\w*Spec(?:ification)?\b|\bextends\s+(?:Any)?\w*(?:Suite|Spec)\b`)
	testName  = pattern.Lazy(`^Test|(?:Test|Tests|TestCase|Spec|Suite)$`)
	lateName  = pattern.Lazy(`^IT|(?:IT|ITCase)$`) // Failsafe's names
)

// prove adds the quality stages to a plan.
func (s *service) prove(p *plan.Service) {
	if !s.Want.Prove {
		return
	}
	t := s.findTests()
	if t.unit+t.integration == "" {
		t.unit = t.any
	}
	proof := ecosystem.Proof{
		Sources: s.testSources(), Mounts: s.cache(), Wants: s.CompanionVariables(p.Reads), Ignore: s.testIgnore(ecosystem.Or(t.unit, t.integration)),
		Checks:  map[string][]ecosystem.Check{plan.StageLint: s.lintChecks()},
		Missing: map[string]string{plan.StageUnitTests: "no test classes", plan.StageLint: "the build file has no plugin that checks sources"},
	}
	if t.unit != "" {
		proof.Checks[plan.StageUnitTests] = []ecosystem.Check{s.unitTests(t.unit)}
	}
	if check, ok := s.integrationTests(t); ok {
		proof.Checks[plan.StageIntegration] = []ecosystem.Check{check}
	} else if t.integration != "" {
		proof.Missing[plan.StageIntegration] = t.integration + " has a name of Failsafe's tests, and the build file has no maven-failsafe-plugin: add it, or write quality: {integration-tests: {run: …}} in slipway.yaml"
	}
	s.Prove(p, proof)
}

// findTests looks for test classes of the modules that the service is built from.
func (s *service) findTests() javaTests {
	var t javaTests
	for _, module := range s.modulesBuilt() {
		at := path.Join(module, "src/test")
		ecosystem.EachSource(s.Dir, func(name string, dir bool) bool {
			if dir {
				return name == at || strings.HasPrefix(name, at+"/") || strings.HasPrefix(at, name+"/")
			}
			return strings.HasPrefix(name, at+"/") && slices.Contains([]string{".java", ".kt", ".groovy", ".scala"}, path.Ext(name))
		}, func(name string, data []byte) {
			stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
			late := s.maven != nil && lateName().MatchString(stem) // Gradle's task test runs all
			switch {
			case stem == "package-info" || stem == "module-info":
			case !testClass().Match(data) && !testName().MatchString(stem) && !lateName().MatchString(stem):
				t.any = ecosystem.Or(t.any, name)
			case late:
				t.integration = ecosystem.Or(t.integration, name)
			default:
				t.unit = ecosystem.Or(t.unit, name)
			}
		})
	}
	return t
}

// modulesBuilt are the directories of the modules that the service is built from.
func (s *service) modulesBuilt() []string {
	if s.maven == nil {
		return s.gradleNeeds()
	}
	var out []string
	for _, p := range s.maven.needed {
		out = append(out, p.dir())
	}
	return out
}

// testing is a command line of Maven that does not skip tests.
func (s *service) testing(args ...string) string {
	return strings.Replace(s.mvn(args...), " -Dmaven.test.skip=true", "", 1)
}

// unitTests run Surefire or Gradle's test task.
func (s *service) unitTests(file string) ecosystem.Check {
	dir := plan.ReportsOf(plan.StageUnitTests)
	if s.maven == nil {
		command := s.gradlew("test") + " --continue"
		if s.gradleHas("jacoco") {
			command += " && " + s.gradlew("jacocoTestReport")
		}
		return ecosystem.Check{Tool: "Gradle test", Run: "code=0; " + command + "\n" + collect(dir, `-path '*/build/test-results/test/TEST-*.xml'`, `-path '*/reports/jacoco/*.xml'`), Why: "tests", File: file}
	}
	goals := []string{"-fae", "test"}
	if g, _ := s.plugin("jacoco-maven-plugin"); g != nil {
		goals = append(goals, "org.jacoco:jacoco-maven-plugin:report")
	}
	return ecosystem.Check{Tool: "Surefire", Run: "code=0; " + s.testing(goals...) + "\n" + collect(dir, `-path '*/target/surefire-reports/TEST-*.xml'`, `-path '*/target/site/jacoco/jacoco.xml'`), Why: "tests", File: file}
}

// collect copies reports whatever became of the command before it, whose exit code
// stays. Those of several modules have their paths in their names.
func collect(dir string, patterns ...string) string {
	return "|| code=$?; find . -type f " + `\( ` + strings.Join(patterns, " -o ") + ` \)` +
		` | while read -r f; do cp "$f" ` + dir + `/"$(echo "${f#./}" | tr / _)"; done; ( exit $code )`
}

// integrationTests run Failsafe, or a task that the build file names.
func (s *service) integrationTests(t javaTests) (ecosystem.Check, bool) {
	dir := plan.ReportsOf(plan.StageIntegration)
	if s.maven == nil {
		if !bytes.Contains(s.grade.data, []byte("integrationTest")) {
			return ecosystem.Check{}, false
		}
		return ecosystem.Check{Tool: "Gradle integrationTest", Run: "code=0; " + s.gradlew("integrationTest") + "\n" + collect(dir, `-path '*/build/test-results/integrationTest/TEST-*.xml'`), Why: "task of the build file", File: first(s.Dir, s.at, "build.gradle", "build.gradle.kts")}, true
	}
	g, at := s.plugin("maven-failsafe-plugin")
	if g == nil || t.integration == "" {
		return ecosystem.Check{}, false
	}
	return ecosystem.Check{Tool: "Failsafe", Run: "code=0; " + s.testing("-Dtest=NoUnitTests -Dsurefire.failIfNoSpecifiedTests=false", "verify") + "\n" + collect(dir, `-path '*/target/failsafe-reports/TEST-*.xml'`), Why: "plugin",
		File: at.file, Line: at.line("maven-failsafe-plugin")}, true
}

// lintChecks are the plugins of the build file that check sources.
func (s *service) lintChecks() []ecosystem.Check {
	var out []ecosystem.Check
	dir := plan.ReportsOf(plan.StageLint)
	for _, c := range checkers() {
		if s.maven == nil {
			if s.gradleHas(c.gradle) {
				out = append(out, ecosystem.Check{Tool: c.title, Run: "code=0; " + s.gradlew(c.task) + "\n" + collect(dir, `-path '*/build/reports/*.xml'`), Why: "plugin", File: first(s.Dir, s.at, "build.gradle", "build.gradle.kts")})
			}
			continue
		}
		if c.maven == "" {
			continue
		}
		g, at := s.plugin(c.maven)
		if g == nil {
			continue
		}
		goals := s.checkGoals(c)
		if c.after != "" {
			goals = append([]string{c.after}, goals...)
		}
		run := s.mvn(goals...)
		if c.report != "" {
			run = "code=0; " + run + "\n" + collect(dir, "-path '*/target/"+c.report+"'")
		}
		out = append(out, ecosystem.Check{Tool: c.title, Run: run, Why: "plugin", File: at.file, Line: at.line(c.maven)})
	}
	return out
}

// checkGoals are the goals that check, one for each execution: the settings of most
// projects are those of an execution, which a plain goal runs without (Maven 3.3.1 has
// GOAL@ID).
func (s *service) checkGoals(c checker) []string {
	phases := map[string]string{} // of the nearest build file that says one
	var ids []string
	for _, p := range s.maven.chain {
		for _, g := range slices.Concat(p.Plugins, p.PluginsOf) {
			if strings.TrimSpace(g.ArtifactID) != c.maven {
				continue
			}
			for _, e := range g.Executions {
				id := ecosystem.Or(s.expand(strings.TrimSpace(e.ID)), "default")
				phases[id] = ecosystem.Or(phases[id], strings.TrimSpace(e.Phase))
				if slices.ContainsFunc(e.Goals, func(goal string) bool { return strings.TrimSpace(goal) == "check" }) && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return phases[id] == "none" })
	if len(ids) == 0 {
		return []string{c.goal + ":check"}
	}
	var out []string
	for _, id := range ids {
		out = append(out, ecosystem.Quoted([]string{c.goal + ":check@" + id})[0])
	}
	return out
}

// gradleHas reports a plugin that the service's build file applies by a word.
func (s *service) gradleHas(plugin string) bool {
	for _, form := range []string{"id '" + plugin + "'", `id "` + plugin + `"`, `id("` + plugin + `")`, "apply plugin: '" + plugin + "'", `apply(plugin = "` + plugin + `")`} {
		if bytes.Contains(s.grade.data, []byte(form)) {
			return true
		}
	}
	return bytes.Contains(s.grade.data, []byte("    "+plugin+"\n")) || bytes.Contains(s.grade.data, []byte("\t"+plugin+"\n"))
}

// testSources has the sources of the modules with their tests.
func (s *service) testSources() plan.Stage {
	return plan.Stage{
		Name: plan.StageTestSources, From: stageProject, Steps: s.copies(),
		Comment: "The sources with their tests, for the stages below. Production takes nothing from here.",
	}
}

// testIgnore are the patterns of .dockerignore with which tests reach the build.
func (s *service) testIgnore(sample string) []string {
	if !s.Ignore.Own {
		return s.Ignore.LetIn([]string{"**/src/test"}, nil)
	}
	if sample == "" || !s.Ignore.Excludes(sample) {
		return nil
	}
	return append(slices.Clone(s.Ignore.Patterns), "!**/src/test", "!**/src/test/**")
}
