package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
)

func checkNames(group localrun.Group) error {
	if len(group.Services) == 0 {
		return diag.Fail(diag.ExitUsage, "there is nothing to run")
	}
	if most := 1<<(32-subnetBits) - 3; len(group.Services) > most {
		return diag.Fail(diag.ExitUsage, "at most %d services run together, not %d", most, len(group.Services))
	}
	seen := map[string]string{}
	for _, name := range append([]string{group.Name}, serviceNames(group)...) {
		if !validName().MatchString(name) {
			return diag.Fail(diag.ExitUsage, "%q cannot be the name of a container: use letters, digits, '-', '_' and '.', at most 63", name)
		}
	}
	for _, s := range group.Services {
		key := strings.ToLower(s.Name) // it is a host name too
		switch other, taken := seen[key]; {
		case taken && other == s.Name:
			return diag.Fail(diag.ExitUsage, "two services are named %s", s.Name)
		case taken:
			return diag.Fail(diag.ExitUsage, "the services %s and %s would be the same host: upper and lower case do not differ in host names", other, s.Name).
				WithHint("rename one of them")
		}
		seen[key] = s.Name
	}
	return nil
}

func serviceNames(group localrun.Group) []string {
	var out []string
	for _, s := range group.Services {
		out = append(out, s.Name)
	}
	return out
}

// claim takes the group's lock and prepares its directory.
func (rt *Runtime) claim(group localrun.Group, detached bool, w localrun.Watcher) (*Running, error) {
	dir := GroupDir(rt.StateDir, group.Name)
	lock, err := lockGroup(rt.StateDir, group.Name)
	for range 10 { // another process may only be looking whether the group runs
		if lock != nil || err != nil {
			break
		}
		time.Sleep(pollInterval / 2)
		lock, err = lockGroup(rt.StateDir, group.Name)
	}
	if err != nil {
		return nil, err
	}
	if lock == nil {
		f := diag.Fail(diag.ExitRun, "%s is already running", group.Name)
		if s, err := readState(dir); err == nil && s.PID != 0 {
			f.Text += fmt.Sprintf(" (process %d)", s.PID)
		}
		return nil, f.WithHint("slipway ps; slipway stop; or give this one another name: --name NAME")
	}
	if err = removeServices(dir); err == nil { // never remove through a mount
		err = os.RemoveAll(dir) // the logs of an earlier run
	}
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	run := &Running{rt: rt, group: group, detached: detached, startedAt: time.Now(), dir: dir, lock: lock, watcher: w,
		runc: runc{path: rt.Runc, root: filepath.Join(dir, "runc")}, cancel: func() {}, news: make(chan struct{})}
	for _, d := range []string{dir, run.runc.root} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("preparing %s: %w", group.Name, err), lock.Unlock())
		}
	}
	return run, nil
}

// lockGroup takes the lock of a group; nil when another process has it.
func lockGroup(stateDir, group string) (*flock.Flock, error) {
	if err := os.MkdirAll(groupsDir(stateDir), 0o700); err != nil {
		return nil, fmt.Errorf("preparing %s: %w", group, err)
	}
	lock := flock.New(lockPath(stateDir, group))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", group, err)
	}
	if !ok {
		return nil, nil
	}
	return lock, nil
}
