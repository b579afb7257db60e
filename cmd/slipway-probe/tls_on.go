//go:build probetls

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/slipway-build/slipway/internal/probe"
	"github.com/slipway-build/slipway/internal/probe/secure"
)

// secure returns the handshake that the flags ask for.
func (t *tlsFlags) secure() (probe.Secure, error) {
	config := secure.Unverified()
	config.InsecureSkipVerify = t.noVerify
	config.ServerName = t.serverName
	if t.caCert != "" {
		data, err := os.ReadFile(t.caCert)
		if err != nil {
			return nil, fmt.Errorf("reading -tls-ca-cert: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("reading -tls-ca-cert: %s holds no certificate", t.caCert)
		}
	}
	if (t.cert == "") != (t.key == "") {
		return nil, errors.New("-tls-client-cert and -tls-client-key go together")
	}
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, fmt.Errorf("reading -tls-client-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return secure.With(config), nil
}
