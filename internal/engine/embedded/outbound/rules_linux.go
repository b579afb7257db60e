package outbound

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// redirect adds the rules of the namespace. What they do not know does not leave;
// where the kernel can, a program is told so instead of waiting.
func (n *Network) redirect(to plan) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(n.ns.Fd())))
	if err != nil {
		return fmt.Errorf("opening nftables of a step: %w", err)
	}
	four := rules{c, c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "slipway"}), netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	nat := four.chain("redirect", nftables.ChainTypeNAT, nftables.ChainPriorityNATDest)
	four.add(nat, four.leaves(), protocol(unix.IPPROTO_UDP), toPort(53), four.send(namesPort))
	four.add(nat, four.leaves(), protocol(unix.IPPROTO_TCP), toPort(53), four.send(namesPort))
	four.add(nat, four.leaves(), protocol(unix.IPPROTO_TCP), four.send(relayPort))
	for _, port := range to.ports {
		four.add(nat, four.toLoopback(expr.CmpOpEq), protocol(unix.IPPROTO_TCP), toPort(port), four.send(relayPort))
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("adding nftables rules to a step: %w", err)
	}
	if err := n.redirect6(c, to); err != nil {
		return err
	}
	filter := four.chain("refuse", nftables.ChainTypeFilter, nftables.ChainPriorityFilter)
	four.add(filter, four.leaves(), []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: 13}}) // administratively prohibited
	_ = c.Flush()
	return nil
}

// redirect6 adds the rules for IPv6; without IPv6 nothing is missing but where it is
// the only way out.
func (n *Network) redirect6(c *nftables.Conn, to plan) error {
	if !to.six && len(to.ports) == 0 {
		return nil
	}
	six := rules{c, c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv6, Name: "slipway"}), netip.IPv6Loopback()}
	nat := six.chain("redirect", nftables.ChainTypeNAT, nftables.ChainPriorityNATDest)
	for _, port := range to.ports {
		six.add(nat, six.to(netip.IPv6Loopback(), expr.CmpOpEq), protocol(unix.IPPROTO_TCP), toPort(port), six.send(relayPort))
	}
	if to.six {
		six.add(nat, six.to(netip.IPv6Loopback(), expr.CmpOpNeq), six.to(ownAddress6(), expr.CmpOpNeq), protocol(unix.IPPROTO_TCP), six.send(relayPort))
	}
	if err := c.Flush(); err != nil && to.six {
		return fmt.Errorf("adding nftables rules for IPv6 to a step: %w", err)
	}
	return nil
}

// rules are written for one family of addresses.
type rules struct {
	c        *nftables.Conn
	table    *nftables.Table
	loopback netip.Addr
}

func (r rules) chain(name string, kind nftables.ChainType, priority *nftables.ChainPriority) *nftables.Chain {
	return r.c.AddChain(&nftables.Chain{Name: name, Table: r.table, Type: kind, Hooknum: nftables.ChainHookOutput, Priority: priority})
}

func (r rules) add(chain *nftables.Chain, parts ...[]expr.Any) {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	r.c.AddRule(&nftables.Rule{Table: r.table, Chain: chain, Exprs: all})
}

// to compares the destination.
func (r rules) to(ip netip.Addr, op expr.CmpOp) []expr.Any {
	at := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4}
	if ip.Is6() {
		at.Offset, at.Len = 24, 16
	}
	return []expr.Any{at, &expr.Cmp{Op: op, Register: 1, Data: ip.AsSlice()}}
}

// toLoopback compares the destination with 127.0.0.0/8.
func (r rules) toLoopback(op expr.CmpOp) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 1},
		&expr.Cmp{Op: op, Register: 1, Data: []byte{127}},
	}
}

// leaves is true for IPv4 packets to elsewhere.
func (r rules) leaves() []expr.Any {
	return append(r.toLoopback(expr.CmpOpNeq), r.to(ownAddress(), expr.CmpOpNeq)...)
}

// send goes to a port of the loopback instead.
func (r rules) send(port uint16) []expr.Any {
	family := uint32(unix.NFPROTO_IPV4)
	if r.loopback.Is6() {
		family = unix.NFPROTO_IPV6
	}
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: r.loopback.AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: 1, RegProtoMin: 2},
	}
}

func protocol(number byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}}}
}

func toPort(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)},
	}
}
