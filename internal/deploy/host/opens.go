package host

import (
	"crypto/tls"
	"net"

	"github.com/slipway-build/slipway/internal/diag"
)

// opens is an error when clients cannot come in by a route: another program listens there,
// or its certificate cannot be used. Where the host listens already, they can.
func (h *Host) opens(r Route) error {
	if r.Certificate != "" {
		if _, err := tls.LoadX509KeyPair(r.Certificate, r.Key); err != nil {
			return diag.Fail(diag.ExitUsage, "the certificate %s and the key %s of the route on %s cannot be used", r.Certificate, r.Key, r.Listen).Because(err).
				WithHint("both are PEM files of the host; the first has the whole chain, the server's certificate first")
		}
	}
	if h.listeners[outsideName(r.Listen)] != nil {
		return nil
	}
	l, err := net.Listen("tcp", r.Listen)
	if err != nil {
		return diag.Fail(diag.ExitUsage, "the route on %s cannot be opened", r.Listen).Because(err).
			WithHint("ss -ltnp shows what listens there; choose another address for the route")
	}
	return l.Close()
}
