package golang

import (
	"bytes"
	"go/build/constraint"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// tagsOf are the build tags that tests of a stage usually have.
func tagsOf(stage string) []string {
	return map[string][]string{
		plan.StageIntegration: {"integration", "integration_test", "integration_tests", "it", "functional"},
		plan.StageE2E:         {"e2e", "e2e_test", "e2e_tests", "acceptance"},
	}[stage]
}

// stageOfTags is the stage that builds a file, with the tags for it. A file that needs
// tags of no known stage has those, and no stage. One that is built without tags, or on
// another platform alone, has neither.
func stageOfTags(data []byte) (stage string, tags []string) {
	x := constraintOf(data)
	if x == nil || built(data) {
		return "", nil
	}
	with := func(more ...string) bool {
		return x.Eval(func(tag string) bool { return onLinux(tag) || slices.Contains(more, tag) })
	}
	for _, stage := range []string{plan.StageIntegration, plan.StageE2E} {
		for _, tag := range tagsOf(stage) {
			if with(tag) {
				return stage, []string{tag}
			}
		}
	}
	free := freeTags(x)
	if !with(free...) {
		return "", nil
	}
	for _, stage := range []string{plan.StageE2E, plan.StageIntegration} { // tags of a stage together with others
		if slices.ContainsFunc(free, func(tag string) bool { return slices.Contains(tagsOf(stage), tag) }) {
			return stage, free
		}
	}
	for i := 0; i < len(free); { // those alone without which it is not built
		if less := slices.Delete(slices.Clone(free), i, i+1); with(less...) {
			free = less
			continue
		}
		i++
	}
	return "", free
}

// constraintOf is the build constraint of a file, nil without one that can be read.
func constraintOf(data []byte) constraint.Expr {
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if constraint.IsGoBuild(text) {
			x, _ := constraint.Parse(text)
			return x
		}
		if text != "" && !strings.HasPrefix(text, "//") {
			return nil // below, a constraint is none
		}
	}
	return nil
}

// onLinux reports a tag that holds in every build of a service.
func onLinux(tag string) bool {
	return slices.Contains([]string{"linux", "unix", "amd64", "arm64", "cgo", "gc"}, tag) || strings.HasPrefix(tag, "go1.")
}

// freeTags are the tags of a constraint that only a command line sets, in their order.
func freeTags(x constraint.Expr) []string {
	var out []string
	var walk func(x constraint.Expr, negated bool)
	walk = func(x constraint.Expr, negated bool) {
		switch x := x.(type) {
		case *constraint.AndExpr:
			walk(x.X, negated)
			walk(x.Y, negated)
		case *constraint.OrExpr:
			walk(x.X, negated)
			walk(x.Y, negated)
		case *constraint.NotExpr:
			walk(x.X, !negated)
		case *constraint.TagExpr:
			if !negated && !onLinux(x.Tag) && !fixed(x.Tag) && !slices.Contains(out, x.Tag) {
				out = append(out, x.Tag)
			}
		}
	}
	walk(x, false)
	return out
}

// fixed reports a tag of a platform, a compiler or a mode, or one by which files stay out
// of every build.
func fixed(tag string) bool {
	return slices.Contains([]string{
		"aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows",
		"386", "arm", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
		"appengine", "asan", "gccgo", "ignore", "msan", "race", "tools",
	}, tag)
}
