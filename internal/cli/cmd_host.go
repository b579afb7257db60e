package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/hosting"
)

func (a *app) hostCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Own what is deployed to this machine",
		Long: `The host runs what slipway deploy brings to this machine: it starts containers anew
that end, and its proxy hands requests to them. Where systemd runs, it is the unit
slipway-host.service, which starts after a reboot, too; else it runs in the background.
The containers do not end with it; a host that starts again goes on with what it finds.`,
		Example: `  slipway host start
  slipway host status
  slipway host stop`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.hostStart(), a.hostStatus(), a.hostStop(), a.hostUpgrade(), a.hostInstall(), a.hostRun(), a.hostReload(), a.hostCall())
	return cmd
}

// hostStart is `slipway host start`.
func (a *app) hostStart() *cobra.Command {
	var background bool
	cmd := &cobra.Command{
		Use: "start", Short: "Start the host: with systemd where it runs, else in the background", Args: cobra.NoArgs, Example: "  slipway host start",
		RunE: func(cmd *cobra.Command, _ []string) error {
			here := a.here()
			here.Background = background
			started, err := here.Launch(cmd.Context())
			if err != nil {
				return err
			}
			if !started {
				registered, err := here.Register(cmd.Context())
				if err != nil {
					return err
				}
				if !registered {
					fmt.Fprintln(a.Stderr, "the host is running already")
				}
			}
			if err := a.printHost(cmd.Context()); err != nil {
				return err
			}
			if here.Registered(cmd.Context()) {
				fmt.Fprintf(a.Stderr, "systemd starts it again after a reboot: systemctl status %s\n", hosting.Unit)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&background, "background", false, "start it in the background, even where systemd runs")
	return cmd
}

func (a *app) hostStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say whether the host is running", Args: cobra.NoArgs, Example: "  slipway host status --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !asJSON {
				return a.printHost(cmd.Context())
			}
			info, err := a.here().Client().Info(cmd.Context())
			if err != nil {
				return err
			}
			return a.printJSON(info)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printHost(ctx context.Context) error {
	info, err := a.here().Client().Info(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "the host is running: process %d, slipway %s, since %s\n", info.PID, info.Version, info.Started.Local().Format(runTime))
	return err
}

func (a *app) hostStop() *cobra.Command {
	var disable bool
	cmd := &cobra.Command{
		Use: "stop", Short: "Stop the host; the containers go on without restarts and proxy", Args: cobra.NoArgs,
		Example: `  slipway host stop
  slipway host stop --disable`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			here := a.here()
			registered := here.Registered(cmd.Context())
			stop := here.Stop
			if disable {
				stop = here.Disable
			}
			if err := stop(cmd.Context()); err != nil {
				return err
			}
			text := "the host was stopped; its containers are running: slipway ps"
			if registered && !disable {
				text += "\nsystemd starts it again after a reboot; to prevent that: slipway host stop --disable"
			}
			_, err := fmt.Fprintln(a.Stderr, text)
			return err
		},
	}
	cmd.Flags().BoolVar(&disable, "disable", false, "also keep systemd, where it runs, from starting the host after a reboot")
	return cmd
}

// hostUpgrade is `slipway host upgrade`.
func (a *app) hostUpgrade() *cobra.Command {
	return &cobra.Command{
		Use: "upgrade", Short: "Put this slipway in the place of the host that runs; no connection is lost", Args: cobra.NoArgs, Example: "  slipway host upgrade",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.here().Upgrade(cmd.Context()); err != nil {
				return err
			}
			return a.printHost(cmd.Context())
		},
	}
}

// hostInstall is `slipway host install`.
func (a *app) hostInstall() *cobra.Command {
	return &cobra.Command{
		Use: "install USER@HOST[:PORT]…", Short: "Put this slipway on other machines and start their hosts",
		Long: `Copy this program to /usr/local/bin/slipway of other machines over ssh, and start the
host there, as slipway host start does. ssh uses your own settings and keys ($SLIPWAY_SSH replaces the command). The
user is root, or may use sudo without a password.`,
		Args: cobra.MinimumNArgs(1), Example: "  slipway host install deploy@shop.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, address := range args {
				program, err := openSelf()
				if err != nil {
					return err
				}
				err = errors.Join(a.ssh(address).Install(cmd.Context(), program), program.Close())
				if err != nil {
					return err
				}
				client := host.NewSSHClient(a.ssh(address))
				info, err := client.Info(cmd.Context())
				client.Close()
				if err != nil {
					return err
				}
				fmt.Fprintf(a.Stdout, "the host of %s is running: slipway %s\n", address, info.Version)
			}
			return nil
		},
	}
}

func openSelf() (*os.File, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.Open(self)
}

// ssh is another machine. $SLIPWAY_SSH is the command in place of ssh, with its arguments.
func (a *app) ssh(address string) host.SSH {
	return host.SSH{Address: address, Command: strings.Fields(a.Getenv("SLIPWAY_SSH"))}
}

// hostReload is the ExecReload of the systemd unit.
func (a *app) hostReload() *cobra.Command {
	return &cobra.Command{
		Use: "_reload", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.here().Reload(cmd.Context()) },
	}
}

// hostRun is the background half of `slipway host start`, and the ExecStart of the systemd
// unit.
func (a *app) hostRun() *cobra.Command {
	var takeOver bool
	cmd := &cobra.Command{
		Use: "_run", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.here().Run(cmd.Context(), takeOver) },
	}
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "take the place of the host that runs, if one does")
	return cmd
}

// hostCall is how another machine speaks with the host here: through standard input and
// output.
func (a *app) hostCall() *cobra.Command {
	return &cobra.Command{
		Use: "_call", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := a.here().Dial(cmd.Context())
			if err != nil {
				return err
			}
			defer conn.Close()
			go func() {
				_, _ = io.Copy(conn, a.Stdin)
				_ = conn.(*net.UnixConn).CloseWrite()
			}()
			_, err = io.Copy(os.Stdout, conn) // bytes, which a.Stdout would make harmless for terminals
			return err
		},
	}
}

// here is this machine as a target.
func (a *app) here() hosting.Here {
	return hosting.Here{State: a.state, Start: a.startGroup, Version: Version, Note: func(text string) {
		fmt.Fprintln(a.Stderr, time.Now().UTC().Format(time.RFC3339), diag.Printable(text))
	}}
}
