package oci

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/localrun/names"
	"github.com/slipway-build/slipway/internal/netns"
)

// resolverIP is where a container asks for names. It is the address of Docker's
// resolver, because configurations name it: `resolver 127.0.0.11` of nginx.
func resolverIP() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 11}) }

const dnsPort = 53

// dns are the sockets of a container's resolver. They are in the container's
// network and belong to this process.
type dns struct {
	udp net.PacketConn
	tcp net.Listener
}

// listenDNS opens the resolver's sockets in a network namespace. As in Docker
// they take any port and port 53 is translated to it, so that a name server in
// the container can listen on port 53 of all addresses. Where the kernel does not
// translate, the sockets take port 53 themselves.
func listenDNS(ctx context.Context, ns *os.File) (*dns, error) {
	d, err := listenAt(ctx, ns, 0)
	if err == nil {
		if err = translate(ns, d); err == nil {
			return d, nil
		}
		d.close()
	}
	d, again := listenAt(ctx, ns, dnsPort)
	if again != nil {
		return nil, fmt.Errorf("starting the name server of a container: %w", errors.Join(err, again))
	}
	return d, nil
}

// listenAt opens both sockets on a port.
func listenAt(ctx context.Context, ns *os.File, port int) (*dns, error) {
	at := net.JoinHostPort(resolverIP().String(), strconv.Itoa(port))
	d := &dns{}
	err := netns.Inside(ns, func() (err error) {
		var config net.ListenConfig
		if d.udp, err = config.ListenPacket(ctx, "udp4", at); err != nil {
			return err
		}
		if d.tcp, err = config.Listen(ctx, "tcp4", at); err != nil {
			return errors.Join(err, d.udp.Close())
		}
		return nil
	})
	return d, err
}

// serve answers until close.
func (d *dns) serve(ctx context.Context, r *names.Resolver) { r.Serve(ctx, d.udp, d.tcp) }

func (d *dns) close() {
	_ = d.udp.Close()
	_ = d.tcp.Close()
}

// translate sends what a container sends to port 53 of the resolver to the ports
// of its sockets.
func translate(ns *os.File, d *dns) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(ns.Fd())))
	if err != nil {
		return fmt.Errorf("opening nftables of a container: %w", err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "slipway_dns"})
	chain := c.AddChain(&nftables.Chain{Name: "output", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest})
	rule := func(protocol byte, port int) {
		const destination, destinationPort = 16, 2 // offsets in headers of IPv4, and of UDP and TCP
		big := func(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: destination, Len: 4},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: resolverIP().AsSlice()},
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: destinationPort, Len: 2},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: big(dnsPort)},
			&expr.Immediate{Register: 1, Data: resolverIP().AsSlice()},
			&expr.Immediate{Register: 2, Data: big(port)},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegProtoMin: 2},
		}})
	}
	rule(unix.IPPROTO_UDP, d.udp.LocalAddr().(*net.UDPAddr).Port)
	rule(unix.IPPROTO_TCP, d.tcp.Addr().(*net.TCPAddr).Port)
	if err := c.Flush(); err != nil {
		return fmt.Errorf("adding an nftables rule to a container: %w", err)
	}
	return nil
}
