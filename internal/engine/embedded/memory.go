//go:build linux

package embedded

import (
	"context"
	"io/fs"
	"path"
	"time"

	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/util/progress"

	"github.com/slipway-build/slipway/internal/engine/solve"
	"github.com/slipway-build/slipway/internal/ram"
)

// lookEvery is how often the memory of a step is looked at. What lasts shorter
// may be missed; a look takes about 0.1 ms (measured on 2026-11-22).
const lookEvery = 100 * time.Millisecond

// groupOf is the control group of a step: containerd's default, which BuildKit
// leaves as it is.
func groupOf(id string) string { return path.Join(namespace, id) }

// watchMemory looks at the memory of a control group, which may not exist yet,
// until the returned function is called; that tells what it saw, of bytes the most.
// The kernel's own mark (memory.peak, memory.max_usage_in_bytes) is no help: it
// counts the files that a step read and wrote, 200 MB for a copy of 200 MB.
func watchMemory(root fs.FS, group string) func() usage {
	stop, seen := make(chan struct{}), make(chan usage)
	go func() {
		var u usage
		ticks := time.NewTicker(lookEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				if n, ok := ram.Held(root, group); ok {
					u.memory = max(u.memory, n)
				}
				pids, memory, near := reached(root, group)
				u.outOfPIDs, u.outOfMemory = u.outOfPIDs || pids, u.outOfMemory || memory
				if near {
					ticks.Reset(lookEvery / 20)
				}
			case <-stop:
				seen <- u
				return
			}
		}
	}()
	return func() usage {
		close(stop)
		return <-seen
	}
}

// usage is what a step was seen to take.
type usage struct {
	memory                 int64 // bytes at most
	outOfPIDs, outOfMemory bool  // it met its limit
}

// tell writes what a step took beside its log, from where every build that has this
// step hears of it.
func (u usage) tell(ctx context.Context) {
	w, ok, _ := progress.NewFromContext(ctx)
	if !ok {
		return
	}
	for name, n := range map[string]int64{solve.PeakMemory: u.memory, solve.OutOfPIDs: asNumber(u.outOfPIDs), solve.OutOfMemory: asNumber(u.outOfMemory)} {
		if n > 0 {
			_ = w.Write(identity.NewID(), progress.Status{Action: name, Current: int(n)})
		}
	}
	_ = w.Close()
}

func asNumber(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
