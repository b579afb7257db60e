package resident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// unlike are variables that differ between two commands of one shell and that no
// command reads.
var unlike = []string{"_", "PWD", "OLDPWD", "SHLVL"}

// Key is a digest of what decides how this process runs a command, beside its arguments,
// directory and streams.
func Key() (string, error) {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("finding slipway itself: %w", err)
	}
	stat, ok := self.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("finding slipway itself: no inode")
	}
	groups, err := os.Getgroups()
	if err != nil {
		return "", fmt.Errorf("reading the groups of this process: %w", err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", fmt.Errorf("reading the umask of this process: %w", err)
	}
	_, umask, _ := strings.Cut(string(status), "\nUmask:")
	umask, _, _ = strings.Cut(umask, "\n")
	root, err := os.Stat("/")
	if err != nil {
		return "", err
	}
	var namespaces []string
	for _, name := range []string{"mnt", "net", "user", "pid", "uts", "cgroup"} {
		link, err := os.Readlink("/proc/self/ns/" + name)
		if err != nil {
			return "", fmt.Errorf("reading the namespaces of this process: %w", err)
		}
		namespaces = append(namespaces, link)
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(unlike, name)
	})
	slices.Sort(env)
	text, err := json.Marshal([]any{
		stat.Dev, stat.Ino, self.Size(), self.ModTime().UnixNano(), os.Geteuid(), os.Getegid(), groups, umask, root.Sys().(*syscall.Stat_t).Ino, namespaces, env,
	})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
