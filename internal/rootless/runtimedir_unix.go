//go:build unix

package rootless

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/slipway-build/slipway/internal/diag"
)

// ownRuntimeDir returns the user's runtime directory if it is really theirs
// (after `su` it is another's), else one that it makes in the state directory.
func ownRuntimeDir(dir, stateDir string, uid int) (string, error) {
	if filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && ownedDir(info, uid) {
			return dir, nil
		}
	}
	own := filepath.Join(stateDir, "runtime")
	if err := os.MkdirAll(own, 0o700); err != nil {
		return "", diag.Fail(diag.ExitUsage, "the engine cannot use its state directory").Because(err).
			WithHint("set SLIPWAY_STATE_DIR to a directory that you can write to")
	}
	return own, nil
}

func ownedDir(info fs.FileInfo, uid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && int(st.Uid) == uid && info.Mode().Perm()&0o300 == 0o300
}
