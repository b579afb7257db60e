// Package interrupt ends a command cleanly when it is asked to, or when what it
// works for has gone: a signal, a closed terminal, an output that nobody reads,
// a parent that died. It ends nothing by itself but at a second, impatient signal.
//
//	ctx, stop := interrupt.Context(os.Stderr, os.Exit)
//	defer stop()
package interrupt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// ErrUnread is the cause of a context that ended because nobody reads standard
// output or standard error. A command that it ends says nothing.
var ErrUnread = errors.New("nobody reads the output")

// ExitUnread is how a shell shows the end of a program by SIGPIPE.
const ExitUnread diag.ExitCode = 128 + 13

// errAsked and errOrphaned are the other causes.
var (
	errAsked    = errors.New("interrupted")
	errOrphaned = errors.New("the process that started slipway has ended")
)

// oneCause is how long further signals belong to the first. timeout(1) sends one
// to its child and one to the child's group; a terminal that closes sends several.
const oneCause = time.Second

// Context returns a context that ends at the first signal, when nobody reads the
// output any more, or when the parent ends. A second SIGINT or SIGTERM for another
// cause calls exit with 130. Call stop at the end, for what a signal says to be
// printed whole. The signals stay taken: to give them back switches threads twice for
// each, and the process ends next.
//
// The parent's end means nothing to a process that was put into the background for
// good: by nohup, by setsid, or by & in a script, which ignores SIGINT.
func Context(stderr io.Writer, exit func(int)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	follows := !signal.Ignored(syscall.SIGHUP) && !signal.Ignored(os.Interrupt)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, watched()...)
	orphaned, forget := make(<-chan struct{}), func() {}
	if follows {
		orphaned, forget = parentEnds()
	}
	done := make(chan struct{})
	w := watch{stderr: stderr, exit: exit, cancel: cancel, now: time.Now, unread: Unread}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case s := <-signals:
				w.signal(s)
			case <-orphaned:
				orphaned = nil
				w.stop(errOrphaned, errOrphaned.Error())
			case <-done:
				return
			}
		}
	})
	return ctx, func() {
		close(done)
		forget()
		running.Wait()
		w.said.wait()
		cancel(context.Canceled)
	}
}

// watched are the signals that end a command. SIGHUP stays ignored under nohup.
func watched() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// watch decides what a signal means.
type watch struct {
	stderr io.Writer
	exit   func(int)
	cancel context.CancelCauseFunc
	now    func() time.Time
	unread func() bool
	since  time.Time // when the command was asked to stop; zero: not yet
	said   words
}

// words are what is being printed. Nobody may read it, and the next signal counts all the
// same.
type words struct{ printed chan struct{} }

func (w *words) say(out io.Writer, text string) {
	w.printed = make(chan struct{})
	go func() {
		defer close(w.printed)
		fmt.Fprintln(out, text)
	}()
}

// wait lets a reader that reads have all of it.
func (w *words) wait() {
	if w.printed == nil {
		return
	}
	select {
	case <-w.printed:
	case <-time.After(oneCause):
	}
}

func (w *watch) signal(s os.Signal) {
	switch {
	case s == syscall.SIGPIPE:
		if w.unread() { // else it was a connection, whose user has the error
			w.stop(ErrUnread, "")
		}
	case w.since.IsZero() && s == syscall.SIGHUP:
		w.stop(errAsked, "the terminal was closed")
	case w.since.IsZero():
		w.stop(errAsked, "interrupt again to stop immediately")
	case s == syscall.SIGHUP || w.now().Sub(w.since) < oneCause:
		// The same cause, not impatience.
	default:
		w.exit(int(diag.ExitInterrupted))
	}
}

// stop ends the context, once, and says why.
func (w *watch) stop(cause error, why string) {
	if !w.since.IsZero() {
		return
	}
	w.since = w.now()
	w.cancel(cause)
	if why != "" {
		w.said.say(w.stderr, "slipway: stopping; "+why)
	}
}
