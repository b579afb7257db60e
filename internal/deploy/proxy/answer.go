package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
)

// reason is why the proxy answered itself; the value of the header X-Slipway-Proxy.
type reason string

const (
	reasonNoRoute  reason = "no-route"        // 404
	reasonBadPath  reason = "ambiguous-path"  // 400
	reasonMethod   reason = "method"          // 405: CONNECT, PRI
	reasonNoSide   reason = "no-side"         // 503: no side gets requests
	reasonPreview  reason = "no-preview"      // 503: no side is in preview
	reasonNone     reason = "no-upstream"     // 503: the side has none
	reasonBusy     reason = "too-many"        // 503: MaxRequests
	reasonPaused   reason = "paused"          // 503
	reasonDrained  reason = "drained"         // 503: cut by Drain or Close
	reasonRefused  reason = "refused"         // 502: no upstream takes connections
	reasonBroke    reason = "broken"          // 502: the upstream ended without an answer
	reasonConnect  reason = "connect-timeout" // 504
	reasonTimeout  reason = "answer-timeout"  // 504
	reasonGone     reason = "client-gone"     // 499, which nobody reads
	statusGone            = 499               // as in nginx's log
	retryAfterSecs        = 1
)

// refusal is an answer of the proxy itself.
type refusal struct {
	reason reason
	status int
	text   string
}

func refuse(r reason) *refusal {
	switch r {
	case reasonNoRoute:
		return &refusal{r, http.StatusNotFound, "no service has this host and path"}
	case reasonBadPath:
		return &refusal{r, http.StatusBadRequest, "the target is no path, or names another service once its dots and slashes are resolved"}
	case reasonMethod:
		return &refusal{r, http.StatusMethodNotAllowed, "this is not a forward proxy"}
	case reasonNoSide:
		return &refusal{r, http.StatusServiceUnavailable, "the service takes no requests"}
	case reasonPreview:
		return &refusal{r, http.StatusServiceUnavailable, "no new release waits for its traffic"}
	case reasonNone:
		return &refusal{r, http.StatusServiceUnavailable, "the service has no upstream"}
	case reasonBusy:
		return &refusal{r, http.StatusServiceUnavailable, "the service has too many open requests"}
	case reasonPaused:
		return &refusal{r, http.StatusServiceUnavailable, "the service is paused"}
	case reasonDrained:
		return &refusal{r, http.StatusServiceUnavailable, "the request was cut off"}
	case reasonRefused:
		return &refusal{r, http.StatusBadGateway, "no upstream of the service takes connections"}
	case reasonConnect:
		return &refusal{r, http.StatusGatewayTimeout, "no upstream of the service took the connection in time"}
	case reasonTimeout:
		return &refusal{r, http.StatusGatewayTimeout, "the service did not answer in time"}
	case reasonGone:
		return &refusal{r, statusGone, "the client went away"}
	}
	return &refusal{reasonBroke, http.StatusBadGateway, "the service ended the connection without an answer"}
}

// explain names the reason for an error of an attempt.
func explain(ctx context.Context, err error) *refusal {
	timeout := isTimeout(err)
	switch {
	case errors.Is(context.Cause(ctx), errCut):
		return refuse(reasonDrained)
	case ctx.Err() != nil:
		return refuse(reasonGone)
	case errors.Is(err, errNoUpstream):
		return refuse(reasonNone)
	case isDial(err) && timeout:
		return refuse(reasonConnect)
	case isDial(err):
		return refuse(reasonRefused)
	case timeout:
		return refuse(reasonTimeout)
	}
	return refuse(reasonBroke)
}

// isTimeout reports an error of something that took too long.
func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// answer is the http.ResponseWriter of a request. It counts, and hands each piece of
// a body on at once.
type answer struct {
	http.ResponseWriter
	status  int
	bytes   int64
	length  int64  // that the headers say; -1: none
	reason  reason // "": an upstream answered
	closing func() bool
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader leaves "100 Continue" to the server, which sends it when the body is first
// read: httputil.ReverseProxy hands on that of the upstream at the same moment, and a
// client would get two.
func (a *answer) WriteHeader(status int) {
	if status == http.StatusContinue {
		return
	}
	if status >= 200 && a.status == 0 {
		a.status, a.length = status, -1
		if n, err := strconv.ParseInt(a.Header().Get("Content-Length"), 10, 64); err == nil {
			a.length = n
		}
		if a.closing != nil && a.closing() {
			a.Header().Set("Connection", "close")
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write flushes a part of a body of known length; httputil.ReverseProxy flushes those
// of unknown length, and the end of a request flushes the rest.
func (a *answer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	if err == nil && a.length > a.bytes {
		err = http.NewResponseController(a.ResponseWriter).Flush()
	}
	return n, err
}

// refuse answers a request.
func (a *answer) refuse(r *refusal) {
	a.reason = r.reason
	if r.reason == reasonGone {
		a.status = r.status
		return
	}
	body := fmt.Sprintf("%d %s: %s\n", r.status, r.reason, r.text)
	h := a.Header()
	h.Set(Reason, string(r.reason))
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if r.reason == reasonMethod { // what follows may not be HTTP
		h.Set("Connection", "close")
	}
	if r.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfterSecs))
	}
	a.WriteHeader(r.status)
	_, _ = io.WriteString(a, body)
}

// counted takes one from an upstream's open requests when the body is closed.
func counted(body io.ReadCloser, u *upstream) io.ReadCloser {
	if both, ok := body.(io.ReadWriteCloser); ok { // an upgrade
		return &upgraded{ReadWriteCloser: both, place: place{of: u}}
	}
	return &left{ReadCloser: body, place: place{of: u}}
}

// place is one of an upstream's open requests.
type place struct {
	of   *upstream
	left atomic.Bool
}

func (p *place) leave() {
	if p.left.CompareAndSwap(false, true) {
		p.of.open.Add(-1)
	}
}

// left is a body with an end.
type left struct {
	io.ReadCloser
	place
}

func (l *left) Close() error {
	l.leave()
	return l.ReadCloser.Close()
}

// upgraded is a connection after 101, with the bytes that went over it.
type upgraded struct {
	io.ReadWriteCloser
	place
	in, out atomic.Int64 // from the client, to the client
}

func (u *upgraded) Read(p []byte) (int, error) {
	n, err := u.ReadWriteCloser.Read(p)
	u.out.Add(int64(n))
	return n, err
}

func (u *upgraded) Write(p []byte) (int, error) {
	n, err := u.ReadWriteCloser.Write(p)
	u.in.Add(int64(n))
	return n, err
}

// CloseWrite hands the end of the client's bytes on.
func (u *upgraded) CloseWrite() error {
	if half, ok := u.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return u.ReadWriteCloser.Close()
}

func (u *upgraded) Close() error {
	u.leave()
	return u.ReadWriteCloser.Close()
}
