package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
)

// choosing counts the ways in which this package has chosen packages. It rises
// whenever the same spec and indexes would give other pins.
const choosing = 3

// choosers opens each release once, and reads its index once a platform. Safe for
// concurrent use; releases are read side by side.
type choosers struct {
	a   *Assembler
	ctx context.Context // of the resolution: who asks first may end before the others

	mu       sync.Mutex
	releases map[string]func() ([]debian.OpenSuite, error)
	made     map[string]*chooser // by release and platform
}

func (a *Assembler) choosers(ctx context.Context) *choosers {
	return &choosers{a: a, ctx: ctx, releases: map[string]func() ([]debian.OpenSuite, error){}, made: map[string]*chooser{}}
}

// choose pins the packages of a base, and those that it borrows from other releases.
func (cs *choosers) choose(ctx context.Context, w want) ([]debian.Pin, error) {
	c, err := cs.chooser(w.base.Suite, w.t)
	if err != nil {
		return nil, err
	}
	pins, err := c.choose(ctx, w.base)
	if err != nil {
		return nil, err
	}
	for _, release := range sorted(w.base.Borrowed) {
		c, err := cs.chooser(release, w.t)
		if err != nil {
			return nil, err
		}
		alone := spec.Base{Ref: w.base.Ref, Role: w.base.Role, Suite: release, Debian: w.base.Borrowed[release]}
		more, err := c.choose(ctx, alone)
		if err != nil {
			return nil, err
		}
		pins = append(pins, more...)
	}
	slices.SortFunc(pins, func(a, b debian.Pin) int { return strings.Compare(a.Name, b.Name) })
	return pins, nil
}

// chooser returns the chooser of a release and a platform.
func (cs *choosers) chooser(name string, t spec.Target) (*chooser, error) {
	i := slices.IndexFunc(spec.Releases(), func(r spec.Release) bool { return r.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no Debian release %q", name)
	}
	cs.mu.Lock()
	open := cs.releases[name]
	if open == nil {
		open = sync.OnceValues(func() ([]debian.OpenSuite, error) { return cs.a.openSuites(cs.ctx, spec.Releases()[i]) })
		cs.releases[name] = open
	}
	cs.mu.Unlock()
	suites, err := open()
	if err != nil {
		return nil, err
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	key := name + " " + t.Platform
	if cs.made[key] == nil {
		cs.made[key] = newChooser(cs.ctx, cs.a, suites, t)
	}
	return cs.made[key], nil
}

// chooser chooses packages of one platform from the suites of a release. What it
// chose stays beside the downloads under the digests of the signed indexes, so that
// indexes that did not change are not read again: they are 50 MB of text.
type chooser struct {
	a      *Assembler
	t      spec.Target
	suites []debian.OpenSuite
	index  func() (*debian.Index, error) // read once, when it is needed
	mu     sync.Mutex                    // an index parses what it is asked for
}

func newChooser(ctx context.Context, a *Assembler, suites []debian.OpenSuite, t spec.Target) *chooser {
	return &chooser{a: a, t: t, suites: suites, index: sync.OnceValues(func() (*debian.Index, error) {
		x := debian.NewIndex()
		for _, s := range suites {
			if err := a.archives.Read(ctx, s, t.Arch, x); err != nil {
				return nil, err
			}
		}
		return x, nil
	})}
}

// choose pins the packages of a spec.
func (c *chooser) choose(ctx context.Context, base spec.Base) ([]debian.Pin, error) {
	file, err := c.file(base)
	if err != nil {
		return nil, err
	}
	if l, err := ReadLock(file); err == nil {
		if chosen, ok := l.Find(base.Ref, c.t.Platform); ok {
			return chosen.Debian, nil
		}
	}
	x, err := c.index()
	if err != nil {
		return nil, err
	}
	pins, err := c.withInterpreters(ctx, base, x)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c.noteMoved(base, x)
	l := Locked{Ref: base.Ref, Platform: c.t.Platform, Suite: base.Suite, Assembly: assemblyOf(base.Ref), Debian: pins}
	_ = WriteLock(file, Lock{Version: 1, Bases: []Locked{l}}) // without it the index is read again, no more
	return pins, nil
}

// file is where the choice for a spec lies, by all that it depends on.
func (c *chooser) file(base spec.Base) (string, error) {
	var indexes [][2]string
	for _, s := range c.suites {
		_, want, err := s.Packages(c.t.Arch)
		if err != nil {
			return "", err
		}
		indexes = append(indexes, [2]string{s.Archive, want.Hex})
	}
	text, err := json.Marshal([]any{choosing, base, c.t.Platform, indexes})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return filepath.Join(c.a.packages.Dir(), "chosen", hex.EncodeToString(sum[:])+".lock"), nil
}
