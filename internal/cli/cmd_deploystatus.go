package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/audit"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/acme"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/shipping"
)

// environmentStatus is what `slipway deploy status` shows.
type environmentStatus struct {
	Environment string          `json:"environment"`
	Host        string          `json:"host,omitempty"`
	Version     string          `json:"version,omitempty"` // that runs
	Since       time.Time       `json:"since,omitzero"`
	Rollout     *rolloutStatus  `json:"rollout,omitempty"` // the newest
	Lock        *host.Lock      `json:"lock,omitempty"`
	Services    []serviceStatus `json:"services"`
	Routes      []host.Route    `json:"routes,omitempty"`
	Shut        []string        `json:"shut,omitempty"`    // why clients do not come in by some routes
	Drift       []deploy.Drift  `json:"drift,omitempty"`   // what somebody else changed
	Surplus     []string        `json:"surplus,omitempty"` // what the release does not have

	Certificates []acme.Certificate `json:"certificates,omitempty"` // that come from an authority
}

type rolloutStatus struct {
	Version string         `json:"version"`
	By      string         `json:"by,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Started time.Time      `json:"started"`
	Paused  string         `json:"paused,omitempty"` // why a person has to decide
	Ended   time.Time      `json:"ended,omitzero"`
	Outcome deploy.Outcome `json:"outcome,omitempty"`
	Why     string         `json:"why,omitempty"`
}

type serviceStatus struct {
	Service string `json:"service"`
	Release string `json:"release"`
	Share   int    `json:"share"` // of the traffic, in percent
	Want    int    `json:"want"`
	Healthy int    `json:"healthy"`
	Failed  bool   `json:"failed,omitempty"` // it does not become healthy by itself
	Problem string `json:"problem,omitempty"`
}

func (a *app) deployStatus() *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use: "status ENVIRONMENT", Short: "Show what runs in an environment, and the rollout that goes on", Args: cobra.ExactArgs(1),
		Example: "  slipway deploy status production\n  slipway deploy status production --watch",
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := a.goals(cmd.Context(), args[0], false)
			if err != nil {
				return err
			}
			for _, g := range all {
				if err := a.showStatus(cmd.Context(), g, asJSON, watch); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "print it again at each change, until the rollout ends")
	return cmd
}

// showStatus prints the status once, or at each change until nothing goes on.
func (a *app) showStatus(ctx context.Context, g goal, asJSON, watch bool) error {
	last := ""
	for {
		s, err := statusOf(ctx, g)
		if err != nil {
			return err
		}
		if said := s.said(); said != last {
			last = said
			if asJSON {
				err = a.printJSON(s)
			} else {
				err = a.printStatus(s)
			}
		}
		if err != nil || !watch || s.Rollout == nil || !s.Rollout.Ended.IsZero() {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// said is what a status says beyond times that pass: another one is worth printing.
func (s environmentStatus) said() string {
	rollout := rolloutStatus{}
	if s.Rollout != nil {
		rollout = *s.Rollout
	}
	return fmt.Sprintf("%+v", []any{rollout, s.Lock != nil, s.Services, s.Shut, s.Drift, s.Surplus, s.Certificates})
}

func statusOf(ctx context.Context, g goal) (environmentStatus, error) {
	out := environmentStatus{Environment: g.env.Name, Host: g.at, Services: []serviceStatus{}}
	view, err := g.client.View(ctx, g.env.Name)
	if err != nil {
		return out, err
	}
	all, err := g.client.Rollouts(ctx, g.env.Name)
	if err != nil {
		return out, err
	}
	lock, err := shipping.Busy(ctx, g.client, g.env.Name, audit.Me().Name)
	if err != nil {
		return out, err
	}
	if lock.Holder != "" {
		out.Lock = &lock
	}
	if now := shipping.Current(all); now != nil {
		out.Version, out.Since = now.Version, now.Ended
		if out.Surplus, err = shipping.Surplus(ctx, g.client, *now); err != nil {
			return out, err
		}
	}
	if len(all) > 0 {
		r := all[0]
		paused, err := shipping.Paused(ctx, g.client, r)
		if err != nil {
			return out, err
		}
		out.Rollout = &rolloutStatus{r.Version, r.By, r.Reason, r.Started, paused, r.Ended, r.Outcome, r.Why}
	}
	out.Routes, out.Shut, out.Certificates = view.Routes, view.Shut, view.Certificates
	if place, ok := g.client.(shipping.Drifter); ok {
		if out.Drift, err = place.Drift(ctx); err != nil {
			return out, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(view.Services)) {
		out.Services = append(out.Services, sidesOf(name, view.Services[name])...)
	}
	return out, nil
}

// sidesOf are the sides of a service, the one with the traffic first.
func sidesOf(name string, v host.ServiceView) []serviceStatus {
	var out []serviceStatus
	for _, key := range slices.Sorted(maps.Keys(v.Sides)) {
		side := v.Sides[key]
		s := serviceStatus{Service: name, Release: side.Workload.Release, Want: side.Want, Healthy: side.Healthy, Failed: side.Failed != "", Problem: side.Failed}
		switch key {
		case v.Main:
			s.Share = 100 - v.Share
		case v.Fresh:
			s.Share = v.Share
		}
		for _, c := range side.Containers {
			s.Problem = cmp.Or(s.Problem, c.Problem)
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b serviceStatus) int { return b.Share - a.Share })
	return out
}

func (a *app) printStatus(s environmentStatus) error {
	switch r := s.Rollout; {
	case r == nil:
		fmt.Fprintf(a.Stdout, "nothing was deployed to %s\n", s.Environment)
	case r.Ended.IsZero():
		fmt.Fprintf(a.Stdout, "%s is on its way to %s, since %s, by %s\n", r.Version, s.Environment, r.Started.Local().Format(runTime), diag.Printable(r.By))
		a.printHalt(s)
	case r.Outcome == deploy.Removed:
		fmt.Fprintf(a.Stdout, "%s: all that ran was removed %s, by %s\n", s.Environment, r.Ended.Local().Format(runTime), diag.Printable(r.By))
	default:
		fmt.Fprintf(a.Stdout, "%s: the rollout of %s ended %s: %s\n", s.Environment, r.Version, r.Ended.Local().Format(runTime), strings.TrimSuffix(string(r.Outcome)+", "+diag.Printable(r.Why), ", "))
	}
	if s.Version != "" {
		fmt.Fprintf(a.Stdout, "%s runs since %s\n", s.Version, s.Since.Local().Format(runTime))
	}
	if s.Lock != nil {
		fmt.Fprintf(a.Stdout, "locked by %s since %s\n", diag.Printable(s.Lock.By), s.Lock.Since.Local().Format(runTime))
	}
	printDrift(a.Stdout, s.Drift)
	if len(s.Surplus) > 0 {
		fmt.Fprintf(a.Stdout, "not of %s: %s; slipway deploy %s %[1]s --prune removes them\n", s.Version, diag.Printable(strings.Join(s.Surplus, ", ")), s.Environment)
	}
	for _, why := range s.Shut {
		fmt.Fprintf(a.Stdout, "no client comes in: %s\n", diag.Printable(why))
	}
	for _, c := range s.Certificates {
		fmt.Fprintln(a.Stdout, certificateText(c))
	}
	if len(s.Services) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nSERVICE\tRELEASE\tTRAFFIC\tHEALTHY\tPROBLEM")
	for _, v := range s.Services {
		fmt.Fprintf(t, "%s\t%s\t%d %%\t%d of %d\t%.120s\n", v.Service, v.Release, v.Share, v.Healthy, v.Want, diag.Printable(cmp.Or(v.Problem, "-")))
	}
	return t.Flush()
}

// printHalt says why a rollout does not go on by itself, and what lets it.
func (a *app) printHalt(s environmentStatus) {
	switch {
	case s.Rollout.Paused != "":
		fmt.Fprintf(a.Stdout, "it is paused: %s\n", diag.Printable(s.Rollout.Paused))
	case s.Lock == nil:
		fmt.Fprintln(a.Stdout, "no process carries it out")
	default:
		return
	}
	fmt.Fprintf(a.Stdout, "go on: slipway deploy resume %[1]s; go back: slipway deploy abort %[1]s\n", s.Environment)
}

// certificateText says how the certificate of a name is.
func certificateText(c acme.Certificate) string {
	until := "none yet"
	if !c.Until.IsZero() {
		until = "until " + c.Until.Local().Format(runTime)
	}
	text := fmt.Sprintf("certificate of %s: %s", c.Name, until)
	if c.Problem != "" {
		text += "; " + diag.Printable(c.Problem)
	}
	return text
}
