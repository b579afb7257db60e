// Package httplimit bounds what another side of HTTP can do to a command: send it
// in circles, keep it waiting, or make it read for ever. It also keeps passwords
// off plain HTTP. It does not retry for long and knows nothing of registries.
//
//	client := &http.Client{Transport: httplimit.New(http.DefaultTransport, httplimit.Default())}
package httplimit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Limits are the bounds of one request. A zero bound is none.
type Limits struct {
	Redirects int           // in a row
	Headers   time.Duration // from the end of the request to the answer's headers
	Silence   time.Duration // without a byte in either direction
	Answer    time.Duration // for a whole answer
	Bytes     int64         // of an answer
}

// Default are the bounds for a registry: those of issue reports about silent
// registries, and the limit of redirects of net/http.
func Default() Limits {
	return Limits{Redirects: 10, Headers: 30 * time.Second, Silence: time.Minute}
}

// Transport is an http.RoundTripper that applies Limits. It is safe for
// concurrent use.
type Transport struct {
	inner  http.RoundTripper
	limits Limits
}

var _ http.RoundTripper = (*Transport)(nil)

// New wraps a transport.
func New(inner http.RoundTripper, limits Limits) *Transport { return &Transport{inner, limits} }

// Silent says that a server sent nothing for too long. It is a net.Error.
type Silent struct {
	Host  string
	For   time.Duration
	Began bool // the answer had begun
}

func (e *Silent) Error() string {
	if e.Began {
		return fmt.Sprintf("%s stopped in the middle of its answer and sent nothing for %s", e.Host, e.For)
	}
	return fmt.Sprintf("%s did not answer within %s", e.Host, e.For)
}

// Timeout says that this error is about time.
func (e *Silent) Timeout() bool { return true }

// Temporary says that reading the answer once more may help. A request without
// any answer was already repeated.
func (e *Silent) Temporary() bool { return e.Began }

// Redirected says that a server redirects without an end.
type Redirected struct {
	Host  string // that redirected last
	Times int
}

func (e *Redirected) Error() string {
	return fmt.Sprintf("%s keeps redirecting: stopped after %d redirects", e.Host, e.Times)
}

// Exposed says that a request would have sent a password over plain HTTP.
type Exposed struct{ Host string }

func (e *Exposed) Error() string {
	return "refusing to send credentials over plain HTTP to " + e.Host
}

// TooLarge says that an answer has too many bytes.
type TooLarge struct {
	Host  string
	Bytes int64
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("the answer of %s is larger than %d bytes", e.Host, e.Bytes)
}

// RoundTrip sends a request within the limits. One that only reads is sent once
// more when the server does not answer at all.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if n := redirects(req); t.limits.Redirects > 0 && n > t.limits.Redirects {
		closeBody(req)
		return nil, &Redirected{req.Response.Request.URL.Host, t.limits.Redirects}
	}
	if Exposes(req) {
		closeBody(req)
		return nil, &Exposed{req.URL.Host}
	}
	res, err := t.once(req)
	if silent := (*Silent)(nil); errors.As(err, &silent) && readsOnly(req) && req.Context().Err() == nil {
		return t.once(req)
	}
	return res, err
}

// redirects counts how often a request was redirected: net/http keeps the answer
// that caused each one.
func redirects(req *http.Request) int {
	n := 0
	for r := req; r.Response != nil && r.Response.Request != nil; r = r.Response.Request {
		n++
	}
	return n
}

// Exposes tells whether a request carries a password over plain HTTP to another
// machine.
func Exposes(req *http.Request) bool {
	if req.URL.Scheme != "http" || Loopback(req.URL.Hostname()) {
		return false
	}
	form := strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") // a token for a password (OAuth 2)
	return req.Header.Get("Authorization") != "" || req.URL.User != nil || form
}

// Loopback tells whether a host name means this machine without asking DNS.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func readsOnly(req *http.Request) bool {
	return (req.Method == http.MethodGet || req.Method == http.MethodHead) && (req.Body == nil || req.Body == http.NoBody)
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// once sends a request under a watch.
func (t *Transport) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{limits: t.limits, host: req.URL.Host, ctx: ctx, cancel: cancel}
	sent := req.WithContext(ctx)
	if req.Body == nil || req.Body == http.NoBody {
		w.start(t.limits.Headers)
	} else {
		w.start(t.limits.Silence)
		sent.Body = &upload{req.Body, w}
	}
	res, err := t.inner.RoundTrip(sent)
	if err != nil {
		w.end()
		return nil, w.explain(err)
	}
	w.answering()
	res.Request = req // as it was asked, for who counts redirects
	res.Body = &answer{ReadCloser: res.Body, watch: w}
	return res, nil
}
