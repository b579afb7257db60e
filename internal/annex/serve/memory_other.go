//go:build !linux

package serve

// boundMemory does nothing: these systems do not bound what a process holds.
func boundMemory() {}
