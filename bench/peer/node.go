package peer

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Node is a buildkitd of its own, as a remote engine builds on.
type Node struct {
	Address string // "unix://…" or "tcp://…"
	place   Place
	daemon  *Daemon
	dir     string
}

// StartNode starts a buildkitd with empty caches and the host's network for its
// steps. It listens at the address, by default a socket in the work directory; args
// are further arguments, and before is put before the command line (taskset, nice).
// Stop it.
func (b Place) StartNode(ctx context.Context, p Programs, address string, before []string, args ...string) (*Node, error) {
	return b.startNode(ctx, p, address, before, nil, args...)
}

// StartNodeOn starts one that has a single core of the machine, its steps
// included. A step gets the cores of its control group, whatever the daemon may
// use, so the program in the place of runc asks for the core there.
func (b Place) StartNodeOn(ctx context.Context, p Programs, core int) (*Node, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.Work, "core-")
	if err != nil {
		return nil, err
	}
	wrapper, number := filepath.Join(dir, WrapperName), strconv.Itoa(core)
	if err := os.Symlink(self, wrapper); err != nil {
		return nil, err
	}
	env := []string{wrapRuncEnv + "=" + p.runc, wrapCoreEnv + "=" + number}
	p.runc = wrapper
	return b.startNode(ctx, p, "", []string{"taskset", "--cpu-list", number}, env)
}

func (b Place) startNode(ctx context.Context, p Programs, address string, before, env []string, args ...string) (*Node, error) {
	dir, err := os.MkdirTemp(b.Work, "node-")
	if err != nil {
		return nil, err
	}
	if address == "" {
		address = "unix://" + filepath.Join(dir, "buildkitd.sock")
	}
	config := filepath.Join(dir, "buildkitd.toml") // of its own, not the machine's
	if err := os.WriteFile(config, nil, 0o644); err != nil {
		return nil, err
	}
	n := &Node{Address: address, place: b, dir: dir}
	argv := append(append([]string(nil), before...), p.buildkitd, "--config", config, "--root", filepath.Join(dir, "root"), "--addr", address,
		"--containerd-worker=false", "--oci-worker=true", "--oci-worker-binary", p.runc, "--oci-worker-net", "host",
		"--oci-worker-snapshotter", "overlayfs", "--oci-worker-gc=false")
	if n.daemon, err = StartDaemon(filepath.Join(dir, "buildkitd.log"), env, append(argv, args...)...); err != nil {
		return nil, err
	}
	err = n.daemon.Until(ctx, func() bool {
		network, at, _ := strings.Cut(address, "://")
		conn, err := net.DialTimeout(network, at, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	if err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

// Log returns what the daemon wrote.
func (n *Node) Log() string {
	data, _ := os.ReadFile(n.daemon.log)
	return string(data)
}

// Kill ends the daemon without a word, and waits for its end. Stop it after all.
func (n *Node) Kill() {
	_ = n.daemon.cmd.Process.Kill()
	err := <-n.daemon.done
	n.daemon.done <- err
}

// Pause stops the daemon where it is, as if its machine had lost the network: its
// connections stay open and nobody answers. The function lets it go on.
func (n *Node) Pause() (resume func()) {
	if n.daemon.cmd.Process.Signal(syscall.SIGSTOP) == nil { // which its last thread may hear late
		_ = unix.Waitid(unix.P_PID, n.daemon.cmd.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
	}
	return func() { _ = n.daemon.cmd.Process.Signal(syscall.SIGCONT) }
}

// Stop ends the daemon, unmounts what a killed one left and removes its state.
func (n *Node) Stop() {
	n.daemon.Stop()
	err := unmountBelow(n.dir)
	if err = errors.Join(err, os.RemoveAll(n.dir)); err != nil {
		n.place.Say("removing the state of buildkitd: %v", err)
	}
}

// unmountBelow unmounts everything below a directory, the last mount first.
func unmountBelow(dir string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var errs []error
	lines := strings.Split(string(table), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		// proc(5): the fifth field is the mount point.
		if f := strings.Fields(lines[i]); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			errs = append(errs, exec.Command("umount", "--lazy", f[4]).Run())
		}
	}
	return errors.Join(errs...)
}
