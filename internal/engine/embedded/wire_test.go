//go:build linux

package embedded

import (
	"testing"

	"github.com/slipway-build/slipway/internal/httplimit"
)

func TestEveryRegistryIsBounded(t *testing.T) {
	for _, host := range []string{"docker.io", "registry.example", "localhost:5000", "127.0.0.1:5000"} {
		hosts, err := registryHosts()(host)
		if err != nil || len(hosts) == 0 {
			t.Fatalf("%s: %v, %v", host, hosts, err)
		}
		for _, h := range hosts {
			if h.Client == nil {
				t.Errorf("%s: no client", host)
			} else if _, ok := h.Client.Transport.(*httplimit.Transport); !ok {
				t.Errorf("%s: %T", host, h.Client.Transport)
			}
		}
	}
}
