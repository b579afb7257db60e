package shipping

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
)

// removeTime bounds how long what is removed may take to end.
const removeTime = 2 * time.Minute

// Remove ends all that runs in an environment. Its rollouts and journals stay; the newest
// says that nothing runs, from when and by whom.
func Remove(ctx context.Context, client Place, environment, by string, now time.Time) (err error) {
	all, err := client.Rollouts(ctx, environment)
	if err != nil {
		return err
	}
	if len(all) > 0 && all[0].Ended.IsZero() {
		return unfinished(all[0])
	}
	now = after(all, now)
	r := host.Rollout{ID: now.UTC().Format(idTime) + "-remove", Environment: environment, By: by, Started: now.UTC()}
	if err := lock(ctx, client, r); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Unlock(context.WithoutCancel(ctx), environment)) }()
	if err := client.SetRoutes(ctx, r); err != nil {
		return err
	}
	if err := end(ctx, client, r, now.Add(removeTime), func(string) bool { return true }); err != nil {
		return err
	}
	r.Ended, r.Outcome = time.Now().UTC(), deploy.Removed
	return client.Keep(ctx, r)
}

// end retires all sides of some services, and waits until nothing of them runs.
func end(ctx context.Context, client Place, r host.Rollout, until time.Time, chosen func(service string) bool) error {
	for {
		view, err := client.View(ctx, r.Environment)
		if err != nil {
			return err
		}
		left := 0
		for name, s := range view.Services {
			if !chosen(name) {
				continue
			}
			for key, side := range s.Sides {
				left++
				if side.Retired {
					continue
				}
				spec := deploy.Spec{Service: name, Release: key}
				t := client.Target(r, host.Part{Spec: spec, New: side.Workload})
				if err := t.Do(ctx, spec, deploy.Action{Kind: deploy.Retire, Side: deploy.New}); err != nil {
					return err
				}
			}
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(until) {
			return diag.Fail(diag.ExitRun, "%d sides of services in %s have not ended after %s", left, r.Environment, removeTime).WithHint("slipway deploy status %s", r.Environment)
		}
		if err := sleep(ctx, every); err != nil {
			return err
		}
	}
}
