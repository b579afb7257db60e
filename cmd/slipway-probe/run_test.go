package main

import (
	"bytes"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// withTLS chooses what a probe that speaks TLS does, or the plain one.
func withTLS[T any](with, without T) T {
	if _, err := (&tlsFlags{}).secure(); err != nil {
		return without
	}
	return with
}

func TestRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, h := grpc.NewServer(), health.NewServer()
	h.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, h)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	addr := l.Addr().String()
	web := httptest.NewServer(nil)
	t.Cleanup(web.Close)
	missing := web.URL + "/missing"
	over := httptest.NewTLSServer(nil)
	t.Cleanup(over.Close)
	secured := over.Listener.Addr().String()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: over.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		args           string
		exit           int
		stdout, stderr string
	}{
		"one word":        {"/bin/grpc_health_probe -addr=" + addr, 0, "status: SERVING\n", ""},
		"two words":       {"slipway-probe --addr " + addr + " --service= -rpc-timeout 2s", 0, "status: SERVING\n", ""},
		"verbose":         {"slipway-probe -v -addr " + addr, 0, "status: SERVING\n", "time elapsed: connect="},
		"not serving":     {"slipway-probe -addr " + addr + " -service down", 4, "", `service unhealthy (responded with "NOT_SERVING")`},
		"unknown service": {"slipway-probe -addr " + addr + " -service x", 3, "", "error: health rpc failed"},
		"refused":         {"slipway-probe -addr 127.0.0.1:1", 2, "", "error: failed to connect"},
		"no address":      {"grpc_health_probe", 1, "", "error: -addr not specified"},
		"unknown flag":    {"grpc_health_probe -x", 1, "", "error: flag provided but not defined: -x"},
		"zero timeout":    {"grpc_health_probe -addr x:1 -connect-timeout 0", 1, "", "greater than zero"},
		"tls":             {"grpc_health_probe -addr " + addr + " -tls -tls-no-verify", withTLS(2, 1), "", withTLS("the server does not speak TLS", "this probe was built without TLS")},
		"no -tls":         {"grpc_health_probe -addr x:1 -tls-no-verify", 1, "", "specified -tls-no-verify without specifying -tls"},
		"tls server":      {"grpc_health_probe -addr " + secured, 2, "", "the server speaks TLS and the check is in plain text; check it with -tls -tls-no-verify"},
		"https":           {"slipway-probe -tls-no-verify https://" + secured + "/", withTLS(4, 1), "", withTLS("answered 404", "this probe was built without TLS")},
		"https, verified": {"slipway-probe https://" + secured + "/", withTLS(3, 1), "", withTLS("certificate", "this probe was built without TLS")},
		"verified by CA":  {"slipway-probe -tls-ca-cert=" + ca + " -tls-server-name=example.com https://" + secured + "/", withTLS(4, 1), "", withTLS("answered 404", "without TLS")},
		"no CA":           {"grpc_health_probe -addr x:1 -tls -tls-ca-cert=/none", 1, "", withTLS("reading -tls-ca-cert", "without TLS")},
		"half a pair":     {"grpc_health_probe -addr x:1 -tls -tls-client-key=/none", 1, "", withTLS("go together", "without TLS")},
		"alts":            {"grpc_health_probe -addr x:1 -alts", 1, "", "-alts: this probe supports neither"},
		"tls off":         {"grpc_health_probe -addr " + addr + " -tls=false", 0, "status: SERVING\n", ""},
		"tls certificate": {"grpc_health_probe -addr x:1 -tls-ca-cert=/x", 1, "", "-tls-ca-cert"},
		"header":          {"grpc_health_probe -addr x:1 -rpc-header x", 1, "", "name: value"},
		"help":            {"grpc_health_probe -h", 1, "", "Exit codes:"},
		"URL":             {"slipway-probe " + web.URL + "/", 4, "", "answered 404"},
		"URL, not ready":  {"slipway-probe -timeout 2s " + missing, 4, "", "answered 404"},
		"tcp":             {"slipway-probe tcp://" + addr, 0, "status: SERVING\n", ""},
		"tcp refused":     {"slipway-probe tcp://127.0.0.1:1", 2, "", "connection refused"},
		"URL and address": {"slipway-probe -addr x:1 http://x/", 1, "", "unexpected argument"},
		"other scheme":    {"slipway-probe ftp://x/", 1, "", "neither http://"},
		"two URLs":        {"slipway-probe http://x/ http://y/", 1, "", "one URL at most"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			exit := run(t.Context(), strings.Fields(c.args), &stdout, &stderr)
			if exit != c.exit || stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) || (c.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("exit %d, stdout %q, stderr %q; want %+v", exit, stdout.String(), stderr.String(), c)
			}
		})
	}
}
