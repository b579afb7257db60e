//go:build linux

package embedded

import (
	"context"
	"sync"
)

// collections lets garbage be collected until the worker closes. BuildKit
// collects in the background, by timers that it never stops: one that fires while
// or after the engine closes finds the databases gone.
type collections struct {
	open context.Context // ends with the worker
	end  context.CancelFunc
	busy sync.RWMutex
}

func newCollections(ctx context.Context) *collections {
	c := &collections{}
	c.open, c.end = context.WithCancel(ctx)
	return c
}

// run runs a collection, whose context ends when collections are closed; after
// that it does nothing.
func (c *collections) run(ctx context.Context, collect func(context.Context) error) error {
	c.busy.RLock()
	defer c.busy.RUnlock()
	if c.open.Err() != nil {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(c.open, stop)()
	return collect(ctx)
}

// close cancels what runs and waits for it.
func (c *collections) close() {
	c.end()
	c.busy.Lock()
	defer c.busy.Unlock()
}
