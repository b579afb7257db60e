package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/state"
)

func (a *app) whyCommand() *cobra.Command {
	var f fleetFlags
	var where builderFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why [SERVICE… | DIR]",
		Short: "Say why services were last built, and whether the next build has to",
		Long: `Say what changed before the last build of each service, the cause first, which
steps ran and how long they took, and what the next build would find changed.
Names and globs select services; without any, all of the fleet.`,
		Example: `  slipway why fast-orchestrator-service
  slipway why 'fast-*' --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			answers, err := a.why(cmd.Context(), args, f, where)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(answers)
			}
			for i, w := range answers {
				if i > 0 {
					fmt.Fprintln(a.Stdout)
				}
				a.printWhy(w)
			}
			return nil
		},
	}
	f.register(cmd)
	where.registerPrediction(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// answer is what `slipway why` says of a service; its keys are an interface to
// scripts.
type answer struct {
	Service string      `json:"service"`
	Run     *ledger.Run `json:"run,omitempty"` // the last that had the service, with it alone
	Next    *next       `json:"next,omitempty"`
}

// next is what a build now would find.
type next struct {
	Unchanged bool     `json:"unchanged"`
	Reasons   []string `json:"reasons,omitempty"`
}

// why looks the services up in the ledger and predicts their next build.
func (a *app) why(ctx context.Context, args []string, f fleetFlags, where builderFlags) ([]answer, error) {
	if err := where.check(); err != nil {
		return nil, err
	}
	root, names := "", []string(nil)
	var predicted map[string]pipeline.Recalled
	t, err := a.fleets().Resolve(args)
	if err != nil {
		return nil, err
	}
	if t.OwnDockerfile {
		root, names = t.Root, []string{filepath.Base(t.Root)}
	} else {
		fl, err := a.fleets().Load(t, f.Overrides)
		if err != nil {
			return nil, err
		}
		root = fl.Root
		for _, s := range fl.Planned {
			names = append(names, s.Name)
		}
		if predicted, err = a.predict(ctx, fl, where); err != nil {
			return nil, err
		}
	}
	var answers []answer
	err = history.Ledger(a.state.Path, event.Discard{}).View(func(v ledger.View) error {
		for _, name := range names {
			w := answer{Service: name}
			if last, ok := v.Last(root, name); ok {
				run, _ := v.Run(last.Run)
				run.ID, run.Services = last.Run, []ledger.Service{last.Service}
				w.Run = &run
			}
			if p, ok := predicted[name]; ok {
				w.Next = &next{p.Result.Digest != "", p.Reasons}
			}
			answers = append(answers, w)
		}
		return nil
	})
	return answers, err
}

// predict recalls each service as a build there would, and builds nothing. Without a
// record of builds there is nothing to say.
func (a *app) predict(ctx context.Context, fl *fleet.Fleet, where builderFlags) (map[string]pipeline.Recalled, error) {
	if _, err := os.Stat(filepath.Join(a.state.Path, "ledger.db")); err != nil {
		return nil, nil
	}
	jobs, err := fl.Jobs(engine.Request{})
	if err != nil {
		return nil, err
	}
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return nil, err
	}
	assembler, err := a.state.Assembler(fl.Root, store, event.Discard{}, fleet.CompressionOf(jobs))
	if err != nil {
		return nil, err
	}
	known := a.history(fl.Root, "", where, store, event.Discard{})
	b := pipeline.Build{Bases: state.Bases{Assembler: assembler, OnlyReady: true}, History: known, Platform: plan.Host(), Elsewhere: a.elsewhere(where)}
	defer a.trace.Start("", "fingerprints").End(nil)
	found := b.Predict(ctx, jobs)
	return found, known.SavePrints()
}

func (a *app) printWhy(w answer) {
	out := a.Stdout
	list := func(title string, lines []string) {
		for i, l := range lines {
			if i > 0 {
				title = ""
			}
			fmt.Fprintf(out, "  %-10s %s\n", title, diag.Printable(l))
		}
	}
	fmt.Fprintf(out, "%s\n", w.Service)
	if w.Run == nil {
		fmt.Fprintf(out, "  %-10s %s\n", "last", "no build is recorded")
	} else {
		s := w.Run.Services[0]
		how := "built in " + report.Duration(s.Duration)
		if s.Skipped {
			how = "unchanged"
		}
		fmt.Fprintf(out, "  %-10s %s, run %d, %s\n", "last", w.Run.Started.Local().Format(runTime), w.Run.ID, how)
		list("because", s.Reasons)
		var steps []string
		for _, st := range s.Steps {
			steps = append(steps, fmt.Sprintf("%-9s %s  %s", report.Duration(st.Duration), st.Stage, short(st.Text)))
		}
		list("steps", steps)
		if s.Cached > 0 {
			fmt.Fprintf(out, "  %-10s %d of %d steps\n", "cached", s.Cached, s.Result.Steps)
		}
		if s.PeakMemory > 0 {
			fmt.Fprintf(out, "  %-10s %s at most\n", "memory", report.Bytes(s.PeakMemory))
		}
	}
	switch {
	case w.Next == nil:
	case w.Next.Unchanged:
		fmt.Fprintf(out, "  %-10s %s\n", "next", "unchanged: no engine would be opened")
	default:
		list("next", w.Next.Reasons)
	}
}

// short cuts the text of a step to what a line can hold.
func short(text string) string {
	const most = 80
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
