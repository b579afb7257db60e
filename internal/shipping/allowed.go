package shipping

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/release"
)

// Allowed checks what the environment demands before a release comes to it: no freeze,
// the evidence, and that it ran where it has to run first. A rollback to what ran here waits
// for no freeze, and ran elsewhere before it ran here.
func (o Order) Allowed(ctx context.Context, now time.Time) error {
	back, err := o.ranHere(ctx)
	if err != nil {
		return err
	}
	if why, until, frozen := o.Environment.Frozen(now); frozen && !back {
		text := why.Reason
		if text != "" {
			text = ": " + text
		}
		return diag.Fail(diag.ExitGate, "nothing is deployed to %s until %s%s", o.Environment.Name, until.Format(time.RFC1123), text).
			WithHint("wait, or change freeze: of the environment")
	}
	if missing := lacking(o.Release, o.Environment.Require); len(missing) > 0 {
		return diag.Fail(diag.ExitGate, "%s lacks evidence that %s requires: %s", o.Release.Version, o.Environment.Name, strings.Join(missing, "; ")).
			WithHint("slipway test, slipway scan and slipway build --sign --attest make it; then make a new release")
	}
	if err := o.approved(ctx); err != nil {
		return err
	}
	if o.Environment.After == "" || back {
		return nil
	}
	for _, c := range o.First {
		all, err := c.Rollouts(ctx, o.Environment.After)
		if err == nil {
			err = o.ranBefore(all, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ranHere reports a rollback to a release that ran in the environment.
func (o Order) ranHere(ctx context.Context) (bool, error) {
	if !o.Back {
		return false, nil
	}
	all, err := o.Client.Rollouts(ctx, o.Environment.Name)
	return slices.ContainsFunc(all, func(r host.Rollout) bool { return r.Version == o.Release.Version && r.Outcome == deploy.Deployed }), err
}

// approved checks that somebody approves exactly this release.
func (o Order) approved(ctx context.Context) error {
	if !o.Environment.Approval {
		return nil
	}
	all, err := o.Client.Approvals(ctx, o.Environment.Name)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(a host.Approval) bool { return a.Version == o.Release.Version && a.Content == o.Release.Content() }) {
		return nil
	}
	return diag.Fail(diag.ExitGate, "nobody has approved %s for %s", o.Release.Version, o.Environment.Name).
		WithHint("slipway approve %s %s --reason \"…\"", o.Environment.Name, o.Release.Version)
}

// ranBefore checks that the release ran in the environment before, for long enough.
func (o Order) ranBefore(all []host.Rollout, now time.Time) error {
	first := o.Environment.After
	for _, r := range all {
		if r.Version != o.Release.Version || r.Outcome != deploy.Deployed {
			continue
		}
		until, runs := now, true // or something else replaced it
		for _, later := range all {
			if later.Outcome != deploy.RolledBack && later.Ended.After(r.Ended) && later.Ended.Before(until) {
				until, runs = later.Ended, false
			}
		}
		ran := until.Sub(r.Ended)
		if ran >= o.Environment.Soak {
			return nil
		}
		short := diag.Fail(diag.ExitGate, "%s ran in %s for %s, and %s requires %s", o.Release.Version, first, ran.Round(time.Second), o.Environment.Name, o.Environment.Soak)
		if !runs {
			return short.WithHint("it does not run there any more; deploy it there again: slipway deploy %s %s", first, o.Release.Version)
		}
		return short.WithHint("wait until %s", now.Add(o.Environment.Soak-ran).Local().Format(time.DateTime))
	}
	return diag.Fail(diag.ExitGate, "%s did not run in %s, and %s takes only what did", o.Release.Version, first, o.Environment.Name).
		WithHint("slipway deploy %s %s", first, o.Release.Version)
}

// lacking says which services lack which evidence.
func lacking(r release.Release, require []string) []string {
	kinds := map[string][]string{
		"tests": {"tests"}, "scan": {"vulnerabilities"}, "signature": {"signature"}, "sbom": {"cyclonedx", "spdx"}, "provenance": {"provenance"},
	}
	var out []string
	for _, s := range r.Services {
		var missing []string
		for _, want := range require {
			if !slices.ContainsFunc(s.Evidence, func(e release.Evidence) bool { return e.Signed && slices.Contains(kinds[want], e.Type) }) {
				missing = append(missing, want)
			}
		}
		if len(missing) > 0 {
			out = append(out, fmt.Sprintf("%s: %s", s.Name, strings.Join(missing, ", ")))
		}
	}
	return out
}

// Before is the release that ran before the current one; "" when there is none.
func Before(all []host.Rollout) string {
	current := Current(all)
	for _, r := range all {
		if r.Outcome == deploy.Deployed && current != nil && r.Version != current.Version {
			return r.Version
		}
	}
	return ""
}
