package names

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// systemConf is where this machine says which name servers it asks.
const systemConf = "/etc/resolv.conf"

// fresh is how long the machine's name servers are taken for unchanged: those of
// a laptop change with its network.
const fresh = 5 * time.Second

// System returns a function that returns the name servers of this machine.
func System() func() []netip.AddrPort {
	var mu sync.Mutex
	var read time.Time
	var servers []netip.AddrPort
	return func() []netip.AddrPort {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(read) > fresh {
			data, _ := os.ReadFile(systemConf) // without one it is the machine itself
			servers, read = Servers(string(data)), time.Now()
		}
		return servers
	}
}

// Servers reads the name servers of a resolv.conf; without any it is the machine
// itself (resolv.conf(5)).
func Servers(conf string) []netip.AddrPort {
	const port = 53
	var out []netip.AddrPort
	for line := range strings.Lines(conf) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if ip, err := netip.ParseAddr(f[1]); err == nil {
			out = append(out, netip.AddrPortFrom(ip, port))
		}
	}
	if len(out) == 0 {
		out = append(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
	}
	return out
}

// Conf is the resolv.conf of a container that asks a server: that of the machine
// with another name server. As in Docker, a name without a dot is asked for as
// it is before the machine's domains are tried (ndots:0).
func Conf(server netip.Addr, machine string) string {
	var search, options string
	for line := range strings.Lines(machine) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "search", "domain": // the last one counts
			search = "search " + strings.Join(f[1:], " ") + "\n"
		case "options":
			for _, o := range f[1:] {
				if !strings.HasPrefix(o, "ndots:") && !strings.HasPrefix(o, "#") {
					options += " " + o
				}
			}
		}
	}
	return "nameserver " + server.String() + "\n" + search + "options" + options + " ndots:0\n"
}
