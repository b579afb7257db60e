package outbound

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/util/network"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const dialTime = 2 * time.Minute // as the kernel's

// Provider hands networks to steps; BuildKit's network.Provider. A step has its
// network alone, and the next one gets it after that.
type Provider struct {
	Guard Guard
	Note  func(text string) // what the person who builds should know; several goroutines

	mu    sync.Mutex
	idle  []*space
	noted map[string]bool
	none  bool // the kernel cannot do it
}

var _ network.Provider = (*Provider)(nil)

// New implements network.Provider. Where the kernel has no network namespaces or
// no nftables, steps get the machine's network, and that is noted.
func (p *Provider) New(ctx context.Context, hostname string, o network.NamespaceOptions) (network.Namespace, error) {
	if s := p.take(); s != nil {
		return &lease{space: s, provider: p}, nil
	}
	if !p.unable() {
		s, err := newSpace(ctx, p.dial, p.Guard.loopbackPorts())
		if err == nil {
			return &lease{space: s, provider: p}, nil
		}
		p.give(err)
	}
	return network.NewHostProvider().New(ctx, hostname, o)
}

func (p *Provider) take() *space {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	s := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return s
}

func (p *Provider) unable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.none
}

func (p *Provider) give(err error) {
	p.mu.Lock()
	p.none = true
	p.mu.Unlock()
	p.note(fmt.Sprintf("build steps share the network of this machine, because they cannot have their own: %v", err))
}

// note says each thing once.
func (p *Provider) note(text string) {
	p.mu.Lock()
	if p.noted == nil {
		p.noted = map[string]bool{}
	}
	again := p.noted[text]
	p.noted[text] = true
	p.mu.Unlock()
	if !again && p.Note != nil {
		p.Note(text)
	}
}

// dial connects to where a step wants to.
func (p *Provider) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	place, ok := p.Guard.Place(ctx, to)
	if !ok {
		p.note(fmt.Sprintf("a build step tried to reach %s, which is this machine; steps have a network of their own (slipway build --network host gives them the machine's)", to))
		return nil, fmt.Errorf("%s is this machine", to)
	}
	return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", place)
}

// Transport fetches what a Dockerfile adds by URL, under the same rule.
func (p *Provider) Transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	dialer.ControlContext = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if _, ok := p.Guard.Place(ctx, to); !ok {
			return fmt.Errorf("%s is this machine, which a Dockerfile adds nothing from", to)
		}
		return nil
	}
	t.DialContext = dialer.DialContext
	return t
}

// Close implements network.Provider.
func (p *Provider) Close() error {
	for s := p.take(); s != nil; s = p.take() {
		s.close()
	}
	return nil
}

// lease is the use of a network by one step.
type lease struct {
	*space
	provider *Provider
	once     sync.Once
	spoiled  bool // the step may change the rules
}

// Set implements network.Namespace.
func (l *lease) Set(s *specs.Spec) error {
	l.spoiled = s.Process != nil && s.Process.Capabilities != nil && administers(s.Process.Capabilities.Bounding)
	for i, ns := range s.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace {
			s.Linux.Namespaces[i].Path = l.path()
			return nil
		}
	}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: l.path()})
	return nil
}

func administers(capabilities []string) bool {
	for _, c := range capabilities {
		if c == "CAP_NET_ADMIN" || c == "CAP_SYS_ADMIN" {
			return true
		}
	}
	return false
}

// Close implements network.Namespace; the step's processes are gone.
func (l *lease) Close() error {
	l.once.Do(func() {
		if l.spoiled {
			l.close()
			return
		}
		l.relay.Drop()
		l.provider.mu.Lock()
		defer l.provider.mu.Unlock()
		l.provider.idle = append(l.provider.idle, l.space)
	})
	return nil
}

// Sample implements network.Namespace.
func (l *lease) Sample() (*resourcestypes.NetworkSample, error) { return nil, nil }
