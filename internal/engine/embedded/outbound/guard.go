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
// for one that belongs to this machine. Loopback, link-local addresses (those of
// a cloud's metadata service too) and the networks of containers belong to it.
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

// inside reports whether an address belongs to this machine.
func (g Guard) inside(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() { // loopback, link-local, multicast, broadcast, unspecified
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
