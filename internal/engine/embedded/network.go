//go:build linux

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/util/network"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
	"github.com/slipway-build/slipway/internal/localrun/names"
)

// outside gives each step a network that leads out only. Where the kernel has no
// network namespaces or no nftables, steps get the machine's, and that is noted.
type outside struct {
	*outbound.Networks
	warn func(text string)

	once sync.Once
	able bool
}

// works reports whether steps have networks of their own. The first one is made to
// find out, and then used.
func (o *outside) works(ctx context.Context) bool {
	o.once.Do(func() {
		n, err := o.Take(ctx)
		if o.able = err == nil; !o.able {
			o.warn(fmt.Sprintf("build steps share the network of this machine, because they cannot have their own: %v", err))
			return
		}
		o.Give(n)
	})
	return o.able
}

// New implements network.Provider.
func (o *outside) New(ctx context.Context, hostname string, opt network.NamespaceOptions) (network.Namespace, error) {
	if !o.works(ctx) {
		return network.NewHostProvider().New(ctx, hostname, opt)
	}
	if c := besideOf(ctx); len(c.Hosts) > 0 {
		n, err := o.Beside(ctx, c.Hosts)
		if err != nil {
			return nil, err
		}
		return &lease{Network: n, from: o.Networks, spoiled: true}, nil
	}
	n, err := o.Take(ctx)
	if err != nil {
		return nil, err
	}
	return &lease{Network: n, from: o.Networks}, nil
}

// Close implements network.Provider.
func (o *outside) Close() error {
	o.Networks.Close()
	return nil
}

// writeResolvConf writes what steps see as /etc/resolv.conf: the machine's, with a
// name server that is reached in their network. That of the machine may listen on
// its loopback, or have an IPv6 address alone.
func writeResolvConf(dir string) (string, error) {
	machine, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the machine's name servers: %w", err)
	}
	path := filepath.Join(dir, "resolv.conf")
	if err := atomicfile.Write(path, []byte(names.Conf(outbound.NameServer(), string(machine))), atomicfile.Options{}); err != nil {
		return "", fmt.Errorf("writing the name server of build steps: %w", err)
	}
	return path, nil
}

// lease is the use of a network by one step.
type lease struct {
	*outbound.Network
	from    *outbound.Networks
	back    sync.Once
	spoiled bool // the step may change the rules, or they are for it alone
}

// Set implements network.Namespace.
func (l *lease) Set(s *specs.Spec) error {
	if s.Process != nil && s.Process.Capabilities != nil {
		l.spoiled = l.spoiled || slices.Contains(s.Process.Capabilities.Bounding, "CAP_NET_ADMIN")
	}
	own := specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: l.Path()}
	s.Linux.Namespaces = append(slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == own.Type }), own)
	return nil
}

// Close implements network.Namespace; the step's processes are gone.
func (l *lease) Close() error {
	l.back.Do(func() {
		if l.spoiled {
			l.Network.Close()
			return
		}
		l.from.Give(l.Network)
	})
	return nil
}

// Sample implements network.Namespace.
func (l *lease) Sample() (*resourcestypes.NetworkSample, error) { return nil, nil }
