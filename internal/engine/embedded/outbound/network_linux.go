package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/localrun/names"
	"github.com/slipway-build/slipway/internal/netns"
	"github.com/slipway-build/slipway/internal/relay"
)

// Ports of a namespace's loopback that this process listens on. Nothing else
// uses them: RFC 1078 was retired long ago.
const (
	relayPort = 1
	namesPort = 2
)

// ownAddress is what programs of a step see as their address; RFC 5737 keeps it
// for documentation, so that no step wants to reach it.
func ownAddress() netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, 1}) }

// ownAddress6 is the same for IPv6 (RFC 4193); for destinations outside of its kind
// resolvers prefer IPv4 to it.
func ownAddress6() netip.Addr {
	return netip.AddrFrom16([16]byte{0xfd, 's', 'l', 'i', 'p', 'w', 'a', 'y', 15: 1})
}

// NameServer is where steps ask for names, whatever resolv.conf of the machine says.
func NameServer() netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, 53}) }

// plan says what a network leads to.
type plan struct {
	ports []uint16              // of the machine's loopback
	six   bool                  // IPv6 leads out too: the machine has no other way
	hosts map[string]netip.Addr // names that are answered with these addresses
}

// Network is a network namespace with the sockets that lead out of it.
type Network struct {
	ns        *os.File
	relay     relay.Relay
	listeners []net.Listener // of the relay
	udp       net.PacketConn // of the name server
	tcp       net.Listener
	cancel    context.CancelFunc
}

// newNetwork makes a namespace that leads out.
func newNetwork(ctx context.Context, dial func(context.Context, netip.AddrPort) (net.Conn, error), to plan) (_ *Network, err error) {
	n := &Network{cancel: func() {}}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if n.ns, err = netns.New(); err != nil {
		return nil, fmt.Errorf("creating a network namespace: %w", err)
	}
	if err := n.configure(to.six); err != nil {
		return nil, err
	}
	if err := n.listen(ctx, to.six || len(to.ports) > 0); err != nil {
		return nil, err
	}
	if err := n.redirect(to); err != nil {
		return nil, err
	}
	ctx, n.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, l := range n.listeners {
		n.relay.Serve(l, func(from net.Conn) (net.Conn, error) {
			to, err := wanted(from)
			if err != nil {
				return nil, err
			}
			return dial(ctx, to)
		})
	}
	resolver := &names.Resolver{Servers: names.System()}
	for name, ip := range to.hosts {
		resolver.Zone.Add(ip, name)
	}
	go resolver.Serve(ctx, n.udp, n.tcp)
	return n, nil
}

// configure gives the namespace an address and a route by which everything comes
// to the rules of the namespace.
func (n *Network) configure(six bool) error {
	inside, err := netlink.NewHandleAt(vnetns.NsHandle(n.ns.Fd()))
	if err != nil {
		return fmt.Errorf("entering a network namespace: %w", err)
	}
	defer inside.Close()
	lo, err := inside.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback of a step: %w", err)
	}
	own := &net.IPNet{IP: ownAddress().AsSlice(), Mask: net.CIDRMask(32, 32)}
	err = errors.Join(inside.LinkSetUp(lo), inside.AddrAdd(lo, &netlink.Addr{IPNet: own}))
	if err != nil {
		return fmt.Errorf("giving a step an address: %w", err)
	}
	if err := inside.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Src: own.IP}); err != nil {
		return fmt.Errorf("giving a step its default route: %w", err)
	}
	if !six {
		return nil
	}
	own = &net.IPNet{IP: ownAddress6().AsSlice(), Mask: net.CIDRMask(128, 128)}
	everywhere := &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	// Without a search for duplicates the address counts at once; the route needs it.
	err = errors.Join(inside.AddrAdd(lo, &netlink.Addr{IPNet: own, Flags: unix.IFA_F_NODAD}), inside.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: everywhere, Src: own.IP}))
	if err != nil {
		return fmt.Errorf("giving a step IPv6: %w", err)
	}
	return nil
}

// listen opens the sockets. One for IPv6 is also for programs that look for localhost
// there.
func (n *Network) listen(ctx context.Context, six bool) error {
	err := netns.Inside(n.ns, func() (err error) {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp4", loopback(relayPort))
		if err != nil {
			return err
		}
		n.listeners = append(n.listeners, l)
		if six {
			if l, err := config.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(relayPort))); err == nil { // else there is no IPv6
				n.listeners = append(n.listeners, l)
			}
		}
		if n.udp, err = config.ListenPacket(ctx, "udp4", loopback(namesPort)); err != nil {
			return err
		}
		n.tcp, err = config.Listen(ctx, "tcp4", loopback(namesPort))
		return err
	})
	if err != nil {
		return fmt.Errorf("listening in the network of a step: %w", err)
	}
	return nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Path is where another process, such as runc, finds the namespace while this one
// has it.
func (n *Network) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.ns.Fd()) }

// Close ends the network.
func (n *Network) Close() {
	n.cancel()
	for _, l := range n.listeners {
		_ = l.Close()
	}
	n.relay.Close()
	if n.udp != nil {
		_ = n.udp.Close()
	}
	if n.tcp != nil {
		_ = n.tcp.Close()
	}
	if n.ns != nil {
		_ = n.ns.Close()
	}
}

// wanted is the address that a redirected connection was made for.
func wanted(c net.Conn) (netip.AddrPort, error) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("no TCP connection: %T", c)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	six := tcp.LocalAddr().(*net.TCPAddr).IP.To4() == nil
	var to netip.AddrPort
	var failed error
	err = raw.Control(func(fd uintptr) {
		const originalDestination = 80 // SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST
		if six {
			// Any option of the size of a sockaddr_in6, or more, reads it.
			info, err := unix.GetsockoptIPv6MTUInfo(int(fd), unix.IPPROTO_IPV6, originalDestination)
			if failed = err; err == nil {
				p := info.Addr.Port // in the order of the network
				to = netip.AddrPortFrom(netip.AddrFrom16(info.Addr.Addr), p<<8|p>>8)
			}
			return
		}
		// A sockaddr_in: family, port, address.
		info, err := unix.GetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IP, originalDestination)
		if failed = err; err == nil {
			m := info.Multiaddr
			to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(m[4:8])), uint16(m[2])<<8|uint16(m[3]))
		}
	})
	return to, errors.Join(err, failed)
}
