//go:build linux

package embedded

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// tenant is the command that an engine works for: where its words go.
type tenant struct {
	sink     event.Sink
	withheld func(tool string)
	layer    func(digest string, contents *layer.Index)

	mu    sync.Mutex
	said  map[string]bool // of withheld
	noted atomic.Bool     // a note that an engine makes once was made
}

// withhold tells the command of a tool, once.
func (t *tenant) withhold(tool string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.said[tool] && t.withheld != nil {
		t.withheld(tool)
	}
	t.said[tool] = true
}

// let makes the engine work for the command that these options and this sink are of.
func (e *Engine) let(o Options, sink event.Sink) {
	e.tenant.Store(&tenant{sink: sink, withheld: o.Withheld, layer: o.Layer, said: map[string]bool{}})
}

// throughTenant are the options with all that speaks to a command speaking to the one
// that has the engine then.
func (e *Engine) throughTenant(o Options) Options {
	o.note = func(text string) {
		t := e.tenant.Load()
		t.noted.Store(true)
		t.sink.Emit(event.Note{Text: text})
	}
	o.Withheld = func(tool string) { e.tenant.Load().withhold(tool) }
	if o.Layer != nil {
		o.Layer = func(digest string, contents *layer.Index) { e.tenant.Load().layer(digest, contents) }
	}
	return o
}

// Rest ends the work for a command and leaves the engine open, for Serve. again is
// false, and the engine has to be closed, when the next command could notice this one: the
// engine is broken, a step still runs, git has a network of the engine through $PATH, or a
// note was made that belongs to each command.
func (e *Engine) Rest() (again bool, err error) {
	e.builds.Wait()
	e.waitForSteps(10 * time.Second)
	again = e.steps.Load() == 0 && !e.broken.Load() && !e.unreadable.Load() && !e.tenant.Load().noted.Load() && os.Getenv("PATH") == e.path
	if !again {
		return false, nil
	}
	_, err = removeUnfinished(e.opts)
	err = errors.Join(err, sealContent(e.opts.StateDir, e.opts.opened))
	if e.restore != nil {
		err = errors.Join(err, e.restore())
		e.restore = nil
	}
	e.log.forget()
	return err == nil, err
}

// Serve makes an engine that rests work for another command. It returns false, and the
// engine has to be closed, when that command needs another one.
func (e *Engine) Serve(o Options, sink event.Sink) bool {
	if !e.asked.equal(o) {
		return false
	}
	e.let(o, sink)
	logrus.SetOutput(e.log)                    // a remote engine changes it
	_, err := writeResolvConf(e.opts.StateDir) // the machine may be in another network now
	return errors.Join(err, e.mountInside()) == nil
}

// equal reports whether an engine for these options is one for the others. Functions
// are a command's own, and what Logins tells apart follows from its tool.
func (o Options) equal(p Options) bool {
	plain := func(o Options) Options {
		o.Withheld, o.Layer, o.Waiting = nil, nil, nil
		o.Logins = slices.Clone(o.Logins)
		for i := range o.Logins {
			o.Logins[i].Installs = nil
		}
		return o
	}
	return (o.Layer == nil) == (p.Layer == nil) && reflect.DeepEqual(plain(o), plain(p))
}
