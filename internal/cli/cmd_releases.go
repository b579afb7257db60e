package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/release"
)

func (a *app) releasesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "releases",
		Short: "List the releases of the fleet",
		Example: `  slipway releases
  slipway releases --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fl, err := a.fleets().Read(a.Dir, fleet.Overrides{})
			if err != nil {
				return err
			}
			all, broken := a.state.Releases(fl.Name).List()
			if broken != nil && len(all) == 0 {
				return broken
			}
			if broken != nil {
				fmt.Fprintln(a.Stderr, "warning: "+diag.Printable(broken.Error()))
			}
			if asJSON {
				return a.printJSON(append([]release.Release{}, all...))
			}
			if len(all) == 0 {
				fmt.Fprintln(a.Stderr, "there are no releases; make one with slipway release v1.0.0")
				return nil
			}
			t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "VERSION\tCREATED\tCOMMIT\tSERVICES\tBY")
			for _, r := range all {
				fmt.Fprintf(t, "%s\t%s\t%.12s\t%d\t%s\n", r.Version, r.Created.Local().Format(runTime), cmp.Or(r.Source.Commit, "-"), len(r.Services), diag.Printable(cmp.Or(r.By, "-")))
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
