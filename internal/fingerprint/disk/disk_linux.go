package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/fingerprint"
)

// Tree is a directory of this machine.
type Tree struct {
	root   string
	device uint64 // whose change times are reliable; 0: none
}

// Open opens the directory as the context of a build.
func Open(dir string) (*Tree, error) {
	var kind unix.Statfs_t
	if err := unix.Statfs(dir, &kind); err != nil {
		return nil, fmt.Errorf("reading the file system of %s: %w", dir, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, fmt.Errorf("reading the directory %s: %w", dir, err)
	}
	t := &Tree{root: dir}
	if trusted(int64(kind.Type)) {
		t.device = uint64(st.Dev)
	}
	return t, nil
}

// trusted reports whether a file system changes the change time of a file with
// each change of it, by this machine's clock. Network and user-space ones may
// take another clock's.
func trusted(kind int64) bool {
	return slices.Contains([]int64{
		unix.EXT4_SUPER_MAGIC, // ext2 and ext3 too
		unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, 0x2fc12fc1, // ZFS
	}, kind)
}

// List implements fingerprint.Tree.
func (t *Tree) List(dir string) (fingerprint.Entry, []fingerprint.Entry, error) {
	fd, err := unix.Open(t.path(dir), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fingerprint.Entry{}, nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fingerprint.Entry{}, nil, err
	}
	self := t.entry(".", &st)
	names, err := names(fd)
	if err != nil {
		return fingerprint.Entry{}, nil, err
	}
	slices.Sort(names)
	children := make([]fingerprint.Entry, len(names))
	for i, name := range names {
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fingerprint.Entry{}, nil, fmt.Errorf("%s: %w", name, err)
		}
		children[i] = t.entry(name, &st)
	}
	return self, children, nil
}

func names(fd int) ([]string, error) {
	var buf [8192]byte
	var out []string
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return out, err
		}
		_, _, out = unix.ParseDirent(buf[:n], -1, out)
	}
}

func (t *Tree) entry(name string, st *unix.Stat_t) fingerprint.Entry {
	e := fingerprint.Entry{
		Name: name, Mode: mode(st.Mode), Size: st.Size, MTime: st.Mtim.Nano(),
		Inode: st.Ino, Device: uint64(st.Dev), Links: uint64(st.Nlink),
	}
	if e.Device == t.device { // another one below the directory has rules of its own
		e.CTime = st.Ctim.Nano()
	}
	return e
}

// mode turns the kernel's bits into Go's, as os.Lstat does.
func mode(bits uint32) fs.FileMode {
	m := fs.FileMode(bits & 0o777)
	switch bits & unix.S_IFMT {
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	case unix.S_IFBLK:
		m |= fs.ModeDevice
	case unix.S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	}
	if bits&unix.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if bits&unix.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if bits&unix.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// Open implements fingerprint.Tree. What is no longer the file that was listed
// does not hang it.
func (t *Tree) Open(name string, e fingerprint.Entry) (io.ReadCloser, error) {
	if e.Mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(t.path(name))
		return io.NopCloser(strings.NewReader(target)), err
	}
	fd, err := unix.Open(t.path(name), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(fd)
		return nil, errors.Join(err, fmt.Errorf("%s is no longer a file", name))
	}
	return &file{t, fd}, nil
}

// file is one that is open, without what makes an os.File: there may be many. It is a
// fingerprint.Opened.
type file struct {
	tree *Tree
	fd   int
}

func (f *file) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(f.fd, p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (f *file) Close() error { return os.NewSyscallError("close", unix.Close(f.fd)) }

// Is implements fingerprint.Opened: the time of the last change, which nobody can set,
// is the same.
func (f *file) Is(e fingerprint.Entry) bool {
	var st unix.Stat_t
	return unix.Fstat(f.fd, &st) == nil && f.tree.entry(e.Name, &st) == e
}

// Attributes implements fingerprint.Opened.
func (f *file) Attributes() ([]byte, error) {
	return attributes(
		func(buf []byte) (int, error) { return unix.Flistxattr(f.fd, buf) },
		func(key string, buf []byte) (int, error) { return unix.Fgetxattr(f.fd, key, buf) },
	)
}

// Attributes implements fingerprint.Tree.
func (t *Tree) Attributes(name string, _ fingerprint.Entry) ([]byte, error) {
	file := t.path(name)
	return attributes(
		func(buf []byte) (int, error) { return unix.Llistxattr(file, buf) },
		func(key string, buf []byte) (int, error) { return unix.Lgetxattr(file, key, buf) },
	)
}

// attributes are the names and values, sorted; most files have none, which costs one call.
func attributes(list func(buf []byte) (int, error), get func(key string, buf []byte) (int, error)) ([]byte, error) {
	if n, err := list(nil); err == nil && n == 0 || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	names, err := grow(list)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	keys := strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00")
	slices.Sort(keys)
	var out []byte
	for _, k := range keys {
		v, err := grow(func(buf []byte) (int, error) { return get(k, buf) })
		if err != nil {
			return nil, err
		}
		out = fingerprint.AppendAttribute(out, k, string(v))
	}
	return out, nil
}

// grow calls a function that fills a buffer until the buffer is large enough.
func grow(fill func([]byte) (int, error)) ([]byte, error) {
	buf := make([]byte, 512)
	for {
		n, err := fill(buf)
		if !errors.Is(err, unix.ERANGE) {
			return buf[:max(n, 0)], err
		}
		buf = make([]byte, 4*len(buf))
	}
}

func (t *Tree) path(name string) string {
	if name == "." {
		return t.root
	}
	return t.root + string(filepath.Separator) + name
}
