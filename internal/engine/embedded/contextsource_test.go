//go:build linux

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/solve"
	"github.com/slipway-build/slipway/internal/event"
)

// TestAContextIsCopiedOnceAndThenItsChanges: BuildKit finds the copy again, by the name that
// it gives to its own, and transfers what changed; the images are those of an engine
// that transfers all.
func TestAContextIsCopiedOnceAndThenItsChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(i int, text string) {
		t.Helper()
		path := filepath.Join(dir, "src", fmt.Sprint(i%3), fmt.Sprint(i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), fs.FileMode(0o644+i%2*0o111)), os.Chtimes(path, time.Time{}, time.Unix(int64(i), 0))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		write(i, strings.Repeat("x", i*1000))
	}
	req := engine.Request{Name: "web", Context: dir, Dockerfile: []byte("FROM scratch\nCOPY src /src\n"), Ignore: []string{"src/2/5*"}}
	copied, transferred := openReal(t, Options{}), openReal(t, Options{})
	digests := func() (string, string) {
		t.Helper()
		a, err := copied.Build(t.Context(), req, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := solve.Build(t.Context(), solve.Target{Client: transferred.client, Images: transferred.images}, req, event.Discard{}) // shares nothing
		if err != nil {
			t.Fatal(err)
		}
		return a.Digest, b.Digest
	}
	records := func() string {
		t.Helper()
		all, err := copied.client.DiskUsage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range all {
			if r.RecordType == client.UsageRecordTypeLocalSource && r.Description == "local source for context" {
				out = append(out, r.ID)
			}
		}
		return strings.Join(out, " ")
	}
	first, want := digests()
	if first != want {
		t.Errorf("the copy makes %s, the transfer %s", first, want)
	}
	was := records()
	write(7, "another")
	if err := os.Remove(filepath.Join(dir, "src", "1", "4")); err != nil {
		t.Fatal(err)
	}
	second, want := digests()
	if second != want || second == first {
		t.Errorf("after a change: %s, by transfers %s, before %s", second, want, first)
	}
	if now := records(); now != was || strings.Contains(was, " ") || was == "" {
		t.Errorf("the context is kept as %q, then as %q", was, now)
	}
}

// TestWhatABuildSharesEndsWithIt: and each sees its own alone.
func TestWhatABuildSharesEndsWithIt(t *testing.T) {
	var c contexts
	one, err := fsutil.NewFS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if c.get("a", "context") != nil {
		t.Error("nothing is shared yet")
	}
	end := c.share("a", map[string]fsutil.FS{"context": one})
	endOther := c.share("b", map[string]fsutil.FS{"dockerfile": one})
	if c.get("a", "context") != one || c.get("b", "context") != nil || c.get("a", "dockerfile") != nil {
		t.Error("wrong directories")
	}
	end()
	if c.get("a", "context") != nil || c.get("b", "dockerfile") != one {
		t.Error("the wrong one ended")
	}
	endOther()
	if len(c.of) != 0 {
		t.Errorf("left: %v", c.of)
	}
}

// TestABuildThatEndsWhileItsContextIsCopiedLeavesNothing: the next one begins anew.
func TestABuildThatEndsWhileItsContextIsCopiedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for i := range 1000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := openReal(t, Options{})
	req := engine.Request{Name: "web", Context: dir, Dockerfile: []byte("FROM scratch\nCOPY . /src\n")}
	for _, after := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, _ = e.Build(ctx, req, event.Discard{}) // it may be quicker
		cancel()
	}
	res, err := e.Build(t.Context(), req, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := openReal(t, Options{}).Build(t.Context(), req, event.Discard{})
	if err != nil || fresh.Digest != res.Digest {
		t.Errorf("after ends in between %s, at once %s, %v", res.Digest, fresh.Digest, err)
	}
}
