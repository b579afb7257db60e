package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/httplimit"
	"github.com/slipway-build/slipway/internal/retry"
)

var _ http.RoundTripper = (*retrying)(nil)

// retrying repeats requests that a registry may answer later: 429 and 503 after
// the time it asks for, other temporary answers and broken connections after a
// growing wait. It also keeps requests off plain HTTP where that is not allowed.
type retrying struct {
	inner     http.RoundTripper
	policy    retry.Policy
	plainHTTP bool // to any host, not only to this machine
	sink      event.Sink
	now       func() time.Time
}

// exhausted says that a registry kept answering with a temporary error.
type exhausted struct {
	status   int
	attempts int
	asked    time.Duration // by the last Retry-After; 0 when there was none
	body     string
	again    bool // the request may be sent once more
}

// Temporary says that the same request may succeed later.
func (e *exhausted) Temporary() bool { return e.again }

// RetryAfter is the wait that the registry asks for.
func (e *exhausted) RetryAfter() time.Duration { return e.asked }

// broken is a transport error, and whether the request may be sent once more.
type broken struct {
	err   error
	again bool
}

func (e *broken) Error() string   { return e.err.Error() }
func (e *broken) Unwrap() error   { return e.err }
func (e *broken) Temporary() bool { return e.again }

func (e *exhausted) Error() string {
	text := fmt.Sprintf("%d %s, %d times", e.status, http.StatusText(e.status), e.attempts)
	if e.attempts == 1 {
		text = fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	}
	if e.body != "" {
		text += ": " + e.body
	}
	return text
}

// RoundTrip sends a request, again and again where that can help.
func (t *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !t.plainHTTP && !httplimit.Loopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("refusing plain HTTP to %s", req.URL.Host)
	}
	var res *http.Response
	attempts, silences := 0, 0
	policy := t.policy
	policy.Note = func(err error, _ time.Duration) {
		if e := (*exhausted)(nil); errors.As(err, &e) && e.asked > 0 {
			t.sink.Emit(event.Note{Text: fmt.Sprintf("%s asks to wait %s (%d %s)", req.URL.Host, e.asked, e.status, http.StatusText(e.status))})
		}
	}
	err := policy.Do(req.Context(), func(ctx context.Context) error {
		if attempts++; attempts > 1 {
			var err error
			if req, err = again(req); err != nil {
				return err
			}
		}
		var err error
		if res, err = t.inner.RoundTrip(req); err != nil {
			if silent := (*httplimit.Silent)(nil); errors.As(err, &silent) && !silent.Began && req.GetBody != nil {
				silences++ // a read was repeated already, and an upload starts over as a whole
			}
			return &broken{err, (silences == 1 || temporary(0, err)) && repeatable(req, 0)}
		}
		if ctx.Err() != nil || !temporary(res.StatusCode, nil) {
			return nil
		}
		return t.busy(req, res, attempts)
	})
	if err == nil {
		return res, nil
	}
	if e := (*broken)(nil); errors.As(err, &e) {
		return nil, e.err
	}
	return nil, err
}

// busy turns a temporary answer into an error, with the words of the registry.
func (t *retrying) busy(req *http.Request, res *http.Response, attempts int) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	drain(res)
	return &exhausted{
		status: res.StatusCode, attempts: attempts, asked: retry.After(res.Header.Get("Retry-After"), t.now()),
		body: strings.Join(strings.Fields(string(body)), " "), again: repeatable(req, res.StatusCode),
	}
}

// drain empties an answer, so that its connection can be used again.
func drain(res *http.Response) {
	if res != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
		_ = res.Body.Close()
	}
}

// again prepares a request to be sent once more.
func again(req *http.Request) (*http.Request, error) {
	next := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return next, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	next.Body = body
	return next, nil
}

// temporary tells whether an answer or a transport error may go away by itself.
// A refused connection does not: nobody listens there.
func temporary(status int, err error) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	if err == nil {
		return false
	}
	if silent := (*httplimit.Silent)(nil); errors.As(err, &silent) {
		return silent.Temporary()
	}
	if other := (*keptOther)(nil); errors.As(err, &other) {
		return true
	}
	var timeout net.Error
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &timeout) && timeout.Timeout()
}

// repeatable tells whether sending a request again means the same as sending it
// once. An upload session remembers the bytes it got, so a broken PATCH or PUT of
// a blob must start over with a new session (Pusher.upload); a POST that asks for
// a mount falls back to an upload by itself.
func repeatable(req *http.Request, status int) bool {
	if status == http.StatusTooManyRequests {
		return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	}
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	switch {
	case req.Method == http.MethodPatch:
		return false
	case req.Method == http.MethodPut:
		return strings.Contains(req.URL.Path, "/manifests/")
	case req.Method == http.MethodPost:
		return !req.URL.Query().Has("mount")
	}
	return true
}
