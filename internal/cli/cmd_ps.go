package cli

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/localrun/view"
)

func (a *app) psCommand() *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the services that run on this machine",
		Example: `  slipway ps
  slipway ps --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			groups, err := a.groups(all)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(groups)
			}
			return a.printGroups(groups, all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "include ended groups whose logs are kept")
	return cmd
}

// groups lists the running groups, or all that are known.
func (a *app) groups(all bool) ([]oci.GroupStatus, error) {
	if err := a.state.Refuse(); err != nil {
		return nil, err
	}
	if err := needsRoot("ps"); err != nil {
		return nil, err
	}
	list, err := oci.List(a.state.Path)
	if err != nil {
		return nil, err
	}
	out := []oci.GroupStatus{}
	for _, g := range list {
		if g.Running || all {
			out = append(out, g)
		}
	}
	return out, nil
}

func (a *app) printGroups(groups []oci.GroupStatus, all bool) error {
	if len(groups) == 0 {
		_, err := fmt.Fprintln(a.Stderr, "no services are running; start some with slipway run")
		return err
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GROUP\tSERVICE\tSTATE\tMEMORY\tUPTIME\tPORTS")
	for _, g := range groups {
		name := g.Name
		if !g.Running {
			name += " (ended)"
		}
		for _, s := range g.Services {
			fmt.Fprintln(t, name+"\t"+view.Row(s, time.Now()))
		}
	}
	return t.Flush()
}
