package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

func (a *app) planCommand() *cobra.Command {
	var f fleetFlags
	var where builderFlags
	var asText, asJSON, quality bool
	cmd := &cobra.Command{
		Use:   "plan [SERVICE… | DIR]",
		Short: "Show what would be built, from which stages, and why",
		Example: `  slipway plan
  slipway plan fast-orchestrator-service --dockerfile`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := where.check(); err != nil {
				return err
			}
			t, err := a.fleets().Resolve(args)
			if err != nil {
				return err
			}
			f.Quality = !asText || quality
			fl, err := a.fleets().Load(t, f.Overrides)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return a.printJSON(fl.Planned)
			case asText:
				return a.printDockerfiles(fl, quality)
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
	cmd.Flags().BoolVar(&quality, "quality", false, "with --dockerfile: print the quality stages too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printDockerfiles(fl *fleet.Fleet, quality bool) error {
	for i, s := range fl.Planned {
		text, err := fl.DockerfileOf(s, quality)
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
	a.printUses("reads", s.Reads)
	a.printUses("calls", s.Calls)
	a.printUses("connects to", s.Connects)
	a.printNeeds(fl, s)
	a.printLeftOut(s.LeftOut)
	if s.Dockerfile != "" {
		fmt.Fprintf(a.Stdout, "  %-16s %s\n", "Dockerfile", diag.Printable(s.Dockerfile))
	}
	for _, st := range s.Stages {
		fmt.Fprintf(a.Stdout, "  stage %-14s from %s, %d steps\n", st.Name, st.From, len(st.Steps))
	}
	a.printQuality(s)
}

// printQuality lists what checks the service, and which stages have nothing to run.
func (a *app) printQuality(s plan.Service) {
	for _, st := range s.Checks() {
		name := st.Name
		for _, f := range st.Facts {
			at := f.File
			if f.Line > 0 {
				at = fmt.Sprintf("%s:%d", at, f.Line)
			}
			fmt.Fprintf(a.Stdout, "  %-16s %-34s %s\n", name, diag.Printable(f.Value), diag.Printable(strings.TrimSpace(f.Evidence+" "+parenthesised(at))))
			name = ""
		}
	}
	title := "not checked"
	for _, l := range s.LeftOutStages {
		fmt.Fprintf(a.Stdout, "  %-16s %-34s %s\n", title, l.Name, diag.Printable(l.Why))
		title = ""
	}
}

// printUses lists what the sources ask the machine for.
func (a *app) printUses(title string, uses []plan.Use) {
	for _, u := range uses {
		fmt.Fprintf(a.Stdout, "  %-16s %-34s %s\n", title, diag.Printable(u.Name), parenthesised(diag.Printable(fmt.Sprintf("%s:%d", u.File, u.Line))))
		title = ""
	}
}

// printNeeds lists the servers that a service needs beside it, else the line that would
// start those that its sources name.
func (a *app) printNeeds(fl *fleet.Fleet, s plan.Service) {
	of, _ := fl.Fleet.Named(s.Name)
	title := "needs"
	for _, n := range of.Needs {
		fmt.Fprintf(a.Stdout, "  %-16s %-34s %s\n", title, n.Name, diag.Printable(n.Describe()))
		title = ""
	}
	if line := companion.Suggest(plan.UseNames(s.Connects), plan.UseNames(s.Reads)); len(of.Needs) == 0 && line != "" {
		fmt.Fprintf(a.Stdout, "  %-16s %-34s %s\n", "", "needs: "+line, "in slipway.yaml starts such servers beside it")
	}
}

// printLeftOut lists what production does not hold, one line a reason.
func (a *app) printLeftOut(all []plan.LeftOut) {
	paths := map[string][]string{}
	for _, l := range all {
		paths[l.Why] = append(paths[l.Why], l.Path)
	}
	title := "left out"
	for _, why := range slices.Sorted(maps.Keys(paths)) {
		list := paths[why]
		text := strings.Join(list[:min(len(list), maxListed)], ", ")
		if more := len(list) - maxListed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		fmt.Fprintf(a.Stdout, "  %-16s %-34s %s\n", title, diag.Printable(text), why)
		title = ""
	}
}

// maxListed is how many paths a line of `slipway plan` lists; --json lists all.
const maxListed = 8

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
