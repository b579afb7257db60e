// Package rootless lets an ordinary user build: it runs the same command once
// more as root of a new user, mount and process namespace, in which overlayfs,
// chown and runc work. Ids 1 to 65536 of the namespace are the user's
// subordinate ids (/etc/subuid, /etc/subgid) where newuidmap and newgidmap are
// installed; without them there is only id 0, and Process.Note is told what
// that means. It refuses where the kernel does not let the user have such a
// namespace, with the setting that is in the way. It gives no network of its own.
//
// When the outer process ends, for whatever reason, the kernel ends everything
// inside: no process and no mount is left.
//
//	code, entered, err := rootless.Enter(ctx, rootless.Process{Args: os.Args, Env: os.Environ(), StateDir: dir})
//	if err != nil || entered {
//		return code, err // the work has been done by the process inside
//	}
//	// root, or inside: open the engine here
package rootless

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/slipway-build/slipway/internal/diag"
)

// Process is the command that runs inside: this program with the arguments and
// the environment of this process.
type Process struct {
	Args     []string // including the name of the program
	Env      []string
	StateDir string // reaches the inside as SLIPWAY_STATE_DIR

	// Note gets what the user should know, in one line; may be nil.
	Note func(string)
}

// The environment of the process inside: which part of the way it has to go
// yet, and the process that people see.
const (
	stageVar = "SLIPWAY_ROOTLESS"
	pidVar   = "SLIPWAY_ROOTLESS_PID"

	stageWait  = "wait"  // ids are not mapped yet
	stageReady = "ready" // root of the namespace, which has no mounts of its own yet
)

// PID returns the id of the process that the user started: that of the outer
// process when called inside, else of this one.
func PID() int {
	if pid, err := strconv.Atoi(os.Getenv(pidVar)); err == nil && pid > 0 && Inside() {
		return pid
	}
	return os.Getpid()
}

// Inside reports whether this process is root of a user namespace only, its
// own or that of a container: it has no power over the machine's network,
// devices and control groups.
func Inside() bool {
	if os.Geteuid() != 0 {
		return false
	}
	table, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && !identityMap(string(table))
}

// Waiting reports whether this process is on its way inside: it starts the
// program once more before it does any work.
func Waiting() bool { return os.Getenv(stageVar) == stageWait }

// identityMap reports whether a uid_map is that of the machine itself.
func identityMap(table string) bool {
	return strings.Join(strings.Fields(table), " ") == "0 0 4294967295"
}

// Check returns nil when user namespaces work, else a refusal with the setting
// that is in the way. tryClone makes a namespace and throws it away; read
// returns the content of a file below /proc/sys.
func Check(read func(path string) (string, error), tryClone func() error) error {
	err := tryClone()
	if err == nil {
		return nil
	}
	refusal := diag.Fail(diag.ExitUsage, "builds need root or user namespaces, and this machine denies them to ordinary users").Because(err)
	for _, s := range settings {
		if value, readErr := read("/proc/sys/" + strings.ReplaceAll(s.name, ".", "/")); readErr == nil && strings.TrimSpace(value) == s.bad {
			return refusal.WithHint("the setting %s is %s: run `sudo sysctl -w %s=%s`, or run slipway as root", s.name, s.bad, s.name, s.good)
		}
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return refusal.WithHint("all of them are in use: raise it with `sudo sysctl -w user.max_user_namespaces=28633`, or run slipway as root")
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS):
		return refusal.WithHint("the kernel was built without them (CONFIG_USER_NS): run slipway as root")
	}
	return refusal.WithHint("a container or a security module forbids them: run slipway as root, or its container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined")
}

// settings are what distributions turn user namespaces off with: the kernel's
// own limit, Debian's switch, Ubuntu's.
var settings = [...]struct{ name, bad, good string }{
	{"user.max_user_namespaces", "0", "28633"},
	{"kernel.unprivileged_userns_clone", "0", "1"},
	{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
}

// insideEnv returns the environment of the process inside. runc keeps its state
// in $XDG_RUNTIME_DIR, unless $USER says root, so both must be right.
func insideEnv(env []string, stateDir, runtimeDir string, pid int) []string {
	set := map[string]string{
		stageVar:            stageWait,
		pidVar:              strconv.Itoa(pid),
		"SLIPWAY_STATE_DIR": stateDir,
		"XDG_RUNTIME_DIR":   runtimeDir,
	}
	var out []string
	for _, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); set[name] == "" && kv != "USER=root" {
			out = append(out, kv)
		}
	}
	for _, name := range [...]string{stageVar, pidVar, "SLIPWAY_STATE_DIR", "XDG_RUNTIME_DIR"} {
		out = append(out, name+"="+set[name])
	}
	return out
}
