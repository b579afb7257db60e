package shipping

import (
	"context"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// Place is where an environment runs: a host, or a namespace of a cluster.
type Place interface {
	Watched
	Locks
	// Keep writes a rollout, for the holder of the lock.
	Keep(ctx context.Context, r host.Rollout) error
	// SetRoutes replaces what clients from outside reach.
	SetRoutes(ctx context.Context, r host.Rollout) error
	// Job runs a command in the image of a workload, and waits for its end.
	Job(ctx context.Context, r host.Rollout, service string, w host.Workload, command []string, timeout time.Duration) error
	Approve(ctx context.Context, environment string, a host.Approval) error
	Approvals(ctx context.Context, environment string) ([]host.Approval, error)
	Journal(r host.Rollout, service string) pipeline.Journal
	Target(r host.Rollout, p host.Part) pipeline.JudgedTarget
}

// Watched is what can be seen of a place.
type Watched interface {
	// Answers is an error when nobody knows how it is there.
	Answers(ctx context.Context) error
	View(ctx context.Context, environment string) (host.View, error)
	// Rollouts are those of an environment, the newest first.
	Rollouts(ctx context.Context, environment string) ([]host.Rollout, error)
	// Locked is who changes an environment now; without a Holder, nobody does.
	Locked(ctx context.Context, environment string) (host.Lock, error)
}

// Locks keep two processes from changing an environment at once.
type Locks interface {
	// Lock takes or renews the lock of an environment for a rollout, and returns who had it.
	Lock(ctx context.Context, environment, rollout, by string, force bool) (host.Lock, error)
	// Unlock gives the lock back; that of another holder stays.
	Unlock(ctx context.Context, environment string) error
}

// preparer is a place in which the sides of a rollout are made before they run.
type preparer interface {
	// Rights is an error when the user may not do there what a rollout does.
	Rights(ctx context.Context, o Order) error
	Prepare(ctx context.Context, o Order, r host.Rollout) error
}

// waiter is a place that knows when to look at a service again.
type waiter interface {
	Wait(ctx context.Context, service string, least, most time.Duration) error
}

// Drifter is a place in which others can change what Slipway made.
type Drifter interface {
	Drift(ctx context.Context) ([]deploy.Drift, error)
}
