package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/httplimit"
	"github.com/slipway-build/slipway/internal/retry"
)

// get opens what a URL holds. Close it.
func (s Source) get(ctx context.Context, address string) (io.ReadCloser, error) {
	client := s.Client
	if client == nil {
		client = &http.Client{Transport: httplimit.New(http.DefaultTransport, httplimit.Default())}
	}
	var body io.ReadCloser
	err := retry.Policy{Attempts: 3, First: 250 * time.Millisecond, Total: 30 * time.Second}.Do(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			_ = resp.Body.Close()
			return refusal{resp.StatusCode, retry.After(resp.Header.Get("Retry-After"), time.Now())}
		}
		body = resp.Body
		return nil
	})
	switch {
	case err == nil:
		return body, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err // it repeats the address, with its credentials
	}
	return nil, diag.Fail(diag.ExitUsage, "%s cannot be downloaded", Redacted(address)).Because(redactedIn(address, err)).WithHint("%s", adviceOn(err))
}

func adviceOn(err error) string {
	var r refusal
	if errors.As(err, &r) && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden) {
		return "download it with your credentials, and give it to standard input: slipway build - < FILE"
	}
	return "check the address; the address of a git repository ends in .git"
}

// refusal is an answer without content.
type refusal struct {
	status int
	after  time.Duration
}

func (r refusal) Error() string {
	return fmt.Sprintf("the server answers %d %s", r.status, http.StatusText(r.status))
}

// Temporary implements what retry asks for.
func (r refusal) Temporary() bool { return r.status >= 500 || r.status == http.StatusTooManyRequests }

// RetryAfter implements what retry asks for.
func (r refusal) RetryAfter() time.Duration { return r.after }
