package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/account"
	"github.com/slipway-build/slipway/internal/diag"
)

// entries are what Slipway keeps in a state directory; "lost+found" is that of a
// file system of its own.
func entries() []string {
	return []string{"advisories", "audit", "bases", "bin", "collected", "companions", "contexts", "crash-report.txt", "crash.log", "digests", "engine", "host", "hosting", "images", "ledger.db",
		"packages", "registry", "releases", "remote", "resident.lock", "resident.sock", "run", "runtime", "tests", "lost+found"}
}

// isEntry reports whether a name is one of Slipway's, a temporary file or a
// directory of one command included.
func isEntry(name string) bool {
	for _, prefix := range []string{"lab-", "bench-", ".doctor-", ".digests-", "ledger.db."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains(entries(), name)
}

// private are directories that reveal what is built, or hold what others could
// execute, each with a file that tells it from a directory of somebody else.
func private() map[string][]string {
	return map[string][]string{
		"images":     {"oci-layout"},
		"audit":      {"log.jsonl"},
		"hosting":    {"wanted.json"},
		"run":        {"layers", "groups"},
		"run/layers": {"lock"},
		"run/groups": {""},
		"engine":     {"lock"},
		"registry":   {".lock"},
	}
}

// Narrow closes an existing state directory to other users: an earlier version
// left it open to all. It leaves alone what belongs to somebody else, and a
// directory that holds something besides the state, such as /tmp.
func (d Dir) Narrow() {
	for name, marks := range private() {
		dir := filepath.Join(d.Path, name)
		if info, err := os.Lstat(dir); err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		if slices.ContainsFunc(marks, func(mark string) bool {
			_, err := os.Lstat(filepath.Join(dir, mark))
			return err == nil
		}) {
			narrow(dir)
		}
	}
	if info, err := os.Stat(d.Path); err != nil || info.Mode().Perm()&0o077 == 0 {
		return
	}
	found, err := os.ReadDir(d.Path)
	if err != nil || len(found) == 0 || slices.ContainsFunc(found, func(e fs.DirEntry) bool { return !isEntry(e.Name()) }) {
		return
	}
	if dir, err := filepath.EvalSymlinks(d.Path); err == nil { // an administrator may have moved it
		narrow(dir)
	}
}

// narrow takes a directory away from other users, unless it is theirs.
func narrow(dir string) {
	f, err := openDir(dir)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if owner, known := ownerOf(info); err == nil && known && owner == os.Geteuid() && info.Mode().Perm()&0o077 != 0 {
		_ = f.Chmod(0o700) // on a file system without modes nothing changes
	}
}

// Refuse returns a refusal when the state directory is another user's, else nil.
func (d Dir) Refuse() error {
	info, err := os.Stat(d.Path)
	if errors.Is(err, fs.ErrPermission) {
		return diag.Fail(diag.ExitUsage, "the state directory %s is in a directory that %s cannot enter", d.Path, userName(os.Geteuid())).
			WithHint(ownState)
	}
	owner, known := ownerOf(info)
	if err != nil || !known || owner == os.Geteuid() || writable(d.Path) {
		return nil
	}
	as := "sudo"
	if owner != 0 {
		as += " -u " + userName(owner)
	}
	return diag.Fail(diag.ExitUsage, "the state directory %s belongs to %s, and this command runs as %s", d.Path, userName(owner), userName(os.Geteuid())).
		WithHint("run the command as %s (%s slipway …); %s", userName(owner), as, ownState)
}

const ownState = "to use your own images and builds, unset SLIPWAY_STATE_DIR or set it to a directory of yours"

// ExplainOwner makes one clear failure of a refused access to the state directory
// of another user. It leaves every other error alone.
func (d Dir) ExplainOwner(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if at := (*fs.PathError)(nil); errors.As(err, &at) && !strings.HasPrefix(at.Path, d.Path) {
		return err
	}
	if refusal := d.Refuse(); refusal != nil {
		return refusal
	}
	return err
}

// userName is the name of a user, or the number where there is none.
func userName(uid int) string {
	if name := account.Name(uid); name != "" {
		return name
	}
	return fmt.Sprintf("user %d", uid)
}
