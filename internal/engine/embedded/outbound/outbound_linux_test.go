package outbound

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/util/network"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/slipway-build/slipway/internal/netns"
)

// needRoot skips a test that makes network namespaces.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("makes network namespaces: set SLIPWAY_E2E=1 and be root")
	}
}

// notes keeps what a provider says.
type notes struct {
	mu   sync.Mutex
	text []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = append(n.text, text)
}

func (n *notes) all() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.text, "\n")
}

// step leases a network.
func step(t *testing.T, p *Provider) *lease {
	t.Helper()
	ns, err := p.New(t.Context(), "", network.NamespaceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l, ok := ns.(*lease)
	if !ok {
		t.Fatalf("the step has no network of its own: %T", ns)
	}
	return l
}

// connect dials in the network of a step.
func connect(t *testing.T, l *lease, kind, address string) (conn net.Conn, err error) {
	t.Helper()
	d := net.Dialer{Timeout: 5 * time.Second}
	return conn, netns.Inside(l.ns, func() (err error) {
		conn, err = d.DialContext(t.Context(), kind, address)
		return err
	})
}

// read sends a request and returns what comes back until the end.
func read(t *testing.T, l *lease, address string) (string, error) {
	t.Helper()
	conn, err := connect(t, l, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	data, err := io.ReadAll(conn)
	return string(data), err
}

// server is something that this machine serves on its loopback.
func server(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "of the machine") }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestStepsDoNotReachTheMachine(t *testing.T) {
	needRoot(t)
	at := server(t)
	var said notes
	p := &Provider{Note: said.add}
	defer p.Close()
	l := step(t, p)
	defer l.Close()
	if got, err := read(t, l, at); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the machine's loopback: %q, %v", got, err)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, a := range addresses {
		ip := netip.MustParsePrefix(a.String()).Addr()
		if !ip.Is4() || ip.IsLoopback() {
			continue
		}
		tried++
		everywhere, err := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
		if err != nil {
			t.Fatal(err)
		}
		defer everywhere.Close()
		if got, err := read(t, l, everywhere.Addr().String()); err == nil {
			t.Errorf("the machine at %s: %q", ip, got)
		}
		if !strings.Contains(said.all(), "tried to reach "+everywhere.Addr().String()) {
			t.Errorf("notes: %s", said.all())
		}
	}
	if tried == 0 {
		t.Log("this machine has no address but that of its loopback")
	}
}

func TestStepsReachWhatTheOwnerNames(t *testing.T) {
	needRoot(t)
	at := server(t)
	_, port, _ := net.SplitHostPort(at)
	p := &Provider{Guard: Guard{Reachable: []string{"localhost:" + port}}}
	defer p.Close()
	l := step(t, p)
	defer l.Close()
	for _, place := range []string{at, "[::1]:" + port} {
		if got, err := read(t, l, place); err != nil || !strings.HasSuffix(got, "of the machine") {
			t.Errorf("%s: %q, %v", place, got, err)
		}
	}
}

// TestConnectionsLeadOut uses an address of this machine as one outside.
func TestConnectionsLeadOut(t *testing.T) {
	needRoot(t)
	at := server(t)
	p := &Provider{Guard: Guard{own: func() (machine, error) { return machine{}, nil }}}
	defer p.Close()
	s, err := newSpace(t.Context(), func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		if to.String() != "198.51.100.7:8080" {
			t.Errorf("asked for %s", to)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &lease{space: s, provider: p}
	defer l.Close()
	if got, err := read(t, l, "198.51.100.7:8080"); err != nil || !strings.HasSuffix(got, "of the machine") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := connect(t, l, "tcp6", "[2001:db8::1]:80"); !errors.Is(err, syscall.ENETUNREACH) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("IPv6: %v", err)
	}
	conn, err := connect(t, l, "udp", "198.51.100.7:123")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("UDP: %v", err)
	}
}

// TestMuchGoesBothWays sends more than buffers hold, and closes one half.
func TestMuchGoesBothWays(t *testing.T) {
	needRoot(t)
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for c, err := echo.Accept(); err == nil; c, err = echo.Accept() {
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	s, err := newSpace(t.Context(), func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", echo.Addr().String())
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	conn, err := connect(t, &lease{space: s}, "tcp", "198.51.100.7:7")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := bytes.Repeat([]byte("slipway "), 4<<20)
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
	}
}

func TestNetworksAreUsedAgain(t *testing.T) {
	needRoot(t)
	p := &Provider{}
	defer p.Close()
	first := step(t, p)
	if second := step(t, p); second.space == first.space {
		t.Error("two steps at once share a network")
	}
	_ = first.Close()
	_ = first.Close() // the executor may
	again := step(t, p)
	if again.space != first.space {
		t.Error("the network of a step that ended is not used again")
	}
	if third := step(t, p); third.space == again.space {
		t.Error("a network is handed out twice")
	}
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_NET_ADMIN"}}}, Linux: &specs.Linux{}}
	if err := again.Set(spec); err != nil || len(spec.Linux.Namespaces) != 1 || spec.Linux.Namespaces[0].Path != again.path() {
		t.Errorf("%+v, %v", spec.Linux.Namespaces, err)
	}
	_ = again.Close()
	if next := step(t, p); next.space == again.space {
		t.Error("the network of a step that could change its rules is used again")
	}
}
