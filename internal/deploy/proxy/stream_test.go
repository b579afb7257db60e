package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// echoes is an upstream that sends back what comes over a WebSocket.
func echoes(t *testing.T) string {
	return serve(t, websocket.Handler(func(c *websocket.Conn) { _, _ = io.Copy(c, c) }).ServeHTTP)
}

func openSocket(t *testing.T, addr string) *websocket.Conn {
	t.Helper()
	c, err := websocket.Dial("ws://"+addr+"/chat", "", "http://"+addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func exchange(t *testing.T, c *websocket.Conn, word string) {
	t.Helper()
	got := make([]byte, 100)
	if _, err := c.Write([]byte(word)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(got); err != nil || string(got[:n]) != word {
		t.Fatalf("%q came back, %v", got[:n], err)
	}
}

func TestWebSocketsFlow(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, echoes(t))
	must(t, w.AddUpstream("web", "new", echoes(t)))
	c := openSocket(t, w.addr)
	exchange(t, c, "one")
	must(t, w.Switch("web", "new"))
	exchange(t, c, "two") // goes on, on the old side
	drained := make(chan int, 1)
	go func() {
		cut, _ := w.Drain(t.Context(), "web", "old", 300*time.Millisecond)
		drained <- cut
	}()
	exchange(t, c, "three")
	if cut := receive(t, "the drain", drained); cut != 1 {
		t.Errorf("%d cut, want the socket", cut)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the socket is still there")
	}
	second := openSocket(t, w.addr)
	exchange(t, second, "four")
	must(t, second.Close())
	until(t, "the socket's end", func() bool {
		cut, err := w.Drain(t.Context(), "web", "new", 0)
		return cut == 0 && err == nil
	})
}

func TestServerSentEventsFlow(t *testing.T) {
	next := make(chan string)
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.URL.Path == "/sized" { // a body of known length, in pieces
			w.Header().Set("Content-Length", "12")
		}
		_ = http.NewResponseController(w).Flush()
		for word := range next {
			_, _ = io.WriteString(w, word+"\n")
			_ = http.NewResponseController(w).Flush()
			if word == "three" {
				return
			}
		}
	}))
	for _, path := range []string{"/events", "/sized"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", w.url(path), nil)
		must(t, err)
		got := make(chan string, 10)
		go func() {
			res, err := client(t, nil).Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			lines := bufio.NewScanner(res.Body)
			for lines.Scan() {
				got <- lines.Text()
			}
		}()
		for _, word := range []string{"one", "two", "three"} {
			if path == "/sized" && word == "three" {
				word = "end" // 4 + 4 + 4 bytes
				next <- word
				if line := receive(t, "an event", got); line != word {
					t.Errorf("%q, want %q", line, word)
				}
				next <- "three" // too much: the server drops it
				break
			}
			next <- word
			if line := receive(t, "an event, before the next one is sent", got); line != word {
				t.Errorf("%q, want %q", line, word)
			}
		}
	}
}

// grpcServer starts a health service that refuses the name "bad".
func grpcServer(t *testing.T) (string, *health.Server) {
	l := listenOn(t)
	h := health.NewServer()
	srv := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "there"))
		if r, ok := req.(*healthpb.HealthCheckRequest); ok && r.Service == "bad" {
			return nil, status.Error(codes.Internal, "very bad")
		}
		return next(ctx, req)
	}))
	healthpb.RegisterHealthServer(srv, h)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	return l.Addr().String(), h
}

func grpcClient(t *testing.T, addr string) healthpb.HealthClient {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return healthpb.NewHealthClient(conn)
}

func TestGRPCFlows(t *testing.T) {
	addr, h := grpcServer(t)
	w := newWeb(t, proxy.ServiceOptions{Protocol: proxy.H2C}, proxy.ListenerOptions{}, addr)
	c := grpcClient(t, w.addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var trailer metadata.MD
	res, err := c.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Trailer(&trailer))
	if err != nil || res.Status != healthpb.HealthCheckResponse_SERVING || trailer.Get("x-trailer")[0] != "there" {
		t.Fatalf("%v, %v, trailers %v", res, err, trailer)
	}
	_, err = c.Check(ctx, &healthpb.HealthCheckRequest{Service: "bad"})
	if s := status.Convert(err); s.Code() != codes.Internal || s.Message() != "very bad" {
		t.Errorf("%v", err)
	}
	stats, err := w.Stats("web", "old", time.Now().Add(-time.Minute))
	if err != nil || stats.Requests != 2 || stats.Errors != 1 {
		t.Errorf("%+v, %v: an error of gRPC counts", stats, err)
	}
	watch, err := c.Watch(ctx, &healthpb.HealthCheckRequest{Service: "shop"})
	must(t, err)
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVICE_UNKNOWN, healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING} {
		if want != healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
			h.SetServingStatus("shop", want)
		}
		if got, err := watch.Recv(); err != nil || got.Status != want {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
	}
	if cut, err := w.Drain(t.Context(), "web", "old", 10*time.Millisecond); cut != 1 || err != nil {
		t.Errorf("%d cut, want the stream: %v", cut, err)
	}
	if _, err := watch.Recv(); err == nil {
		t.Error("the stream goes on")
	}
	if _, err = c.Check(ctx, &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("without a side: %v", err)
	}
}

func TestTrailersOfHTTP1(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Known")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Known", "1")
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
	}))
	for name, c := range map[string]*http.Client{"1.1": client(t, nil), "2": client(t, h2c)} {
		if res, _ := ask(t, c, "GET", w.url("/"), ""); res.Trailer.Get("X-Known") != "1" || res.Trailer.Get("X-Late") != "2" {
			t.Errorf("HTTP/%s: %v", name, res.Trailer)
		}
	}
}

func TestLargeBodiesInBothDirections(t *testing.T) {
	const size = 20 << 20
	random := make([]byte, size)
	_, _ = rand.New(rand.NewSource(1)).Read(random)
	for _, up := range []proxy.Protocol{proxy.HTTP, proxy.H2C} {
		w := newWeb(t, proxy.ServiceOptions{Protocol: up}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.Copy(w, r.Body) // answers while it reads
		}))
		for name, c := range map[string]*http.Client{"1.1": client(t, nil), "2": client(t, h2c)} {
			for _, known := range []bool{true, false} {
				var body io.Reader = bytes.NewReader(random)
				if !known {
					body = io.MultiReader(body)
				}
				req, err := http.NewRequestWithContext(t.Context(), "POST", w.url("/"), body)
				must(t, err)
				res, err := c.Do(req)
				must(t, err)
				sum := sha256.New()
				n, err := io.Copy(sum, res.Body)
				_ = res.Body.Close()
				if err != nil || n != size || !bytes.Equal(sum.Sum(nil), sum256(random)) {
					t.Errorf("HTTP/%s to %s, length known %v: %d bytes, %v", name, up, known, n, err)
				}
			}
		}
	}
}

func sum256(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

func TestExpectContinue(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		says("fine")(w, r)
	}))
	c := dial(t, w.addr)
	lines := bufio.NewReader(c)
	for range 200 { // an upstream's 100 and the server's own race
		write(t, c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
		if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			t.Fatalf("%q, %v", line, err)
		}
		_, _ = lines.ReadString('\n')
		write(t, c, "body")
		res, err := http.ReadResponse(lines, nil)
		must(t, err)
		if text, err := io.ReadAll(res.Body); err != nil || string(text) != "fine" {
			t.Fatalf("%s %q %v", res.Status, text, err)
		}
	}
	write(t, c, "POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	res, err := http.ReadResponse(lines, nil)
	if err != nil || res.StatusCode != http.StatusExpectationFailed {
		t.Fatalf("%v, %v", res, err)
	}
	_ = res.Body.Close()
}

// TestAnEarlyAnswer: an upstream that refuses a body is heard.
func TestAnEarlyAnswer(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	c := dial(t, w.addr)
	write(t, c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nsome")
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%v, %v", res, err)
	}
}

func TestHEADAndEmptyAnswers(t *testing.T) {
	w := newWeb(t, proxy.ServiceOptions{}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "1234")
		}
	}))
	for name, c := range map[string]*http.Client{"1.1": client(t, nil), "2": client(t, h2c)} {
		for range 2 { // on the same connection
			if res, text := ask(t, c, "HEAD", w.url("/"), ""); res.ContentLength != 1234 || text != "" {
				t.Errorf("HTTP/%s: HEAD %d %q", name, res.ContentLength, text)
			}
			for path, want := range map[string]int{"/204": 204, "/304": 304} {
				if res, text := ask(t, c, "GET", w.url(path), ""); res.StatusCode != want || text != "" {
					t.Errorf("HTTP/%s: %s %q", name, res.Status, text)
				}
			}
		}
	}
}

// TestAClientThatLeavesIsSeen: the upstream's request ends, and so does the count.
func TestAClientThatLeavesIsSeen(t *testing.T) {
	for _, up := range []proxy.Protocol{proxy.HTTP, proxy.H2C} {
		began, ended := make(chan bool, 10), make(chan bool, 10)
		w := newWeb(t, proxy.ServiceOptions{Protocol: up}, proxy.ListenerOptions{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/begun" {
				_ = http.NewResponseController(w).Flush()
			}
			began <- true
			<-r.Context().Done()
			ended <- true
		}))
		for name, c := range map[string]*http.Client{"1.1": client(t, nil), "2": client(t, h2c)} {
			for _, path := range []string{"/", "/begun"} {
				ctx, cancel := context.WithCancel(t.Context())
				go func() { _, _, _ = try(ctx, c, "GET", w.url(path), "") }()
				receive(t, "the request", began)
				cancel()
				receive(t, fmt.Sprintf("the end of a request over HTTP/%s to %s", name, up), ended)
			}
		}
		until(t, "no open requests", func() bool {
			cut, err := w.Drain(t.Context(), "web", "old", time.Second)
			return cut == 0 && err == nil
		})
		if s, err := w.Stats("web", "old", time.Now().Add(-time.Minute)); err != nil || s.Requests != 0 {
			t.Errorf("%+v, %v: clients that left say nothing about a side", s, err)
		}
	}
}

func TestTCPFlows(t *testing.T) {
	echo := func(prefix string) string {
		l := listenOn(t)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					text, _ := io.ReadAll(c) // until the client has ended its direction
					_, _ = io.WriteString(c, prefix+string(text))
				}()
			}
		}()
		return l.Addr().String()
	}
	p := started(t, proxy.Options{})
	must(t, p.AddService("db", proxy.ServiceOptions{Protocol: proxy.TCP}), p.AddUpstream("db", "old", dead(t)), p.AddUpstream("db", "old", echo("old ")),
		p.AddUpstream("db", "new", echo("new ")), p.Switch("db", "old"), p.SetRoutes("db", []proxy.Route{{Service: "db"}}))
	l := listenOn(t)
	must(t, p.Listen("db", l, proxy.ListenerOptions{TCP: true}))
	say := func(word string) string {
		c := dial(t, l.Addr().String())
		write(t, c, "%s", word)
		_ = c.(*net.TCPConn).CloseWrite()
		text, _ := io.ReadAll(c)
		return string(text)
	}
	for range 4 {
		if got := say("one"); got != "old one" {
			t.Fatalf("%q", got)
		}
	}
	must(t, p.Split("db", "new", 50, true))
	first := say("x")
	for range 20 {
		if got := say("x"); got != first {
			t.Fatal("one address moved between sides")
		}
	}
	must(t, p.Switch("db", "old"))
	open := dial(t, l.Addr().String())
	write(t, open, "x")
	until(t, "the connection", func() bool {
		return strings.Contains(metricsOf(t, p), `slipway_proxy_in_flight{service="db",side="old"} 1`)
	})
	must(t, p.Switch("db", "new"))
	if cut, err := p.Drain(t.Context(), "db", "old", 10*time.Millisecond); cut != 1 || err != nil {
		t.Errorf("%d cut, %v", cut, err)
	}
	if _, err := open.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
	must(t, p.Pause("db", proxy.Pausing{Requests: 1, Wait: time.Minute}))
	waiting := make(chan string, 1)
	go func() { waiting <- say("late") }()
	must(t, p.Resume("db"))
	if got := receive(t, "the connection that waited", waiting); got != "new late" {
		t.Errorf("%q", got)
	}
	until(t, "the count of connections that have ended", func() bool {
		s, err := p.Stats("db", "new", time.Now().Add(-time.Minute))
		return err == nil && s.Errors == 0 && s.Requests > 0
	})
	if _, err := p.Drain(t.Context(), "db", "new", 0); err != nil {
		t.Error(err)
	}
	// Without a side, a connection is reset, which a client may see at any moment.
	if c, err := net.DialTimeout("tcp", l.Addr().String(), patience); err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if text, _ := io.ReadAll(c); len(text) > 0 {
			t.Errorf("without a side: %q", text)
		}
	}
}
