package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
)

// proxy hands the connections to a port of the machine on to a container.
type proxy struct {
	listener net.Listener
	publish  localrun.Publish // with the real host port
	target   string
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	closed   bool
	wg       sync.WaitGroup
}

// publish takes a port of the machine; connections wait until serve.
func publish(ctx context.Context, service string, p localrun.Publish) (*proxy, error) {
	want := netip.AddrPortFrom(p.HostIP, uint16(p.Host)).String()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", want)
	if err != nil {
		return nil, portFailure(service, p, err)
	}
	p.Host = l.Addr().(*net.TCPAddr).Port
	return &proxy{listener: l, publish: p, conns: map[net.Conn]struct{}{}}, nil
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
	x.target = netip.AddrPortFrom(target, uint16(x.publish.Container)).String()
	x.wg.Go(func() {
		for {
			conn, err := x.listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // out of file descriptors
				continue
			}
			x.wg.Go(func() { x.relay(conn) })
		}
	})
}

// close ends the proxy and its connections.
func (x *proxy) close() {
	x.mu.Lock()
	x.closed = true
	_ = x.listener.Close()
	for c := range x.conns {
		_ = c.Close()
	}
	x.mu.Unlock()
	x.wg.Wait()
}

// keep remembers a connection for close; false when the proxy has ended.
func (x *proxy) keep(c net.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		x.conns[c] = struct{}{}
	}
	return !x.closed
}

func (x *proxy) drop(c net.Conn) {
	x.mu.Lock()
	delete(x.conns, c)
	x.mu.Unlock()
	_ = c.Close()
}

func (x *proxy) relay(outer net.Conn) {
	defer x.drop(outer)
	if !x.keep(outer) {
		return
	}
	inner, err := net.DialTimeout("tcp", x.target, 5*time.Second)
	if err != nil {
		if tcp, ok := outer.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // the client sees a reset, as from a closed port
		}
		return
	}
	defer x.drop(inner)
	if !x.keep(inner) {
		return
	}
	var both sync.WaitGroup
	pipe := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		if half, ok := to.(*net.TCPConn); ok && err == nil {
			_ = half.CloseWrite()
			return
		}
		_, _ = to.Close(), from.Close()
	}
	both.Go(func() { pipe(inner, outer) })
	both.Go(func() { pipe(outer, inner) })
	both.Wait()
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
