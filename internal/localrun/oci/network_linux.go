package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun/names"
	"github.com/slipway-build/slipway/internal/netns"
)

const (
	subnetBits = 22 // 1,021 services a group
	ipForward  = "/proc/sys/net/ipv4/ip_forward"
	hostResolv = "/etc/resolv.conf"

	bridgePrefix = "slw" // begins the names of bridges
)

// network is the bridge of a group. Its name follows from the group, so that it
// is found again after a kill.
type network struct {
	name    string
	subnet  netip.Prefix
	gateway netip.Addr
	mtu     int
	bridge  netlink.Link
}

// networkName is unique for a group of a state directory, and short enough for
// an interface.
func networkName(stateDir, group string) string {
	sum := sha256.Sum256([]byte(stateDir + "\x00" + group))
	return bridgePrefix + hex.EncodeToString(sum[:4])
}

// createNetwork makes the bridge of a group on a subnet that clashes with no
// route of the machine, with masquerading for what leaves it.
func createNetwork(ctx context.Context, stateDir, group string, note func(string)) (_ *network, err error) {
	lock := flock.New(filepath.Join(runDir(stateDir), "network.lock"))
	if _, err := lock.TryLockContext(ctx, pollInterval); err != nil {
		return nil, fmt.Errorf("waiting for another slipway that sets up a network: %w", err)
	}
	defer lock.Unlock()
	n := &network{name: networkName(stateDir, group), mtu: defaultMTU()}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeNetwork(n.name))
		}
	}()
	if n.subnet, err = freeSubnet(n.name); err != nil {
		return nil, err
	}
	n.gateway = n.subnet.Addr().Next()
	n.bridge = &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: n.name, MTU: n.mtu}}
	if err := netlink.LinkAdd(n.bridge); err != nil {
		return nil, fmt.Errorf("creating bridge %s: %w", n.name, err)
	}
	if err := netlink.AddrAdd(n.bridge, address(n.gateway)); err != nil {
		return nil, fmt.Errorf("giving bridge %s the address %s: %w", n.name, n.gateway, err)
	}
	if err := netlink.LinkSetUp(n.bridge); err != nil {
		return nil, fmt.Errorf("starting bridge %s: %w", n.name, err)
	}
	if err := allowOutbound(n); err != nil {
		note("services reach each other but nothing outside of this machine: " + err.Error())
		return n, nil
	}
	forward(stateDir, note)
	return n, nil
}

// removeNetwork removes whatever there is of a group's network.
func removeNetwork(name string) error {
	var problems []error
	if err := removeLink(name); err != nil {
		problems = append(problems, fmt.Errorf("removing bridge %s: %w", name, err))
	}
	if err := removeTable(name); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// freeSubnet picks a subnet of 10.0.0.0/8 or 172.16.0.0/12 that no route of the
// machine touches, beginning at a place that depends on the name.
func freeSubnet(name string) (netip.Prefix, error) {
	routes, err := netlink.RouteList(nil, unix.AF_INET)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("listing routes: %w", err)
	}
	var used []netip.Prefix
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		if ip, ok := netip.AddrFromSlice(r.Dst.IP); ok {
			ones, _ := r.Dst.Mask.Size()
			if ones > 0 {
				used = append(used, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
	}
	return chooseSubnet(name, used)
}

func chooseSubnet(name string, used []netip.Prefix) (netip.Prefix, error) {
	sum := sha256.Sum256([]byte(name))
	pools := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12")}
	for _, pool := range pools {
		count := uint32(1) << (subnetBits - pool.Bits())
		start := (uint32(sum[0])<<16 | uint32(sum[1])<<8 | uint32(sum[2])) % count
		base := pool.Addr().As4()
		first := uint32(base[0])<<24 | uint32(base[1])<<16
		for i := range count {
			n := first + (start+i)%count<<(32-subnetBits)
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), subnetBits)
			if !overlapsAny(p, used) {
				return p, nil
			}
		}
	}
	return netip.Prefix{}, diag.Fail(diag.ExitRun, "no free subnet for the containers: the machine's routes cover 10.0.0.0/8 and 172.16.0.0/12").
		WithHint("ip route")
}

func overlapsAny(p netip.Prefix, used []netip.Prefix) bool {
	for _, u := range used {
		if p.Overlaps(u) {
			return true
		}
	}
	return false
}

// defaultMTU is that of the interface of the default route.
func defaultMTU() int {
	routes, err := netlink.RouteList(nil, unix.AF_INET)
	if err != nil {
		return 1500
	}
	for _, r := range routes {
		if ones := 0; r.Dst != nil {
			if ones, _ = r.Dst.Mask.Size(); ones > 0 {
				continue
			}
		}
		if link, err := netlink.LinkByIndex(r.LinkIndex); err == nil && link.Attrs().MTU >= 1280 {
			return link.Attrs().MTU
		}
	}
	return 1500
}

func address(ip netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(subnetBits, 32)}}
}

// allowOutbound masquerades what leaves the subnet by another interface than
// the bridge, in an nftables table with the network's name.
func allowOutbound(n *network) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: n.name})
	chain := c.AddChain(&nftables.Chain{Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, n.name)
	mask := net.CIDRMask(subnetBits, 32)
	const sourceOffset = 12 // of an IPv4 header
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: sourceOffset, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: binaryutil.NativeEndian.PutUint32(0)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: n.subnet.Addr().AsSlice()},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: name},
		&expr.Masq{},
	}})
	if err := c.Flush(); err != nil {
		return fmt.Errorf("adding an nftables rule: %w", err)
	}
	return nil
}

func removeTable(name string) error {
	c, err := nftables.New()
	if err != nil {
		return nil // then there is no table
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return nil
	}
	for _, t := range tables {
		if t.Name == name {
			c.DelTable(t)
			if err := c.Flush(); err != nil {
				return fmt.Errorf("removing nftables table %s: %w", name, err)
			}
		}
	}
	return nil
}

// join makes a network namespace with one leg on the bridge. It lives as long
// as the returned file is open or a process is in it.
func (n *network) join(ip netip.Addr) (*os.File, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, fmt.Errorf("creating a network namespace: %w", err)
	}
	if err := n.connect(ns, ip); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return ns, nil
}

// linkName is the machine's end of the link of a container.
func linkName(network string, ip netip.Addr) string {
	b := ip.As4()
	const hostBits = 1<<(32-subnetBits) - 1
	return fmt.Sprintf("%s%x", linkPrefix(network), (uint16(b[2])<<8|uint16(b[3]))&hostBits)
}

// linkPrefix begins the names of the machine's ends of a network's links.
func linkPrefix(network string) string { return "sl" + strings.TrimPrefix(network, bridgePrefix) + "." }

func (n *network) connect(ns *os.File, ip netip.Addr) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = linkName(n.name, ip)
	attrs.MTU, attrs.MasterIndex = n.mtu, n.bridge.Attrs().Index
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(ns.Fd()))}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("creating interface %s: %w", attrs.Name, err)
	}
	if err := netlink.LinkSetUp(pair); err != nil {
		return fmt.Errorf("starting interface %s: %w", attrs.Name, err)
	}
	inside, err := netlink.NewHandleAt(vnetns.NsHandle(ns.Fd()))
	if err != nil {
		return fmt.Errorf("entering a network namespace: %w", err)
	}
	defer inside.Close()
	for _, name := range []string{"lo", "eth0"} {
		link, err := inside.LinkByName(name)
		if err != nil {
			return fmt.Errorf("finding interface %s of a container: %w", name, err)
		}
		if name == "eth0" {
			if err := inside.AddrAdd(link, address(ip)); err != nil {
				return fmt.Errorf("giving a container the address %s: %w", ip, err)
			}
		}
		if err := inside.LinkSetUp(link); err != nil {
			return fmt.Errorf("starting interface %s of a container: %w", name, err)
		}
	}
	if err := inside.RouteAdd(&netlink.Route{Gw: n.gateway.AsSlice()}); err != nil {
		return fmt.Errorf("giving a container its default route: %w", err)
	}
	return nil
}

// writeNetworkFiles writes hosts, hostname and resolv.conf of a container.
func writeNetworkFiles(dir, hostname, hosts string) error {
	conf, err := os.ReadFile(hostResolv)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading name servers: %w", err)
	}
	resolv := names.Conf(resolverIP(), string(conf))
	for name, text := range map[string]string{"hosts": hosts, "hostname": hostname + "\n", "resolv.conf": resolv} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("preparing a container: %w", err)
		}
	}
	return nil
}

// removeLink removes an interface if there is one of that name.
func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
