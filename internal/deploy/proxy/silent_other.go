//go:build !unix

package proxy

// wouldBlock is not known here: each request gets a connection of its own.
func wouldBlock(uintptr) bool { return false }
