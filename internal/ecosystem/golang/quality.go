package golang

import (
	"bytes"
	"fmt"
	"go/build/constraint"
	"io/fs"
	"path"
	"slices"
	"strings"

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

// maxTestDirs is the most directories of a module that are looked at for tests.
const maxTestDirs = 5000

// testFiles are the directories of a module's tests, by what they are for; relative to
// the directory that go runs in.
type testFiles struct {
	packages               []string // directories with Go files
	unit, integration, e2e []string
	tags                   map[string]string // build tag by stage
	sample                 string            // one file, relative to the build context
	programs               int               // of the module
	apart                  bool              // only their directories tell some of them from unit tests
}

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
	all := "./..."
	if t.programs > 1 || t.apart {
		all = strings.Join(s.packagesOf(t), " ")
	}
	if t.programs > 1 {
		t.unit = slices.DeleteFunc(t.unit, func(dir string) bool { return !s.inGraph(dir) })
	}
	if len(t.unit) > 0 {
		proof.Checks[plan.StageUnitTests] = []ecosystem.Check{s.goTest(plan.StageUnitTests, "", all, t.unit[0])}
	}
	for stage, dirs := range map[string][]string{plan.StageIntegration: t.integration, plan.StageE2E: t.e2e} {
		if len(dirs) > 0 {
			proof.Checks[stage] = []ecosystem.Check{s.goTest(stage, t.tags[stage], strings.Join(ecosystem.Quoted(relativeAll(dirs)), " "), dirs[0])}
		}
	}
	s.Prove(p, proof)
}

// packagesOf are the packages of a service that shares its module with others: those
// that it is made of. Where it is alone they are all but those with tests for another
// stage.
func (s *service) packagesOf(t testFiles) []string {
	if t.programs > 1 {
		return ecosystem.Quoted(relativeAll(s.own()))
	}
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

// goTest runs the tests of packages.
func (s *service) goTest(stage, tag, packages, dir string) ecosystem.Check {
	report := plan.ReportsOf(stage) + "/go-test.json"
	flags, why := " -json", "tests"
	switch stage {
	case plan.StageUnitTests:
		flags += " -coverprofile=" + plan.ReportsOf(stage) + "/coverage.out"
	case plan.StageIntegration: // their packages hold tests alone
		flags += " -coverpkg=./... -coverprofile=" + plan.ReportsOf(stage) + "/coverage.out"
	}
	if tag != "" {
		flags, why = flags+" -count=1 -tags="+tag, "build tag "+tag
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
	packages := "./..."
	if t.programs > 1 {
		packages = strings.Join(ecosystem.Quoted(relativeAll(s.own())), " ")
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

// own are the directories of the module that the program is made of, relative to the
// directory that go runs in.
func (s *service) own() []string {
	var out []string
	for _, dir := range s.graph.dirs {
		if dir == s.module.dir || s.module.dir == "." || strings.HasPrefix(dir, s.module.dir+"/") {
			out = append(out, relative(s.top(), dir))
		}
	}
	return out
}

// findTests looks for test files in the program's module.
func (s *service) findTests() testFiles {
	t := testFiles{tags: map[string]string{}}
	if dir, err := fs.Sub(s.Dir, s.module.dir); err == nil {
		t.programs = len(programs(dir))
	}
	dirs := 0
	_ = fs.WalkDir(s.Dir, s.module.dir, func(at string, e fs.DirEntry, err error) error {
		base := path.Base(at)
		switch {
		case err != nil || dirs > maxTestDirs:
			return fs.SkipAll
		case e.IsDir() && at != s.module.dir && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "vendor" || base == "testdata" || base == "node_modules" || ecosystem.Exists(s.Dir, at+"/go.mod")):
			return fs.SkipDir
		case e.IsDir():
			dirs++
		case strings.HasSuffix(base, "_test.go"):
			s.noteTest(&t, at)
		}
		if !e.IsDir() && path.Ext(base) == ".go" {
			t.packages = append(t.packages, relative(s.top(), path.Dir(at)))
		}
		return nil
	})
	for _, list := range []*[]string{&t.packages, &t.unit, &t.integration, &t.e2e} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	return t
}

// noteTest sorts a test file by its build tag, else by the directory that it is in.
func (s *service) noteTest(t *testFiles, at string) {
	if t.sample == "" {
		t.sample = at
	}
	data, err := ecosystem.Read(s.Dir, at)
	if err != nil {
		return
	}
	dir := relative(s.top(), path.Dir(at))
	tag := buildTag(data)
	within := func(names ...string) bool {
		return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool { return slices.Contains(names, part) })
	}
	switch {
	case tag == "e2e" || tag == "acceptance":
		t.e2e, t.tags[plan.StageE2E] = append(t.e2e, dir), tag
	case tag == "integration" || tag == "integration_test" || tag == "it":
		t.integration, t.tags[plan.StageIntegration] = append(t.integration, dir), tag
	case tag != "":
		return // of a platform, or of nobody's stage
	case within("e2e"):
		t.e2e, t.apart = append(t.e2e, dir), true
	case within("integration", "integration_tests", "integrationtest"):
		t.integration, t.apart = append(t.integration, dir), true
	default:
		t.unit = append(t.unit, dir)
	}
}

// buildTag is the only tag that a file is built with, "" for a file that is built
// without any on Linux.
func buildTag(data []byte) string {
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if constraint.IsGoBuild(text) {
			expr, err := constraint.Parse(text)
			if err != nil || built(data) {
				return ""
			}
			if tag, ok := expr.(*constraint.TagExpr); ok {
				return tag.Tag
			}
			return "?"
		}
		if text != "" && !strings.HasPrefix(text, "//") {
			return ""
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
