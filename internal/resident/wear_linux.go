package resident

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Wear makes the standard streams and the directory of a command those of this process,
// until the returned function is called. What writes to the descriptor of standard error
// is the Go runtime alone, when the process dies: package crash has that.
func Wear(c Command) (takeOff func(), err error) {
	if !filepath.IsAbs(c.WorkDir) {
		return nil, fmt.Errorf("the directory of the command has no path")
	}
	if err := os.Chdir(c.WorkDir); err != nil {
		return nil, fmt.Errorf("entering the directory of the command: %w", err)
	}
	before := os.Stderr
	err = errors.Join(unix.Dup2(int(c.Streams[0].Fd()), unix.Stdin), unix.Dup2(int(c.Streams[1].Fd()), unix.Stdout), os.Setenv("PWD", c.WorkDir))
	os.Stderr = c.Streams[2]
	takeOff = func() {
		os.Stderr = before
		Detach()
		_ = os.Chdir("/")
	}
	if err != nil {
		takeOff()
		return nil, fmt.Errorf("taking the streams of the command: %w", err)
	}
	return takeOff, nil
}

// Detach makes standard input and output nobody's.
func Detach() {
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		_ = errors.Join(unix.Dup2(int(null.Fd()), unix.Stdin), unix.Dup2(int(null.Fd()), unix.Stdout), null.Close())
	}
}

// KeepNone makes all descriptors but the standard ones end with this program: what a
// script holds open for itself is not for a process that outlives it.
func KeepNone() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > unix.Stderr {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
