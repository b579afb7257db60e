package solve

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openFile is openBelow in one call to the kernel, which counts in a context of many
// files. Linux has it since 5.6.
func openFile(root *os.Root, dir *os.File, path string) (io.ReadCloser, error) {
	how := &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	rel := filepath.Clean(path)
	var fd int
	err := error(unix.EAGAIN)
	for range 128 { // something was renamed meanwhile
		if fd, err = unix.Openat2(int(dir.Fd()), rel, how); err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	switch err {
	case nil:
	case unix.ENOSYS, unix.EPERM, unix.EAGAIN: // an older kernel, or a filter of system calls
		return openBelow(root, path)
	case unix.ELOOP, unix.EXDEV, unix.ENXIO:
		return nil, &fs.PathError{Op: "open", Path: path, Err: errExchanged}
	default:
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(fd) // it was only opened
		return nil, &fs.PathError{Op: "open", Path: path, Err: errExchanged}
	}
	return descriptor(fd), nil
}

// descriptor is a regular file. An os.File would ask the kernel twice whether it can
// be waited for.
type descriptor int

// Read implements io.Reader.
func (d descriptor) Read(p []byte) (int, error) {
	for {
		switch n, err := unix.Read(int(d), p); {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Close implements io.Closer.
func (d descriptor) Close() error { return unix.Close(int(d)) }
