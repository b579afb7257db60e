package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestASecondBuildWaitsAndSaysForWhom(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	first := invocation{dir: smallDir(t, "RUN sleep 2; echo done\n"), env: env, args: []string{"build", "-t", "one:1"}}.start(t)
	first.until(t, "the engine's lock", func() bool {
		lock, _ := os.ReadFile(filepath.Join(dir, "engine", "lock"))
		return len(lock) > 0
	})
	second := invocation{dir: smallDir(t, "RUN echo second > /x\n"), env: env, args: []string{"build", "-t", "two:1"}}.start(t)
	first.end(t, time.Minute).must(t, 0)
	second.end(t, time.Minute).must(t, 0).
		says(t, fmt.Sprintf("waiting for `slipway build` (process %d), which is using the engine in %s", first.cmd.Process.Pid, filepath.Join(dir, "engine")))
	for _, name := range []string{"one:1", "two:1"} {
		if index := read(t, filepath.Join(dir, "images", "index.json")); !strings.Contains(index, `"`+name+`"`) {
			t.Errorf("no image %s in %s", name, index)
		}
	}
	nothingLeft(t, dir)
}

func TestEightBuildsAtOnceAllSucceed(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	var all []*started
	for n := range 8 {
		src := smallDir(t, fmt.Sprintf("RUN echo %d > /number; sleep 0.2\n", n))
		all = append(all, invocation{dir: src, env: env, args: []string{"build", "-t", fmt.Sprintf("n%d:1", n)}}.start(t))
	}
	waited := 0
	digests := map[string]bool{}
	for _, r := range all {
		got := r.end(t, 3*time.Minute).must(t, 0)
		if strings.Contains(got.stderr, "waiting for `slipway build` (process ") {
			waited++
		}
	}
	if waited < 6 {
		t.Errorf("%d of eight builds said that they wait", waited)
	}
	index := read(t, filepath.Join(dir, "images", "index.json"))
	for _, m := range regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindAllString(index, -1) {
		digests[m] = true
	}
	if len(digests) != 8 {
		t.Errorf("%d images of eight in %s", len(digests), index)
	}
	nothingLeft(t, dir)
}
