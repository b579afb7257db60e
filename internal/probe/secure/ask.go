package secure

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/probe"
)

// Ask asks a service at host:port once as its health check says; a check without a
// question asks whether the port accepts. The timeout is that of the connection and of
// the answer. Checks with a command are for those who can run it.
func Ask(ctx context.Context, check plan.HealthCheck, addr string, timeout time.Duration) error {
	scheme, over := "http://", probe.Secure(nil)
	if check.TLS {
		scheme, over = "https://", With(Unverified())
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
