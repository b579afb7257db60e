package cli

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/view"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/terminal"
)

// screen is where progress goes: a live view on a terminal, plain lines
// elsewhere. Close it before anything else is printed.
type screen struct {
	event.Sink
	close func()
}

// Close ends the view; more than once is fine.
func (s *screen) Close() { s.close() }

// newScreen makes the view for stderr, and lets --trace see what it shows.
func (a *app) newScreen(services []string) *screen {
	s := a.view(services)
	s.Sink = a.trace.Sink(s.Sink)
	return s
}

// view chooses the view. The live one needs a terminal that takes cursor
// movements, and NO_COLOR or TERM=dumb say that it does not; --progress decides
// before them.
func (a *app) view(services []string) *screen {
	if a.progress == "quiet" {
		return &screen{Sink: event.Discard{}, close: func() {}}
	}
	f, ok := terminal.Under(a.Stderr).(*os.File)
	if !ok || a.progress == "plain" || !term.IsTerminal(int(f.Fd())) || a.plain() && a.progress != "tty" {
		return ticking(report.NewPlain(a.Stderr, time.Now))
	}
	return ticking(report.NewLive(f, report.LiveOptions{
		Services: services, Now: time.Now,
		Size: func() (int, int) {
			columns, rows, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80, 24
			}
			return columns, rows
		},
	}))
}

// progressView shows events, and moves on with Tick.
type progressView interface {
	event.Sink
	Tick()
	Close()
}

// ticking is the screen of a view that moves on while nothing happens.
func ticking(v progressView) *screen {
	stop := make(chan struct{})
	var ticker sync.WaitGroup
	ticker.Go(func() {
		ticks := time.NewTicker(100 * time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				v.Tick()
			case <-stop:
				return
			}
		}
	})
	return &screen{Sink: v, close: sync.OnceFunc(func() { close(stop); ticker.Wait(); v.Close() })}
}

// plain reports whether people want no colours and no movement.
func (a *app) plain() bool {
	return a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" || a.Getenv("CI") != ""
}

// interactive reports a person at the terminal who can answer.
func (a *app) interactive() bool {
	in, isFile := a.Stdin.(*os.File)
	out, shown := terminal.Under(a.Stderr).(*os.File)
	return isFile && shown && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) && a.Getenv("CI") == ""
}

// runView makes the view of a group that runs. Close it before anything else is
// printed.
func (a *app) runView(g localrun.Group, logs, raw bool) *view.View {
	return view.New(a.streams(raw), g, logs)
}

// streams are those of a view, which keeps the colours of what services write and
// makes the rest harmless itself; raw output is shown as it is.
func (a *app) streams(raw bool) view.Streams {
	return view.Streams{Out: terminal.Under(a.Stdout), Err: terminal.Under(a.Stderr), Plain: a.plain(), Raw: raw}
}

// printJSON prints a result for programs.
func (a *app) printJSON(v any) error { return report.JSON(a.Stdout, v) }

// warn prints findings that are no errors.
func (a *app) warn(findings diag.Findings) {
	for _, f := range findings.Sorted().Joined() {
		if f.Severity != diag.Error {
			_, _ = a.Stderr.Write([]byte(f.String() + "\n"))
		}
	}
}

// showStep prints what a failed step printed, before the failure itself.
func (a *app) showStep(err error) error {
	if step := (*engine.StepError)(nil); errors.As(err, &step) {
		_, _ = io.WriteString(a.Stderr, terminal.Plain(string(step.Log)))
	}
	return err
}
