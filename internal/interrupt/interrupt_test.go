package interrupt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestWhatASignalMeans(t *testing.T) {
	type event struct {
		after time.Duration // since the one before
		what  os.Signal
	}
	const soon, late = 20 * time.Millisecond, 1500 * time.Millisecond
	for name, c := range map[string]struct {
		events []event
		unread bool
		cause  error
		exits  int
		says   string
	}{
		"one interrupt":                  {[]event{{0, syscall.SIGINT}}, false, errAsked, 0, "slipway: stopping; interrupt again to stop immediately\n"},
		"a person who is impatient":      {[]event{{0, syscall.SIGINT}, {late, syscall.SIGINT}}, false, errAsked, 1, "slipway: stopping; interrupt again to stop immediately\n"},
		"timeout's two":                  {[]event{{0, syscall.SIGTERM}, {0, syscall.SIGTERM}}, false, errAsked, 0, "slipway: stopping; interrupt again to stop immediately\n"},
		"a key that repeats":             {[]event{{0, syscall.SIGINT}, {soon, syscall.SIGINT}, {soon, syscall.SIGINT}}, false, errAsked, 0, "slipway: stopping; interrupt again to stop immediately\n"},
		"a key that is held for long":    {[]event{{0, syscall.SIGINT}, {soon, syscall.SIGINT}, {late, syscall.SIGINT}}, false, errAsked, 1, "slipway: stopping; interrupt again to stop immediately\n"},
		"a service manager":              {[]event{{0, syscall.SIGTERM}, {soon, syscall.SIGHUP}}, false, errAsked, 0, "slipway: stopping; interrupt again to stop immediately\n"},
		"Ctrl-\\":                        {[]event{{0, syscall.SIGQUIT}}, false, errAsked, 0, "slipway: stopping; interrupt again to stop immediately\n"},
		"a closed terminal":              {[]event{{0, syscall.SIGHUP}}, false, errAsked, 0, "slipway: stopping; the terminal was closed\n"},
		"a shell that hangs up later":    {[]event{{0, syscall.SIGHUP}, {late, syscall.SIGHUP}, {late, syscall.SIGHUP}}, false, errAsked, 0, "slipway: stopping; the terminal was closed\n"},
		"terminated after it closed":     {[]event{{0, syscall.SIGHUP}, {late, syscall.SIGTERM}}, false, errAsked, 1, "slipway: stopping; the terminal was closed\n"},
		"a reader that left":             {[]event{{0, syscall.SIGPIPE}, {late, syscall.SIGPIPE}}, true, ErrUnread, 0, ""},
		"a connection that broke":        {[]event{{0, syscall.SIGPIPE}}, false, nil, 0, ""},
		"interrupted after a broken one": {[]event{{0, syscall.SIGPIPE}, {soon, syscall.SIGINT}}, false, errAsked, 0, "slipway: stopping; interrupt again to stop immediately\n"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			now, exits, said := time.Unix(0, 0), 0, bytes.Buffer{}
			w := watch{stderr: &said, exit: func(code int) {
				if exits++; code != 130 {
					t.Errorf("exits with %d", code)
				}
			}, cancel: cancel, now: func() time.Time { return now }, unread: func() bool { return c.unread }}
			for _, e := range c.events {
				now = now.Add(e.after)
				w.signal(e.what)
			}
			w.said.wait()
			if got := context.Cause(ctx); !errors.Is(got, c.cause) || exits != c.exits || said.String() != c.says {
				t.Errorf("ended by %v, exits %d, says %q; want %v, %d, %q", got, exits, said.String(), c.cause, c.exits, c.says)
			}
		})
	}
}

// TestWordsThatNobodyReadsHoldNothingUp: the second interrupt ends a command whose output
// nobody drains.
func TestWordsThatNobodyReadsHoldNothingUp(t *testing.T) {
	r, out := io.Pipe() // each write waits for a reader
	defer r.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	now, exits := time.Unix(0, 0), 0
	w := watch{stderr: out, exit: func(int) { exits++ }, cancel: cancel, now: func() time.Time { return now }, unread: func() bool { return false }}
	w.signal(syscall.SIGINT)
	now = now.Add(1500 * time.Millisecond)
	w.signal(syscall.SIGINT)
	if !errors.Is(context.Cause(ctx), errAsked) || exits != 1 {
		t.Errorf("ended by %v, exits %d", context.Cause(ctx), exits)
	}
}
