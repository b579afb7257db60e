package proxy_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// deaf is an address that does not answer when one connects: its queue is full.
func deaf(t *testing.T) string {
	t.Helper()
	l := listenOn(t)
	t.Cleanup(func() { _ = l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		if err := syscall.Listen(int(fd), 0); err != nil {
			t.Error(err)
		}
	}))
	for range 10 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 200*time.Millisecond)
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue did not fill")
	return ""
}

func TestAConnectTimeoutSaysSo(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{DialTimeout: 100 * time.Millisecond}, proxy.ListenerOptions{}, deaf(t))
	res, _ := ask(t, client(t, nil), "POST", w.url("/"), "x")
	wants(t, res, 504, "connect-timeout")
	must(t, w.AddUpstream("web", "old", serve(t, says("fine"))))
	for range 4 {
		if _, got := ask(t, client(t, nil), "POST", w.url("/"), "x"); got != "fine" {
			t.Errorf("the other upstream did not get the request: %s", got)
		}
	}
}
