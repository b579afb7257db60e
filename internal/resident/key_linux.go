package resident

import (
	"crypto/sha256"
	"encoding/hex"
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
	var rights []string
	for _, name := range []string{"status", "limits", "cgroup"} {
		text, err := os.ReadFile("/proc/self/" + name)
		if err != nil {
			return "", fmt.Errorf("reading the rights of this process: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if name != "status" || slices.ContainsFunc([]string{"Umask:", "Cap", "NoNewPrivs:", "Seccomp:"}, func(p string) bool { return strings.HasPrefix(line, p) }) {
				rights = append(rights, line)
			}
		}
	}
	var root syscall.Stat_t
	if err := syscall.Stat("/", &root); err != nil {
		return "", fmt.Errorf("reading the root directory of this process: %w", err)
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
	sum := sha256.New()
	fmt.Fprintln(sum, stat.Dev, stat.Ino, self.Size(), self.ModTime().UnixNano(), os.Geteuid(), os.Getegid(), groups, root.Dev, root.Ino)
	for _, list := range [][]string{rights, namespaces, env} {
		fmt.Fprintln(sum, len(list))
		for _, text := range list {
			fmt.Fprintln(sum, len(text), text)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
