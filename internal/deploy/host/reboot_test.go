package host_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

// TestAfterARebootTheSameRuns: the machine has lost every process, address and run-time
// file, in the middle of a rollout and of writing; what is to run is kept.
func TestAfterARebootTheSameRuns(t *testing.T) {
	for name, onDisk := range map[string]bool{"run-time files in memory": false, "run-time files on the disk": true} {
		t.Run(name, func(t *testing.T) {
			y, dir := newYard(t), t.TempDir()
			b := y.host(dir)
			up(y, t, b, "v1", 2)
			on := b.target(y, "v1", "v2")
			do(t, on, deploy.Action{Kind: deploy.Scale, Side: deploy.New, Count: 1})
			until(t, on, "healthy", func(o deploy.Observed) bool { return o.New.Healthy == 1 })
			do(t, on, deploy.Action{Kind: deploy.Shift, Share: 50})
			until(t, on, "half", func(o deploy.Observed) bool { return o.Share == 50 })
			outside := fmt.Sprintf("127.0.7.2:%d", y.port)
			r := host.Rollout{ID: "r1", Environment: env, Version: "v2", Started: time.Now(), Routes: []host.Route{{Listen: outside, Service: "web"}}}
			if err := errors.Join(b.Keep(t.Context(), r), b.SetRoutes(t.Context(), r)); err != nil {
				t.Fatal(err)
			}
			j := host.Journal{Client: b.Client, Environment: env, ID: "r1", Service: "web"}
			done := deploy.Entry{At: time.Now().UTC(), Action: deploy.Action{Kind: deploy.Shift, Share: 50}, Done: true}
			if err := j.Append(t.Context(), done); err != nil {
				t.Fatal(err)
			}
			kept := read(t, filepath.Join(dir, "wanted.json"))
			b.end()
			y.reboot(onDisk)
			torn := map[string]string{ // what was being written when the power went
				".wanted.json-7": kept[:len(kept)/2], "rollouts/.test.lock-7": "{", "rollouts/test/r1/.rollout.json-7": "{", "rollouts/test.lock": "",
			}
			for name, text := range torn {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			journal := filepath.Join(dir, "rollouts", env, "r1", "web.jsonl")
			if err := os.WriteFile(journal, []byte(read(t, journal)+`{"at":"2026-`), 0o600); err != nil {
				t.Fatal(err)
			}

			b = y.host(dir)
			on = b.target(y, "v1", "v2")
			until(t, on, "as before", func(o deploy.Observed) bool { return o.Old.Healthy == 2 && o.New.Healthy == 1 && o.Share == 50 })
			if y.started("v1") != 4 || y.started("v2") != 2 {
				t.Errorf("%d and %d starts", y.started("v1"), y.started("v2"))
			}
			for _, at := range []string{fmt.Sprintf("%s:%d", y.front, y.port), outside} {
				seen := map[string]int{}
				for range 40 {
					seen[fetch("http://"+at+"/")]++
				}
				if len(seen) != 2 || seen["v1"] == 0 || seen["v2"] == 0 {
					t.Errorf("half of the requests to %s are answered by %v", at, seen)
				}
			}
			for name := range torn {
				if _, err := os.Stat(filepath.Join(dir, name)); filepath.Base(name)[0] == '.' && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is still there", name)
				}
			}
			j.Client = b.Client
			if entries, err := j.Entries(t.Context()); err != nil || len(entries) != 1 || entries[0].Action != done.Action {
				t.Errorf("%+v, %v", entries, err)
			}
			do(t, on, deploy.Action{Kind: deploy.Shift, Share: 0}, deploy.Action{Kind: deploy.Retire, Side: deploy.New})
			until(t, on, "gone back", func(o deploy.Observed) bool { return o.New.Up == 0 && o.Share == 0 })
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
