package outbound

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Guard knows the addresses of this machine.
type Guard struct {
	// Reachable are the places of this machine that steps may connect to all the
	// same, "host:port": its owner named them as package registry or proxy.
	Reachable []string

	own func() (machine, error) // nil: thisMachine
}

// machine is what an address is compared with.
type machine struct {
	addresses []netip.Addr
	bridges   []netip.Prefix // networks that exist inside of the machine only
}

// Place returns what to dial for an address that a step connects to; ok is false
// for one that belongs to this machine. Loopback, link-local addresses, the metadata
// services of clouds and the networks of containers belong to it.
func (g Guard) Place(ctx context.Context, to netip.AddrPort) (place string, ok bool) {
	to = netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port())
	if !g.inside(to.Addr()) {
		return to.String(), true
	}
	for _, place := range g.Reachable {
		host, port, err := net.SplitHostPort(place)
		if err != nil || port != strconv.Itoa(int(to.Port())) {
			continue
		}
		if isLocalhost(host) && to.Addr().IsLoopback() {
			return place, true
		}
		found, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if slices.ContainsFunc(found, func(a netip.Addr) bool { return a.Unmap() == to.Addr() }) {
			return place, true
		}
	}
	return "", false
}

// metadata are the services that tell a machine of a cloud about itself, its credentials
// included, and have no link-local address. They answer each machine for itself, so they
// count as inside.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
		netip.MustParseAddr("168.63.129.16"),   // Azure
		netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud, classic
		netip.MustParseAddr("fd00:ec2::254"),   // Amazon EC2
		netip.MustParseAddr("fd20:ce::254"),    // Google Cloud
		netip.MustParseAddr("fd00:42::42"),     // Scaleway
	}
}

// inside reports whether an address belongs to this machine.
func (g Guard) inside(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() { // loopback, link-local, multicast, broadcast, unspecified
		return true
	}
	if slices.Contains(metadata(), ip) {
		return true
	}
	if behind, ok := behindGateway(ip); ok && g.inside(behind) {
		return true
	}
	own := g.own
	if own == nil {
		own = thisMachine
	}
	m, err := own()
	return err != nil || slices.Contains(m.addresses, ip) ||
		slices.ContainsFunc(m.bridges, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// behindGateway returns the IPv4 address that a gateway translates an address to: of
// NAT64 (RFC 6052, 2.1) or 6to4 (RFC 3056).
func behindGateway(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// loopbackPorts are the ports of the machine's loopback that steps may reach.
func (g Guard) loopbackPorts() []uint16 {
	var out []uint16
	for _, place := range g.Reachable {
		host, port, err := net.SplitHostPort(place)
		ip, _ := netip.ParseAddr(host)
		n, bad := strconv.ParseUint(port, 10, 16)
		if err == nil && bad == nil && (isLocalhost(host) || ip.IsLoopback()) && !slices.Contains(out, uint16(n)) {
			out = append(out, uint16(n))
		}
	}
	return out
}

// isLocalhost is about the names of RFC 6761.
func isLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// thisMachine reads the addresses of the interfaces. A bridge without a default
// route is taken for the network of containers or virtual machines.
func thisMachine() (machine, error) {
	var m machine
	links, err := net.Interfaces()
	if err != nil {
		return m, err
	}
	outside := defaultInterfaces()
	for _, link := range links {
		addresses, err := link.Addrs()
		if err != nil {
			continue // it went away
		}
		_, err = os.Stat(filepath.Join("/sys/class/net", link.Name, "bridge"))
		bridge := err == nil && !slices.Contains(outside, link.Name)
		for _, a := range addresses {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			m.addresses = append(m.addresses, p.Addr().Unmap())
			if bridge {
				m.bridges = append(m.bridges, p.Masked())
			}
		}
	}
	return m, nil
}

// defaultInterfaces have a default route.
func defaultInterfaces() []string {
	data, err := os.ReadFile("/proc/self/net/route")
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		// Iface Destination Gateway Flags RefCnt Use Metric Mask …
		if f := strings.Fields(line); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			out = append(out, f[0])
		}
	}
	return out
}
