package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/registry"
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
		Long: `Serve an image registry from a directory until it is interrupted. It has no
users and no TLS: let it listen on this machine only, or on a network that you
trust.`,
		Example: `  slipway registry serve &
  slipway build --registry localhost:5000 --push`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				dir = a.state.RegistryDir()
			}
			return registry.Serve(cmd.Context(), registry.Options{
				Addr: addr, Dir: a.path(dir), Log: a.Stderr,
				Ready: func(addr string) {
					fmt.Fprintf(a.Stdout, "registry at %s, images in %s\n", addr, a.path(dir))
				},
			})
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:5000", "address to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&dir, "dir", "", "directory of the images (default: registry in the state directory)")
	return cmd
}
