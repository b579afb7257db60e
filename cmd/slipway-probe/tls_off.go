//go:build !probetls

package main

import (
	"errors"

	"github.com/slipway-build/slipway/internal/probe"
)

// secure refuses TLS: crypto/tls doubles the size of the program, so only the
// images of services that are checked over TLS carry the one that has it.
func (*tlsFlags) secure() (probe.Secure, error) {
	return nil, errors.New("this probe was built without TLS; images of services with health: {…, tls: true} in slipway.yaml carry one with it")
}
