package health

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/plan"
)

// TestAsk: a check asks its path at localhost, in its protocol, and one without a question
// asks the port alone.
func TestAsk(t *testing.T) {
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, _ := net.SplitHostPort(r.Host); r.URL.Path != "/ready" || host != "localhost" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	plain, secured := httptest.NewServer(answers), httptest.NewTLSServer(answers)
	defer plain.Close()
	defer secured.Close()
	gone := httptest.NewServer(answers)
	gone.Close()
	grpc := ""
	for name, c := range map[string]struct {
		check plan.HealthCheck
		at    *httptest.Server
		good  bool
	}{
		"a path":              {plan.HealthCheck{HTTP: "/ready"}, plain, true},
		"another path":        {plan.HealthCheck{HTTP: "/"}, plain, false},
		"without a slash":     {plan.HealthCheck{HTTP: "ready"}, plain, true},
		"over TLS":            {plan.HealthCheck{HTTP: "/ready", TLS: true}, secured, true},
		"TLS without TLS":     {plan.HealthCheck{HTTP: "/ready"}, secured, false},
		"gRPC where HTTP is":  {plan.HealthCheck{GRPC: &grpc}, plain, false},
		"a port":              {plan.HealthCheck{}, plain, true},
		"a port without one":  {plan.HealthCheck{}, gone, false},
		"a path without port": {plan.HealthCheck{HTTP: "/ready"}, gone, false},
	} {
		if err := Ask(t.Context(), c.check, c.at.Listener.Addr().String(), 2*time.Second); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
