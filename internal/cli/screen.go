package cli

import (
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/report"
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
// movements, and NO_COLOR or TERM=dumb say that it does not.
func (a *app) view(services []string) *screen {
	f, ok := a.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" || a.Getenv("CI") != "" {
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

// view is what shows events, moves on by itself, and ends.
type view interface {
	event.Sink
	Tick()
	Close()
}

// ticking is a screen of a view that goes on while nothing happens.
func ticking(v view) *screen {
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
