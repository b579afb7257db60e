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

// taken is a network for the time of a test.
func taken(t *testing.T, from *Networks) *Network {
	t.Helper()
	n, err := from.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// connect dials in the network of a step.
func connect(t *testing.T, n *Network, kind, address string) (conn net.Conn, err error) {
	t.Helper()
	d := net.Dialer{Timeout: 5 * time.Second}
	return conn, netns.Inside(n.ns, func() (err error) {
		conn, err = d.DialContext(t.Context(), kind, address)
		return err
	})
}

// read sends a request and returns what comes back until the end.
func read(t *testing.T, n *Network, address string) (string, error) {
	t.Helper()
	conn, err := connect(t, n, "tcp", address)
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
	n := taken(t, &Networks{Note: said.add})
	if got, err := read(t, n, at); !errors.Is(err, syscall.ECONNREFUSED) {
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
		if got, err := read(t, n, everywhere.Addr().String()); err == nil {
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
	n := taken(t, &Networks{Guard: Guard{Reachable: []string{"localhost:" + port}}})
	for _, place := range []string{at, "[::1]:" + port} {
		if got, err := read(t, n, place); err != nil || !strings.HasSuffix(got, "of the machine") {
			t.Errorf("%s: %q, %v", place, got, err)
		}
	}
}

// TestConnectionsLeadOut uses an address of this machine as one outside.
func TestConnectionsLeadOut(t *testing.T) {
	needRoot(t)
	at := server(t)
	n, err := newNetwork(t.Context(), func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		if to.String() != "198.51.100.7:8080" {
			t.Errorf("asked for %s", to)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}, plan{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if got, err := read(t, n, "198.51.100.7:8080"); err != nil || !strings.HasSuffix(got, "of the machine") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := connect(t, n, "tcp6", "[2001:db8::1]:80"); !errors.Is(err, syscall.ENETUNREACH) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("IPv6: %v", err)
	}
	conn, err := connect(t, n, "udp", "198.51.100.7:123")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("UDP: %v", err)
	}
}

// TestIPv6LeadsOutWhereItIsTheOnlyWay also finds the addresses that were asked for.
func TestIPv6LeadsOutWhereItIsTheOnlyWay(t *testing.T) {
	needRoot(t)
	at := server(t)
	n, err := newNetwork(t.Context(), func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		if s := to.String(); s != "[2001:db8::7]:8080" && s != "198.51.100.7:8080" {
			t.Errorf("asked for %s", s)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}, plan{six: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, place := range []string{"[2001:db8::7]:8080", "198.51.100.7:8080"} {
		if got, err := read(t, n, place); err != nil || !strings.HasSuffix(got, "of the machine") {
			t.Errorf("%s: %q, %v", place, got, err)
		}
	}
}

// TestNamesAreAsked asks the name server of steps for a name that every resolver has.
func TestNamesAreAsked(t *testing.T) {
	needRoot(t)
	n := taken(t, &Networks{})
	asked := 0
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, kind, _ string) (conn net.Conn, err error) {
		asked++
		return conn, netns.Inside(n.ns, func() (err error) {
			conn, err = (&net.Dialer{}).DialContext(ctx, kind, netip.AddrPortFrom(NameServer(), 53).String())
			return err
		})
	}}
	_, err := resolver.LookupHost(t.Context(), "name.invalid.")
	if failed := (*net.DNSError)(nil); !errors.As(err, &failed) || !failed.IsNotFound || asked == 0 {
		t.Errorf("asked %d times: %v", asked, err)
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
	n, err := newNetwork(t.Context(), func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", echo.Addr().String())
	}, plan{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	conn, err := connect(t, n, "tcp", "198.51.100.7:7")
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
	all := &Networks{}
	first := taken(t, all)
	if second := taken(t, all); second == first {
		t.Error("two steps at once share a network")
	}
	all.Give(first)
	again := taken(t, all)
	if again != first {
		t.Error("the network of a step that ended is not used again")
	}
	if third := taken(t, all); third == again {
		t.Error("a network is handed out twice")
	}
}
