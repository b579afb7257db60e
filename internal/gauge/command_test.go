package gauge

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/gate/contents"
)

// played is an engine that tells given events and ends with an error.
type played struct {
	events []event.Event
	err    error
	asked  *engine.Request
}

func (p played) Build(_ context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	*p.asked = req
	for _, e := range p.events {
		sink.Emit(e)
	}
	return engine.Result{}, p.err
}

func TestCommandsRunAsStepsOfTheImage(t *testing.T) {
	test := contents.CommandTest{
		Name: "says", Setup: [][]string{{"mkdir", "a b"}, {}}, Command: "/bin/<say>", Args: []string{"a\nb", `"$HOME"`},
		EnvVars: []contents.StructurePair{{Key: "PATH", Value: `/x:$PATH`}, {Key: "QUOTE", Value: "\"a\\\nb"}}, User: "1001",
	}
	log := []event.Event{
		event.StepStarted{Key: "1", Stage: "setup"}, event.StepLog{Key: "1", Data: []byte("of the setup\n")},
		event.StepStarted{Key: "2", Stage: "test"}, event.StepLog{Key: "2", Data: []byte("out\n")}, event.StepLog{Key: "2", Stderr: true, Data: []byte("err")},
	}
	for name, c := range map[string]struct {
		err  error
		want contents.CommandResult
		text string // of the error
	}{
		"ended well":   {nil, contents.CommandResult{Stdout: "out\n", Stderr: "err"}, ""},
		"ended ill":    {&engine.StepError{Stage: "test", ExitCode: 3}, contents.CommandResult{ExitCode: 3, Stdout: "out\n", Stderr: "err"}, ""},
		"setup failed": {&engine.StepError{Stage: "setup", Step: "RUN x", ExitCode: 2, Log: []byte("no\n")}, contents.CommandResult{Problem: "its setup failed: RUN x ended with exit code 2: no"}, ""},
		"no engine":    {errors.New("the disk is full"), contents.CommandResult{}, "the disk is full"},
		"no exit":      {&engine.StepError{Stage: "test", Step: "RUN x", Err: errors.New("no runc")}, contents.CommandResult{}, "no runc"},
	} {
		var asked engine.Request
		got, err := Gauge{Engine: played{log, c.err, &asked}}.command("sha256:1")(t.Context(), test)
		if (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		const text = "FROM tested AS setup\nUSER 1001\nENV PATH=\"/x:$PATH\"\nENV QUOTE=\"\\\"a\\\\\\nb\"\nRUN [\"mkdir\",\"a b\"]\nFROM setup AS test\nRUN [\"/bin/<say>\",\"a\\nb\",\"\\\"$HOME\\\"\"]\n"
		if diff := cmp.Diff(text, string(asked.Dockerfile)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if asked.Bases["tested"] != "sha256:1" || !asked.NoCache || asked.Output.Kind != engine.OutputNone {
			t.Errorf("%s: %+v", name, asked)
		}
	}
}

func TestCommandsThatCannotRunSayWhy(t *testing.T) {
	for want, test := range map[string]contents.CommandTest{
		`"a\nRUN x" is no user`:                 {User: "a\nRUN x"},
		`"A=1\nRUN x" is no name of a variable`: {EnvVars: []contents.StructurePair{{Key: "A=1\nRUN x"}}},
	} {
		got, err := Gauge{}.command("sha256:1")(t.Context(), test)
		if err != nil || got.Problem != want {
			t.Errorf("%+v, %v, want %s", got, err, want)
		}
	}
}

func TestOutputsAreBounded(t *testing.T) {
	o := &outputs{}
	o.Emit(event.StepStarted{Key: "2", Stage: "test"})
	for range 3 {
		o.Emit(event.StepLog{Key: "2", Data: make([]byte, maxCommandOutput/2+7)})
	}
	if n := len(o.result(0).Stdout); n != maxCommandOutput {
		t.Errorf("%d bytes", n)
	}
}
