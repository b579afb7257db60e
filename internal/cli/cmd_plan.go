package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

func (a *app) planCommand() *cobra.Command {
	var f fleetFlags
	var where builderFlags
	var asText, asJSON bool
	cmd := &cobra.Command{
		Use:   "plan [SERVICE…]",
		Short: "Show what would be built, from which stages, and why",
		Example: `  slipway plan
  slipway plan fast-orchestrator-service --dockerfile`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := where.check(); err != nil {
				return err
			}
			fl, err := a.fleets().Load(a.Dir, args, f.Overrides)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return a.printJSON(fl.Planned)
			case asText:
				return a.printDockerfiles(fl)
			}
			predicted, err := a.predict(cmd.Context(), fl, where)
			if err != nil {
				return err
			}
			for _, s := range fl.Planned {
				a.printPlan(fl, s)
				if p, ok := predicted[s.Name]; ok {
					a.printNext(p)
				}
				fmt.Fprintln(a.Stdout)
			}
			return nil
		},
	}
	f.register(cmd)
	where.registerPrediction(cmd)
	cmd.Flags().BoolVar(&asText, "dockerfile", false, "print the Dockerfile of each service")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printDockerfiles(fl *fleet.Fleet) error {
	for i, s := range fl.Planned {
		text, err := fl.Dockerfile(s)
		if err != nil {
			return err
		}
		if len(fl.Planned) > 1 {
			if i > 0 {
				fmt.Fprintln(a.Stdout)
			}
			fmt.Fprintf(a.Stdout, "### %s\n", s.Name)
		}
		if _, err := a.Stdout.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printPlan(fl *fleet.Fleet, s plan.Service) {
	fmt.Fprintf(a.Stdout, "%s → %s\n", s.Name, fl.Image(s.Name))
	for _, f := range s.Facts {
		at := f.File
		if f.Line > 0 {
			at = fmt.Sprintf("%s:%d", at, f.Line)
		}
		fmt.Fprintf(a.Stdout, "  %-16s %-34s %s\n", f.Name, diag.Printable(f.Value), diag.Printable(strings.TrimSpace(f.Evidence+" "+parenthesised(at))))
	}
	if s.Dockerfile != "" {
		fmt.Fprintf(a.Stdout, "  %-16s %s\n", "Dockerfile", diag.Printable(s.Dockerfile))
	}
	for _, st := range s.Stages {
		fmt.Fprintf(a.Stdout, "  stage %-14s from %s, %d steps\n", st.Name, st.From, len(st.Steps))
	}
}

// printNext says what a build would find changed.
func (a *app) printNext(p pipeline.Recalled) {
	if p.Result.Digest != "" {
		fmt.Fprintf(a.Stdout, "  %-16s unchanged\n", "next build")
	}
	for i, r := range p.Reasons {
		title := "next build"
		if i > 0 {
			title = ""
		}
		fmt.Fprintf(a.Stdout, "  %-16s %s\n", title, diag.Printable(r))
	}
}

func parenthesised(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}
