//go:build linux

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/internal/event"
)

// lockState takes the state directory for this process. While another one has
// it, it waits, says so once, and stops with the context.
func lockState(ctx context.Context, o Options, sink event.Sink) (_ *flock.Flock, last holder, err error) {
	path := filepath.Join(o.StateDir, "lock")
	lock := flock.New(path)
	held, err := lock.TryLock()
	if err != nil {
		return nil, last, fmt.Errorf("locking %s: %w", path, err)
	}
	if !held && o.Waiting != nil {
		o.Waiting()
		if held, err = lock.TryLock(); err != nil {
			return nil, last, fmt.Errorf("locking %s: %w", path, err)
		}
	}
	if !held {
		holder, _ := os.ReadFile(path)
		sink.Emit(event.Note{Text: fmt.Sprintf("waiting for %s, which is using the engine in %s", nameHolder(string(holder)), o.StateDir)})
		if held, err = lock.TryLockContext(ctx, 50*time.Millisecond); err != nil || !held {
			return nil, last, errors.Join(err, ctx.Err())
		}
	}
	before, err := os.ReadFile(path)
	if info, err := os.Stat(path); err == nil {
		last.ended = info.ModTime()
	}
	if err == nil {
		err = os.WriteFile(path, fmt.Appendf(nil, "%d %s\n", o.PID, o.Owner), 0o600)
	}
	if err != nil {
		return nil, last, errors.Join(fmt.Errorf("writing %s: %w", path, err), lock.Unlock())
	}
	last.killed = len(before) > 0
	return lock, last, nil
}

// holder is the last process that had the state directory.
type holder struct {
	killed bool      // it did not give it back
	ended  time.Time // when it gave it back
}

// unlockState gives the state directory back, and empties the lock file: what
// stands in one that nobody holds is the name of who died with it.
func unlockState(lock *flock.Flock) error {
	return errors.Join(os.Truncate(lock.Path(), 0), lock.Unlock())
}

// Abandoned tells whether the last process that had the engine of a state
// directory was killed. Then Open has something to clear.
func Abandoned(stateDir string) bool {
	path := filepath.Join(stateDir, "lock")
	if holder, err := os.ReadFile(path); err != nil || len(holder) == 0 {
		return false
	}
	lock := flock.New(path)
	held, err := lock.TryLock()
	if err == nil && held {
		err = lock.Unlock()
	}
	return held && err == nil
}

// nameHolder turns the content of the lock file into words.
func nameHolder(content string) string {
	pid, command, _ := strings.Cut(strings.TrimSpace(content), " ")
	if pid == "" {
		return "another slipway"
	}
	if command == "" {
		return "another slipway (process " + pid + ")"
	}
	return fmt.Sprintf("`%s` (process %s)", command, pid)
}
