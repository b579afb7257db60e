// Package health asks what the health check of a plan asks, from outside of the container.
//
//	err := health.Ask(ctx, service.Health, "10.1.2.3:8080", 2*time.Second)
package health

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/probe"
	"github.com/slipway-build/slipway/internal/probe/secure"
)

// Ask asks a service at host:port once as its health check says; a check without a
// question asks whether the port accepts. The timeout is that of the connection and of
// the answer. Checks with a command are for those who can run it.
func Ask(ctx context.Context, check plan.HealthCheck, addr string, timeout time.Duration) error {
	scheme, over := "http://", probe.Secure(nil)
	if check.TLS {
		scheme, over = "https://", secure.With(secure.Unverified())
	}
	switch {
	case check.GRPC != nil:
		return probe.GRPC(ctx, probe.GRPCTarget{Addr: addr, Service: *check.GRPC, ConnectTimeout: timeout, RPCTimeout: timeout, Secure: over})
	case check.HTTP != "":
		// The check of an image asks localhost, and some servers answer only names that
		// they are given.
		_, port, _ := net.SplitHostPort(addr)
		return probe.HTTP(ctx, probe.HTTPTarget{
			Host: "localhost:" + port, URL: scheme + addr + "/" + strings.TrimPrefix(check.HTTP, "/"), Timeout: timeout, Secure: over,
		})
	}
	return probe.TCP(ctx, addr, timeout)
}
