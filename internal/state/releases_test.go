package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/release"
)

func releaseOf(version, digit string) release.Release {
	return release.Release{
		Fleet: "shop", Version: version, Created: time.Unix(1_800_000_000, 0).UTC(), By: "a person",
		Services: []release.Service{{Name: "web", Image: "shop/web", Digest: "sha256:" + strings.Repeat(digit, 64), Port: 80}},
	}
}

// TestAReleaseNeverChanges: the same one again is nothing new, another one is refused with
// what is different.
func TestAReleaseNeverChanges(t *testing.T) {
	all := Dir{Path: t.TempDir()}.Releases("shop")
	if made, err := all.Keep(releaseOf("v1", "a")); err != nil || !made {
		t.Fatal(made, err)
	}
	again := releaseOf("v1", "a")
	again.By, again.Created = "another person", time.Now()
	if made, err := all.Keep(again); err != nil || made {
		t.Errorf("again: made %v, %v", made, err)
	}
	_, err := all.Keep(releaseOf("v1", "b"))
	if err == nil || !strings.Contains(err.Error(), "web: image aaaaaaaaaaaa → bbbbbbbbbbbb") || diag.HintOf(err) == "" {
		t.Errorf("another: %v", err)
	}
	if r, err := all.Get("v1"); err != nil || r.By != "a person" || !r.Same(releaseOf("v1", "a")) {
		t.Errorf("%+v, %v", r, err)
	}
	if left, _ := filepath.Glob(filepath.Join(all.dir, ".new-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestTwoMakeARelease: one of many at once makes it.
func TestTwoMakeARelease(t *testing.T) {
	all := Dir{Path: t.TempDir()}.Releases("shop")
	var mu sync.Mutex
	var wait sync.WaitGroup
	made, refused := 0, 0
	for i := range 8 {
		wait.Go(func() {
			ok, err := all.Keep(releaseOf("v1", string(rune('a'+i%2))))
			mu.Lock()
			defer mu.Unlock()
			if ok {
				made++
			}
			if err != nil {
				refused++
			}
		})
	}
	wait.Wait()
	if made != 1 || refused != 4 {
		t.Errorf("%d made it, %d were refused", made, refused)
	}
}

func TestReleasesThatCannotBe(t *testing.T) {
	all := Dir{Path: t.TempDir()}.Releases("a/b")
	if list, err := all.List(); len(list) > 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	for _, version := range []string{"", "../x", "a/b", "show", "latest", ".x", strings.Repeat("v", 129)} {
		if _, err := all.Get(version); diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%q: %v", version, err)
		}
	}
	for i, v := range []string{"v1.0.0", "v1.1.0"} {
		r := releaseOf(v, "a")
		r.Fleet, r.Created = "a/b", r.Created.Add(time.Duration(i)*time.Hour)
		if _, err := all.Keep(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := all.Get("v1.0.1"); !strings.Contains(diag.HintOf(err), "did you mean v1.0.0?") {
		t.Errorf("%v: %s", err, diag.HintOf(err))
	}
	if err := os.WriteFile(all.path("v2"), []byte(`{"schema": 9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := all.List()
	if len(list) != 2 || list[0].Version != "v1.1.0" || err == nil || !strings.Contains(errors.Join(err).Error(), "v2") {
		t.Errorf("%v, %v", versions(list), err)
	}
}
