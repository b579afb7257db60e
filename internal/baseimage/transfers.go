package baseimage

import (
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/event"
)

// debianPackages is the one line that stands for the downloads of packages, of which
// a base has a hundred.
const debianPackages = "Debian packages"

// transfers passes events on and joins the downloads of Debian packages, of all bases
// that are assembled at once, to one transfer. It is safe for concurrent use.
type transfers struct {
	event.Sink
	mu     sync.Mutex
	open   int  // how many bases fetch packages
	joined bool // something was downloaded
}

// Emit passes an event on.
func (t *transfers) Emit(e event.Event) {
	if moved, ok := e.(event.Transfer); ok && strings.HasPrefix(moved.What, "package ") {
		t.mu.Lock()
		t.joined = true
		t.mu.Unlock()
		moved.Of = debianPackages
		e = moved
	}
	t.Sink.Emit(e)
}

// begin says that a base fetches its packages.
func (t *transfers) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open++
}

// end says that it has them, or gave up.
func (t *transfers) end() {
	t.mu.Lock()
	t.open--
	last := t.open == 0 && t.joined
	if last {
		t.joined = false
	}
	t.mu.Unlock()
	if last {
		t.Sink.Emit(event.Transfer{What: debianPackages, Done: true})
	}
}
