package hosting

import (
	"context"
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

// machine is what a host works with: the containers and addresses of this machine.
type machine struct {
	Here
	inherited map[string]net.Listener // from the host before, by address
}

// Start implements host.Containers.
func (m machine) Start(ctx context.Context, g localrun.Group) error { return m.Here.Start(ctx, g) }

// Stop implements host.Containers.
func (m machine) Stop(ctx context.Context, group string) error {
	list, err := oci.List(m.Here.State.Path)
	if err != nil {
		return err
	}
	for _, g := range list {
		if g.Name == group && g.Running {
			if err := oci.StopGroup(ctx, m.Here.State.Path, group, ""); err != nil {
				return err
			}
		}
	}
	return oci.Forget(m.Here.State.Path, group)
}

// List implements host.Containers.
func (m machine) List(context.Context) ([]host.Group, error) {
	list, err := oci.List(m.Here.State.Path)
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
func (m machine) LastLines(group, service string, most int) []string {
	f, err := os.Open(oci.LogPath(m.Here.State.Path, group, service))
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
func (m machine) Front(ctx context.Context, environment string, count int) (netip.Addr, error) {
	return oci.Front(ctx, m.Here.State.Path, environment, count)
}

// Listen implements host.Network.
func (m machine) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
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
