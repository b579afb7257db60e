// Package cli is the command line: one file a command, which parses flags,
// wires adapters together, calls package pipeline and prints the result. It
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
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/slipway-build/slipway/internal/crash"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/interrupt"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/state"
	"github.com/slipway-build/slipway/internal/terminal"
	"github.com/slipway-build/slipway/internal/trace"
)

// World is what a command sees of the process that it runs in.
type World struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	LookupEnv      func(string) (string, bool) // nil: an empty variable counts as unset
	Dir            string                      // working directory

	// Args and Environ start this process once more for an ordinary user; without
	// Args, commands that need root are tried as they are.
	Args, Environ []string

	// Kept is the engine of a process that outlives its commands; nil: it does not.
	Kept *state.Kept

	// Crashed is the report of an earlier command that died; empty: none.
	Crashed string
}

// Process returns the World of this process.
func Process() World {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	stderr, crashed := crash.Divert(state.PathOf(os.Getenv))
	return World{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: stderr, Crashed: crashed, Getenv: os.Getenv, LookupEnv: os.LookupEnv, Dir: dir, Args: os.Args, Environ: os.Environ()}
}

// app is what every command file gets.
type app struct {
	World
	state state.Dir // where images, bases, caches and containers live

	progress string // of --progress: "auto" when empty
	watch    *observation
	trace    *trace.Recorder // nil without --trace, which it takes
}

// newApp makes an app with a state directory.
func newApp(w World, stateDir string) *app {
	return &app{World: w, state: state.Dir{Path: stateDir, Getenv: w.Getenv, Stderr: w.Stderr, Kept: w.Kept}}
}

// record makes everything of the command write to a trace.
func (a *app) record(r *trace.Recorder) { a.trace, a.state.Trace = r, r }

// Main runs one command and returns how the process ends. The first interrupt
// cancels the command's context, a later one ends the process at once. What the
// command prints is harmless for terminals, whoever wrote it.
func Main(args []string, w World) diag.ExitCode {
	errs := terminal.NewWriter(w.Stderr)
	defer func() { _ = errs.Close() }() // no place is left to report it
	ctx, stop := interrupt.Context(errs, os.Exit)
	defer stop()
	if w.Crashed != "" {
		fmt.Fprintf(errs, "note: an earlier command ended with an internal error; send %s to the maintainers\n", w.Crashed)
	}
	if code, ran := inResident(ctx, args, w); ran {
		return code
	}
	return command(ctx, args, w)
}

// command runs one command until its context ends.
func command(ctx context.Context, args []string, w World) diag.ExitCode {
	out, errs := terminal.NewWriter(w.Stdout), terminal.NewWriter(w.Stderr)
	defer func() { _ = errors.Join(out.Close(), errs.Close()) }() // no place is left to report it
	w.Stdout, w.Stderr = out, errs
	a := newApp(w, state.PathOf(w.Getenv))
	defer crash.Settle(a.state.Path)
	a.state.Narrow()
	err := a.execute(ctx, args)
	if err == nil && !unread(ctx, nil) {
		return diag.ExitOK
	}
	return a.fail(ctx, err)
}

// execute runs the command that the arguments name; a panic is an error like others.
func (a *app) execute(ctx context.Context, args []string) (err error) {
	defer func() {
		if broken := crash.Caught(a.state.Path, recover(), debug.Stack()); broken != nil {
			err = broken
		}
	}()
	root := a.root()
	root.SetArgs(args)
	return a.finish(root.ExecuteContext(ctx))
}

// fail prints an error, its cause last and then the hint, and returns the exit code.
func (a *app) fail(ctx context.Context, err error) diag.ExitCode {
	if done := (exited)(0); errors.As(err, &done) {
		return diag.ExitCode(done)
	}
	if unread(ctx, err) {
		return interrupt.ExitUnread // as other programs end, without a word
	}
	if left := (*uncleanError)(nil); ctx.Err() != nil && errors.As(err, &left) {
		fmt.Fprintf(a.Stderr, "slipway: interrupted, and cleaning up failed: %v\n  hint: the next slipway run or slipway stop cleans up\n", left.cleanup)
		return diag.ExitInterrupted
	}
	if left := (*leftError)(nil); ctx.Err() != nil && errors.As(err, &left) {
		fmt.Fprintf(a.Stderr, "slipway: interrupted; %v\n  hint: %s\n", left, left.hint())
		return diag.ExitInterrupted
	}
	if ctx.Err() != nil {
		fmt.Fprintln(a.Stderr, "slipway: interrupted; nothing is left running, and finished work is kept")
		return diag.ExitInterrupted
	}
	err = a.state.ExplainOwner(a.state.ExplainFullDisk(err))
	text := plaintext.WithoutLogins(strings.TrimRight(err.Error(), "\n"))
	if fs := (diag.Findings)(nil); errors.As(err, &fs) {
		fmt.Fprintln(a.Stderr, text)
	} else {
		fmt.Fprintln(a.Stderr, "slipway: "+text)
	}
	if hint := diag.HintOf(err); hint != "" {
		fmt.Fprintln(a.Stderr, "  hint: "+plaintext.WithoutLogins(hint))
	}
	return diag.ExitOf(err)
}

// unread reports whether a command ended because nobody reads what it prints.
// What it wrote may fail before the signal arrives.
func unread(ctx context.Context, err error) bool {
	return errors.Is(context.Cause(ctx), interrupt.ErrUnread) || errors.Is(err, syscall.EPIPE) && interrupt.Unread()
}
