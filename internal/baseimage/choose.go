package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"sync"
)

// choosing counts the ways in which this package has chosen packages. It rises
// whenever the same spec and indexes would give other pins.
const choosing = 1

// chooser chooses packages of one platform from the suites. What it chose stays
// beside the downloads under the digests of the signed indexes, so that indexes
// that did not change are not read again: they are 50 MB of text.
type chooser struct {
	a      *Assembler
	t      target
	suites []openSuite
	index  func() (*index, error) // read once, when it is needed
}

func (a *Assembler) chooser(ctx context.Context, suites []openSuite, t target) *chooser {
	return &chooser{a, t, suites, sync.OnceValues(func() (*index, error) {
		x := newIndex()
		for _, s := range suites {
			if err := a.archives.read(ctx, s, t.arch, x); err != nil {
				return nil, err
			}
		}
		return x, nil
	})}
}

// choose pins the packages of a spec.
func (c *chooser) choose(spec Spec) ([]DebPin, error) {
	file, err := c.file(spec)
	if err != nil {
		return nil, err
	}
	if l, err := ReadLock(file); err == nil {
		if chosen, ok := l.Find(spec.Ref, c.t.platform); ok {
			return chosen.Debian, nil
		}
	}
	x, err := c.index()
	if err != nil {
		return nil, err
	}
	pins, err := choose(spec, x)
	if err != nil {
		return nil, err
	}
	l := Locked{Ref: spec.Ref, Platform: c.t.platform, Suite: spec.Suite, Assembly: assembly, Debian: pins}
	_ = WriteLock(file, Lock{Version: 1, Bases: []Locked{l}}) // without it the index is read again, no more
	return pins, nil
}

// file is where the choice for a spec lies, by all that it depends on.
func (c *chooser) file(spec Spec) (string, error) {
	var indexes [][2]string
	for _, s := range c.suites {
		_, want, err := s.packages(c.t.arch)
		if err != nil {
			return "", err
		}
		indexes = append(indexes, [2]string{s.archive, want.hex})
	}
	text, err := json.Marshal([]any{choosing, spec, c.t.platform, indexes})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return filepath.Join(c.a.packages.dir, "chosen", hex.EncodeToString(sum[:])+".lock"), nil
}
