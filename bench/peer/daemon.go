package peer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Daemon is a running process of a peer.
type Daemon struct {
	cmd  *exec.Cmd
	done chan error
	log  string
}

// StartDaemon starts a process that lives until Stop; its output goes to a file.
func StartDaemon(log string, env []string, argv ...string) (*Daemon, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &Daemon{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan error, 1), log: log}
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stdout, d.cmd.Stderr = f, f
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.done <- d.cmd.Wait() }()
	return d, nil
}

// Until waits until ready says yes; it gives up when the process ends or after
// a while.
func (d *Daemon) Until(ctx context.Context, ready func() bool) error {
	deadline := time.After(30 * time.Second)
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case err := <-d.done:
			d.done <- err
			output, _ := os.ReadFile(d.log)
			return fmt.Errorf("%s ended: %v\n%s", d.cmd.Path, err, tail(output, 2000))
		case <-deadline:
			output, _ := os.ReadFile(d.log)
			return fmt.Errorf("%s is not ready after 30 s\n%s", d.cmd.Path, tail(output, 2000))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
			if ready() {
				return nil
			}
		}
	}
}

// Stop ends the process: politely, then for good. It may be called again.
func (d *Daemon) Stop() {
	_ = d.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-d.done:
		d.done <- err
	case <-time.After(20 * time.Second):
		_ = d.cmd.Process.Kill()
		d.done <- <-d.done
	}
}
