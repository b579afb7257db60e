package cli

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func freeBytes(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

func checkPrivileges() checkup {
	c := checkup{Check: "privileges", Found: "root", OK: os.Geteuid() == 0, Mend: "run as root"}
	if !c.OK {
		c.Found = "an ordinary user"
	}
	return c
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
