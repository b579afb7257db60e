package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// New creates a network namespace with nothing in it but a loopback that is down.
// It lives as long as the returned file is open or a process is in it.
func New() (ns *os.File, err error) {
	return ns, onThread(func() (back bool, err error) {
		ns, back, err = unshare()
		return back, err
	})
}

// Inside runs a function on a thread that is in a network namespace. A socket
// stays in the namespace that it was opened in.
func Inside(ns *os.File, do func() error) error {
	return onThread(func() (bool, error) { return visit(ns, do) })
}

// onThread runs a function on a thread of its own, which ends when the function
// says that it is not back in its old namespace.
func onThread(do func() (back bool, err error)) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		back, err := do()
		if back {
			runtime.UnlockOSThread() // else the thread ends with this goroutine
		}
		done <- err
	}()
	return <-done
}

// unshare also reports whether the thread is back in its old namespace.
func unshare() (ns *os.File, back bool, err error) {
	old, err := os.Open(Current())
	if err != nil {
		return nil, true, err
	}
	defer old.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, true, err
	}
	ns, err = os.Open(Current())
	return ns, unix.Setns(int(old.Fd()), unix.CLONE_NEWNET) == nil, err
}

// visit also reports whether the thread is back in its old namespace.
func visit(ns *os.File, do func() error) (back bool, err error) {
	old, err := os.Open(Current())
	if err != nil {
		return true, err
	}
	defer old.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return true, err
	}
	err = do()
	return unix.Setns(int(old.Fd()), unix.CLONE_NEWNET) == nil, err
}

// Current is the path of the network namespace of the calling thread.
func Current() string { return fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()) }
