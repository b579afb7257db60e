package fingerprint

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/dockerfile"
)

// asked counts how often what a Dockerfile reads had to be found.
func asked(t *testing.T, c *Cache, key string) int {
	t.Helper()
	n := 0
	got, err := c.readsOf(key, func() (dockerfile.Reads, error) {
		n++
		return dockerfile.Reads{Paths: []string{key}, Unknown: []string{"a URL"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dockerfile.Reads{Paths: []string{key}, Unknown: []string{"a URL"}}, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", key, diff)
	}
	return n
}

// reopened is the cache as the next command reads it, some days later.
func reopened(t *testing.T, c *Cache, now time.Time) *Cache {
	t.Helper()
	var data bytes.Buffer
	if err := c.Encode(&data); err != nil {
		t.Fatal(err)
	}
	c, err := DecodeCache(data.Bytes(), now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatADockerfileReadsIsFoundOnce(t *testing.T) {
	now := time.Now()
	c := NewCache(now)
	if n := asked(t, c, "a") + asked(t, c, "a") + asked(t, c, "b"); n != 2 || !c.Changed() {
		t.Errorf("found %d times for two, changed %v", n, c.Changed())
	}
	c = reopened(t, c, now.Add(24*time.Hour))
	if n := asked(t, c, "a"); n != 0 || c.Changed() {
		t.Errorf("the next day: found %d times, changed %v", n, c.Changed())
	}
	c = reopened(t, c, now.Add(20*24*time.Hour))
	if n := asked(t, c, "a"); n != 0 || !c.Changed() {
		t.Errorf("a use after weeks: found %d times, noted %v", n, c.Changed())
	}
	c = reopened(t, c, now.Add(40*24*time.Hour))
	if n := asked(t, reopened(t, c, now.Add(40*24*time.Hour)), "b"); n != 1 {
		t.Errorf("what nothing asked for in weeks was found %d times", n)
	}
	if n := asked(t, c, "a"); n != 0 {
		t.Errorf("what was used was found %d times", n)
	}
	failure := errors.New("no")
	for range 2 {
		if _, err := c.readsOf("bad", func() (dockerfile.Reads, error) { return dockerfile.Reads{}, failure }); !errors.Is(err, failure) {
			t.Errorf("a failure is %v", err)
		}
	}
	if n := asked(t, nil, "a") + asked(t, nil, "a"); n != 2 {
		t.Errorf("without a cache: found %d times", n)
	}
}

// TestEveryInputOfReadsCounts: another Dockerfile, target, argument, Slipway or
// name that is given may read something else.
func TestEveryInputOfReadsCounts(t *testing.T) {
	one := Input{Dockerfile: []byte("FROM a"), Target: "t", Args: map[string]string{"A": "1"}, Recipe: "r"}
	seen := map[string]string{one.readsKey(map[string]bool{"x": true}): "the first"}
	for name, change := range map[string]func(in *Input, given map[string]bool){
		"Dockerfile":     func(in *Input, _ map[string]bool) { in.Dockerfile = []byte("FROM b") },
		"target":         func(in *Input, _ map[string]bool) { in.Target = "" },
		"argument":       func(in *Input, _ map[string]bool) { in.Args = map[string]string{"A": "2"} },
		"its name":       func(in *Input, _ map[string]bool) { in.Args = map[string]string{"B": "1"} },
		"no argument":    func(in *Input, _ map[string]bool) { in.Args = nil },
		"recipe":         func(in *Input, _ map[string]bool) { in.Recipe = "s" },
		"another name":   func(_ *Input, given map[string]bool) { given["y"] = true },
		"no name at all": func(_ *Input, given map[string]bool) { delete(given, "x") },
	} {
		in, given := one, map[string]bool{"x": true}
		change(&in, given)
		key := in.readsKey(given)
		if before, ok := seen[key]; ok {
			t.Errorf("%s is the same as %s", name, before)
		}
		seen[key] = name
	}
}
