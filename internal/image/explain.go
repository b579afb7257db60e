package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/httplimit"
)

// explain turns an error of a push into what happened, why, and what to do.
func (p *Pusher) explain(ctx context.Context, local string, ref name.Reference, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.As(err, new(*diag.Failure)) {
		return err
	}
	var blob *os.PathError
	if errors.As(err, &blob) || errors.As(err, new(*Damaged)) {
		return diag.Fail(diag.ExitUnexpected, "pushing %s: the local image is incomplete", ref.Name()).
			WithHint("build it again: slipway build").Because(err)
	}
	if errors.As(err, new(*transport.Error)) && p.store != nil {
		if damaged := p.store.incomplete(ctx, local, err); damaged != nil {
			return damaged
		}
	}
	host := ref.Context().RegistryStr()
	var cause error = &redacted{text: redact(rootText(err), p.opts.Password), err: err}
	if errors.As(err, new(*transport.Error)) || errors.As(err, new(*exhausted)) {
		cause = diag.Elsewhere{Err: cause}
	}
	return p.classify(host, ref, err).Because(cause)
}

// classify picks text and hint by the kind of error.
func (p *Pusher) classify(host string, ref name.Reference, err error) *diag.Failure {
	var answer *transport.Error
	var gaveUp *exhausted
	var dns *net.DNSError
	if f := bounded(host, ref, err); f != nil {
		return f
	}
	switch {
	case isTLS(err):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s cannot be trusted", ref.Name(), host).
			WithHint("add its certificate authority to the machine (SSL_CERT_FILE), or push with --insecure")
	case errors.As(err, &gaveUp) && gaveUp.status == http.StatusTooManyRequests && gaveUp.asked > 0:
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s limits requests and asks to wait %s", ref.Name(), host, gaveUp.asked).
			WithHint("push again after %s, or log in for a higher limit", gaveUp.asked)
	case errors.As(err, &gaveUp) && gaveUp.status == http.StatusTooManyRequests:
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s limits requests", ref.Name(), host).
			WithHint("push again later, or with fewer services at once (--parallel 1)")
	case errors.As(err, &gaveUp):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s reports a server error", ref.Name(), host).
			WithHint("look at the registry's log; the registry keeps uploaded layers, so push again after it recovers")
	case errors.As(err, &answer) && p.credentials.withheld(host) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s requires a login; SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD were not sent, because SLIPWAY_REGISTRY does not name it", ref.Name(), host).
			WithHint("if this registry may have that password, set SLIPWAY_REGISTRY=%s; otherwise: docker login %s", host, host)
	case errors.As(err, &answer):
		return refused(host, ref, answer)
	case errors.Is(err, syscall.ECONNREFUSED):
		f := diag.Fail(diag.ExitUnexpected, "pushing %s: no registry answers at %s", ref.Name(), host)
		if httplimit.Loopback(hostOnly(host)) {
			return f.WithHint("start one: slipway registry serve --addr %s", host)
		}
		return f.WithHint("check the address and that the registry runs")
	case errors.As(err, &dns):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: the host %s was not found", ref.Name(), hostOnly(host)).
			WithHint("check --registry and the name server")
	case strings.Contains(err.Error(), "refusing plain HTTP"), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s does not speak TLS", ref.Name(), host).
			WithHint("push with --insecure if you trust the network")
	}
	return diag.Fail(diag.ExitUnexpected, "pushing %s", ref.Name()).WithHint("check the connection to %s and push again", host)
}

// bounded explains why a request was given up.
func bounded(host string, ref name.Reference, err error) *diag.Failure {
	var circle *httplimit.Redirected
	var silent *httplimit.Silent
	var exposed *httplimit.Exposed
	var large *httplimit.TooLarge
	switch {
	case errors.As(err, &circle):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s redirects requests in a circle", ref.Name(), host).
			WithHint("fix the redirects of the registry, or of the proxy before it: curl -sIL %s/v2/", host)
	case errors.As(err, &silent):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s is silent", ref.Name(), host).
			WithHint("check that the registry runs and answers: curl -m 30 -i %s/v2/", host)
	case errors.As(err, &exposed):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: the credentials would be readable on the network", ref.Name()).
			WithHint("let %s speak TLS (--insecure accepts any certificate), or push without credentials", exposed.Host)
	case errors.As(err, &large):
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s answers with too much data", ref.Name(), host).
			WithHint("check that %s is a registry: curl -i %s/v2/", host, host)
	}
	return nil
}

// refused explains a final answer of a registry.
func refused(host string, ref name.Reference, answer *transport.Error) *diag.Failure {
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s requires a login, or rejects these credentials", ref.Name(), host).
			WithHint("docker login %s (or podman login), or set SLIPWAY_REGISTRY=%s, SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD", host, host)
	case http.StatusForbidden:
		return diag.Fail(diag.ExitUnexpected, "pushing %s: no permission to push to %s", ref.Name(), ref.Context().Name()).
			WithHint("ask for permission to push, or log in as a user who has it: docker login %s", host)
	case http.StatusNotFound:
		return diag.Fail(diag.ExitUnexpected, "pushing %s: %s does not know %s", ref.Name(), host, ref.Context().RepositoryStr()).
			WithHint("check --registry; some registries require an existing repository: create it first")
	case http.StatusRequestEntityTooLarge:
		return diag.Fail(diag.ExitUnexpected, "pushing %s: a layer is too large for %s", ref.Name(), host).
			WithHint("raise the body limit of the proxy before the registry")
	}
	return diag.Fail(diag.ExitUnexpected, "pushing %s: %s refuses it", ref.Name(), host).
		WithHint("look at the registry's log")
}

func isTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid)
}

func hostOnly(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// rootText is the text of the innermost cause worth reading: without the URL and
// the method that net/http puts before it.
func rootText(err error) string {
	if e := (*httplimit.Redirected)(nil); errors.As(err, &e) {
		return e.Error()
	}
	if e := (*httplimit.Silent)(nil); errors.As(err, &e) {
		return e.Error()
	}
	if e := (*httplimit.Exposed)(nil); errors.As(err, &e) {
		return e.Error()
	}
	if e := (*exhausted)(nil); errors.As(err, &e) {
		return e.Error()
	}
	if e := (*net.OpError)(nil); errors.As(err, &e) && errors.Is(err, syscall.ECONNREFUSED) {
		return "connection refused"
	}
	return err.Error()
}

// redacted is an error whose text holds no credentials.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

// Is keeps errors.Is working without giving the original text away.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }

// redact removes credentials from a text: user information and signatures in
// URLs, authorization headers and the given secrets, plain or in base64.
func redact(text string, secrets ...string) string {
	text = regexp.MustCompile(`://[^/\s@]*@`).ReplaceAllString(text, "://REDACTED@")
	text = regexp.MustCompile(`(?i)([?&](?:[a-z_-]*(?:token|signature|credential|password|secret)|sig)=)[^&\s"]*`).ReplaceAllString(text, "${1}REDACTED")
	text = regexp.MustCompile(`(?i)\b(basic|bearer)\s+[a-z0-9+/_.=~-]{8,}`).ReplaceAllString(text, "$1 REDACTED")
	for _, s := range secrets {
		if s == "" {
			continue
		}
		text = strings.ReplaceAll(text, s, "REDACTED")
		text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString([]byte(s)), "REDACTED")
	}
	return text
}
