package crash

import (
	"io"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Divert gives the descriptor to which the runtime writes a panic to a file in dir,
// and returns the standard error that it was before, which os.Stderr becomes too.
// report is the path of what an earlier process wrote there when it died. Without
// the directory, a dying process writes nothing. It is called once, from main.
func Divert(dir string) (stderr *os.File, report string) {
	report = collect(dir)
	file, err := unix.Open(filepath.Join(dir, running), unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		if file, err = unix.Open(os.DevNull, unix.O_WRONLY|unix.O_CLOEXEC, 0); err != nil {
			return os.Stderr, report
		}
	}
	defer func() { _ = unix.Close(file) }()
	terminal, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil || unix.Dup2(file, unix.Stderr) != nil {
		return os.Stderr, report
	}
	os.Stderr = os.NewFile(uintptr(terminal), "/dev/stderr")
	log.SetOutput(io.Discard) // Slipway does not use it; net/http prints what servers send
	return os.Stderr, report
}
