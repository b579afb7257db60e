package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
)

// obey does what other slipway processes ask for by files: "stop" in the
// group's directory or in that of a service.
func (run *Running) obey(ctx context.Context) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if exists(filepath.Join(run.dir, "stop")) {
			run.mu.Lock()
			run.requested = true
			close(run.news)
			run.news = make(chan struct{})
			run.mu.Unlock()
			return
		}
		for _, c := range run.containers {
			request := filepath.Join(c.dir, "stop")
			if !exists(request) {
				continue
			}
			_ = os.Remove(request)
			run.background.Go(func() {
				if err := c.stop(run.rt.grace()); err != nil {
					run.watcher.Note("stopping " + c.id + ": " + err.Error())
				}
			})
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// List returns the groups of this machine, sorted by name; those that have
// ended only when a detached one left its logs.
func List(stateDir string) ([]GroupStatus, error) {
	var out []GroupStatus
	for _, name := range groupNames(stateDir) {
		s, err := readState(GroupDir(stateDir, name))
		if err != nil {
			continue // it has not got so far yet
		}
		if s.Running, err = held(stateDir, name); err != nil {
			return nil, err
		}
		for i := range s.Services {
			v := &s.Services[i]
			if s.Running && v.PID != 0 {
				v.MemoryBytes = newCgroup(networkName(stateDir, name) + "-" + v.Service).memory()
			} else {
				v.MemoryBytes = 0
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// held tells whether a process runs the group.
func held(stateDir, group string) (bool, error) {
	lock, err := lockGroup(stateDir, group)
	if err != nil || lock == nil {
		return lock == nil && err == nil, err
	}
	return false, lock.Unlock()
}

// StopGroup asks the slipway that runs a group to stop it, or one service of
// it, and waits until that has happened.
func StopGroup(ctx context.Context, stateDir, group, service string) error {
	running, err := held(stateDir, group)
	if err != nil {
		return err
	}
	if !running {
		return diag.Fail(diag.ExitRun, "%s is not running", group).WithHint("slipway ps")
	}
	dir := GroupDir(stateDir, group)
	if service != "" {
		dir = serviceDir(dir, service)
	}
	if err := os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600); err != nil {
		return fmt.Errorf("asking %s to stop: %w", group, err)
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if done, err := ended(stateDir, group, service); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// ended tells whether a group, or a service of it, runs no more.
func ended(stateDir, group, service string) (bool, error) {
	running, err := held(stateDir, group)
	if err != nil || !running || service == "" {
		return !running, err
	}
	s, err := readState(GroupDir(stateDir, group))
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(s.Services, func(v localrun.Status) bool {
		return v.Service == service && v.State != localrun.Exited
	}), nil
}

func groupNames(stateDir string) []string {
	entries, err := os.ReadDir(groupsDir(stateDir))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, groupOf(e.Name()))
		}
	}
	return out
}

func readState(dir string) (GroupStatus, error) {
	var s GroupStatus
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

// removeServices removes what a group's services have on the disk but their logs, also
// where an earlier version of Slipway kept it.
func removeServices(dir string) error {
	services, _ := filepath.Glob(serviceDir(dir, "*"))
	mounted, _ := filepath.Glob(filepath.Join(dir, "*", "rootfs"))
	for _, rootfs := range mounted {
		services = append(services, filepath.Dir(rootfs))
	}
	var problems []error
	for _, service := range services {
		problems = append(problems, removeAllButLogs(service))
	}
	return errors.Join(problems...)
}

// finish removes the directory of a group that has ended, or keeps the logs
// and the last state in it.
func finish(dir string, keepLogs bool) error {
	if err := os.RemoveAll(filepath.Join(dir, "runc")); err != nil {
		return err
	}
	if keepLogs {
		return os.WriteFile(filepath.Join(dir, "ended"), nil, 0o600)
	}
	return os.RemoveAll(dir)
}

// Repair removes what groups have left whose slipway was killed: containers,
// mounts, interfaces, firewall rules. It says what it repaired.
func Repair(stateDir, runcPath string, note func(string)) error {
	var problems []error
	for _, name := range groupNames(stateDir) {
		dir := GroupDir(stateDir, name)
		lock, err := lockGroup(stateDir, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if lock == nil {
			continue // it runs
		}
		if exists(filepath.Join(dir, "ended")) {
			problems = append(problems, removeServices(dir), lock.Unlock()) // versions until 0.3 left more than logs
			continue
		}
		err = repairGroup(stateDir, name, runc{path: runcPath, root: filepath.Join(dir, "runc")})
		if err = errors.Join(err, putBack(stateDir, note)); err != nil {
			problems = append(problems, fmt.Errorf("cleaning up %s: %w", name, err))
		} else {
			note("removed the leftovers of a killed slipway: " + name)
		}
		problems = append(problems, lock.Unlock())
	}
	return errors.Join(problems...)
}

func repairGroup(stateDir, name string, r runc) error {
	dir := GroupDir(stateDir, name)
	var problems []error
	for _, id := range r.list() {
		problems = append(problems, r.delete(id))
	}
	for _, c := range cgroupsOf(networkName(stateDir, name) + "-") {
		c.remove()
	}
	problems = append(problems, removeServices(dir))
	network := networkName(stateDir, name)
	if links, err := netlink.LinkList(); err == nil {
		for _, l := range links {
			if strings.HasPrefix(l.Attrs().Name, linkPrefix(network)) {
				problems = append(problems, removeLink(l.Attrs().Name))
			}
		}
	}
	problems = append(problems, removeNetwork(network))
	if err := errors.Join(problems...); err != nil {
		return err
	}
	s, err := readState(dir)
	return finish(dir, err == nil && s.Detached)
}

// Forget removes what a group that has ended left: its logs and its last state.
func Forget(stateDir, group string) error {
	lock, err := lockGroup(stateDir, group)
	if err != nil {
		return err
	}
	if lock == nil {
		return diag.Fail(diag.ExitRun, "%s is running", group).WithHint("slipway stop %s", group)
	}
	defer lock.Unlock()
	dir := GroupDir(stateDir, group)
	if !exists(filepath.Join(dir, "ended")) {
		return nil // Repair removes what a killed process left
	}
	return errors.Join(os.RemoveAll(dir), ignoreMissing(os.Remove(ErrorPath(stateDir, group))))
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
