package embedded

import (
	"sync"

	"github.com/tonistiigi/fsutil"
)

// contexts are the directories that running builds may read, by session and name. It is
// safe for concurrent use.
type contexts struct {
	mu sync.Mutex
	of map[string]map[string]fsutil.FS
}

// share makes the directories of a session known until the returned function is called.
func (c *contexts) share(session string, dirs map[string]fsutil.FS) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]map[string]fsutil.FS{}
	}
	c.of[session] = dirs
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.of, session)
	}
}

func (c *contexts) get(session, name string) fsutil.FS {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[session][name]
}
