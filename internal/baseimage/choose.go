package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"sync"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
)

// choosing counts the ways in which this package has chosen packages. It rises
// whenever the same spec and indexes would give other pins.
const choosing = 1

// chooser chooses packages of one platform from the suites. What it chose stays
// beside the downloads under the digests of the signed indexes, so that indexes
// that did not change are not read again: they are 50 MB of text.
type chooser struct {
	a      *Assembler
	t      spec.Target
	suites []debian.OpenSuite
	index  func() (*debian.Index, error) // read once, when it is needed
}

func (a *Assembler) chooser(ctx context.Context, suites []debian.OpenSuite, t spec.Target) *chooser {
	return &chooser{a, t, suites, sync.OnceValues(func() (*debian.Index, error) {
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
func (c *chooser) choose(base spec.Base) ([]debian.Pin, error) {
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
	pins, err := debian.Choose(base, x)
	if err != nil {
		return nil, err
	}
	l := Locked{Ref: base.Ref, Platform: c.t.Platform, Suite: base.Suite, Assembly: assembly, Debian: pins}
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
