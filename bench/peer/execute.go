package peer

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is a program to run and to measure.
type Command struct {
	Argv   []string
	Dir    string
	Env    []string      // added to this process's
	Limit  time.Duration // 0: ten minutes
	Memory bool          // follow the peak memory of the program itself
}

// Outcome is what running a command took.
type Outcome struct {
	Seconds   float64
	CPU       float64 // seconds on a core, of the program and of all that it waited for
	PeakBytes int64   // with Command.Memory: of the program without what it starts
	Stdout    []byte
	Stderr    []byte
}

// Execute runs a command to its end. A command that fails is an error with the
// end of its output. A command past its limit is interrupted, then killed.
func Execute(ctx context.Context, c Command) (Outcome, error) {
	limit := c.Limit
	if limit == 0 {
		limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, append(os.Environ(), c.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return Outcome{}, err
	}
	peak := func() int64 { return 0 }
	if c.Memory {
		peak = followMemory(cmd.Process.Pid)
	}
	err := cmd.Wait()
	out := Outcome{Seconds: time.Since(began).Seconds(), Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	out.PeakBytes = peak()
	if state := cmd.ProcessState; state != nil {
		out.CPU = (state.UserTime() + state.SystemTime()).Seconds()
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", strings.Join(c.Argv, " "), err, tail(stderr.Bytes(), 4000))
	}
	return out, nil
}

// tail returns the last n bytes of an output.
func tail(b []byte, n int) []byte {
	if len(b) > n {
		b = b[len(b)-n:]
	}
	return bytes.TrimSpace(b)
}
