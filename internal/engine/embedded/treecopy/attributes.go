//go:build linux

package treecopy

import (
	"io/fs"
	"path/filepath"

	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sys/unix"
)

// attributesOf sets the owner, mode and extended attributes of an open file, before it is
// written, as BuildKit does: the kernel takes capabilities from a file that is
// written, and in a user namespace its setuid bit. As there, an attribute that the file
// system refuses is left out.
func (c *copier) attributesOf(fd int, stat *types.Stat) error {
	for name, value := range stat.Xattrs {
		if name != capability {
			_ = unix.Fsetxattr(fd, name, value, 0)
		}
	}
	if int(stat.Uid) != c.uid || int(stat.Gid) != c.gid {
		if err := unix.Fchown(fd, int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, bits(fs.FileMode(stat.Mode)))
}

// capability is the attribute with a program's capabilities, which an empty file loses
// with its change of owner.
const capability = "security.capability"

// attributes does so for what cannot be opened.
func (c *copier) attributes(stat *types.Stat) error {
	for name, value := range stat.Xattrs {
		_ = unix.Lsetxattr(filepath.Join(c.dest, stat.Path), name, value, 0)
	}
	if err := unix.Fchownat(c.root, stat.Path, int(stat.Uid), int(stat.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "chown", Path: stat.Path, Err: err}
	}
	mode := fs.FileMode(stat.Mode)
	if mode&fs.ModeSymlink != 0 {
		return nil
	}
	if err := unix.Fchmodat(c.root, stat.Path, bits(mode), 0); err != nil {
		return &fs.PathError{Op: "chmod", Path: stat.Path, Err: err}
	}
	return nil
}

// time sets the time of an entry.
func (c *copier) time(stat *types.Stat) error {
	at := unix.NsecToTimespec(stat.ModTime)
	if err := unix.UtimesNanoAt(c.root, stat.Path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "chtimes", Path: stat.Path, Err: err}
	}
	return nil
}

// bits are the permissions of a mode as the kernel has them.
func bits(m fs.FileMode) uint32 {
	b := uint32(m.Perm())
	for bit, of := range map[uint32]fs.FileMode{unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky} {
		if m&of != 0 {
			b |= bit
		}
	}
	return b
}

// special is the type of a device or pipe as the kernel has it.
func special(m fs.FileMode) uint32 {
	switch {
	case m&fs.ModeCharDevice != 0:
		return unix.S_IFCHR
	case m&fs.ModeNamedPipe != 0:
		return unix.S_IFIFO
	default:
		return unix.S_IFBLK
	}
}
