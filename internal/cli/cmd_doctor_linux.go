package cli

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/rootless"
)

// checkPrivileges looks whether builds can have the rights that they need.
func checkPrivileges() checkup {
	c := checkup{Check: "privileges", Found: "root", OK: true}
	switch {
	case rootless.Inside():
		c.Found = "an ordinary user, as root of a user namespace"
	case os.Geteuid() != 0:
		c.Found = "an ordinary user"
		if err := rootless.Available(); err != nil {
			c.OK, c.Found, c.Mend = false, err.Error(), diag.HintOf(err)
		}
	}
	return c
}

// checkSubordinateIDs looks whether builds of an ordinary user can have more
// users than one. Inside the namespace the machine's users are not known.
func checkSubordinateIDs() []checkup {
	if os.Geteuid() == 0 && !rootless.Inside() {
		return nil
	}
	c := checkup{Check: "subordinate ids", Found: "there are some", OK: true, Optional: true}
	if table, err := os.ReadFile("/proc/self/uid_map"); rootless.Inside() && err == nil && strings.Count(string(table), "\n") < 2 {
		c.OK, c.Found = false, "only user 0 exists in builds"
		c.Mend = "sudo apt-get install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"
	}
	return []checkup{c}
}

// checkOverlay mounts a small overlay below the state directory.
func checkOverlay(stateDir string) checkup {
	c := checkup{Check: "overlayfs", Mend: "modprobe overlay, or put SLIPWAY_STATE_DIR on a local file system (ext4, xfs)"}
	dir, err := os.MkdirTemp(stateDir, ".doctor-*")
	if err != nil {
		c.Found = err.Error()
		return c
	}
	defer os.RemoveAll(dir)
	sub := map[string]string{}
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		sub[name] = filepath.Join(dir, name)
		if err := os.Mkdir(sub[name], 0o755); err != nil {
			c.Found = err.Error()
			return c
		}
	}
	options := "lowerdir=" + sub["lower"] + ",upperdir=" + sub["upper"] + ",workdir=" + sub["work"]
	if err := unix.Mount("overlay", sub["merged"], "overlay", 0, options); err != nil {
		c.Found = "mounting an overlay: " + err.Error()
		return c
	}
	_ = unix.Unmount(sub["merged"], unix.MNT_DETACH)
	c.OK, c.Found = true, "works"
	return c
}
