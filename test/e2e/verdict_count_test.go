//go:build linux

package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/fingerprint"
)

// counts are of changes. Of the needless rebuilds, those of steps are the ones that only a
// build can tell.
type counts struct{ skips, rebuilds, needless, steps, unknown, refused int }

func (c counts) String() string {
	return fmt.Sprintf("%d equal fingerprints confirmed, %d rebuilds of which %d needless (%d of them only a build can tell), %d could not be known, %d builds refused",
		c.skips, c.rebuilds, c.needless, c.steps, c.unknown, c.refused)
}

// table has a line for each kind of change, the most needless first.
func (j *judge) table() string {
	kinds := slices.SortedFunc(maps.Keys(j.by), func(a, b string) int {
		return cmp.Or(cmp.Compare(j.by[b].needless, j.by[a].needless), cmp.Compare(a, b))
	})
	var b strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n  %4d (%4d) of %4d  %s", j.by[kind].needless, j.by[kind].steps, j.by[kind].rebuilds, kind)
	}
	return b.String()
}

// verdict is one state of the service: its fingerprint, and the image that a full
// build made of it.
type verdict struct {
	key, image string
	print      fingerprint.Print
	step       string // digest of what the stage that runs a step gets; empty: none runs
	err        error  // of the fingerprint
	kind       string // of the change
	story      string
}

// hold holds a fingerprint against the image.
func (j *judge) hold(t *testing.T, change int, v verdict) {
	before, ok := j.seen[v.key]
	if v.image == "" {
		j.count.refused++
	}
	switch {
	case errors.As(v.err, new(*fingerprint.UnknownError)):
		j.count.unknown++
	case v.err != nil && v.image != "":
		t.Errorf("change %d: the fingerprint fails, the build does not: %v\n%s", change, v.err, v.story)
	case v.err != nil:
	case ok && before.image != v.image:
		t.Errorf("change %d: A WRONG SKIP: %s is the image %q\n%s\nand the image %q\n%s", change, v.key, before.image, before.story, v.image, v.story)
	case ok:
		j.count.skips++
	default:
		j.seen[v.key] = v
		if j.by[v.kind] == nil {
			j.by[v.kind] = &counts{}
		}
		for _, c := range []*counts{&j.count, j.by[v.kind]} {
			c.rebuild(j.last, v)
		}
		if v.image == j.last.image && v.image != "" {
			t.Logf("change %d: needless after %s: %v", change, v.kind, fingerprint.Diff(j.last.print, v.print))
		}
	}
	j.last = v
}

// rebuild counts a rebuild.
func (c *counts) rebuild(last, now verdict) {
	c.rebuilds++
	if now.image != last.image || now.image == "" {
		return
	}
	c.needless++
	if now.step != "" && last.step != "" && now.step != last.step {
		c.steps++
	}
}
