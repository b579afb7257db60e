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
)

const dialTime = 2 * time.Minute // as the kernel's

// Networks hands networks to steps. A step has its network alone, and the next
// one gets it after that. It is safe for concurrent use.
type Networks struct {
	Guard Guard
	Note  func(text string) // what the person who builds should know; nil: nobody

	mu    sync.Mutex
	idle  []*Network
	noted map[string]bool
}

// Take returns a network that nobody uses, and makes one when there is none.
func (n *Networks) Take(ctx context.Context) (*Network, error) {
	if w := n.unused(); w != nil {
		return w, nil
	}
	return newNetwork(ctx, n.dial, n.plan(nil))
}

// Beside makes a network for one step that also reaches the addresses of companions,
// by their names. Close it; nobody else gets it.
func (n *Networks) Beside(ctx context.Context, hosts map[string]netip.Addr) (*Network, error) {
	dial := func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		for _, ip := range hosts {
			if ip == to.Addr().Unmap() {
				return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", to.String())
			}
		}
		return n.dial(ctx, to)
	}
	return newNetwork(ctx, dial, n.plan(hosts))
}

func (n *Networks) plan(hosts map[string]netip.Addr) plan {
	return plan{ports: n.Guard.loopbackPorts(), six: len(defaultInterfaces()) == 0, hosts: hosts}
}

func (n *Networks) unused() *Network {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := len(n.idle) - 1
	if last < 0 {
		return nil
	}
	w := n.idle[last]
	n.idle = n.idle[:last]
	return w
}

// Give takes a network back, once the processes in it are gone.
func (n *Networks) Give(w *Network) {
	w.relay.Drop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.idle = append(n.idle, w)
}

// Close ends the networks that were given back.
func (n *Networks) Close() {
	for w := n.unused(); w != nil; w = n.unused() {
		w.Close()
	}
}

// note says each thing once.
func (n *Networks) note(text string) {
	n.mu.Lock()
	if n.noted == nil {
		n.noted = map[string]bool{}
	}
	again := n.noted[text]
	n.noted[text] = true
	n.mu.Unlock()
	if !again && n.Note != nil {
		n.Note(text)
	}
}

// dial connects to where a step wants to.
func (n *Networks) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	place, ok := n.Guard.Place(ctx, to)
	if !ok {
		n.note(fmt.Sprintf("a build step tried to reach %s, which is this machine; steps have a network of their own (slipway build --network host gives them the machine's)", to))
		return nil, fmt.Errorf("%s is this machine", to)
	}
	return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", place)
}

// Transport fetches what a Dockerfile adds by URL, under the same rule.
func (n *Networks) Transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	dialer.ControlContext = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if _, ok := n.Guard.Place(ctx, to); !ok {
			return fmt.Errorf("%s is this machine, which a Dockerfile adds nothing from", to)
		}
		return nil
	}
	t.DialContext = dialer.DialContext
	return t
}
