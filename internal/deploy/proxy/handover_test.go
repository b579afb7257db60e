package proxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// framed is a client of HTTP/2 that sees its frames.
type framed struct {
	*http2.Framer
	t    *testing.T
	conn net.Conn
}

// newFramed connects, over TLS or not, and shakes hands.
func newFramed(t *testing.T, addr string, secure bool) *framed {
	t.Helper()
	c := dial(t, addr)
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	}
	write(t, c, http2.ClientPreface)
	f := &framed{http2.NewFramer(c, c), t, c}
	must(t, f.WriteSettings())
	for {
		if s, ok := f.next().(*http2.SettingsFrame); ok && !s.IsAck() {
			must(t, f.WriteSettingsAck())
			return f
		}
	}
}

func (f *framed) next() http2.Frame {
	f.t.Helper()
	frame, err := f.ReadFrame()
	must(f.t, err)
	return frame
}

// get sends a request as a stream.
func (f *framed) get(stream uint32) {
	f.t.Helper()
	var block bytes.Buffer
	fields := hpack.NewEncoder(&block)
	for _, kv := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "shop.example"}, {":path", "/"}} {
		must(f.t, fields.WriteField(hpack.HeaderField{Name: kv[0], Value: kv[1]}))
	}
	must(f.t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
}

// bye reads on to the GOAWAY.
func (f *framed) bye() *http2.GoAwayFrame {
	f.t.Helper()
	for {
		if bye, ok := f.next().(*http2.GoAwayFrame); ok {
			return bye
		}
	}
}

// TestHTTP2LearnsOfTheEnd: at Close, a connection gets GOAWAY, its open request its whole
// answer, and one that comes too late none: the GOAWAY says that nobody acts on it.
func TestHTTP2LearnsOfTheEnd(t *testing.T) {
	for name, lo := range map[string]proxy.ListenerOptions{"h2c": {}, "TLS": securely(t)} {
		t.Run(name, func(t *testing.T) {
			h := newHeld(t)
			w := newWeb(t, proxy.ServiceOptions{}, lo, h.addr)
			busy, idle := newFramed(t, w.addr, name == "TLS"), newFramed(t, w.addr, name == "TLS")
			busy.get(1)
			receive(t, "the request", h.began)
			closed := make(chan error, 1)
			go func() { closed <- w.Close(t.Context()) }()
			if bye := busy.bye(); bye.ErrCode != http2.ErrCodeNo || bye.LastStreamID != 1 {
				t.Errorf("%v, the last stream is %d", bye, bye.LastStreamID)
			}
			if bye := idle.bye(); bye.ErrCode != http2.ErrCodeNo || bye.LastStreamID != 0 {
				t.Errorf("without a request: %v, the last stream is %d", bye, bye.LastStreamID)
			}
			busy.get(3)
			close(h.free)
			text := ""
			for done := false; !done; {
				switch frame := busy.next().(type) {
				case *http2.DataFrame:
					text += string(frame.Data())
					done = frame.StreamEnded()
				case *http2.RSTStreamFrame:
					t.Fatalf("the request was cut: %v", frame)
				}
			}
			if text != "held" {
				t.Errorf("the answer is %q", text)
			}
			if err := receive(t, "the end", closed); err != nil {
				t.Error(err)
			}
			if len(h.began) > 0 {
				t.Error("the request after GOAWAY was handed on")
			}
		})
	}
}

// TestAListenerIsHandedOver: a new proxy takes the listener of an old one, as an
// upgraded process does, and no request is lost.
func TestAListenerIsHandedOver(t *testing.T) {
	for name, c := range map[string]struct {
		scheme string
		lo     proxy.ListenerOptions
		client func(tr *http.Transport)
	}{
		"HTTP/1.1":               {"http", proxy.ListenerOptions{}, nil},
		"a connection a request": {"http", proxy.ListenerOptions{}, func(tr *http.Transport) { tr.DisableKeepAlives = true }},
		"h2c":                    {"http", proxy.ListenerOptions{}, h2c},
		"HTTP/2 over TLS":        {"https", securely(t), h2},
	} {
		t.Run(name, func(t *testing.T) {
			up := serve(t, says("fine"))
			handedOver(t, proxy.HTTP, up, c.lo, func(addr string) func(n int) error {
				client := client(t, c.client)
				return func(n int) error {
					method, body := "GET", ""
					if n%2 == 0 {
						method, body = "POST", "x"
					}
					res, text, err := try(t.Context(), client, method, c.scheme+"://"+addr+"/", body)
					if err == nil && text != "fine" {
						err = fmt.Errorf("%s: %s %q", method, res.Status, text)
					}
					return err
				}
			})
		})
	}
}

// TestCallsAreHandedOver is the same with gRPC.
func TestCallsAreHandedOver(t *testing.T) {
	l := listenOn(t)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	handedOver(t, proxy.H2C, l.Addr().String(), proxy.ListenerOptions{}, func(addr string) func(int) error {
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return func(int) error {
			_, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
			return err
		}
	})
}

// handedOver hands a listener from proxy to proxy while four clients ask one request after
// the other, and fails for each that is lost.
func handedOver(t *testing.T, protocol proxy.Protocol, up string, lo proxy.ListenerOptions, newClient func(addr string) func(n int) error) {
	t.Helper()
	begin := func(l net.Listener) *proxy.Proxy {
		p := started(t, proxy.Options{})
		must(t, p.AddService("web", proxy.ServiceOptions{Protocol: protocol}), p.AddUpstream("web", "old", up), p.Switch("web", "old"),
			p.SetRoutes("public", []proxy.Route{{Service: "web"}}), p.Listen("public", l, lo))
		return p
	}
	l := listenOn(t)
	p := begin(l)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	failures, sent := make(chan error, 1000), make(chan int, 4)
	for range 4 {
		ask := newClient(l.Addr().String())
		go func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				if err := ask(n); err != nil && len(failures) < cap(failures)/2 {
					failures <- err
				}
			}
			sent <- n
		}()
	}
	for range 3 {
		time.Sleep(200 * time.Millisecond)
		file, err := l.(*net.TCPListener).File() // what a child process inherits
		must(t, err)
		l, err = net.FileListener(file)
		must(t, err, file.Close())
		next := begin(l)
		must(t, p.Close(t.Context()))
		p = next
	}
	stop()
	total := 0
	for range 4 {
		total += receive(t, "a client's end", sent)
	}
	close(failures)
	for f := range failures {
		t.Error(f)
	}
	t.Logf("%d requests over 3 processes' worth of proxies", total)
}
