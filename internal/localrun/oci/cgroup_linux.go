package oci

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/localrun"
)

const cgroupRoot = "/sys/fs/cgroup"

// cgroup is the control group of one container, in a version 1 or 2 hierarchy.
type cgroup struct {
	path    string // absolute in each hierarchy
	dir     string // of the memory controller
	unified bool
}

func newCgroup(name string) cgroup {
	c := cgroup{path: "/" + name}
	var fs unix.Statfs_t
	c.unified = unix.Statfs(cgroupRoot, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
	if c.unified {
		c.dir = filepath.Join(cgroupRoot, name)
	} else {
		c.dir = filepath.Join(cgroupRoot, "memory", name)
	}
	return c
}

// Containers get these limits unless they are given others: enough for any
// service, too little to take the machine down.
const (
	defaultPIDs   = 4096
	memoryReserve = 512 << 20 // for the machine itself, or a tenth where that is more
)

// withLimits completes a specification with the limits that every container has.
// A limit that this machine's control groups cannot set is left out; one that was
// asked for stays, and fails, unless it is that of cores: others of the machine get less
// time then, and nothing breaks.
func withLimits(s localrun.Spec, can func(controller string) bool, total int64) localrun.Spec {
	if s.PIDs == 0 && can("pids") {
		s.PIDs = defaultPIDs
	}
	if s.MemoryBytes == 0 && can("memory") && total > 0 {
		rest := total - max(memoryReserve, total/10)
		s.MemoryBytes = max(rest, total/2) &^ (1<<20 - 1)
	}
	if !can("cpu") {
		s.CPU = 0
	}
	return s
}

// can tells whether the machine has a controller and lets this process use it.
func (c cgroup) can(controller string) bool {
	switch {
	case c.unified:
	case controller == "cpu":
		_, err := os.Stat(filepath.Join(cgroupRoot, "cpu", "cpu.cfs_quota_us")) // a kernel may be built without
		return err == nil
	default:
		_, err := os.Stat(filepath.Join(cgroupRoot, controller))
		return err == nil
	}
	text, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	return err == nil && slices.Contains(strings.Fields(string(text)), controller)
}

// LimitsCPU tells whether the control groups of this machine can limit a container to
// cores.
func LimitsCPU() bool { return newCgroup("").can("cpu") }

// limitsSwap tells whether the kernel can limit swap together with memory.
// runc ignores the absence of swap accounting in version 2.
func (c cgroup) limitsSwap() bool {
	if c.unified {
		return true
	}
	_, err := os.Stat(filepath.Join(cgroupRoot, "memory", "memory.memsw.limit_in_bytes"))
	return err == nil
}

// oomKilled tells whether the kernel killed a process because of the limit.
func (c cgroup) oomKilled() bool {
	if c.unified {
		return c.field("memory.events", "oom_kill") > 0
	}
	return c.field("memory.oom_control", "oom_kill") > 0
}

// memory returns the bytes in use, without the file cache that the kernel
// would give back; 0 when unknown.
func (c cgroup) memory() int64 {
	file, cache := "memory.usage_in_bytes", "total_inactive_file"
	if c.unified {
		file, cache = "memory.current", "inactive_file"
	}
	text, err := os.ReadFile(filepath.Join(c.dir, file))
	if err != nil {
		return 0
	}
	used, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return max(used-c.field("memory.stat", cache), 0)
}

// remove removes the group from every hierarchy, in case that runc did not, and
// kills what is left in it.
func (c cgroup) remove() {
	pattern := filepath.Join(cgroupRoot, "*", c.path)
	if c.unified {
		pattern = c.dir
	}
	for range 50 {
		dirs, _ := filepath.Glob(pattern)
		if len(dirs) == 0 {
			return
		}
		for _, d := range dirs {
			if unix.Rmdir(d) == nil {
				continue
			}
			procs, _ := os.ReadFile(filepath.Join(d, "cgroup.procs"))
			for word := range strings.FieldsSeq(string(procs)) {
				if pid, err := strconv.Atoi(word); err == nil && pid > 1 {
					_ = unix.Kill(pid, unix.SIGKILL)
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// cgroupsOf returns the groups whose names begin so.
func cgroupsOf(prefix string) []cgroup {
	dir := newCgroup("").dir
	found, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	var out []cgroup
	for _, d := range found {
		out = append(out, newCgroup(filepath.Base(d)))
	}
	return out
}

// field returns a number of a file of "name number" lines.
func (c cgroup) field(file, name string) int64 {
	text, err := os.ReadFile(filepath.Join(c.dir, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
