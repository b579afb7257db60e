// Package secure lets package probe speak TLS. It is apart because crypto/tls
// doubles the size of the probe binary that images carry: only images of
// services that are checked over TLS get the larger one. It listens to nobody.
//
//	err := probe.GRPC(ctx, probe.GRPCTarget{Addr: "localhost:50051", Secure: secure.With(secure.Unverified())})
package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"github.com/slipway-build/slipway/internal/probe"
)

// Unverified is the configuration of a check by the service's own machine: the
// certificate is for the name that clients use, not for localhost, and a check of
// readiness hands out nothing that a stranger could take.
func Unverified() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
}

// With returns the handshake of a configuration, which is not changed.
func With(config *tls.Config) probe.Secure {
	return func(ctx context.Context, conn net.Conn, protocols ...string) (net.Conn, error) {
		c := config.Clone()
		c.NextProtos = protocols
		if c.ServerName == "" && !c.InsecureSkipVerify {
			c.ServerName = "localhost"
		}
		secured := tls.Client(conn, c)
		if err := secured.HandshakeContext(ctx); err != nil {
			if plain := (tls.RecordHeaderError{}); errors.As(err, &plain) {
				return nil, probe.ErrPlain
			}
			return nil, err
		}
		return secured, nil
	}
}
