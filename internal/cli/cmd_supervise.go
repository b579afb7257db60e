package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/localrun/view"
)

// supervised is what `slipway run --detach` hands to the slipway that stays in
// the background, on its standard input.
type supervised struct {
	Group        localrun.Group
	UntilHealthy bool
	Timeout      time.Duration
	MaxUnpacked  string
}

// message is a line that the background slipway sends while it starts, on its
// file descriptor 3. Done is the last.
type message struct {
	Status *localrun.Status  `json:",omitempty"`
	Note   string            `json:",omitempty"`
	Done   []localrun.Status `json:",omitempty"`
	Exit   diag.ExitCode     `json:",omitempty"`
	Text   string            `json:",omitempty"` // of a failure
	Hint   string            `json:",omitempty"`
}

// superviseCommand is the background half of `slipway run --detach`.
func (a *app) superviseCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "_supervise",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var job supervised
			if err := json.NewDecoder(a.Stdin).Decode(&job); err != nil {
				return diag.Fail(diag.ExitUsage, "only slipway run --detach calls this").Because(err)
			}
			parent := &reporter{out: os.NewFile(3, "parent")}
			return a.supervise(cmd.Context(), job, parent)
		},
	}
}

// supervise runs a group until it is told to stop.
func (a *app) supervise(ctx context.Context, job supervised, parent *reporter) error {
	rt, err := a.state.Containers(job.MaxUnpacked)
	if err != nil {
		return parent.fail(err)
	}
	running, err := rt.Start(ctx, job.Group, true, parent)
	if err != nil {
		return parent.fail(err)
	}
	if job.UntilHealthy {
		if err := running.WaitReady(ctx, job.Timeout); err != nil {
			return parent.fail(withCleanup(err, running.Stop()))
		}
	}
	parent.finish(message{Done: running.Statuses()})
	err = running.Wait(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil // told to by a signal
	}
	err = withCleanup(err, running.Stop())
	if err == nil {
		_ = os.Remove(a.errorLog(job.Group.Name))
	}
	return err
}

// reporter tells the slipway in the foreground what happens, as long as that is
// there. It is a localrun.Watcher.
type reporter struct {
	mu  sync.Mutex
	out io.WriteCloser
}

func (r *reporter) send(m message) {
	data, err := json.Marshal(m)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out != nil {
		_, _ = r.out.Write(append(data, '\n')) // it may have gone
	}
}

// finish sends the last message.
func (r *reporter) finish(m message) {
	r.send(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.out.Close()
	r.out = nil
}

func (r *reporter) fail(err error) error {
	r.finish(message{Exit: diag.ExitOf(err), Text: err.Error(), Hint: diag.HintOf(err)})
	return err
}

func (r *reporter) Changed(s localrun.Status) { r.send(message{Status: &s}) }
func (r *reporter) Log(string, []byte)        {}
func (r *reporter) Note(text string)          { r.send(message{Note: text}) }

// runDetached starts the background slipway and waits until it says that the
// services run, or are healthy.
func (a *app) runDetached(ctx context.Context, job supervised) error {
	if err := a.state.Refuse(); err != nil {
		return err
	}
	if err := needsRoot("run …"); err != nil {
		return err
	}
	cmd, in, from, err := a.background(job.Group.Name)
	if err != nil {
		return diag.Fail(diag.ExitRun, "starting slipway in the background").Because(err)
	}
	defer from.Close()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	if err := a.handOver(in, job); err != nil {
		return err
	}
	shown := a.runView(job.Group, false, false)
	last, err := follow(from, shown)
	shown.Close()
	if ctx.Err() != nil {
		_ = cmd.Wait() // it cleans up
		return ctx.Err()
	}
	if err != nil {
		return withCleanup(err, ignoreExit(cmd.Wait()))
	}
	if err := cmd.Process.Release(); err != nil {
		return err
	}
	if err := view.WriteStatuses(a.Stdout, last, time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(a.Stderr, "%s runs in the background: slipway ps, slipway logs -f, slipway stop\n", job.Group.Name)
	return nil
}

// startGroup starts a group in the background, for a host. Nothing is shown: the group's
// state tells how it is.
func (a *app) startGroup(ctx context.Context, g localrun.Group) error {
	cmd, in, from, err := a.background(g.Name)
	if err != nil {
		return diag.Fail(diag.ExitRun, "starting slipway in the background").Because(err)
	}
	defer from.Close()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	if err = a.handOver(in, supervised{Group: g}); err == nil {
		_, err = follow(from, quietly{})
	}
	if err != nil {
		return errors.Join(err, ignoreExit(cmd.Wait()))
	}
	go func() { _ = cmd.Wait() }() // how it ended, the group's state says
	return nil
}

// quietly watches a group and says nothing.
type quietly struct{}

func (quietly) Changed(localrun.Status) {}
func (quietly) Log(string, []byte)      {}
func (quietly) Note(string)             {}

// handOver gives the background slipway its job.
func (a *app) handOver(in io.WriteCloser, job supervised) error {
	if err := errors.Join(json.NewEncoder(in).Encode(job), in.Close()); err != nil {
		return diag.Fail(diag.ExitRun, "starting slipway in the background").Because(err)
	}
	return nil
}

// follow shows the messages of the background slipway until the last one.
func follow(from io.Reader, shown localrun.Watcher) ([]localrun.Status, error) {
	in := json.NewDecoder(from)
	for {
		var m message
		if err := in.Decode(&m); err != nil {
			return nil, diag.Fail(diag.ExitRun, "the background process ended before the services started")
		}
		switch {
		case m.Text != "":
			f := diag.Fail(m.Exit, "%s", m.Text)
			f.Hint = m.Hint
			return nil, f
		case m.Done != nil:
			return m.Done, nil
		case m.Status != nil:
			shown.Changed(*m.Status)
		case m.Note != "":
			shown.Note(m.Note)
		}
	}
}

// errorLog is where a background slipway's own errors go; it removes the file
// when it ends well.
func (a *app) errorLog(group string) string { return oci.ErrorPath(a.state.Path, group) }

func openErrorLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
}
