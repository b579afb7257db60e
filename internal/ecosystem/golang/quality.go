package golang

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// testScript is where the checks have the script below.
const testScript = "/opt/slipway/go-test.sh"

// showTests prints a report of go test -json as go test prints it without -v: what
// packages say, and what failed tests do. It needs no program but the shell.
const showTests = `# Prints a report of go test -json: packages and failed tests.
failed='|'
while IFS= read -r line; do
  case $line in
  *'"Action":"fail"'*'"Test":"'*)
    key=${line#*'"Package":"'}
    failed="$failed${key%%'","Elapsed"'*}|"
    ;;
  esac
done <"$1"
while IFS= read -r line; do
  case $line in *'output"'*'"Output":"'*) ;; *) continue ;; esac
  case $line in
  *'","Test":"'*)
    key=${line#*'"Package":"'}
    key=${key%%'","Output":"'*}
    case $failed in *"|$key|"*) ;; *) continue ;; esac
    ;;
  esac
  text=${line#*'"Output":"'}
  text=${text%'"}'}
  case $text in '=== RUN'* | '=== PAUSE'* | '=== CONT'* | '=== NAME'* | 'PASS\n' | 'FAIL\n') continue ;; esac
  printf '%b' "$text"
done <"$1"
`

// prove adds the quality stages to a plan.
func (s *service) prove(p *plan.Service) {
	if !s.Want.Prove {
		return
	}
	t := s.findTests()
	proof := ecosystem.Proof{
		Sources: s.testSources(), Mounts: s.caches(), Wants: s.CompanionVariables(p.Reads),
		Checks:  map[string][]ecosystem.Check{plan.StageLint: s.lintChecks(t)},
		Missing: map[string]string{plan.StageUnitTests: "no test files"},
		Ignore:  s.testIgnore(t.sample),
	}
	all := s.everything()
	if t.programs > 1 || t.apart {
		all = strings.Join(s.packagesOf(t), " ")
	}
	if len(t.unit) > 0 {
		proof.Checks[plan.StageUnitTests] = []ecosystem.Check{s.goTest(plan.StageUnitTests, nil, all, t.unit[0])}
	}
	for stage, dirs := range map[string][]string{plan.StageIntegration: t.integration, plan.StageE2E: t.e2e} {
		if len(dirs) > 0 {
			proof.Checks[stage] = []ecosystem.Check{s.goTest(stage, t.tags[stage], strings.Join(ecosystem.Quoted(relativeAll(dirs)), " "), dirs[0])}
		}
	}
	s.leftOut(t, &proof)
	s.Prove(p, proof)
}

// leftOut names the tests that no stage runs, with what makes one run them.
func (s *service) leftOut(t testFiles, proof *ecosystem.Proof) {
	add := func(stage, format string, args ...any) {
		proof.Checks[stage] = append(proof.Checks[stage], ecosystem.Check{Tool: "go test", Lacks: fmt.Sprintf(format, args...)})
	}
	for _, tag := range slices.Sorted(maps.Keys(t.foreign)) {
		add(plan.StageIntegration, "%s has the build tag %s, which no stage is known for: write quality: {integration-tests: {run: go test -tags=%s ./...}} in slipway.yaml", t.foreign[tag], tag, tag)
	}
	for _, dir := range t.beside {
		add(plan.StageUnitTests, "the tests of %s are those of another module, which go test does not reach from here: add a go.work that uses both, or write quality: {unit-tests: {run: …}} in slipway.yaml", dir)
	}
}

// everything are the patterns of all packages: "./..." in a workspace's directory stops
// at each of its modules.
func (s *service) everything() string {
	if s.workspace == nil {
		return "./..."
	}
	var out []string
	for _, m := range s.testedModules() {
		out = append(out, strings.TrimPrefix(relative(s.top(), m)+"/...", "./"))
	}
	return strings.Join(ecosystem.Quoted(relativeAll(out)), " ")
}

// testedModules are the directories of the modules that go tests together: the
// program's, and those of the workspace that it is made of.
func (s *service) testedModules() []string {
	out := []string{s.module.dir}
	if s.workspace != nil {
		for _, m := range s.modules[1:] {
			if s.uses(m.dir) && slices.ContainsFunc(s.workspace.file.Use, func(u *modfile.Use) bool { return path.Join(s.workspace.dir, u.Path) == m.dir }) {
				out = append(out, m.dir)
			}
		}
	}
	return out
}

// uses reports a module that the program has packages of.
func (s *service) uses(module string) bool {
	return slices.ContainsFunc(s.graph.dirs, func(dir string) bool {
		at, _ := upwards(s.Dir, dir, "go.mod")
		return at == module
	})
}

// packagesOf are the packages that a service tests one by one: all but those with tests
// for another stage alone.
func (s *service) packagesOf(t testFiles) []string {
	return ecosystem.Quoted(relativeAll(slices.DeleteFunc(slices.Clone(t.packages), func(dir string) bool {
		return !slices.Contains(t.unit, dir) && (slices.Contains(t.integration, dir) || slices.Contains(t.e2e, dir)) && !s.inGraph(dir)
	})))
}

// inGraph reports a directory, relative to the one that go runs in, of a package that
// the program is made of.
func (s *service) inGraph(dir string) bool {
	return slices.Contains(s.graph.dirs, path.Join(s.top(), dir))
}

// relativeAll writes directories as arguments of go.
func relativeAll(dirs []string) []string {
	out := make([]string, 0, len(dirs))
	for _, d := range dirs {
		if d != "." {
			d = "./" + d
		}
		out = append(out, d)
	}
	return out
}

// goTest runs the tests of packages. Results of Go's own cache do not count (-count=1): it
// lies in a cache mount, knows neither the base image nor the programs that tests start,
// and would answer slipway test --again.
func (s *service) goTest(stage string, tags []string, packages, dir string) ecosystem.Check {
	report := plan.ReportsOf(stage) + "/go-test.json"
	flags, why := " -json -count=1", "tests"
	switch stage {
	case plan.StageUnitTests:
		flags += " -coverprofile=" + plan.ReportsOf(stage) + "/coverage.out"
	case plan.StageIntegration: // their packages hold tests alone
		flags += " -coverpkg=" + strings.ReplaceAll(s.everything(), " ", ",") + " -coverprofile=" + plan.ReportsOf(stage) + "/coverage.out"
	}
	if tag := strings.Join(tags, ","); tag != "" {
		flags, why = flags+" -tags="+tag, "build tag "+tag
	}
	if s.vendored {
		flags += " -mod=vendor"
	}
	command := "go test" + flags + " " + packages + " > " + report
	run := fmt.Sprintf("code=0; ( %s )\n|| code=$?; sh %s %s; ( exit $code )", s.in(command), testScript, report)
	return ecosystem.Check{Tool: "go test", Run: run, Why: why, File: path.Join(s.top(), dir)}
}

// lintChecks are go vet and gofmt, and the linters that go.mod names as tools.
func (s *service) lintChecks(t testFiles) []ecosystem.Check {
	manifest := path.Join(s.module.dir, "go.mod")
	packages := s.everything()
	if t.programs > 1 {
		packages = strings.Join(ecosystem.Quoted(relativeAll(t.packages)), " ")
	}
	const files = `{{range .GoFiles}}{{$.Dir}}/{{.}} {{end}}{{range .TestGoFiles}}{{$.Dir}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$.Dir}}/{{.}} {{end}}`
	list := plan.ReportsOf(plan.StageLint) + "/gofmt.txt"
	out := []ecosystem.Check{
		{Tool: "go vet", Run: ecosystem.Kept("( "+s.in("go vet "+packages)+" )", plan.ReportsOf(plan.StageLint)+"/go-vet.txt"), Why: "module", File: manifest},
		{Tool: "gofmt", Run: "( " + s.in(fmt.Sprintf(`gofmt -l $(go list -f '%s' %s) > %s && test ! -s %s || { echo "not formatted, gofmt -w does it:"; cat %s; exit 1; } )`, files, packages, list, list, list)), Why: "module", File: manifest},
	}
	configured := s.golangci()
	for _, tool := range s.module.file.Tool {
		switch tool.Path {
		case "honnef.co/go/tools/cmd/staticcheck":
			out = append(out, ecosystem.Check{Tool: "staticcheck", Why: "tool", File: manifest, Line: tool.Syntax.Start.Line,
				Run: "( " + s.in("go tool staticcheck -f sarif "+packages+" > "+plan.ReportsOf(plan.StageLint)+"/staticcheck.sarif || { go tool staticcheck "+packages+"; exit 1; } )")})
		case golangci:
			configured = ""
			out = append(out, ecosystem.Check{Tool: "golangci-lint", Why: "tool", File: manifest, Line: tool.Syntax.Start.Line,
				Run: "( " + s.in("go tool golangci-lint run --output.text.path stdout --output.sarif.path "+plan.ReportsOf(plan.StageLint)+"/golangci-lint.sarif "+packages+" )")})
		}
	}
	if configured != "" {
		out = append(out, ecosystem.Check{Tool: "golangci-lint", Lacks: configured + " configures golangci-lint, which go.mod does not name as a tool: go get -tool " + golangci, File: configured})
	}
	return out
}

// golangci is the program of golangci-lint.
const golangci = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"

// golangci is the file with settings of golangci-lint, "" without one.
func (s *service) golangci() string {
	for _, dir := range []string{s.module.dir, "."} {
		for _, name := range []string{".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"} {
			if at := path.Join(dir, name); ecosystem.Exists(s.Dir, at) {
				return at
			}
		}
	}
	return ""
}

// testSources has the modules whole: tests read files that programs do not.
func (s *service) testSources() plan.Stage {
	st := plan.Stage{
		Name: plan.StageTestSources, From: plan.StageDependencies,
		Comment: "The sources with their tests, for the stages below. Production takes nothing from here.",
		Steps:   []plan.Step{{Op: plan.OpCopy, Args: []string{testScript}, Content: showTests}},
	}
	var files []string
	var dirs []string
	for _, m := range s.modules {
		if m.dir != "." {
			dirs = append(dirs, m.dir)
			continue
		}
		entries, _ := fs.ReadDir(s.Dir, ".")
		var names []string
		for _, e := range entries {
			if (e.IsDir() || e.Type().IsRegular()) && !s.Ignore.Excludes(e.Name()) && e.Name() != "node_modules" && (s.Ignore.Own || e.Name() != "bin") {
				names = append(names, e.Name())
			}
		}
		isDir := func(name string) bool { return ecosystem.IsDir(s.Dir, name) }
		for _, name := range s.TestSources(names, isDir) {
			switch {
			case isDir(name) && (name != "vendor" || !s.vendored):
				dirs = append(dirs, name)
			case !isDir(name):
				files = append(files, name)
			}
		}
	}
	if len(files) > 0 {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: append(files, "./")})
	}
	for _, d := range covering(dirs) {
		st.Steps = append(st.Steps, ecosystem.CopyDir(d))
	}
	return st
}

// testIgnore are the patterns of .dockerignore with which tests reach the build.
func (s *service) testIgnore(sample string) []string {
	if !s.Ignore.Own {
		return s.Ignore.LetIn([]string{"**/*_test.go", "**/testdata"}, nil)
	}
	if sample == "" || !s.Ignore.Excludes(sample) {
		return nil
	}
	return append(slices.Clone(s.Ignore.Patterns), "!**/*_test.go", "!**/testdata/**")
}
