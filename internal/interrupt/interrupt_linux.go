package interrupt

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Unread reports whether standard output or standard error is a pipe or a socket
// that nobody reads.
func Unread() bool {
	for _, fd := range []int32{1, 2} {
		p := []unix.PollFd{{Fd: fd, Events: unix.POLLOUT}}
		n, err := unix.Poll(p, 0)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Poll(p, 0)
		}
		if err == nil && n > 0 && p[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			return true
		}
	}
	return false
}

// parentEnds returns a channel that is closed when the parent process ends, and
// what stops watching it. The leader of a session has no parent to follow, and
// neither has a process whose parent is init or in another namespace.
func parentEnds() (<-chan struct{}, func()) {
	never := make(chan struct{})
	parent := os.Getppid()
	session, err := unix.Getsid(0)
	if parent <= 1 || err != nil || session == os.Getpid() {
		return never, func() {}
	}
	fd, err := unix.PidfdOpen(parent, unix.PIDFD_NONBLOCK)
	if err != nil {
		return never, func() {} // an old kernel
	}
	ended := make(chan struct{})
	f := os.NewFile(uintptr(fd), "parent")
	if os.Getppid() != parent { // it ended just now, and the number may be another's
		close(ended)
		return ended, func() { _ = f.Close() }
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return never, func() { _ = f.Close() }
	}
	go func() {
		err := conn.Read(func(fd uintptr) bool {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(p, 0)
			return err == nil && n > 0
		})
		if err == nil {
			close(ended)
		}
	}()
	return ended, func() { _ = f.Close() }
}
