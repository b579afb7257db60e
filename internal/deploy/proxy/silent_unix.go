//go:build unix

package proxy

import "syscall"

// wouldBlock reports that there is nothing to read from a socket, and that it is open.
func wouldBlock(fd uintptr) bool {
	var one [1]byte
	_, err := syscall.Read(int(fd), one[:])
	return err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
}
