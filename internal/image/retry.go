package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/internal/event"
)

// patience bounds how often and how long one request is repeated.
type patience struct {
	attempts int           // at most, the first included
	total    time.Duration // waits of one request together
	first    time.Duration // the first wait; each further one is twice as long
	longest  time.Duration // a wait that nobody asked for
}

var _ http.RoundTripper = (*retrying)(nil)

// retrying repeats requests that a registry may answer later: 429 and 503 after
// the time it asks for, other temporary answers and broken connections after a
// growing wait. It also keeps requests off plain HTTP where that is not allowed.
type retrying struct {
	inner     http.RoundTripper
	patience  patience
	plainHTTP bool // to any host, not only to this machine
	sink      event.Sink
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
}

// exhausted says that a registry kept answering with a temporary error.
type exhausted struct {
	status   int
	attempts int
	asked    time.Duration // by the last Retry-After; 0 when there was none
	body     string
}

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
	if req.URL.Scheme == "http" && !t.plainHTTP && !onThisMachine(req.URL.Hostname()) {
		return nil, fmt.Errorf("refusing plain HTTP to %s", req.URL.Host)
	}
	var waited time.Duration
	for attempt := 1; ; attempt++ {
		res, err := t.inner.RoundTrip(req)
		status, asked := 0, time.Duration(0)
		if err == nil {
			status, asked = res.StatusCode, retryAfter(res.Header.Get("Retry-After"), t.now())
		}
		if req.Context().Err() != nil || !temporary(status, err) {
			return res, err
		}
		wait := max(asked, min(t.patience.first<<(attempt-1), t.patience.longest))
		last := attempt >= t.patience.attempts || waited+wait > t.patience.total || !repeatable(req, status)
		if err != nil && last {
			return nil, err
		}
		if last {
			return nil, giveUp(res, attempt, asked)
		}
		drain(res)
		if asked > 0 {
			t.sink.Emit(event.Note{Text: fmt.Sprintf("%s asks to wait %s (%d %s)", req.URL.Host, asked, status, http.StatusText(status))})
		}
		if err := t.sleep(req.Context(), wait); err != nil {
			return nil, err
		}
		waited += wait
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
}

// giveUp turns the last answer into an error, with the words of the registry.
func giveUp(res *http.Response, attempts int, asked time.Duration) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	_ = res.Body.Close()
	return &exhausted{status: res.StatusCode, attempts: attempts, asked: asked, body: strings.Join(strings.Fields(string(body)), " ")}
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

// retryAfter reads a Retry-After header, seconds or a date (RFC 9110, 10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		return max(0, time.Duration(min(seconds, 1<<20))*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now).Round(time.Second))
	}
	return 0
}

// sleep waits, or stops with the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onThisMachine tells whether a host name means this machine without asking DNS.
func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
