package oci

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"

	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/names"
	"github.com/slipway-build/slipway/internal/netns"
	"github.com/slipway-build/slipway/internal/plan"
)

// nameServer answers www.example over UDP and TCP on the machine's loopback,
// where the resolver of systemd listens too.
func nameServer(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := &names.Resolver{Servers: func() []netip.AddrPort { return nil }}
	r.Zone.Add(netip.MustParseAddr("192.0.2.1"), "www.example")
	var done sync.WaitGroup
	done.Go(func() { r.Serve(context.WithoutCancel(t.Context()), u, l) })
	t.Cleanup(func() {
		_, _ = u.Close(), l.Close()
		done.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// TestNamesInDNS asks the name server of a container as programs do that do not
// read /etc/hosts.
func TestNamesInDNS(t *testing.T) {
	needRoot(t)
	state := t.TempDir()
	rt := newRuntime(t, state)
	servers := []netip.AddrPort{nameServer(t)}
	rt.servers = func() []netip.AddrPort { return servers }
	spec := func(name, listen string) localrun.Spec {
		_, port, _ := net.SplitHostPort(listen)
		n := 8080
		if port == "53" {
			n = 53
		}
		return localrun.Spec{Name: name, Port: n, Env: map[string]string{"LISTEN": listen}, Publish: []localrun.Publish{free(n)}, Health: plan.HealthCheck{TCP: true}}
	}
	// "named" listens on port 53 of all its addresses, as a name server does.
	run, err := rt.Start(t.Context(), localrun.Group{Name: "shop", Services: []localrun.Spec{spec("cart", ":8080"), spec("Stock", ":8080"), spec("named", ":53")}}, false, &scribe{t: t})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop() //nolint:errcheck // a second call returns what the first did
	if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	ip := map[string]string{}
	for _, s := range run.Statuses() {
		ip[s.Service] = s.IP
	}
	stock := netip.MustParseAddr(ip["Stock"]).As4()
	for _, c := range []struct{ name, kind, want string }{
		{"cart.", "A", "Success " + ip["cart"]},
		{"stock.", "A", "Success " + ip["Stock"]},
		{"STOCK.shop.", "A", "Success " + ip["Stock"]},
		{"cart.", "AAAA", "Success"},
		{"host.slipway.internal.", "A", "Success " + run.Network()},
		{fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", stock[3], stock[2], stock[1], stock[0]), "PTR", "Success Stock.shop."},
		{"www.example.", "A", "Success 192.0.2.1"},
		{"nobody.", "A", "ServerFailure"},
	} {
		for _, from := range []int{0, 2} {
			at := fmt.Sprintf("127.0.0.1:%d", run.Statuses()[from].Ports[0].Host)
			for _, network := range []string{"udp", "tcp"} {
				if _, got := get(t, at, "/dns", "net", network, "name", c.name, "type", c.kind); got != c.want {
					t.Errorf("%s %s over %s from %s: %q, want %q", c.kind, c.name, network, run.Statuses()[from].Service, got, c.want)
				}
			}
		}
	}
	at := fmt.Sprintf("127.0.0.1:%d", run.Statuses()[0].Ports[0].Host)
	if _, got := get(t, at, "/read", "path", "/etc/resolv.conf"); !strings.HasPrefix(got, "nameserver 127.0.0.11\n") || !strings.Contains(got, " ndots:0\n") {
		t.Errorf("resolv.conf:\n%s", got)
	}
	if text := run.Explain("cart"); strings.Contains(text, "127.0.0.11") {
		t.Errorf("the name server counts as one of the service's:\n%s", text)
	}
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	expectNothingLeft(t, state, "shop")
}

// TestNamesWithoutTranslation is the way where the kernel does not translate
// ports: the sockets take port 53 themselves.
func TestNamesWithoutTranslation(t *testing.T) {
	needRoot(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	handle, err := netlink.NewHandleAt(vnetns.NsHandle(ns.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	lo, err := handle.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := handle.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	d, err := listenAt(t.Context(), ns, dnsPort)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if at := d.udp.LocalAddr().String(); at != "127.0.0.11:53" || d.tcp.Addr().String() != at {
		t.Errorf("UDP at %s, TCP at %s", at, d.tcp.Addr())
	}
}
