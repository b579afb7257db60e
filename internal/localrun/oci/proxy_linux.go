package oci

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/relay"
)

const dialTime = 5 * time.Second

// proxy hands the connections to a port of the machine on to a container.
type proxy struct {
	listener net.Listener
	publish  localrun.Publish // with the real host port
	relay    relay.Relay
}

// publish takes a port of the machine; connections wait until serve.
func publish(ctx context.Context, service string, p localrun.Publish) (*proxy, error) {
	want := netip.AddrPortFrom(p.HostIP, uint16(p.Host)).String()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", want)
	if err != nil {
		return nil, portFailure(service, p, err)
	}
	p.Host = l.Addr().(*net.TCPAddr).Port
	return &proxy{listener: l, publish: p}, nil
}

// portFailure says who holds a port.
func portFailure(service string, p localrun.Publish, err error) error {
	f := diag.Fail(diag.ExitRun, "cannot publish %s:%d on %s of this machine", service, p.Container, netip.AddrPortFrom(p.HostIP, uint16(p.Host)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.Text = fmt.Sprintf("port %d is in use", p.Host)
		if who := portHolder(p.Host); who != "" {
			f.Text += " by " + who
		}
		f.Text += fmt.Sprintf(", so %s:%d cannot be published there", service, p.Container)
		return f.WithHint("stop that program, or publish elsewhere: -p %d:%d (or -p 0:%d for any free port)", p.Host%65535+1, p.Container, p.Container)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return f.Because(err).WithHint("%s is not an address of this machine", p.HostIP)
	}
	return f.Because(err)
}

// serve begins to hand connections on to a container.
func (x *proxy) serve(target netip.Addr) {
	to := netip.AddrPortFrom(target, uint16(x.publish.Container)).String()
	x.relay.Serve(x.listener, func(net.Conn) (net.Conn, error) { return net.DialTimeout("tcp", to, dialTime) })
}

// close ends the proxy and its connections.
func (x *proxy) close() {
	_ = x.listener.Close()
	x.relay.Close()
}

// portHolder names the process that listens on a TCP port of the machine;
// empty when it cannot be found.
func portHolder(port int) string {
	inodes := map[string]bool{}
	for _, name := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		for _, l := range listenersOf(name) {
			if int(l.Addr.Port()) == port {
				inodes["socket:["+strconv.FormatUint(l.Inode, 10)+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return ""
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && inodes[target] {
			pid := strings.Split(fd, "/")[2]
			comm, _ := os.ReadFile("/proc/" + pid + "/comm")
			return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(comm)), pid)
		}
	}
	return ""
}

func listenersOf(path string) []localrun.Listener {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	list, err := localrun.Listeners(f)
	if err != nil {
		return nil
	}
	return list
}

// listening returns where the processes in a process's network namespace listen;
// the name server that every container has is none of theirs.
func listening(pid int) []netip.AddrPort {
	var out []netip.AddrPort
	for _, name := range []string{"tcp", "tcp6"} {
		for _, l := range listenersOf(fmt.Sprintf("/proc/%d/net/%s", pid, name)) {
			if l.Addr.Addr() != resolverIP() {
				out = append(out, l.Addr)
			}
		}
	}
	return out
}
