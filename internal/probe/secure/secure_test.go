package secure

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/slipway-build/slipway/internal/probe"
)

// certificate is that of a test server of the standard library.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	return s.TLS.Certificates[0]
}

// grpcServer starts a gRPC server with a health service and returns its address.
func grpcServer(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var options []grpc.ServerOption
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	s, h := grpc.NewServer(options...), health.NewServer()
	h.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, h)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// rude answers every connection with a text once it has read something.
func rude(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = conn.Write([]byte(answer))
			}()
		}
	}()
	return l.Addr().String()
}

func expect(t *testing.T, err error, kind probe.Kind, peerTLS bool, text string) {
	t.Helper()
	f := &probe.Failure{}
	if errors.As(err, &f); probe.KindOf(err) != kind || f.TLS != peerTLS || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("kind %d, TLS %v: %v; want kind %d, TLS %v, %q", probe.KindOf(err), f.TLS, err, kind, peerTLS, text)
	}
}

func TestGRPC(t *testing.T) {
	cert := certificate(t)
	config := func(change func(*tls.Config)) *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{cert}}
		change(c)
		return c
	}
	usual := grpcServer(t, config(func(*tls.Config) {}))
	only12 := grpcServer(t, config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }))
	only13 := grpcServer(t, config(func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }))
	mutual := grpcServer(t, config(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }))
	plain := grpcServer(t, nil)
	unverified, verified := With(Unverified()), With(&tls.Config{})
	for name, c := range map[string]struct {
		addr, service string
		secure        probe.Secure
		kind          probe.Kind
		peerTLS       bool
		text          string
	}{
		"over TLS":                       {usual, "", unverified, 0, false, ""},
		"over TLS 1.2":                   {only12, "", unverified, 0, false, ""},
		"over TLS 1.3":                   {only13, "", unverified, 0, false, ""},
		"over TLS, not serving":          {usual, "down", unverified, probe.NotReady, false, "NOT_SERVING"},
		"verified, by a stranger":        {usual, "", verified, probe.NoConnect, false, "certificate"},
		"TLS asked of a plain server":    {plain, "", unverified, probe.NoConnect, false, "the server does not speak TLS"},
		"a certificate is wanted":        {mutual, "", unverified, probe.NoConnect, false, "certificate required"},
		"plain text":                     {plain, "", nil, 0, false, ""},
		"plain text of TLS":              {usual, "", nil, probe.NoConnect, true, "the server speaks TLS and the check is in plain text; check it with -tls -tls-no-verify"},
		"plain text of TLS 1.2":          {only12, "", nil, probe.NoConnect, true, "the server speaks TLS"},
		"plain text of TLS 1.3":          {only13, "", nil, probe.NoConnect, true, "the server speaks TLS"},
		"plain text of mutual TLS":       {mutual, "", nil, probe.NoConnect, true, "the server speaks TLS"},
		"an alert":                       {rude(t, "\x15\x03\x01\x00\x02\x02\x46"), "", nil, probe.NoConnect, true, "the server speaks TLS"},
		"a server that hangs up":         {rude(t, ""), "", nil, probe.NoConnect, false, "unexpected EOF"},
		"a server of another protocol":   {rude(t, "+PONG\r\n+PONG\r\n"), "", nil, probe.NoConnect, false, "error: failed to connect"},
		"HTTP/1 is still called by name": {rude(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), "", nil, probe.NoConnect, false, "HTTP/1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := probe.GRPC(t.Context(), probe.GRPCTarget{Addr: c.addr, Service: c.service, Secure: c.secure, ConnectTimeout: 5 * time.Second, RPCTimeout: 5 * time.Second})
			expect(t, err, c.kind, c.peerTLS, c.text)
		})
	}
}

func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/odd", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "odd question", http.StatusBadRequest) })
	over, plain := httptest.NewUnstartedServer(mux), httptest.NewServer(mux)
	over.EnableHTTP2 = true
	over.StartTLS()
	t.Cleanup(over.Close)
	t.Cleanup(plain.Close)
	swapped := func(url, from, to string) string { return to + strings.TrimPrefix(url, from) }
	for name, c := range map[string]struct {
		url     string
		secure  probe.Secure
		kind    probe.Kind
		peerTLS bool
		text    string
	}{
		"https":                        {over.URL + "/ok", With(Unverified()), 0, false, ""},
		"https, not ready":             {over.URL + "/bad", With(Unverified()), probe.NotReady, false, "answered 503 (no database)"},
		"https of a plain server":      {swapped(plain.URL, "http", "https") + "/ok", With(Unverified()), probe.CallFailed, false, "does not speak TLS"},
		"https without TLS":            {over.URL + "/ok", nil, probe.BadTarget, false, "without TLS"},
		"http":                         {plain.URL + "/ok", nil, 0, false, ""},
		"http answers 400":             {plain.URL + "/odd", nil, probe.NotReady, false, "answered 400 (odd question)"},
		"http of a TLS server":         {swapped(over.URL, "https", "http") + "/ok", nil, probe.CallFailed, true, "the server speaks TLS"},
		"http of one that hangs up":    {"http://" + rude(t, "") + "/", nil, probe.CallFailed, false, "unexpected EOF"},
		"http of one that alerts":      {"http://" + rude(t, "\x15\x03\x03\x00\x02\x02\x16") + "/", nil, probe.CallFailed, true, "the server speaks TLS"},
		"http of one that says nought": {"http://" + rude(t, "\x00\x00\x00\x00\x00\x00\n") + "/", nil, probe.CallFailed, false, "status line"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, probe.HTTP(t.Context(), probe.HTTPTarget{URL: c.url, Timeout: 5 * time.Second, Secure: c.secure}), c.kind, c.peerTLS, c.text)
		})
	}
}
