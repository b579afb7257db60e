//go:build linux

package embedded

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/util/network"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/slipway-build/slipway/internal/ram"
)

// DefaultPIDs are the processes and threads that a build step may have: no compiler
// needs them, and a machine of 32,768 keeps half.
const DefaultPIDs = 16_384

// memoryReserve is what steps leave to the machine, in bytes, or a tenth where that
// is more, as containers do.
const memoryReserve = 512 << 20

// stepLimits bound each build step; 0: no limit.
type stepLimits struct {
	pids, memory int64
	users        bool // processes are counted by user, without control groups
}

// newStepLimits are the limits that this machine can set: in control groups, or for
// processes in a user namespace, where a step has no control group.
func newStepLimits(root fs.FS, o Options) stepLimits {
	l := stepLimits{pids: o.StepPIDs, users: o.Rootless}
	if l.pids == 0 {
		l.pids = DefaultPIDs
	}
	if l.users {
		return l
	}
	if !controls(root, "pids") {
		l.pids = 0
	}
	if total := ram.Total(root); total > 0 && controls(root, "memory") {
		l.memory = max(total-max(memoryReserve, total/10), total/2) &^ (1<<20 - 1)
	}
	return l
}

// controls tells whether control groups, of either version, have a controller.
func controls(root fs.FS, controller string) bool {
	if _, err := fs.Stat(root, path.Join(groups, controller)); err == nil {
		return true
	}
	text, err := fs.ReadFile(root, path.Join(groups, "cgroup.controllers"))
	return err == nil && slices.Contains(strings.Fields(string(text)), controller)
}

const groups = "sys/fs/cgroup"

// set completes the specification of a step, whose own limits stay.
func (l stepLimits) set(s *specs.Spec) {
	if l.users {
		own := func(r specs.POSIXRlimit) bool { return r.Type == "RLIMIT_NPROC" }
		if s.Process != nil && !slices.ContainsFunc(s.Process.Rlimits, own) {
			s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_NPROC", Hard: uint64(l.pids), Soft: uint64(l.pids)})
		}
		return
	}
	if s.Linux.Resources == nil {
		s.Linux.Resources = &specs.LinuxResources{}
	}
	r := s.Linux.Resources
	if n := l.pids; n > 0 && r.Pids == nil {
		r.Pids = &specs.LinuxPids{Limit: &n}
	}
	if n := l.memory; n > 0 && (r.Memory == nil || r.Memory.Limit == nil) {
		if r.Memory == nil {
			r.Memory = &specs.LinuxMemory{}
		}
		r.Memory.Limit = &n
	}
}

// reached tells which limits a control group was stopped at, and whether it is so
// near that it is worth looking at more often.
func reached(root fs.FS, group string) (pids, memory, near bool) {
	for _, of := range []struct{ pids, memory string }{{"pids", "memory"}, {"", ""}} { // versions 1 and 2
		at := path.Join(groups, of.pids, group)
		pids = pids || count(root, path.Join(at, "pids.events"), "max") > 0
		now, limit := only(root, path.Join(at, "pids.current")), only(root, path.Join(at, "pids.max"))
		near = near || limit > 0 && now > limit/2
		at = path.Join(groups, of.memory, group)
		for _, file := range []string{"memory.oom_control", "memory.events"} {
			memory = memory || count(root, path.Join(at, file), "oom_kill") > 0
		}
	}
	return pids, memory, near
}

// count reads one line of a file of names and numbers; 0: it has none.
func count(root fs.FS, file, name string) int64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

// only reads a file of one number; 0: it has none.
func only(root fs.FS, file string) int64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// limited gives steps their limits along with their network, whose provider is the
// only one of BuildKit's parts that sees the whole specification.
type limited struct {
	network.Provider
	limits stepLimits
}

// New implements network.Provider.
func (l limited) New(ctx context.Context, hostname string, opt network.NamespaceOptions) (network.Namespace, error) {
	n, err := l.Provider.New(ctx, hostname, opt)
	if err != nil {
		return nil, err
	}
	return limitedNamespace{n, l.limits}, nil
}

type limitedNamespace struct {
	network.Namespace
	limits stepLimits
}

// Set implements network.Namespace.
func (n limitedNamespace) Set(s *specs.Spec) error {
	n.limits.set(s)
	return n.Namespace.Set(s)
}
