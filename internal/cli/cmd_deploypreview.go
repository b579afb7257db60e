package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/slipway-build/slipway/internal/audit"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/shipping"
)

// preview prints what a deploy would change. What the target would refuse is an error.
func (a *app) preview(ctx context.Context, g goal, o shipping.Order) error {
	r, changes, err := o.Preview(ctx, time.Now())
	if err != nil {
		return err
	}
	if err := a.printRollout(r); err != nil {
		return err
	}
	a.printPreview(changes)
	refused := slices.DeleteFunc(slices.Clone(changes), func(c deploy.Change) bool { return c.Refused == "" })
	if len(refused) == 0 {
		return nil
	}
	return diag.Fail(diag.ExitRun, "%s would refuse %d of %d objects, first the %s: %s", g, len(refused), len(changes), refused[0].Object, diag.Printable(refused[0].Refused)).
		WithHint("fix what it names, and try again: slipway deploy %s %s --dry-run", g.env.Name, o.Release.Version)
}

// printRollout prints the services that a rollout would bring, in their order.
func (a *app) printRollout(r host.Rollout) error {
	if len(r.Waves) == 0 {
		_, err := fmt.Fprintf(a.Stdout, "%s runs in %s already; no service would be replaced\n", r.Version, r.Environment)
		return err
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WAVE\tSERVICE\tFROM\tTO\tREPLICAS\tSTRATEGY")
	for i, wave := range r.Waves {
		for _, p := range wave {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%s\n", i+1, p.Spec.Service, from(p), p.New.Release, p.Spec.Replicas, p.Spec.Strategy.Kind)
		}
	}
	return t.Flush()
}

// from is the version that a part replaces.
func from(p host.Part) string {
	if p.Old == nil {
		return "-"
	}
	return p.Old.Release
}

// printPreview prints changes with their fields, and at the end what stays.
func (a *app) printPreview(changes []deploy.Change) {
	var same []string
	for _, c := range changes {
		if c.What == deploy.Unchanged && c.Refused == "" {
			same = append(same, c.Object)
			continue
		}
		line := fmt.Sprintf("%-8s %s", c.What, c.Object)
		if c.Like != "" {
			line += ", in place of " + c.Like
		}
		if c.What == deploy.Dropped {
			line += ": the release does not have it; it stays"
		}
		fmt.Fprintln(a.Stdout, diag.Printable(line))
		for _, f := range c.Fields {
			fmt.Fprintf(a.Stdout, "    %s: %.160s → %.160s\n", diag.Printable(f.Path), value(f.From), value(f.To))
		}
		if c.Refused != "" {
			fmt.Fprintf(a.Stdout, "    refused: %s\n", diag.Printable(c.Refused))
		}
	}
	if len(same) > 0 {
		fmt.Fprintln(a.Stdout, diag.Printable("unchanged: "+strings.Join(same, ", ")))
	}
}

// value is one of a field, "-" for none.
func value(of string) string { return cmp.Or(diag.Printable(of), "-") }

// announce says what a deploy is about to do.
func (a *app) announce(ctx context.Context, g goal, r host.Rollout) error {
	inPlace := false
	for _, p := range slices.Concat(r.Waves...) {
		if p.Spec.Runs > 0 {
			inPlace = true
			fmt.Fprintf(a.Stderr, "%s: %s runs already; %d → %d replicas, changed in place\n", p.Spec.Service, p.New.Release, p.Spec.Runs, p.Spec.Replicas)
			continue
		}
		fmt.Fprintf(a.Stderr, "%s: %s → %s, %d replicas, %s\n", p.Spec.Service, from(p), p.New.Release, p.Spec.Replicas, p.Spec.Strategy.Kind)
	}
	place, ok := g.client.(shipping.Drifter)
	if !ok || !inPlace {
		return nil
	}
	drift, err := place.Drift(ctx)
	printDrift(a.Stderr, drift)
	return err
}

// printDrift prints what somebody else changed of what Slipway made.
func printDrift(out io.Writer, all []deploy.Drift) {
	for _, d := range all {
		if d.Missing {
			fmt.Fprintf(out, "changed by hand: the %s is gone\n", diag.Printable(d.Object))
			continue
		}
		fmt.Fprintf(out, "changed by hand: %s\n", diag.Printable(d.Object))
		for _, f := range d.Fields {
			who := cmp.Or(diag.Printable(f.By), "nobody knows whom")
			if !f.At.IsZero() {
				who += ", " + f.At.Local().Format(runTime)
			}
			was := "was " + value(f.Applied)
			if f.Applied == "" {
				was = "added; a deploy leaves it"
			}
			fmt.Fprintf(out, "    %s: %.120s (%.120s; by %s)\n", diag.Printable(f.Path), value(f.Live), was, who)
		}
	}
}

// prune removes what an environment has and the release that runs there does not, when a
// person wants that; else it says what stays.
func (a *app) prune(ctx context.Context, g goal, o shipping.Order, f deployFlags) error {
	surplus, err := o.Surplus(ctx)
	if err != nil || len(surplus) == 0 {
		return err
	}
	listed := diag.Printable(strings.Join(surplus, ", "))
	if !f.prune && !(f.ask && a.asked("%s does not have %s. Remove them from %s?", o.Release.Version, listed, g)) {
		_, err := fmt.Fprintf(a.Stderr, "note: %s does not have %s; they stay: slipway deploy %s %[1]s --prune removes them\n", o.Release.Version, listed, g.env.Name)
		return err
	}
	log, err := audit.Open(a.state.AuditDir())
	if err != nil {
		return err
	}
	removed, err := o.Prune(ctx, time.Now())
	record := audit.Record{
		Action: audit.Pruned, Environment: g.env.Name, Fleet: o.Release.Fleet, Version: o.Release.Version, Result: audit.OK,
		Details: map[string]string{"target": g.String(), "removed": strings.Join(removed, ", ")},
	}
	if err != nil {
		record.Result = audit.Failed
	} else {
		fmt.Fprintf(a.Stderr, "removed from %s: %s\n", g, diag.Printable(strings.Join(removed, ", ")))
	}
	return errors.Join(err, log.Append(record))
}

// asked asks a person at the terminal; anything but yes is no.
func (a *app) asked(format string, args ...any) bool {
	if !a.interactive() {
		return false
	}
	fmt.Fprintf(a.Stderr, format+" [y/N] ", args...)
	line, _ := bufio.NewReader(a.Stdin).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
