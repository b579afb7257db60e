package account

import (
	"os"
	"strings"
)

// Machine names the running kernel and the namespace of its process numbers: where two
// processes have the same one, a number means the same process to both. It is "" where
// /proc does not say. Machines that are made from one image share their names, not this.
func Machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + namespace
}
