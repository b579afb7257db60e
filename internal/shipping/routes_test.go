package shipping

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/release"
)

// routesOf are those of the environment prod of a fleet, for its three services and a job.
func routesOf(t *testing.T, text string) []host.Route {
	t.Helper()
	fl := fleetOf(t, twoServices+"environments:\n  prod:\n    target: host\n"+text)
	r := releaseOf("web", "api", "store", "nightly")
	r.Services[3] = release.Service{Name: "nightly", Type: "job"}
	env, err := fl.Fleet.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	return Order{Fleet: fl, Environment: env, Release: r}.routes()
}

// TestRoutesWithCertificatesOfAnAuthority: each says which one.
func TestRoutesWithCertificatesOfAnAuthority(t *testing.T) {
	want := []host.Route{
		{Listen: "[::]:443", Host: "shop.example", Service: "web", ACME: true, Directory: "https://ca.example/acme", Email: "ops@shop.example"},
		{Listen: "[::]:8443", Host: "api.example", Service: "api", Certificate: "/etc/c", Key: "/etc/k"},
	}
	got := routesOf(t, `    acme: {email: ops@shop.example, directory: "https://ca.example/acme"}
    routes:
      - {host: shop.example, service: web, certificate: acme}
      - {listen: 8443, host: api.example, service: api, certificate: /etc/c, key: /etc/k}
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPreviewsAreRoutes: those of services with an address to preview them, beside the
// routes that are written.
func TestPreviewsAreRoutes(t *testing.T) {
	want := []host.Route{
		{Listen: "[::]:8080", Path: "/shop", Service: "web"},
		{Listen: "[::]:8081", Service: "web", Preview: true},
		{Listen: "127.0.0.1:8082", Service: "api", Preview: true},
	}
	got := routesOf(t, `    routes: [{listen: 8080, path: /shop, service: web}]
    services:
      web: {strategy: {blue-green: {preview: 8081}}}
      api: {strategy: {blue-green: {preview: "127.0.0.1:8082"}}}
      store: {strategy: blue-green}
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
