package cli

import (
	"context"
	"fmt"
	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/rootless"
)

// root assembles the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Build, run and ship fleets of services as small, tested container images",
		Example: `  slipway build
  slipway build --trace build.json --cpuprofile build.pprof`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetFlagErrorFunc(unknownFlag)
	root.AddCommand(
		a.initCommand(), a.buildCommand(), a.planCommand(), a.whyCommand(), a.generateCommand(), a.statsCommand(), a.runsCommand(), a.gateCommand(), a.releaseCommand(), a.releasesCommand(), a.manifestsCommand(), a.auditCommand(),
		a.runCommand(), a.psCommand(), a.logsCommand(), a.stopCommand(), a.superviseCommand(), a.outboundCommand(), a.residentCommand(),
		a.deployCommand(), a.shipCommand(), a.rollbackCommand(), a.approveCommand(), a.hostCommand(), a.proveCommand(), a.benchCommand(), a.pushCommand(), a.signCommand(), a.verifyCommand(), a.evidenceCommand(), a.registryCommand(), a.basesCommand(), a.doctorCommand(), a.versionCommand(),
		a.sbomCommand(), a.scanCommand(),
	)
	strict(root)
	a.observed(root)
	return root
}

// exited is how a command ended that another process did the work of.
type exited int

func (e exited) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// becomeRoot makes the rest of a command run with the rights that the engine
// needs. For root it does nothing. For an ordinary user it runs the command once
// more inside a user namespace and returns how that ended, as exited; inside, it
// does nothing. Call it before anything is opened or printed.
func (a *app) becomeRoot(ctx context.Context) error {
	if len(a.Args) == 0 {
		return nil
	}
	if !rootless.Waiting() { // whose ids mean nothing yet
		if err := a.state.Refuse(); err != nil {
			return err
		}
	}
	code, entered, err := rootless.Enter(ctx, rootless.Process{
		Args: a.Args, Env: a.Environ, StateDir: a.state.Path,
		Note: func(text string) { fmt.Fprintln(a.Stderr, "note: "+text) },
	})
	if err != nil || !entered {
		return err
	}
	return exited(code)
}
