// Package ram tells how much memory this machine has left for builds, and how
// much of it the processes of a control group hold. It counts what the kernel
// cannot take back at once: a copied file stays in memory too, until somebody
// needs the room. It reads files, of either version of control groups, and
// limits nothing.
//
//	free := ram.Available(os.DirFS("/"))
//	held, ok := ram.Held(os.DirFS("/"), "buildkit/1uew7ajugdg1")
package ram

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Where the control groups are: the memory controller of version 1, and all of
// version 2.
const (
	groupsV1 = "sys/fs/cgroup/memory"
	groupsV2 = "sys/fs/cgroup"
)

// Held returns the bytes that the processes of a control group hold, those of
// the groups below it included. It is not ok where there is no such group.
func Held(root fs.FS, group string) (int64, bool) {
	for _, groups := range []string{groupsV1, groupsV2} {
		if n, ok := held(root, path.Join(groups, group)); ok {
			return n, true
		}
	}
	return 0, false
}

// held reads a memory.stat: anonymous memory and files that are only in memory.
// Version 1 counts the groups below under names of their own.
func held(root fs.FS, dir string) (int64, bool) {
	data, err := fs.ReadFile(root, path.Join(dir, "memory.stat"))
	if err != nil {
		return 0, false
	}
	all := numbers(string(data))
	if n, ok := all["total_rss"]; ok {
		return n + all["total_shmem"], true
	}
	n, ok := all["anon"]
	return n + all["shmem"], ok
}

// Available returns the bytes that are left for further processes: what the
// kernel says, and what the limits of this process's control groups leave. It is
// 0 where nobody knows.
func Available(root fs.FS) int64 {
	data, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	free, ok := numbers(string(data))["MemAvailable:"]
	if !ok {
		return 0
	}
	free *= 1 << 10
	groups, own, limit := ownGroup(root)
	for dir := path.Join(groups, path.Clean("/"+own)); strings.HasPrefix(dir, groups); dir = path.Dir(dir) {
		most, limited := number(root, path.Join(dir, limit))
		if used, ok := held(root, dir); ok && limited {
			free = min(free, most-used)
		}
	}
	return max(free, 1)
}

// Total returns the bytes of memory that this machine has, or fewer where this
// process's control groups limit it. It is 0 where nobody knows.
func Total(root fs.FS) int64 {
	data, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	total := numbers(string(data))["MemTotal:"] << 10
	groups, own, limit := ownGroup(root)
	for dir := path.Join(groups, path.Clean("/"+own)); strings.HasPrefix(dir, groups); dir = path.Dir(dir) {
		if most, limited := number(root, path.Join(dir, limit)); limited && most > 0 {
			total = min(total, most)
		}
	}
	return total
}

// ownGroup finds the control group of this process, below which directory it
// is, and which of its files has the limit.
func ownGroup(root fs.FS) (groups, own, limit string) {
	data, _ := fs.ReadFile(root, "proc/self/cgroup") // without control groups there are no limits
	groups, limit = groupsV2, "memory.max"
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) < 3:
		case fields[1] == "":
			own = fields[2]
		case strings.Contains(","+fields[1]+",", ",memory,"):
			return groupsV1, fields[2], "memory.limit_in_bytes"
		}
	}
	return groups, own, limit
}

// numbers reads lines of a name and a number.
func numbers(text string) map[string]int64 {
	out := map[string]int64{}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				out[fields[0]] = n
			}
		}
	}
	return out
}

// number reads a file of one number; "max" is none.
func number(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}
