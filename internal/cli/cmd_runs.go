package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/report"
)

func (a *app) runsCommand() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the builds of this machine, and compare two of them",
		Long: `List the newest runs of slipway build that had something to do. What found
nothing changed is not listed.`,
		Example: `  slipway runs
  slipway runs show 12
  slipway runs diff 11 12`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var all []ledger.Run
			if err := history.Ledger(a.state.Path, event.Discard{}).View(func(v ledger.View) error { all = v.Runs(limit); return nil }); err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(all)
			}
			return a.printRuns(all)
		},
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "number of runs")
	show := &cobra.Command{
		Use: "show RUN", Short: "Show one run: what was built, why, and the steps that ran", Args: cobra.ExactArgs(1), Example: "  slipway runs show 12",
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.findRuns(args)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(r[0])
			}
			a.showRun(r[0])
			return nil
		},
	}
	diff := &cobra.Command{
		Use: "diff RUN RUN", Short: "Compare two runs: images that differ, and times", Args: cobra.ExactArgs(2), Example: "  slipway runs diff 11 12",
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.findRuns(args)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(diffRuns(r[0], r[1]))
			}
			return a.printRunDiff(diffRuns(r[0], r[1]))
		},
	}
	cmd.AddCommand(show, diff)
	return cmd
}

// findRuns returns the runs of the given numbers.
func (a *app) findRuns(ids []string) ([]ledger.Run, error) {
	var out []ledger.Run
	err := history.Ledger(a.state.Path, event.Discard{}).View(func(v ledger.View) error {
		for _, text := range ids {
			id, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return diag.Fail(diag.ExitUsage, "%q is not the number of a run", text).WithHint("slipway runs lists them")
			}
			r, ok := v.Run(id)
			if !ok {
				return diag.Fail(diag.ExitUsage, "there is no run %d, or it is too old to be kept", id).WithHint("slipway runs lists them")
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

const runTime = "2006-01-02 15:04:05"

func (a *app) printRuns(all []ledger.Run) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(a.Stderr, "no build is recorded; slipway build makes one")
		return err
	}
	var rows [][]string
	for _, r := range all {
		var built, unchanged, failed int
		for _, s := range r.Services {
			switch {
			case s.Err != "":
				failed++
			case s.Skipped:
				unchanged++
			default:
				built++
			}
		}
		rows = append(rows, []string{
			strconv.FormatUint(r.ID, 10), r.Started.Local().Format(runTime), report.Duration(r.Duration),
			strconv.Itoa(built), strconv.Itoa(unchanged), strconv.Itoa(failed), diag.Printable(r.Fleet),
		})
	}
	return report.Table(a.Stdout, []string{"RUN", "STARTED", "TIME", "BUILT", "UNCHANGED", "FAILED", "<DIRECTORY"}, rows)
}

func (a *app) showRun(r ledger.Run) {
	fmt.Fprintf(a.Stdout, "run %d of %s, %s, slipway %s, %s\n", r.ID, diag.Printable(r.Fleet), r.Started.Local().Format(runTime), r.Version, report.Duration(r.Duration))
	for _, s := range r.Services {
		fmt.Fprintln(a.Stdout)
		one := r
		one.Services = []ledger.Service{s}
		a.printWhy(answer{Service: s.Name, Run: &one})
		if s.Err != "" {
			fmt.Fprintf(a.Stdout, "  %-10s %s\n", "failed", diag.Printable(strings.Join(strings.Fields(s.Err), " ")))
		}
		if s.Result.Digest != "" {
			fmt.Fprintf(a.Stdout, "  %-10s %s@%s\n", "image", s.Image, s.Result.Digest)
		}
	}
}

// runDiff is how a service went in two runs; its keys are an interface to scripts.
type runDiff struct {
	Service string    `json:"service"`
	Same    bool      `json:"same_image"`
	Digests [2]string `json:"digests"`
	Seconds [2]string `json:"seconds"`
	Reasons []string  `json:"reasons,omitempty"` // of the later run
}

// diffRuns compares the services of two runs by name, those of the second first.
func diffRuns(before, after ledger.Run) []runDiff {
	out := []runDiff{}
	at := map[string]int{}
	for side, r := range []ledger.Run{after, before} {
		side = 1 - side
		for _, s := range r.Services {
			i, ok := at[s.Name]
			if !ok {
				i, at[s.Name] = len(out), len(out)
				out = append(out, runDiff{Service: s.Name, Seconds: [2]string{"-", "-"}})
			}
			out[i].Digests[side], out[i].Seconds[side] = s.Result.Digest, report.Duration(s.Duration)
			if side == 1 {
				out[i].Reasons = s.Reasons
			}
		}
	}
	for i := range out {
		out[i].Same = out[i].Digests[0] != "" && out[i].Digests[0] == out[i].Digests[1]
	}
	return out
}

func (a *app) printRunDiff(all []runDiff) error {
	var rows [][]string
	for _, d := range all {
		image := "differs"
		switch {
		case d.Same:
			image = "same"
		case d.Digests[0] == "":
			image = "new"
		case d.Digests[1] == "":
			image = "gone"
		}
		reason := ""
		if len(d.Reasons) > 0 {
			reason = diag.Printable(d.Reasons[0])
		}
		rows = append(rows, []string{d.Service, image, d.Seconds[0], d.Seconds[1], reason})
	}
	return report.Table(a.Stdout, []string{"SERVICE", "IMAGE", "BEFORE", "AFTER", "<BECAUSE"}, rows)
}
