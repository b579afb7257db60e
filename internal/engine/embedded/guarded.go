//go:build linux

package embedded

import (
	"errors"
	"sync/atomic"

	"github.com/moby/buildkit/solver"
	bolt "go.etcd.io/bbolt"
)

// watchful makes errors of the panics with which bbolt answers a damaged page, also in
// goroutines of BuildKit, and notes that there was one.
type watchful struct{ broken *atomic.Bool }

func (w watchful) run(do func() error) error {
	if w.broken != nil && w.broken.Load() {
		return errBroken // its lock may be lost with what panicked
	}
	err := caught(do)
	if errors.As(err, new(*panicked)) && w.broken != nil {
		w.broken.Store(true)
	}
	return err
}

var errBroken = errors.New("a database of the build cache is damaged; the next build replaces it")

// transactor is a database of containerd or BuildKit.
type transactor struct {
	*bolt.DB
	watchful
}

// View implements the Transactor of containerd and BuildKit.
func (t transactor) View(do func(*bolt.Tx) error) error {
	return t.run(func() error { return t.DB.View(do) })
}

// Update implements the Transactor of containerd and BuildKit.
func (t transactor) Update(do func(*bolt.Tx) error) error {
	return t.run(func() error { return t.DB.Update(do) })
}

// cacheKeys is the build cache's index. What cannot be read is not cached.
type cacheKeys struct {
	solver.CacheKeyStorage
	watchful
}

// Exists implements solver.CacheKeyStorage.
func (c cacheKeys) Exists(id string) (ok bool) {
	_ = c.run(func() error { ok = c.CacheKeyStorage.Exists(id); return nil })
	return ok
}

// Walk implements solver.CacheKeyStorage.
func (c cacheKeys) Walk(do func(string) error) error {
	return c.run(func() error { return c.CacheKeyStorage.Walk(do) })
}

// WalkResults implements solver.CacheKeyStorage.
func (c cacheKeys) WalkResults(id string, do func(solver.CacheResult) error) error {
	return c.run(func() error { return c.CacheKeyStorage.WalkResults(id, do) })
}

// Load implements solver.CacheKeyStorage.
func (c cacheKeys) Load(id, result string) (res solver.CacheResult, err error) {
	err = c.run(func() (err error) { res, err = c.CacheKeyStorage.Load(id, result); return err })
	return res, err
}

// AddResult implements solver.CacheKeyStorage.
func (c cacheKeys) AddResult(id string, res solver.CacheResult) error {
	return c.run(func() error { return c.CacheKeyStorage.AddResult(id, res) })
}

// Release implements solver.CacheKeyStorage.
func (c cacheKeys) Release(result string) error {
	return c.run(func() error { return c.CacheKeyStorage.Release(result) })
}

// WalkIDsByResult implements solver.CacheKeyStorage.
func (c cacheKeys) WalkIDsByResult(result string, do func(string) error) error {
	return c.run(func() error { return c.CacheKeyStorage.WalkIDsByResult(result, do) })
}

// AddLink implements solver.CacheKeyStorage.
func (c cacheKeys) AddLink(id string, link solver.CacheInfoLink, target string) error {
	return c.run(func() error { return c.CacheKeyStorage.AddLink(id, link, target) })
}

// WalkLinks implements solver.CacheKeyStorage.
func (c cacheKeys) WalkLinks(id string, link solver.CacheInfoLink, do func(string) error) error {
	return c.run(func() error { return c.CacheKeyStorage.WalkLinks(id, link, do) })
}

// HasLink implements solver.CacheKeyStorage.
func (c cacheKeys) HasLink(id string, link solver.CacheInfoLink, target string) (ok bool) {
	_ = c.run(func() error { ok = c.CacheKeyStorage.HasLink(id, link, target); return nil })
	return ok
}

// WalkBacklinks implements solver.CacheKeyStorage.
func (c cacheKeys) WalkBacklinks(id string, do func(string, solver.CacheInfoLink) error) error {
	return c.run(func() error { return c.CacheKeyStorage.WalkBacklinks(id, do) })
}
