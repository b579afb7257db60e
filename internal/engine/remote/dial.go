package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/moby/buildkit/client/connhelper"
	"github.com/moby/buildkit/client/connhelper/dockercontainer"
	"github.com/moby/buildkit/client/connhelper/kubepod"

	"github.com/slipway-build/slipway/internal/diag"
)

// dialTime bounds one attempt to reach a node.
const dialTime = 10 * time.Second

// dialer makes the connections to one node and remembers why the last one did
// not work: gRPC tells it only as text.
type dialer struct {
	at  Address
	tls *tls.Config // nil: plain
	via func(ctx context.Context, addr string) (net.Conn, error)

	mu    sync.Mutex
	fault error
}

func newDialer(at Address) (*dialer, error) {
	d := &dialer{at: at}
	var helper func() (*connhelper.ConnectionHelper, error)
	switch at.url.Scheme {
	case "docker-container":
		helper = func() (*connhelper.ConnectionHelper, error) { return dockercontainer.Helper(at.url) }
	case "kube-pod":
		helper = func() (*connhelper.ConnectionHelper, error) { return kubepod.Helper(at.url) }
	default:
		if at.certs == "" {
			return d, nil
		}
		var err error
		d.tls, err = readCerts(at)
		return d, err
	}
	h, err := helper()
	if err != nil {
		return nil, wrong(at.text, "%v", err).WithHint("%s://NAME", at.url.Scheme)
	}
	d.via = h.ContextDialer
	return d, nil
}

// readCerts reads a directory of certificates with the names that BuildKit's
// documentation uses: ca.pem, cert.pem and key.pem.
func readCerts(at Address) (*tls.Config, error) {
	refuse := func(err error) error {
		return diag.Fail(diag.ExitUsage, "the certificates for %s cannot be read", at).Because(err).
			WithHint("%s needs the files ca.pem, cert.pem and key.pem", at.certs)
	}
	ca, err := os.ReadFile(filepath.Join(at.certs, "ca.pem"))
	if err != nil {
		return nil, refuse(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, refuse(errors.New("ca.pem has no certificate"))
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(at.certs, "cert.pem"), filepath.Join(at.certs, "key.pem"))
	if err != nil {
		return nil, refuse(err)
	}
	name := at.serverName
	if name == "" {
		name = at.url.Hostname()
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}, ServerName: name, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}, nil
}

// dial opens a connection.
func (d *dialer) dial(ctx context.Context, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := d.open(ctx)
	d.note(err)
	if err != nil {
		return nil, err
	}
	w := &watched{Conn: conn, dialer: d}
	if d.tls != nil {
		if err := w.listen(); err != nil {
			return nil, errors.Join(err, ignoreClosed(conn.Close()))
		}
	}
	return w, nil
}

func (d *dialer) open(ctx context.Context) (net.Conn, error) {
	if d.via != nil {
		return d.via(ctx, "")
	}
	// A node that is gone without a word is found out within a minute.
	plain := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3}}
	network, address := "tcp", d.at.url.Host
	if d.at.url.Scheme == "unix" {
		network, address = "unix", d.at.url.Path
	}
	conn, err := plain.DialContext(ctx, network, address)
	if err != nil || d.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(&tlsError{err}, ignoreClosed(conn.Close()))
	}
	return secure, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// note remembers why a connection did not work; nil forgets it.
func (d *dialer) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = err
}

// cause returns why the last connection did not work, nil when it did.
func (d *dialer) cause() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault
}

// tlsError is a handshake that one of both sides refused.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// watched is a connection that tells its dialer how it broke.
type watched struct {
	net.Conn
	dialer *dialer
	heard  []byte // read ahead
}

// listen waits for the first byte, which BuildKit's server sends unasked: in TLS
// 1.3 a client learns only when it reads that its certificate was refused, and
// never when a write fails before.
func (w *watched) listen() error {
	if err := w.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	first := make([]byte, 1)
	n, err := w.Read(first)
	w.heard = first[:n]
	if errors.Is(err, os.ErrDeadlineExceeded) { // another kind of server
		w.dialer.note(nil)
		err = nil
	}
	return errors.Join(err, w.SetReadDeadline(time.Time{}))
}

// Read implements net.Conn.
func (w *watched) Read(p []byte) (int, error) {
	if len(w.heard) > 0 {
		n := copy(p, w.heard)
		w.heard = w.heard[n:]
		return n, nil
	}
	n, err := w.Conn.Read(p)
	switch broken := (*net.OpError)(nil); {
	case err == nil || errors.Is(err, net.ErrClosed):
	case errors.Is(err, io.EOF):
		w.dialer.note(errors.New("it closed the connection"))
	case errors.As(err, &broken) && broken.Op == "remote error": // as crypto/tls calls the other side's alerts
		err = &tlsError{err}
		w.dialer.note(err)
	default:
		w.dialer.note(err)
	}
	return n, err
}

// unreachable says why a node does not answer, and what to do about it.
func (d *dialer) unreachable(err error) *diag.Failure {
	if cause := d.cause(); cause != nil {
		err = cause
	}
	at := d.at
	if refused := (*tlsError)(nil); errors.As(err, &refused) {
		return diag.Fail(diag.ExitUsage, "the TLS connection to the builder %s was refused", at).Because(refused).WithHint("%s", tlsHint(at, refused))
	}
	fail := diag.Fail(diag.ExitUsage, "the builder %s cannot be reached", at).Because(err)
	switch at.url.Scheme {
	case "unix":
		return fail.WithHint("start it there: buildkitd --addr %s; or check the socket's permissions: ls -l %s", at, at.url.Path)
	case "docker-container":
		return fail.WithHint("docker ps --filter name=%s", at.url.Hostname())
	case "kube-pod":
		return fail.WithHint("kubectl get pod %s, and check context= and namespace= of the address", at.url.Hostname())
	}
	if d.tls == nil {
		return fail.WithHint("check host and port; a builder that requires TLS needs --builder-certs DIR")
	}
	return fail.WithHint("check host and port: nc -vz %s %s", at.url.Hostname(), at.url.Port())
}

// tlsHint tells whose certificate is wrong.
func tlsHint(at Address, err error) string {
	if errors.As(err, new(x509.HostnameError)) {
		return fmt.Sprintf("the certificate has another name: %s?servername=NAME", at.text)
	}
	if errors.As(err, new(*tls.CertificateVerificationError)) {
		return fmt.Sprintf("ca.pem in %s does not belong to the authority that signed the builder's certificate", at.certs)
	}
	if errors.As(err, new(tls.RecordHeaderError)) {
		return "the builder does not speak TLS there: leave out --builder-certs, or start buildkitd with --tlscert, --tlskey and --tlscacert"
	}
	return fmt.Sprintf("the builder does not take cert.pem in %s: ask its administrator for a certificate that its --tlscacert signed", at.certs)
}
