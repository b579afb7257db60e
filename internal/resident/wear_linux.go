package resident

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Wear makes the standard streams and the directory of a command those of this process,
// until the returned function is called. What writes to the descriptor of standard error
// is the Go runtime alone, when the process dies: package crash has that.
func Wear(c Command) (takeOff func(), err error) {
	if err := os.Chdir(c.WorkDir); err != nil {
		return nil, fmt.Errorf("entering the directory of the command: %w", err)
	}
	before := os.Stderr
	err = errors.Join(unix.Dup2(int(c.Streams[0].Fd()), unix.Stdin), unix.Dup2(int(c.Streams[1].Fd()), unix.Stdout), os.Setenv("PWD", c.WorkDir))
	os.Stderr = c.Streams[2]
	takeOff = func() {
		os.Stderr = before
		if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
			_ = errors.Join(unix.Dup2(int(null.Fd()), unix.Stdin), unix.Dup2(int(null.Fd()), unix.Stdout), null.Close())
		}
		_ = os.Chdir("/")
	}
	if err != nil {
		takeOff()
		return nil, fmt.Errorf("taking the streams of the command: %w", err)
	}
	return takeOff, nil
}
