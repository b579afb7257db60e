// Package cli is the command line: one file a command, which parses flags,
// wires the leaves together, calls package pipeline and prints the result. It
// holds no logic of builds, images or containers.
//
//	os.Exit(int(cli.Main(os.Args[1:], cli.Process())))
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/trace"
)

// World is what a command sees of the process that it runs in.
type World struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Dir            string // working directory

	// Args and Environ start this process once more for an ordinary user; without
	// Args, commands that need root are tried as they are.
	Args, Environ []string
}

// Process returns the World of this process.
func Process() World {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	return World{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Dir: dir, Args: os.Args, Environ: os.Environ()}
}

// app is what every command file gets.
type app struct {
	World
	stateDir string // where images, bases, caches and containers live

	watch *observation
	trace *trace.Recorder // nil without --trace, which it takes
}

// Main runs one command and returns how the process ends. The first interrupt
// cancels the command's context, the second ends the process at once.
func Main(args []string, w World) diag.ExitCode {
	ctx, stop := interruptible(w.Stderr)
	defer stop()
	a := &app{World: w, stateDir: stateDir(w.Getenv)}
	root := a.root()
	root.SetArgs(args)
	err := a.finish(root.ExecuteContext(ctx))
	if err == nil {
		return diag.ExitOK
	}
	return a.fail(ctx, err)
}

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
		a.initCommand(), a.buildCommand(), a.planCommand(), a.whyCommand(), a.generateCommand(), a.statsCommand(), a.runsCommand(),
		a.runCommand(), a.psCommand(), a.logsCommand(), a.stopCommand(), a.superviseCommand(),
		a.benchCommand(), a.pushCommand(), a.registryCommand(), a.basesCommand(), a.doctorCommand(), a.versionCommand(),
	)
	strict(root)
	a.observed(root)
	return root
}

// fail prints an error, its cause last and then the hint, and returns the exit code.
func (a *app) fail(ctx context.Context, err error) diag.ExitCode {
	if done := (exited)(0); errors.As(err, &done) {
		return diag.ExitCode(done)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(a.Stderr, "slipway: interrupted; nothing is left running, and what was finished is kept")
		return diag.ExitInterrupted
	}
	err = a.explainFullDisk(err)
	text := strings.TrimRight(err.Error(), "\n")
	if fs := (diag.Findings)(nil); errors.As(err, &fs) {
		fmt.Fprintln(a.Stderr, text)
	} else {
		fmt.Fprintln(a.Stderr, "slipway: "+text)
	}
	if hint := diag.HintOf(err); hint != "" {
		fmt.Fprintln(a.Stderr, "  hint: "+hint)
	}
	return diag.ExitOf(err)
}

// interruptible returns a context that the first SIGINT or SIGTERM cancels. The
// second signal ends the process with 130.
func interruptible(stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(stderr, "slipway: stopping; interrupt again to stop now")
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(int(diag.ExitInterrupted))
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// stateDir returns the directory of all local state: $SLIPWAY_STATE_DIR, else
// /var/lib/slipway for root and the XDG data directory for others.
func stateDir(getenv func(string) string) string {
	if d := getenv("SLIPWAY_STATE_DIR"); d != "" {
		if abs, err := filepath.Abs(d); err == nil {
			return abs
		}
		return d
	}
	if os.Geteuid() == 0 {
		return "/var/lib/slipway"
	}
	if d := getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "slipway")
	}
	return filepath.Join(getenv("HOME"), ".local", "share", "slipway")
}
