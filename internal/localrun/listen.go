package localrun

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// Listener is a listening TCP socket of a network namespace.
type Listener struct {
	Addr  netip.AddrPort
	Inode uint64
}

// Listeners reads /proc/PID/net/tcp or tcp6 (proc_net_tcp in the kernel's
// documentation; addresses are words in the machine's byte order, which is
// little-endian on every architecture that slipway runs on).
func Listeners(r io.Reader) ([]Listener, error) {
	const listen = "0A"
	var out []Listener
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != listen {
			continue
		}
		addr, err := socketAddr(f[1])
		if err != nil {
			return nil, err
		}
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("parsing inode %q: %w", f[9], err)
		}
		out = append(out, Listener{Addr: addr, Inode: inode})
	}
	return out, lines.Err()
}

// socketAddr parses "0100007F:0BB8".
func socketAddr(s string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, fmt.Errorf("parsing socket address %q", s)
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.LittleEndian.Uint32(b[i:]))
	}
	ip, _ := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("parsing socket address %q", s)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil
}
