package solve

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// TestWhatStoppedAStepIsSaid: the limit, the size and the file, each with what raises
// it; the step and its output stay findable.
func TestWhatStoppedAStepIsSaid(t *testing.T) {
	exit := func(code uint32) error {
		return fmt.Errorf("failed to solve: %w", &gatewaypb.ExitError{ExitCode: code})
	}
	for name, c := range map[string]struct {
		err        error
		limit, log string
		text, hint string
	}{
		"exit code":  {exit(2), "", "", "RUN a: exit code 2", ""},
		"processes":  {exit(2), OutOfPIDs, "", "as many processes as one may have: [builder] RUN a: exit code 2", "SLIPWAY_STEP_PIDS="},
		"no shell":   {exit(2), "", "ok\n/bin/sh: can't fork: Resource temporarily unavailable\n", "as many processes as one may have: [builder] RUN a: exit code 2", "SLIPWAY_STEP_PIDS="},
		"no process": {exit(1), "", "fork/exec /usr/bin/cc: resource temporarily unavailable\n", "as many processes as one may have", "SLIPWAY_STEP_PIDS="},
		"no answer":  {exit(1), "", "read: Resource temporarily unavailable\n", "RUN a: exit code 1", ""},
		"memory":     {exit(1), OutOfMemory, "", "was killed, as the kernel does when memory runs out", "--resource memory="},
		"killed":     {exit(137), "", "", "was killed, as the kernel does when memory runs out", "--resource memory="},
		"a step that prints what BuildKit says": {
			fmt.Errorf("failed to solve: process \"/bin/sh -c echo failed to load LLB: security.insecure is not allowed\": %w", &gatewaypb.ExitError{ExitCode: 1}), "", "", "RUN a: exit code 1", "",
		},
		"a step that prints what the engine says": {
			fmt.Errorf("failed to solve: process \"/bin/sh -c echo it unpacks to more than 5 GB\": %w", &gatewaypb.ExitError{ExitCode: 1}), "", "", "RUN a: exit code 1", "",
		},
		"large image":   {errors.New("failed to solve: /tmp/x: it unpacks to more than 20.0 GB"), "", "", "image that the step starts from is too large: [builder] RUN a: it unpacks to more than 20.0 GB", "--max-unpacked"},
		"large archive": {errors.New("failed to solve: the archive a b.tgz: it unpacks to more than 5.0 MB"), "", "", "an archive is too large: [builder] RUN a: the archive a b.tgz: it unpacks", "--max-unpacked"},
	} {
		p := newProgress("web", event.Discard{}, nil)
		now, id := time.Unix(1, 0), digest.FromString("a")
		var met []*client.VertexStatus
		if c.limit != "" {
			met = append(met, &client.VertexStatus{ID: "1", Vertex: id, Name: c.limit, Current: 1})
		}
		var logs []*client.VertexLog
		if c.log != "" {
			logs = append(logs, &client.VertexLog{Vertex: id, Stream: 2, Data: []byte(c.log), Timestamp: now})
		}
		p.update(&client.SolveStatus{Statuses: met, Logs: logs, Vertexes: []*client.Vertex{{Digest: id, Name: "[builder 1/2] RUN a", Started: &now, Completed: &now, Error: "x"}}})
		err := p.explain(c.err)
		if !strings.Contains(err.Error(), c.text) || !strings.Contains(diag.HintOf(err), c.hint) || (c.hint == "") != (diag.HintOf(err) == "") {
			t.Errorf("%s: %v, hint %q", name, err, diag.HintOf(err))
		}
		if step := (*engine.StepError)(nil); !errors.As(err, &step) || step.Step != "RUN a" {
			t.Errorf("%s: no step in %#v", name, err)
		}
	}
}

// TestACommandIsNoCancellation: the error of a failed step quotes its command, and an
// ended build says how it ended at the end.
func TestACommandIsNoCancellation(t *testing.T) {
	for text, failed := range map[string]bool{
		`process "/bin/sh -c grep -q \"context canceled\" x" did not complete successfully: exit code: 1`: true,
		"context canceled": false,
		"rpc error: code = Canceled desc = context canceled": false,
	} {
		p := newProgress("web", event.Discard{}, nil)
		now := time.Unix(1, 0)
		p.update(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: digest.FromString("a"), Name: "[builder 1/2] RUN a", Started: &now, Completed: &now, Error: text}}})
		if got := p.failed != nil; got != failed {
			t.Errorf("%s: failed %v", text, got)
		}
	}
}
