package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
)

// thisMachine is what a host works with: the containers and addresses of this machine.
type thisMachine struct {
	*app
	inherited map[string]net.Listener // from the host before, by address
}

// Start implements host.Containers. The group runs under a slipway of its own.
func (m thisMachine) Start(ctx context.Context, g localrun.Group) error {
	cmd, in, from, err := m.background(g.Name)
	if err != nil {
		return diag.Fail(diag.ExitRun, "starting slipway in the background").Because(err)
	}
	defer from.Close()
	err = m.handOver(in, supervised{Group: g})
	if err == nil {
		_, err = follow(from, quietly{})
	}
	if err != nil {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		return errors.Join(err, ignoreExit(cmd.Wait()))
	}
	go func() { _ = cmd.Wait() }() // how it ended, the group's state says
	return nil
}

// Stop implements host.Containers.
func (m thisMachine) Stop(ctx context.Context, group string) error {
	list, err := oci.List(m.state.Path)
	if err != nil {
		return err
	}
	for _, g := range list {
		if g.Name == group && g.Running {
			if err := oci.StopGroup(ctx, m.state.Path, group, ""); err != nil {
				return err
			}
		}
	}
	return oci.Forget(m.state.Path, group)
}

// List implements host.Containers.
func (m thisMachine) List(context.Context) ([]host.Group, error) {
	list, err := oci.List(m.state.Path)
	var out []host.Group
	for _, g := range list {
		if len(g.Services) == 1 {
			out = append(out, host.Group{Name: g.Name, Running: g.Running, Service: g.Services[0]})
		}
	}
	return out, err
}

// lastBytes is how much of a log LastLines reads.
const lastBytes = 32 << 10

// LastLines implements host.Containers.
func (m thisMachine) LastLines(group, service string, most int) []string {
	f, err := os.Open(oci.LogPath(m.state.Path, group, service))
	if err != nil {
		return nil
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-lastBytes), io.SeekStart) // else it reads nothing
	}
	data, err := io.ReadAll(io.LimitReader(f, lastBytes))
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(diag.Printable(strings.TrimRight(line, "\r\n"))); line != "" {
			out = append(out, line)
		}
	}
	return out[max(0, len(out)-most):]
}

// Front implements host.Network.
func (m thisMachine) Front(ctx context.Context, environment string, count int) (netip.Addr, error) {
	return oci.Front(ctx, m.state.Path, environment, count)
}

// Listen implements host.Network.
func (m thisMachine) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	if l := m.inherited[at.String()]; l != nil {
		delete(m.inherited, at.String())
		return l, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
	if err != nil {
		return nil, diag.Fail(diag.ExitRun, "nothing can listen on %s", at).Because(err).WithHint("see what does: ss -ltnp; and choose another address for the route")
	}
	return l, nil
}

// quietly watches a group and says nothing: its state tells.
type quietly struct{}

func (quietly) Changed(localrun.Status) {}
func (quietly) Log(string, []byte)      {}
func (quietly) Note(string)             {}

// hostDir is where the host of this machine keeps its files.
func (a *app) hostDir() string { return a.state.Path + "/host" }

// notes writes what a host says, with the time.
func notes(w io.Writer) func(string) {
	return func(text string) { fmt.Fprintln(w, diag.Printable(text)) }
}
