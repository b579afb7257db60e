package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/retry"
)

// Limits of a download: tries in all, the longest pause that a Retry-After is
// followed for, and the total time of one download with its retries.
const (
	maxTries   = 4
	maxPause   = 30 * time.Second
	maxElapsed = 5 * time.Minute
)

// Parallel is how many files are fetched at a time.
const Parallel = 8

// Fetcher gets things over HTTP and tries again what may pass. Proxies and CA
// certificates are those of net/http.
type Fetcher struct {
	Client *http.Client
	Sleep  func(ctx context.Context, d time.Duration) error // between tries; nil: really waits
	Token  func(ctx context.Context, url string) string     // bearer token for an address, or ""
}

// PatientClient waits for slow mirrors but not for dead ones.
func PatientClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = Parallel
	t.ResponseHeaderTimeout = 30 * time.Second
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	return &http.Client{Transport: t}
}

// statusError is an answer other than 200.
type statusError struct {
	url        string
	code       int
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d %s", e.url, e.code, http.StatusText(e.code))
}

// RetryAfter is how long the server asks to wait; 0 when it does not.
func (e *statusError) RetryAfter() time.Duration { return e.retryAfter }

// Temporary reports whether trying again may help.
func (e *statusError) Temporary() bool {
	return e.code == http.StatusTooManyRequests || e.code == http.StatusRequestTimeout || e.code >= 500
}

// brokenError is a connection that could not be made or ended early.
type brokenError struct {
	url string
	err error
}

func (e *brokenError) Error() string {
	var u *url.Error // its text repeats the address
	if errors.As(e.err, &u) {
		return e.url + ": " + u.Err.Error()
	}
	return e.url + ": " + e.err.Error()
}
func (e *brokenError) Unwrap() error   { return e.err }
func (e *brokenError) Temporary() bool { return true }

// NotFound tells whether err is a 404 or 410.
func NotFound(err error) bool {
	var s *statusError
	return errors.As(err, &s) && (s.code == http.StatusNotFound || s.code == http.StatusGone)
}

// Get hands the body of an address to read. Errors that may pass are tried
// again, from the start, with growing pauses or as long as Retry-After says.
func (f *Fetcher) Get(ctx context.Context, address string, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxElapsed)
	defer cancel()
	policy := retry.Policy{Attempts: maxTries, First: 250 * time.Millisecond, Factor: 3, Asked: maxPause, Sleep: f.Sleep}
	return policy.Do(ctx, func(ctx context.Context) error { return f.once(ctx, address, read) })
}

func (f *Fetcher) once(ctx context.Context, address string, read func(io.Reader) error) error {
	shown := Redacted(address)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("the address %s cannot be used: %w", shown, err)
	}
	req.Header.Set("User-Agent", "slipway")
	req.Header.Set("Accept", "application/vnd.npm.install-v1+json, */*;q=0.8") // npm's short form of a package's document
	req.Header.Set("Accept-Encoding", "identity")                              // digests are of the file as it lies there
	if f.Token != nil {
		if t := f.Token(ctx, address); t != "" {
			req.Header.Set("Authorization", "Bearer "+t)
		}
	}
	resp, err := f.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &brokenError{shown, err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &statusError{shown, resp.StatusCode, retry.After(resp.Header.Get("Retry-After"), time.Now())}
	}
	body := &bodyReader{r: resp.Body, url: shown}
	if err := read(body); err != nil {
		return err
	}
	return nil
}

// bodyReader marks errors of reading as those of the connection.
type bodyReader struct {
	r   io.Reader
	url string
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) {
		err = &brokenError{b.url, err}
	}
	return n, err
}

// Redacted is an address without user name and password.
func Redacted(address string) string { return plaintext.WithoutLogins(address) }

// Unreachable is the failure of a mirror that does not answer as it should.
func Unreachable(what, address string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s did not finish within %s", Redacted(address), maxElapsed)
	}
	return diag.Fail(diag.ExitBuild, "%s cannot be fetched", what).Because(err).WithHint("check the network, the proxy settings (HTTP_PROXY, HTTPS_PROXY) and the mirror's address; SLIPWAY_DEBIAN_MIRROR and NPM_CONFIG_REGISTRY override this machine's settings")
}
