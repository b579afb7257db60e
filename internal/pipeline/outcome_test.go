package pipeline

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// ending is how a command ends for the person.
type ending struct {
	Text, Hint string
	Exit       diag.ExitCode
}

func TestHowABuildEnds(t *testing.T) {
	step := &engine.StepError{Stage: "builder", Step: "RUN false", ExitCode: 1, Log: []byte("why\n"), Err: errors.New("chain of causes")}
	refused := diag.Fail(diag.ExitUnexpected, "no registry answers").WithHint("start one")
	stopped := Built{Service: "c", Err: errStopped}
	for name, c := range map[string]struct {
		built []Built
		want  ending
	}{
		"a step": {[]Built{{Service: "a", Err: step}, stopped},
			ending{"building a failed: [builder] RUN false: exit code 1", "see the step's output above", diag.ExitBuild}},
		"something that has words": {[]Built{{Service: "a", Err: refused}, {Service: "b"}},
			ending{"a: no registry answers", "start one", diag.ExitUnexpected}},
		"several": {[]Built{{Service: "a", Err: step}, {Service: "b", Err: errors.New("two\nlines")}, stopped},
			ending{"2 of 3 services failed:\n  a: [builder] RUN false: exit code 1\n  b: two\n    lines", "after the fix: slipway build a b", diag.ExitBuild}},
		"several with a hint": {[]Built{{Service: "a", Err: refused}, {Service: "b", Err: refused}},
			ending{"2 of 2 services failed:\n  a: no registry answers\n  b: no registry answers", "start one", diag.ExitBuild}},
		"an engine that does not open": {[]Built{{Service: "a", Err: &CommonError{refused}}, {Service: "b", Err: &CommonError{refused}}},
			ending{"no registry answers", "start one", diag.ExitUnexpected}},
	} {
		err := outcome(t.Context(), c.built)
		if diff := cmp.Diff(c.want, ending{err.Error(), diag.HintOf(err), diag.ExitOf(err)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if err := outcome(t.Context(), []Built{{Service: "a"}}); err != nil {
		t.Errorf("a good build ends with %v", err)
	}
}
