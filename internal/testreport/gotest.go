package testreport

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/pattern"
)

// goEvent is a line of `go test -json` (cmd/test2json), and of the build errors
// that it reports since Go 1.24.
type goEvent struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// goTest is one test, or with an empty name one package.
type goTest struct {
	c        Case
	out      strings.Builder
	ended    bool
	parent   bool // it has subtests
	bad      bool // one of them failed
	failedAt string
}

type goRun struct {
	in    *intake
	tests map[string]*goTest
	order []*goTest
	build map[string]*strings.Builder // output of the compiler, by import path
	stray int                         // a line that is no event
}

func readGoTest(in *intake) error {
	run := &goRun{in: in, tests: map[string]*goTest{}, build: map[string]*strings.Builder{}}
	last := 0
	for n, line := range lines(in.content) {
		if last = n; !strings.HasPrefix(line, "{") { // what a test printed before its runner took over
			continue
		}
		var e goEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			run.stray = n
			continue
		}
		if len(run.order) > maxCases {
			return fault(n, "more than %d tests: the rest was not read", maxCases, errLimit)
		}
		run.event(e)
	}
	if err := run.finish(); err != nil {
		return err
	}
	if run.stray > 0 && run.stray == last {
		return fault(run.stray, "the file ends in the middle of a line")
	}
	if run.stray > 0 {
		return fault(run.stray, "the line is no event")
	}
	return nil
}

func (r *goRun) test(pkg, name string) *goTest {
	key := pkg + " " + name
	t := r.tests[key]
	if t == nil {
		t = &goTest{c: Case{Suite: pkg, Name: name}}
		r.tests[key] = t
		r.order = append(r.order, t)
	}
	return t
}

func (r *goRun) event(e goEvent) {
	switch e.Action {
	case "build-output":
		if r.build[e.ImportPath] == nil {
			r.build[e.ImportPath] = &strings.Builder{}
		}
		r.build[e.ImportPath].WriteString(e.Output)
		return
	case "build-fail", "attachment", "attr", "artifacts":
		return
	}
	t := r.test(e.Package, e.Test)
	switch e.Action {
	case "run":
		t.ended = false
		t.c.Runs++
		r.above(e.Package, e.Test, func(p *goTest) { p.parent = true })
	case "output":
		if !goNoise().MatchString(e.Output) && t.out.Len() < 4*maxText {
			t.out.WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		r.end(t, e)
	}
}

var goNoise = pattern.Lazy(`^(=== |\s*--- (PASS|FAIL|SKIP|BENCH): |PASS\n|FAIL\n|(ok|FAIL)\s+\S+\s+([\d.]+s|\(cached\)))`)

// end is a result; one that comes again is a further run.
func (r *goRun) end(t *goTest, e goEvent) {
	status := map[string]Status{"pass": Passed, "fail": Failed, "skip": Skipped}[e.Action]
	before := t.c.Status
	t.ended = true
	t.c.Duration = max(t.c.Duration, duration(e.Elapsed, time.Second))
	if (before == Failed || before == Flaky) && status == Passed {
		status = Flaky
	}
	t.c.Status, t.failedAt = status, e.FailedBuild
	if status == Skipped {
		t.c.Runs = 0
	}
	if status != Failed {
		return
	}
	r.blame(e.Package, e.Test)
}

// above visits the tests that contain a subtest. Only tests that already began count,
// because the name of a subtest may contain slashes.
func (r *goRun) above(pkg, name string, visit func(*goTest)) {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name, '/') {
		name = name[:i]
		if t := r.tests[pkg+" "+name]; t != nil {
			visit(t)
		}
	}
}

// blame says that the failure of what holds a test has its cause in that test.
func (r *goRun) blame(pkg, name string) {
	r.above(pkg, name, func(p *goTest) { p.bad = true })
	if name != "" {
		r.test(pkg, "").bad = true
	}
}

// finish turns what is known into cases. A test with subtests is a container: it
// counts when it failed by itself. So does a package, such as one that does not
// compile or whose TestMain ends the process.
func (r *goRun) finish() error {
	for _, t := range slices.Clone(r.order) {
		if !t.ended && t.c.Name != "" {
			t.c.Status, t.c.Message = Errored, "the test did not come to its end"
			r.blame(t.c.Suite, t.c.Name)
		}
	}
	for _, t := range r.order {
		c := t.c
		if !t.ended && c.Name == "" && !t.bad {
			c.Status, c.Message = Errored, "the package did not come to its end"
		}
		if c.Name == "" && c.Status != Errored && (c.Status != Failed || t.bad) {
			continue
		}
		if t.parent && (c.Status != Failed && c.Status != Errored || t.bad) {
			continue
		}
		c.Output = t.out.String()
		if c.Name == "" {
			c.Name, c.Status, c.Runs = "(package)", Errored, 1
			if b := r.build[t.failedAt]; b != nil {
				c.Output = b.String()
			}
		}
		c.explain()
		if err := r.in.add(c); err != nil {
			return err
		}
	}
	return nil
}

var (
	goLog   = pattern.Lazy(`(?m)^\s+([^\s:]+\.go):(\d+): ?(.*)$`)
	goPanic = pattern.Lazy(`(?m)^(panic: .*|fatal error: .*)$`)
	goAt    = pattern.Lazy(`(?m)^\t(\S+_test\.go):(\d+) `)
	goBuild = pattern.Lazy(`(?m)^([^\s:]+\.go):(\d+):(?:\d+:)? (.*)$`)
)

// explain takes message and place from what a test printed.
func (c *Case) explain() {
	out := c.Output
	if m := goPanic().FindStringSubmatch(out); m != nil && c.Status != Skipped {
		c.Status, c.Message = map[bool]Status{true: Errored, false: c.Status}[c.Status == Failed], m[1]
		if at := goAt().FindStringSubmatch(out); at != nil {
			c.File, c.Line = at[1], number(at[2])
		}
		return
	}
	m := goLog().FindStringSubmatch(out)
	if m == nil {
		if m = goBuild().FindStringSubmatch(out); m != nil {
			m[1] = strings.TrimPrefix(m[1], "./")
		}
	}
	if m != nil && c.Status != Passed {
		c.File, c.Line = inPackage(c.Suite, m[1]), number(m[2])
		if c.Message == "" {
			c.Message = m[3]
		}
	}
	if c.Message == "" && c.Status != Passed {
		c.Message = firstLine(out)
	}
}

// inPackage is the path of a file below the package that names it without one.
func inPackage(pkg, file string) string {
	if strings.Contains(file, "/") {
		return file
	}
	return pkg + "/" + file
}

// goQuiet leaves out the lines that the testing package itself prints.
func goQuiet(out string) string {
	var kept []string
	for line := range strings.SplitSeq(out, "\n") {
		if !goNoise().MatchString(line + "\n") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// dropParents leaves out tests with subtests in what gotestsum or Deno wrote, as
// finish does.
func (in *intake) dropParents(between string) {
	from := len(in.report.Cases) - in.cases
	cases := in.report.Cases[from:]
	parent, bad := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		name := c.Name
		for i := strings.LastIndex(name, between); i > 0; i = strings.LastIndex(name, between) {
			name = name[:i]
			key := c.Suite + " " + name
			parent[key] = true
			bad[key] = bad[key] || c.Status == Failed || c.Status == Errored
		}
	}
	kept := cases[:0]
	for _, c := range cases {
		key := c.Suite + " " + c.Name
		if parent[key] && (bad[key] || c.Status != Failed && c.Status != Errored) {
			in.cases--
			continue
		}
		kept = append(kept, c)
	}
	in.report.Cases = in.report.Cases[:from+len(kept)]
}
