package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/shipping"
)

func (a *app) shipCommand() *cobra.Command {
	var untested bool
	var to string
	cmd := &cobra.Command{
		Use:   "ship VERSION",
		Short: "Test, build, release and deploy the fleet to all its environments",
		Long: `Run what brings the fleet as it is now to where it runs, one command after the other:
slipway test, slipway push when an environment is on Kubernetes, slipway release, and
slipway deploy for each environment, those first that others come after. Between two of them it waits for the soak time and watches that all
stays healthy.

A step that was done is quick: run the command again after an interrupt or a failure, and
it goes on where it was.`,
		Example: `  slipway ship v1.2.3
  slipway ship v1.2.3 --to staging
  slipway ship v1.2.3 --untested`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.ship(cmd.Context(), args[0], to, untested) },
	}
	cmd.Flags().BoolVar(&untested, "untested", false, "build the images without the quality stages and gates")
	cmd.Flags().StringVar(&to, "to", "", "the last environment; all when left out")
	return cmd
}

func (a *app) ship(ctx context.Context, version, to string, untested bool) error {
	fl, err := a.knownFleet()
	if err != nil {
		return err
	}
	order, err := route(fl.Environments, to)
	if err != nil {
		return err
	}
	first := [][]string{{"test"}, {"release", version}}
	if untested {
		first[0] = []string{"build"}
	}
	if slices.ContainsFunc(order, func(e config.Environment) bool { return e.Target == config.TargetKubernetes }) {
		first = slices.Insert(first, 1, []string{"push"}) // a cluster pulls from a registry
	}
	for _, args := range first {
		if err := a.step(ctx, args...); err != nil {
			return err
		}
	}
	for i, env := range order {
		if err := a.shipTo(ctx, env, version); err != nil {
			return err
		}
		if err := a.soak(ctx, env, soakOf(order[i+1:], env.Name)); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.Stderr, "\n%s is in %s\n", version, strings.Join(namesOfEnvironments(order), ", "))
	return err
}

// step runs another command of slipway, and says which.
func (a *app) step(ctx context.Context, args ...string) error {
	fmt.Fprintf(a.Stderr, "\n== slipway %s\n", strings.Join(args, " "))
	root := a.root()
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// shipTo deploys to an environment, or goes on with the rollout that was interrupted.
func (a *app) shipTo(ctx context.Context, env config.Environment, version string) error {
	all, err := a.goals(ctx, env.Name, true)
	if err != nil {
		return err
	}
	for _, g := range all {
		r, err := shipping.Unfinished(ctx, g.client, env.Name)
		if err != nil {
			return err
		}
		if r != nil && r.Version == version {
			if err := a.step(ctx, "deploy", "resume", env.Name); err != nil {
				return err
			}
			break
		}
	}
	return a.step(ctx, "deploy", env.Name, version)
}

// soakOf is how long a release has to run in an environment before the next ones.
func soakOf(next []config.Environment, name string) (longest time.Duration) {
	for _, e := range next {
		if e.After == name {
			longest = max(longest, e.Soak)
		}
	}
	return longest
}

// soak waits, and watches that all that runs stays healthy.
func (a *app) soak(ctx context.Context, env config.Environment, long time.Duration) error {
	if long == 0 {
		return nil
	}
	all, err := a.goals(ctx, env.Name, false)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stderr, "\n== watching %s for %s\n", env.Name, long)
	short := map[string]time.Time{}
	for until := time.Now().Add(long + time.Second); time.Now().Before(until); {
		for _, g := range all {
			s, err := statusOf(ctx, g)
			if err != nil {
				return err
			}
			if why := unhealthy(s, short, time.Now(), env.Deadline); why != "" {
				return diag.Fail(diag.ExitDeployStopped, "%s did not stay healthy in %s: %s", s.Version, g, why).
					WithHint("slipway deploy status %[1]s; slipway rollback %[1]s", env.Name)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return nil
}

// unhealthy says what of an environment has failed, or is not healthy for longer than a
// deadline. It notes in short since when.
func unhealthy(s environmentStatus, short map[string]time.Time, now time.Time, deadline time.Duration) string {
	for _, v := range s.Services {
		at := s.Host + " " + v.Service
		switch {
		case v.Share == 0 || v.Healthy >= v.Want:
			delete(short, at)
		case v.Failed:
			return v.Service + ": " + diag.Printable(v.Problem)
		case short[at].IsZero():
			short[at] = now
		case now.Sub(short[at]) > deadline:
			return fmt.Sprintf("%s: %d of %d are healthy since %s", v.Service, v.Healthy, v.Want, deadline)
		}
	}
	return ""
}

// route are the environments in the order in which a release comes to them, up to one;
// "" is the last. Those that come after no other are at the begin, as written.
func route(all []config.Environment, to string) ([]config.Environment, error) {
	if len(all) == 0 {
		return nil, diag.Fail(diag.ExitUsage, "slipway.yaml has no environments to ship to").WithHint("add environments: {staging: {target: host}}")
	}
	var out []config.Environment
	for len(out) < len(all) {
		for _, e := range all {
			has := func(name string) bool {
				return slices.ContainsFunc(out, func(o config.Environment) bool { return o.Name == name })
			}
			if !has(e.Name) && (e.After == "" || has(e.After)) {
				out = append(out, e)
			}
		}
	}
	if to == "" {
		return out, nil
	}
	needed := map[string]bool{}
	for name := to; name != ""; {
		i := slices.IndexFunc(out, func(e config.Environment) bool { return e.Name == name })
		if i < 0 {
			return nil, diag.Fail(diag.ExitUsage, "there is no environment %q", to).WithHint("the environments are %s", strings.Join(namesOfEnvironments(all), ", "))
		}
		needed[name], name = true, out[i].After
	}
	return slices.DeleteFunc(out, func(e config.Environment) bool { return !needed[e.Name] }), nil
}

func namesOfEnvironments(all []config.Environment) []string {
	var out []string
	for _, e := range all {
		out = append(out, e.Name)
	}
	return out
}
