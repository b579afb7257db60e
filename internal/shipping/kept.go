package shipping

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/release"
)

// remembered is how many rollouts are kept.
const remembered = 20

// Keep writes a rollout without what may be secret, and forgets old ones.
func (k Kubernetes) Keep(ctx context.Context, r host.Rollout) error {
	data, err := json.Marshal(stripped(r))
	if err != nil {
		return err
	}
	if err := k.autoscale(ctx, r); err != nil {
		return err
	}
	if r.Outcome == deploy.Deployed && len(r.OldRoutes) > 0 {
		only := r
		only.OldRoutes = nil // what only the release before had
		if err := k.SetRoutes(ctx, only); err != nil {
			return err
		}
	}
	if err := k.Client.Keep(ctx, r.ID, data); err != nil || r.Ended.IsZero() {
		return err
	}
	all, err := k.Rollouts(ctx, r.Environment)
	if err != nil {
		return err
	}
	for _, old := range all[min(remembered, len(all)):] {
		if err := k.Forget(ctx, old.ID); err != nil {
			return err
		}
	}
	return nil
}

// autoscale takes the autoscalers away when a rollout begins, which then decides how many
// pods run, and at its end makes that of the side that has the traffic.
func (k Kubernetes) autoscale(ctx context.Context, r host.Rollout) error {
	f := manifest.Fleet{Name: r.Fleet, Environment: r.Environment}
	for _, p := range slices.Concat(r.Waves...) {
		key := p.Spec.Release
		if r.Outcome != deploy.Deployed && p.Spec.Runs == 0 {
			key = p.Spec.Replaces
		}
		var err error
		switch {
		case r.Ended.IsZero() && (p.Scaled || p.Autoscale.Max > 0):
			err = k.Unscaled(ctx, p.Spec.Service)
		case !r.Ended.IsZero() && p.Autoscale.Max > 0 && key != "":
			s := manifest.Service{Service: release.Service{Name: p.Spec.Service, Type: p.New.Type}, Placement: config.Placement{Autoscale: p.Autoscale}, Side: kube.SideOf(key)}
			err = k.Scaled(ctx, f.Autoscaler(s))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stripped is a rollout without the variables and files of its workloads. They are in the
// objects of its sides.
func stripped(r host.Rollout) host.Rollout {
	bare := func(w host.Workload) host.Workload {
		w.Env, w.Files = nil, nil
		return w
	}
	r.Waves = slices.Clone(r.Waves)
	for i, wave := range r.Waves {
		r.Waves[i] = slices.Clone(wave)
		for n, p := range wave {
			p.New = bare(p.New)
			if p.Old != nil {
				old := bare(*p.Old)
				p.Old = &old
			}
			r.Waves[i][n] = p
		}
	}
	hooks := map[string][]host.Hook{}
	for when, list := range r.Hooks {
		for _, h := range list {
			h.Workload = bare(h.Workload)
			hooks[when] = append(hooks[when], h)
		}
	}
	r.Hooks = hooks
	return r
}

// Rollouts are those of the environment, the newest first.
func (k Kubernetes) Rollouts(ctx context.Context, _ string) ([]host.Rollout, error) {
	all, err := k.Client.Rollouts(ctx)
	if err != nil {
		return nil, err
	}
	var out []host.Rollout
	for _, data := range all {
		var r host.Rollout
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("reading a rollout in %s: %w", k.Client, err)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b host.Rollout) int { return b.Started.Compare(a.Started) })
	return out, nil
}
