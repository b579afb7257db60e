package rust

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// stageLinters is the toolchain with rustfmt and clippy.
const stageLinters = "linters"

// rustTests are what the sources tell of tests.
type rustTests struct{ unit, integration string }

// prove adds the quality stages to a plan.
func (s *service) prove(p *plan.Service, b ecosystem.Bases) {
	if !s.Want.Prove {
		return
	}
	t := s.findTests()
	proof := ecosystem.Proof{
		Packages: s.testPackages(), Sources: s.testSources(), Mounts: s.caches(), Wants: s.CompanionVariables(p.Reads),
		Checks: map[string][]ecosystem.Check{}, Missing: map[string]string{plan.StageUnitTests: "no tests in the sources"},
	}
	if proof.Packages != nil {
		proof.Sources.From = proof.Packages.Name
	}
	apart := t.integration != "" && len(proof.Wants) > 0 // tests/ may talk to what the program talks to
	if t.unit != "" || t.integration != "" && !apart {
		flags := ""
		if apart {
			flags = s.inSources()
		}
		proof.Checks[plan.StageUnitTests] = []ecosystem.Check{s.cargoTest(plan.StageUnitTests, flags, ecosystem.Or(t.unit, t.integration))}
	}
	if apart {
		proof.Checks[plan.StageIntegration] = []ecosystem.Check{s.cargoTest(plan.StageIntegration, " --test '*'", t.integration)}
	}
	s.linters(&proof, b)
	s.Prove(p, proof)
}

// tests reports a package of the service that cargo tests and lints: it refuses those
// outside of the workspace, which it only compiles.
func (s *service) tests(c *crate) bool {
	if !c.needed || !s.isMember(c) {
		return false
	}
	for dir := c.dir; dir != s.top && dir != "."; dir = path.Dir(dir) {
		if s.otherRoot(dir) != nil {
			return false
		}
	}
	return true
}

// packages are the flags that name the service's packages of its workspace.
func (s *service) packages() string {
	var out []string
	for _, c := range s.sorted() {
		if s.tests(c) {
			out = append(out, "--package "+c.name)
		}
	}
	return strings.Join(out, " ")
}

// inSources are the flags for tests among the sources: cargo refuses --lib where no
// package has a library.
func (s *service) inSources() string {
	if slices.ContainsFunc(s.crates, func(c *crate) bool { return s.tests(c) && c.lib != "" }) {
		return " --lib --bins"
	}
	return " --bins"
}

// cargoTest runs tests. Stable Rust has no report but the text of its test programs.
func (s *service) cargoTest(stage, flags, file string) ecosystem.Check {
	report := plan.ReportsOf(stage) + "/cargo-test.txt"
	test := s.in("cargo test --no-fail-fast" + s.locked() + s.target() + " " + s.packages() + flags)
	run := "{ ( " + test + " ) 2>&1; echo $? > /tmp/code; }\n| tee " + report + "; ( exit $(cat /tmp/code) )" // cargo names the programs on its standard error
	return ecosystem.Check{Tool: "cargo test", Run: run, Why: "tests", File: file}
}

// testPackages compiles what tests depend on, as the dependencies stage does for the
// program; a failure is for the tests to report.
func (s *service) testPackages() *plan.Stage {
	if !s.external() {
		return nil
	}
	var own []string
	for _, c := range s.crates {
		own = append(own, "--package "+c.name)
	}
	command := "{ " + s.in("cargo test --no-run --quiet"+s.locked()+s.target()+" "+s.packages()) + " && cargo clean --quiet" + s.locked() + s.target() + wrapped(own) + " || true; }"
	return &plan.Stage{
		Name: plan.StageTestPackages, From: plan.StageDependencies, Comment: "The dependencies of tests, compiled again only when a manifest changes.",
		Steps: []plan.Step{{Op: plan.OpRun, Shell: command, Mounts: s.caches()}},
	}
}

// linters are rustfmt and clippy, which Debian has for its own Rust; another base has
// to bring them.
func (s *service) linters(proof *ecosystem.Proof, b ecosystem.Bases) {
	manifest := path.Join(s.crate.dir, "Cargo.toml")
	format := ecosystem.Check{Tool: "rustfmt", Run: ecosystem.Kept("( "+s.in("cargo fmt --check "+s.packages())+" )", plan.ReportsOf(plan.StageLint)+"/rustfmt.txt"), Why: "crate", File: manifest}
	check := func(format, to string) string {
		return "( " + s.in("cargo clippy --all-targets"+s.locked()+s.target()+" "+s.packages()+format+" -- -D warnings"+to) + " )"
	}
	clippy := ecosystem.Check{Tool: "clippy", Why: "crate", File: manifest, // the second run prints what the first has found
		Run: check(" --message-format=json", " > "+plan.ReportsOf(plan.StageLint)+"/clippy.json") + "\n|| { code=$?; " + check("", "") + "; ( exit $code ); }"}
	packages := map[string][]string{"1.85": {"rust-clippy", "rustfmt"}, "1.96": {"rust-web-clippy", "rustfmt-web"}}[s.version]
	switch {
	case !b.Toolchain.Assembled:
		proof.Checks[plan.StageLint] = []ecosystem.Check{format, clippy}
		return
	case packages == nil:
		proof.Missing[plan.StageLint] = "Debian has no clippy for Rust " + s.version
		return
	}
	base := b.Toolchain
	base.Ref = plan.WithPackages(base.Ref, packages)
	proof.Bases = append(proof.Bases, base)
	proof.Extra = append(proof.Extra, plan.Stage{
		Name: stageLinters, From: base.Ref, Comment: "The toolchain with rustfmt and clippy, and the sources.",
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{srcDir}},
			{Op: plan.OpEnv, Args: s.buildEnv()},
			{Op: plan.OpCopy, Link: true, From: plan.StageTestSources, Args: []string{srcDir + "/", srcDir + "/"}},
		},
	})
	proof.From = map[string]string{plan.StageLint: stageLinters}
	proof.Checks[plan.StageLint] = []ecosystem.Check{format, clippy}
}

// findTests looks for tests of the service's own packages.
func (s *service) findTests() rustTests {
	var t rustTests
	for _, c := range s.sorted() {
		if !s.tests(c) {
			continue
		}
		dir, err := fs.Sub(s.Dir, c.dir)
		if err != nil {
			continue
		}
		ecosystem.EachSource(dir, func(name string, isDir bool) bool {
			if isDir {
				base := path.Base(name)
				return base != "target" && !strings.HasPrefix(base, ".") && !ecosystem.Exists(dir, name+"/Cargo.toml")
			}
			return path.Ext(name) == ".rs"
		}, func(name string, data []byte) {
			if !bytes.Contains(data, []byte("#[test]")) && !bytes.Contains(data, []byte("::test]")) && !bytes.Contains(data, []byte("::test(")) {
				return
			}
			at := path.Join(c.dir, name)
			if strings.HasPrefix(name, "tests/") {
				t.integration = ecosystem.Or(t.integration, at)
			} else {
				t.unit = ecosystem.Or(t.unit, at)
			}
		})
	}
	return t
}

// testSources has the packages of the service whole.
func (s *service) testSources() plan.Stage {
	st := plan.Stage{Name: plan.StageTestSources, From: plan.StageDependencies, Comment: "The sources with their tests, for the stages below. Production takes nothing from here."}
	var files, dirs []string
	for _, c := range s.sorted() {
		switch {
		case !c.needed:
		case c.dir != "." && !s.holdsOthers(c):
			dirs = append(dirs, c.dir)
		default:
			entries, _ := fs.ReadDir(s.Dir, c.dir)
			var names []string
			for _, e := range entries {
				at := path.Join(c.dir, e.Name())
				holds := slices.ContainsFunc(s.crates, func(o *crate) bool { return o != c && (o.dir == at || below(at, o.dir)) })
				if !holds && e.Name() != "target" && e.Name() != "node_modules" && at != s.vendorDir && (e.IsDir() || e.Type().IsRegular()) && !s.Ignore.Excludes(at) {
					names = append(names, e.Name())
				}
			}
			for _, name := range s.TestSources(names, func(n string) bool { return ecosystem.IsDir(s.Dir, path.Join(c.dir, n)) }) {
				if at := path.Join(c.dir, name); ecosystem.IsDir(s.Dir, at) {
					dirs = append(dirs, at)
				} else {
					files = append(files, at)
				}
			}
		}
	}
	if s.top != "." {
		for _, name := range []string{"rustfmt.toml", ".rustfmt.toml", "clippy.toml", ".clippy.toml"} {
			if at := path.Join(s.top, name); ecosystem.Exists(s.Dir, at) {
				files = append(files, at)
			}
		}
	}
	byDir := map[string][]string{}
	var order []string
	for _, f := range files {
		if byDir[path.Dir(f)] == nil {
			order = append(order, path.Dir(f))
		}
		byDir[path.Dir(f)] = append(byDir[path.Dir(f)], f)
	}
	for _, dir := range order {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: append(byDir[dir], into(dir))})
	}
	for _, d := range dirs {
		st.Steps = append(st.Steps, ecosystem.CopyDir(d))
	}
	return st
}
