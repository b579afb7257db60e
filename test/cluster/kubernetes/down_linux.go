package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// detach gives a program a session of its own, so that it outlives this process.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// Down ends the cluster of a directory, its pods too, and removes the directory. One that
// does not run is no error.
func Down(o Options) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	o.Dir = dir
	inside, err := members(o.name())
	if err != nil {
		return err
	}
	started := append(pids(o.Dir), inside...)
	end(started, syscall.SIGTERM, 5*time.Second)
	end(append(started, shims(o.Dir)...), syscall.SIGKILL, 5*time.Second)
	var problems []error
	for _, at := range mounts(o.Dir) {
		problems = append(problems, unix.Unmount(at, unix.MNT_DETACH))
	}
	if _, err := os.Stat("/run/netns/" + o.name()); err == nil {
		problems = append(problems, output(context.Background(), "ip", "netns", "del", o.name()))
	}
	leavings(o.Dir)
	return errors.Join(errors.Join(problems...), os.RemoveAll(o.Dir))
}

// leavings removes what the cluster left outside of its directory: mount points that this
// machine did not have, and empty groups of processes.
func leavings(dir string) {
	data, _ := os.ReadFile(filepath.Join(dir, madeFile))
	for line := range strings.Lines(string(data)) {
		_ = os.Remove(strings.TrimSpace(line)) // one that others use by now is not empty
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/kubepods")
	for _, at := range append(groups, "/sys/fs/cgroup/kubepods") {
		var all []string
		_ = filepath.WalkDir(at, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				all = append(all, path)
			}
			return nil
		})
		for _, path := range slices.Backward(all) {
			_ = os.Remove(path) // one with processes is another cluster's
		}
	}
}

// pids are the programs that Up started.
func pids(dir string) (out []int) {
	files, _ := filepath.Glob(filepath.Join(dir, "pid", "*"))
	for _, f := range files {
		data, err := os.ReadFile(f)
		pid, bad := strconv.Atoi(strings.TrimSpace(string(data)))
		if err == nil && bad == nil && strings.Contains(commandLine(pid), dir) {
			out = append(out, pid)
		}
	}
	return out
}

// shims are the containers' keepers, and their containers: a killed keeper leaves them.
func shims(dir string) (out []int) {
	for _, pid := range all() {
		if line := commandLine(pid); strings.Contains(line, "containerd-shim") && strings.Contains(line, dir) {
			out = append(out, pid)
			out = append(out, below(pid)...)
		}
	}
	return out
}

// members are the processes whose network is that of the cluster, or a pod's with a mount
// of it: those in a network namespace are found by its number.
func members(name string) (out []int, err error) {
	own, err := os.Stat("/run/netns/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, pid := range all() {
		theirs, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil && os.SameFile(own, theirs) {
			out = append(out, pid)
			out = append(out, below(pid)...)
		}
	}
	return out, nil
}

// below are the descendants of a process.
func below(pid int) (out []int) {
	parents := map[int][]int{}
	for _, p := range all() {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		if f := strings.Fields(rest); len(f) > 1 {
			parent, _ := strconv.Atoi(f[1])
			parents[parent] = append(parents[parent], p)
		}
	}
	queue := []int{pid}
	for len(queue) > 0 {
		out = append(out, parents[queue[0]]...)
		queue = append(queue[1:], parents[queue[0]]...)
	}
	return out
}

func all() (out []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 1 {
			out = append(out, pid)
		}
	}
	return out
}

func commandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(data), "\x00", " ")
}

// end signals processes and waits until they are gone.
func end(pids []int, signal syscall.Signal, most time.Duration) {
	for _, pid := range pids {
		if pid != os.Getpid() {
			_ = syscall.Kill(pid, signal)
		}
	}
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if !slices.ContainsFunc(pids, func(pid int) bool { return pid != os.Getpid() && syscall.Kill(pid, 0) == nil }) {
			return
		}
	}
}

// mounts are those below a directory, the deepest first.
func mounts(dir string) (out []string) {
	data, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			out = append(out, f[1])
		}
	}
	slices.Reverse(out)
	return out
}
