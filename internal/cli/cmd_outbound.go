package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/netns"
	"github.com/slipway-build/slipway/internal/state"
)

// outboundCommand becomes a program of this machine in a network of a build step: git,
// which fetches what a Dockerfile adds.
func (a *app) outboundCommand() *cobra.Command {
	return &cobra.Command{
		Use:                state.OutboundCommand + " NETWORK RESOLV.CONF PROGRAM [ARGUMENT…]",
		Hidden:             true,
		DisableFlagParsing: true, // they are the program's
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) < 3 {
				return diag.Fail(diag.ExitUsage, "only slipway build calls this")
			}
			env := slices.DeleteFunc(slices.Clone(a.Environ), func(kv string) bool { return strings.HasPrefix(kv, "SLIPWAY_") })
			err := netns.Exec(args[0], args[1], args[2:], env)
			return diag.Fail(diag.ExitUnexpected, "%s cannot be started in the network of build steps", args[2]).Because(err).
				WithHint("slipway doctor")
		},
	}
}
