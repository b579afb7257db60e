package oci

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Front gives this machine count addresses that containers of all groups reach, and
// nothing else does: those of a bridge without a member. It returns the first; the others
// follow it. To ask again under the same name gives the same addresses, until RemoveFront
// or the end of the machine.
func Front(ctx context.Context, stateDir, name string, count int) (netip.Addr, error) {
	if err := os.MkdirAll(runDir(stateDir), 0o700); err != nil {
		return netip.Addr{}, err
	}
	lock := flock.New(filepath.Join(runDir(stateDir), "network.lock"))
	if _, err := lock.TryLockContext(ctx, pollInterval); err != nil {
		return netip.Addr{}, fmt.Errorf("waiting for another slipway that sets up a network: %w", err)
	}
	defer lock.Unlock()
	first, link, err := front(frontName(stateDir, name))
	if err != nil {
		return first, fmt.Errorf("giving this machine addresses for %s: %w", name, err)
	}
	ip := first
	for range count {
		if err := netlink.AddrAdd(link, address(ip)); err != nil && !errors.Is(err, unix.EEXIST) {
			return first, fmt.Errorf("giving this machine the address %s: %w", ip, err)
		}
		ip = ip.Next()
	}
	return first, nil
}

func frontName(stateDir, name string) string { return networkName(stateDir, "front of "+name) } // no group's name has a space

// front finds the bridge of that name with its first address, or makes it.
func front(name string) (netip.Addr, netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if err == nil {
		addrs, err := netlink.AddrList(link, unix.AF_INET)
		if err == nil && len(addrs) > 0 {
			bits, _ := addrs[0].Mask.Size()
			ip, _ := netip.AddrFromSlice(addrs[0].IP.To4())
			return netip.PrefixFrom(ip, bits).Masked().Addr().Next(), link, nil
		}
		if err = errors.Join(err, removeLink(name)); err != nil { // one that was not finished
			return netip.Addr{}, nil, err
		}
	}
	subnet, err := freeSubnet(name)
	if err != nil {
		return netip.Addr{}, nil, err
	}
	link = &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: defaultMTU()}}
	if err := netlink.LinkAdd(link); err != nil {
		return netip.Addr{}, nil, err
	}
	first := subnet.Addr().Next()
	err = netlink.AddrAdd(link, address(first))
	return first, link, errors.Join(err, netlink.LinkSetUp(link))
}

// RemoveFront takes the addresses away.
func RemoveFront(stateDir, name string) error { return removeLink(frontName(stateDir, name)) }
