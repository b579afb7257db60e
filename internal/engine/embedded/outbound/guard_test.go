package outbound

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
)

func TestPlaces(t *testing.T) {
	own := func() (machine, error) {
		return machine{
			addresses: []netip.Addr{netip.MustParseAddr("192.168.7.20"), netip.MustParseAddr("2a00::20"), netip.MustParseAddr("172.17.0.1")},
			bridges:   []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16")},
		}, nil
	}
	g := Guard{Reachable: []string{"localhost:4873", "192.168.7.20:8081", "127.0.0.1:3128", "192.0.0.192:80"}, own: own}
	for at, want := range map[string]string{
		"93.184.216.34:443":           "93.184.216.34:443",
		"192.168.7.1:443":             "192.168.7.1:443", // of the same network
		"10.1.2.3:22":                 "10.1.2.3:22",
		"[2606:2800::1]:443":          "[2606:2800::1]:443",
		"127.0.0.1:4873":              "localhost:4873",
		"[::1]:4873":                  "localhost:4873",
		"127.0.0.1:3128":              "127.0.0.1:3128",
		"192.168.7.20:8081":           "192.168.7.20:8081",
		"[::ffff:192.168.7.20]:8081":  "192.168.7.20:8081",
		"127.0.0.1:5055":              "",
		"127.0.0.2:3128":              "",
		"[::1]:5055":                  "",
		"[::ffff:127.0.0.1]:5055":     "",
		"0.0.0.0:5055":                "",
		"192.168.7.20:22":             "",
		"[::ffff:192.168.7.20]:22":    "",
		"[2a00::20]:22":               "",
		"172.17.0.1:80":               "",
		"172.17.0.9:5432":             "", // a container
		"169.254.169.254:80":          "", // a cloud's credentials
		"[::ffff:169.254.169.254]:80": "",
		"[fe80::1%eth0]:80":           "",
		"100.100.100.200:80":          "",
		"[::ffff:100.100.100.200]:80": "",
		"168.63.129.16:32526":         "",
		"[fd00:ec2::254]:80":          "",
		"[fd20:ce::254]:80":           "",
		"[fd00:42::42]:80":            "",
		"[64:ff9b::a9fe:a9fe]:80":     "", // 169.254.169.254 by NAT64
		"[2002:7f00:1::]:80":          "", // 127.0.0.1 by 6to4
		"[64:ff9b::5db8:d822]:443":    "[64:ff9b::5db8:d822]:443",
		"192.0.0.192:80":              "192.0.0.192:80", // the owner names it
		"192.0.0.192:443":             "",
		"100.100.100.201:80":          "100.100.100.201:80",
		"224.0.0.1:80":                "",
		"255.255.255.255:80":          "",
	} {
		place, ok := g.Place(t.Context(), netip.MustParseAddrPort(at))
		if place != want || ok != (want != "") {
			t.Errorf("%s: %q, %v; want %q", at, place, ok, want)
		}
	}
	if got := g.loopbackPorts(); !slices.Equal(got, []uint16{4873, 3128}) {
		t.Errorf("ports: %v", got)
	}
}

func TestNothingIsReachedWhenTheMachineIsNotKnown(t *testing.T) {
	g := Guard{own: func() (machine, error) { return machine{}, errors.New("no interfaces") }}
	if place, ok := g.Place(t.Context(), netip.MustParseAddrPort("93.184.216.34:443")); ok {
		t.Errorf("%s", place)
	}
}

func TestLocalhost(t *testing.T) {
	for host, want := range map[string]bool{"localhost": true, "LocalHost.": true, "npm.localhost": true, "localhost.example": false, "": false} {
		if got := isLocalhost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestThisMachineHasItsLoopback(t *testing.T) {
	m, err := thisMachine()
	if err != nil || !slices.Contains(m.addresses, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("%v, %v", m, err)
	}
}
