package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/interrupt"
	"github.com/slipway-build/slipway/internal/resident"
	"github.com/slipway-build/slipway/internal/rootless"
	"github.com/slipway-build/slipway/internal/state"
)

// keepVar is how long an engine stays open after a build, for the next one.
const keepVar = "SLIPWAY_KEEP_ENGINE"

// keepFor reads SLIPWAY_KEEP_ENGINE; 0: an engine ends with its command.
func keepFor(getenv func(string) string) (time.Duration, error) {
	text := getenv(keepVar)
	if text == "" || text == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 24*time.Hour {
		return 0, diag.Fail(diag.ExitUsage, "invalid %s %q", keepVar, text).
			WithHint("use a time between 1s and 24h, such as %s=10m, or 0", keepVar)
	}
	return d, nil
}

// inResident has `slipway build` run by the process that keeps the engine, where
// somebody wants one. Where that cannot be, this process runs the command.
func inResident(ctx context.Context, args []string, w World) (code diag.ExitCode, ran bool) {
	keep, err := keepFor(w.Getenv)
	streams, ok := filesOf(w)
	if keep == 0 || err != nil || !ok || len(w.Args) == 0 || len(args) == 0 || args[0] != "build" || !filepath.IsAbs(w.Dir) {
		return 0, false // build reports a mistake
	}
	if os.Geteuid() != 0 || rootless.Inside() {
		if !rootless.Waiting() && !rootless.Inside() {
			fmt.Fprintf(w.Stderr, "note: %s is for root; the engine of an ordinary user ends with its command\n", keepVar)
		}
		return 0, false
	}
	key, err := resident.Key()
	if err != nil {
		return 0, false
	}
	a := newApp(w, state.PathOf(w.Getenv))
	if _, err := os.Stat(a.state.Path); err != nil || a.state.Refuse() != nil {
		return 0, false // the first command makes the directory, and any says why not
	}
	exit, ran, err := resident.Run(ctx, resident.Call{
		Dir: a.state.Path, Key: key, Args: args, WorkDir: w.Dir, Streams: streams, Unread: interrupt.ErrUnread,
		Start: func(ready *os.File) error { return a.startResident(key, ready) },
	})
	switch {
	case err == nil:
		return diag.ExitCode(exit), ran
	case !ran:
		fmt.Fprintf(w.Stderr, "note: the engine does not stay open: %v\n", err)
		return 0, false
	case ctx.Err() != nil:
		return diag.ExitInterrupted, true
	}
	return a.fail(ctx, diag.Fail(diag.ExitUnexpected, "the process that keeps the engine ended in the middle of the command").Because(err).
		WithHint("run the command again; finished work is kept")), true
}

// filesOf are the standard streams, where they are files.
func filesOf(w World) (files [3]*os.File, ok bool) {
	for i, stream := range []any{w.Stdin, w.Stdout, w.Stderr} {
		if files[i], ok = stream.(*os.File); !ok {
			return files, false
		}
	}
	return files, true
}

// startResident starts the process that keeps the engine, which belongs to no terminal.
func (a *app) startResident(key string, ready *os.File) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "_resident", key)
	cmd.Dir, cmd.Stdout, cmd.SysProcAttr = "/", ready, detached()
	cmd.Env = append(a.Environ, "SLIPWAY_STATE_DIR="+a.state.Path)
	if err := errors.Join(resident.KeepNone(), cmd.Start()); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// residentCommand is the process that keeps the engine.
func (a *app) residentCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "_resident KEY",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keep, err := keepFor(a.Getenv)
			if err != nil || keep == 0 {
				return diag.Fail(diag.ExitUsage, "only slipway build calls this").Because(err)
			}
			kept := &state.Kept{}
			return resident.Serve(cmd.Context(), resident.Server{
				Dir: a.state.Path, Key: args[0], Idle: keep, Release: kept.Close, Unread: interrupt.ErrUnread,
				Ready: func() { _, _ = os.Stdout.Write([]byte{'\n'}); resident.Detach() },
				Exit:  os.Exit,
				Run: func(ctx context.Context, c resident.Command) (int, bool) {
					code := a.runResident(ctx, c, kept)
					return int(code), code != diag.ExitUnexpected // a fault may have left anything
				},
			})
		},
	}
}

// runResident runs a command that another process asks for, as if it were that process.
func (a *app) runResident(ctx context.Context, c resident.Command, kept *state.Kept) diag.ExitCode {
	takeOff, err := resident.Wear(c)
	if err != nil {
		fmt.Fprintln(c.Streams[2], "slipway: "+err.Error())
		return diag.ExitUnexpected
	}
	defer func() {
		takeOff()
		go debug.FreeOSMemory()
	}()
	os.Args = slices.Concat(a.Args[:1], c.Args)
	return command(ctx, c.Args, World{
		Stdin: c.Streams[0], Stdout: c.Streams[1], Stderr: c.Streams[2], Getenv: os.Getenv, LookupEnv: os.LookupEnv,
		Dir: c.WorkDir, Args: os.Args, Environ: os.Environ(), Kept: kept,
	})
}
