package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// serveGRPC starts a gRPC server and returns its address.
func serveGRPC(t *testing.T, network, addr string, register func(*grpc.Server), opts ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	register(s)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// healthy registers the real health service with one service of each status.
func healthy(s *grpc.Server) {
	h := health.NewServer()
	h.SetServingStatus("up", healthpb.HealthCheckResponse_SERVING)
	h.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, h)
}

// silent accepts connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// closed returns an address where nothing listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func expect(t *testing.T, err error, kind Kind, text string) {
	t.Helper()
	if KindOf(err) != kind {
		t.Errorf("kind %d, want %d: %v", KindOf(err), kind, err)
	}
	if text != "" && !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("error %q does not contain %q", err, text)
	}
}

func TestGRPC(t *testing.T) {
	addr := serveGRPC(t, "tcp", "127.0.0.1:0", healthy)
	bare := serveGRPC(t, "tcp", "127.0.0.1:0", func(*grpc.Server) {})
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	sock := "unix://" + serveGRPC(t, "unix", filepath.Join(t.TempDir(), "s"), healthy)
	_, port, _ := net.SplitHostPort(addr)
	quick := 100 * time.Millisecond
	for name, c := range map[string]struct {
		target GRPCTarget
		kind   Kind
		text   string
	}{
		"server":          {GRPCTarget{Addr: addr}, 0, ""},
		"service":         {GRPCTarget{Addr: addr, Service: "up"}, 0, ""},
		"localhost":       {GRPCTarget{Addr: "localhost:" + port, Service: "up"}, 0, ""},
		"unix socket":     {GRPCTarget{Addr: sock, Service: "up"}, 0, ""},
		"not serving":     {GRPCTarget{Addr: addr, Service: "down"}, NotReady, `service unhealthy (responded with "NOT_SERVING")`},
		"unknown service": {GRPCTarget{Addr: addr, Service: "nobody"}, CallFailed, "code = NotFound desc = unknown service"},
		"long name":       {GRPCTarget{Addr: addr, Service: strings.Repeat("x", 8000)}, CallFailed, "code = NotFound"},
		"endless name":    {GRPCTarget{Addr: addr, Service: strings.Repeat("x", 9000)}, BadTarget, "longer"},
		"unimplemented":   {GRPCTarget{Addr: bare}, CallFailed, "does not implement the grpc health protocol"},
		"silent":          {GRPCTarget{Addr: silent(t), ConnectTimeout: quick}, NoConnect, "within 100ms"},
		"refused":         {GRPCTarget{Addr: closed(t)}, NoConnect, "connection refused"},
		"HTTP/1 server":   {GRPCTarget{Addr: web.Listener.Addr().String()}, NoConnect, "HTTP/1"},
		"no port":         {GRPCTarget{Addr: "localhost"}, BadTarget, "host:port"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, GRPC(t.Context(), c.target), c.kind, c.text) })
	}
}

func TestGRPCHangingCallEndsInTime(t *testing.T) {
	release := make(chan struct{})
	hang := func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
		<-release
		return nil, errors.New("released")
	}
	addr := serveGRPC(t, "tcp", "127.0.0.1:0", healthy, grpc.UnaryInterceptor(hang))
	defer close(release)
	err := GRPC(t.Context(), GRPCTarget{Addr: addr, RPCTimeout: 50 * time.Millisecond})
	expect(t, err, CallFailed, "timeout: health rpc did not complete within 50ms")

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	expect(t, GRPC(ctx, GRPCTarget{Addr: addr, RPCTimeout: time.Hour}), CallFailed, "")
}

func TestGRPCSendsHeaders(t *testing.T) {
	seen := make(chan metadata.MD, 1)
	note := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		seen <- md
		return next(ctx, req)
	}
	addr := serveGRPC(t, "tcp", "127.0.0.1:0", healthy, grpc.UnaryInterceptor(note))
	err := GRPC(t.Context(), GRPCTarget{Addr: addr, UserAgent: "me", Headers: []Header{{"X-Who", "probe"}}})
	expect(t, err, 0, "")
	md := <-seen
	if got := fmt.Sprint(md["x-who"], md["user-agent"]); got != "[probe] [me]" {
		t.Errorf("metadata %s", got)
	}
}

// TestGRPCSmallWindow has a server whose window is smaller than the request, so
// that the client must wait for WINDOW_UPDATE.
func TestGRPCSmallWindow(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	body := checkRequest("up")
	go func() {
		defer server.Close()
		take := func(n int) { _, _ = io.ReadFull(server, make([]byte, n)) }
		take(len(preface) + 9 + 6)
		_, _ = server.Write([]byte{0, 0, 6, frameSettings, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3})
		take(9) // acknowledgement
		head := make([]byte, 9)
		_, _ = io.ReadFull(server, head)
		take(int(head[1])<<8 | int(head[2]))
		take(9 + 3) // what the window allows
		_, _ = server.Write([]byte{0, 0, 4, frameWindow, 0, 0, 0, 0, 1, 0, 0, 0, 90})
		take(9 + len(body) - 3)
		_, _ = server.Write([]byte{0, 0, 7, frameData, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 8, 1})
		trailers := []byte("\x88\x00\x0bgrpc-status\x010")
		_, _ = server.Write(append([]byte{0, 0, byte(len(trailers)), frameHeaders, flagEndHeaders | flagEndStream, 0, 0, 0, 1}, trailers...))
	}()
	h := newH2(client)
	if err := h.handshake(); err != nil {
		t.Fatal(err)
	}
	got, err := h.call([]Header{{":method", "POST"}}, body)
	if err != nil {
		t.Fatal(err)
	}
	want := reply{body: []byte{0, 0, 0, 0, 2, 8, 1}, httpStatus: "200"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(reply{})); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
}

func TestHTTP(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database\nsorry", http.StatusServiceUnavailable)
	})
	mux.Handle("/moved", http.RedirectHandler("/bad", http.StatusFound))
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(200) })
	mux.HandleFunc("/huge", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 2*maxHeaderBytes))
		w.WriteHeader(500)
	})
	mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { <-release })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	for name, c := range map[string]struct {
		url  string
		kind Kind
		text string
	}{
		"ok":         {s.URL + "/ok?a=b", 0, ""},
		"redirect":   {s.URL + "/moved", 0, ""},
		"hints":      {s.URL + "/early", 0, ""},
		"error":      {s.URL + "/bad", NotReady, "answered 503 (no database sorry)"},
		"not found":  {s.URL, NotReady, "answered 404"},
		"huge":       {s.URL + "/huge", NotReady, "answered 500"},
		"slow":       {s.URL + "/slow", CallFailed, "did not answer within 100ms"},
		"refused":    {"http://" + closed(t) + "/", NoConnect, "connection refused"},
		"gRPC":       {"http://" + serveGRPC(t, "tcp", "127.0.0.1:0", healthy) + "/", CallFailed, ""},
		"https":      {"https://127.0.0.1/", BadTarget, "https"},
		"not a URL":  {"health", BadTarget, "not a URL"},
		"odd scheme": {"ftp://x/", BadTarget, "ftp"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, HTTP(t.Context(), HTTPTarget{URL: c.url, Timeout: 100 * time.Millisecond}), c.kind, c.text)
		})
	}
}

// TestHTTPAsksForAHost: some servers answer only names that they are given.
func TestHTTPAsksForAHost(t *testing.T) {
	var asked string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.Host }))
	t.Cleanup(s.Close)
	for host, want := range map[string]string{"": strings.TrimPrefix(s.URL, "http://"), "localhost:8000": "localhost:8000"} {
		if err := HTTP(t.Context(), HTTPTarget{URL: s.URL + "/health", Host: host, Timeout: time.Second}); err != nil || asked != want {
			t.Errorf("asked %q, want %q: %v", asked, want, err)
		}
	}
}

func TestTCP(t *testing.T) {
	expect(t, TCP(t.Context(), silent(t), time.Second), 0, "")
	expect(t, TCP(t.Context(), closed(t), time.Second), NoConnect, "refused")
	expect(t, TCP(t.Context(), "nowhere", time.Second), BadTarget, "host:port")
}

func TestCommand(t *testing.T) {
	exec := func(exit int, out string, err error) Exec {
		return func(context.Context, []string) (int, string, error) { return exit, out, err }
	}
	argv := []string{"check", "-x"}
	expect(t, Command(t.Context(), exec(0, "", nil), argv, time.Second), 0, "")
	expect(t, Command(t.Context(), exec(7, "a\nb", nil), argv, time.Second), NotReady, "check -x exited with 7 (a b)")
	expect(t, Command(t.Context(), exec(0, "", errors.New("gone")), argv, time.Second), CallFailed, "gone")
	hang := func(ctx context.Context, _ []string) (int, string, error) { <-ctx.Done(); return 0, "", ctx.Err() }
	expect(t, Command(t.Context(), hang, argv, time.Millisecond), CallFailed, "within 1ms")
}

func TestCheckResponse(t *testing.T) {
	for in, want := range map[string]string{
		"\x00\x00\x00\x00\x00":                                 "UNKNOWN",
		"\x00\x00\x00\x00\x02\x08\x01":                         "SERVING",
		"\x00\x00\x00\x00\x02\x08\x03":                         "SERVICE_UNKNOWN",
		"\x00\x00\x00\x00\x02\x08\x63":                         "99",
		"\x00\x00\x00\x00\x06\x12\x02hi\x08\x02":               "NOT_SERVING",
		"\x00\x00\x00\x00\x0a\x19\x01\x02\x03\x04\x05\x06\x07": "malformed health response",
		"\x00\x00\x00\x00\x02\x08":                             "malformed health response",
		"\x00\x00\x00\x00\x01\x08":                             "malformed health response",
		"\x01\x00\x00\x00\x00":                                 "the health response is compressed, which was not requested",
	} {
		got, err := checkResponse([]byte(in))
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// duplex reads from one side and drops what is written.
type duplex struct{ io.Reader }

func (duplex) Write(p []byte) (int, error) { return len(p), nil }

func FuzzH2(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88})
	f.Add([]byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88, 0, 0, 1, 9, 4, 0, 0, 0, 1, 0x88, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		h := newH2(duplex{strings.NewReader(string(b))})
		if h.handshake() != nil {
			return
		}
		r, err := h.call([]Header{{":method", "POST"}}, checkRequest("x"))
		if err == nil {
			_, _ = checkResponse(r.body)
		}
		if len(h.reply.body) > maxMessage || cap(h.headers) > 2*maxHeaders {
			t.Errorf("kept %d bytes of body and %d of headers", len(h.reply.body), cap(h.headers))
		}
	})
}

func FuzzHTTPResponse(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\n\r\n")
	f.Add("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 500 No\r\n\r\nbody")
	f.Fuzz(func(t *testing.T, s string) {
		status, _, err := readResponse(strings.NewReader(s))
		if err == nil && (status < 200 || status > 999) {
			t.Errorf("status %d", status)
		}
	})
}
