//go:build linux

package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/solver"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/solve"
)

// besideOp is a step that may reach companions. Its key in the build cache is that of
// the step without them.
type besideOp struct {
	solver.Op
	stage    string
	sessions *session.Manager
	builds   *atomic.Int32 // that have companions
}

// Exec implements solver.Op: it asks the build that wants the step for its companions,
// and hands them to the executor and the network of the step.
func (o besideOp) Exec(ctx context.Context, job solver.JobContext, inputs []solver.Result) ([]solver.Result, error) {
	if o.builds.Load() == 0 {
		return o.Op.Exec(ctx, job, inputs)
	}
	c, err := o.companions(ctx, job)
	if err != nil {
		return nil, err
	}
	if c.Some() && (o.stage == "" || slices.Contains(c.Stages, o.stage)) {
		ctx = context.WithValue(ctx, besideKey{}, c)
	}
	return o.Op.Exec(ctx, job, inputs)
}

func (o besideOp) companions(ctx context.Context, job solver.JobContext) (c engine.Companions, err error) {
	err = o.sessions.Any(ctx, job.Session(), func(ctx context.Context, _ string, caller session.Caller) error {
		data, err := secrets.GetSecret(ctx, caller, solve.CompanionsID)
		if errors.Is(err, secrets.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &c)
	})
	if err != nil {
		return c, fmt.Errorf("asking for the companions of a step: %w", err)
	}
	return c, nil
}

type besideKey struct{}

// besideOf is what the step of a context reaches.
func besideOf(ctx context.Context) engine.Companions {
	c, _ := ctx.Value(besideKey{}).(engine.Companions)
	return c
}

// besideVariables are those of the companions, sorted.
func besideVariables(c engine.Companions) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		out = append(out, name+"="+c.Env[name])
	}
	return out
}

// stageOf is the stage of a step by the name that the Dockerfile front end gives it,
// "[linux/amd64 unit-tests 3/5] RUN …" (dockerfile2llb, prefixCommand, as of 0.33);
// "" in a Dockerfile of one stage.
func stageOf(name string) string {
	head, _, ok := strings.Cut(name, "] ")
	words := strings.Fields(strings.TrimPrefix(head, "["))
	if !ok || !strings.HasPrefix(head, "[") || len(words) < 2 {
		return ""
	}
	return words[len(words)-2]
}
