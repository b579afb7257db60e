package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/annex"
)

func (a *app) registryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Serve an image registry for development",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.registryServeCommand())
	return cmd
}

func (a *app) registryServeCommand() *cobra.Command {
	var addr, dir string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a registry until it is interrupted",
		Long: `Serve an image registry from a directory until it is interrupted. It has neither
authentication nor TLS: listen on this machine only, or on a trusted network.`,
		Example: `  slipway registry serve &
  slipway build --registry localhost:5000 --push`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				dir = a.state.RegistryDir()
			}
			var at annex.RegistryAnswer
			ready := func() { fmt.Fprintf(a.Stdout, "registry at %s, images in %s\n", at.Addr, a.path(dir)) }
			return a.tools().Serve(cmd.Context(), annex.Registry, annex.RegistryRequest{Addr: addr, Dir: a.path(dir)}, &at, ready, a.Stderr)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:5000", "address to listen on; port 0 selects a free port")
	cmd.Flags().StringVar(&dir, "dir", "", "image directory (default: registry in the state directory)")
	return cmd
}
