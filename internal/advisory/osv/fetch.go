package osv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/retry"
)

// statusError is an answer that is no success.
type statusError struct {
	address string
	code    int
	after   time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d %s", plaintext.WithoutLogins(e.address), e.code, http.StatusText(e.code))
}

// Temporary implements what retry asks.
func (e *statusError) Temporary() bool { return e.code == http.StatusTooManyRequests || e.code >= 500 }

// RetryAfter implements what retry asks.
func (e *statusError) RetryAfter() time.Duration { return e.after }

// HTTP returns a Fetcher. Proxies and certificates are those of net/http.
func HTTP(client *http.Client, now func() time.Time) Fetcher {
	return func(ctx context.Context, address string, to *os.File, limit int64) (changed time.Time, err error) {
		policy := retry.Policy{Attempts: 4, First: 500 * time.Millisecond, Total: time.Minute}
		err = policy.Do(ctx, func(ctx context.Context) error {
			changed, err = once(ctx, client, now, address, to, limit)
			return err
		})
		return changed, err
	}
}

// stalled is how long a server may take for a whole archive.
const stalled = 10 * time.Minute

func once(ctx context.Context, client *http.Client, now func() time.Time, address string, to *os.File, limit int64) (changed time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, stalled)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return changed, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return changed, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return changed, fmt.Errorf("%s: %w", plaintext.WithoutLogins(address), fs.ErrNotExist)
	default:
		return changed, &statusError{address, resp.StatusCode, retry.After(resp.Header.Get("Retry-After"), now())}
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return changed, err
	}
	if err := to.Truncate(0); err != nil {
		return changed, err
	}
	n, err := io.Copy(to, io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return changed, fmt.Errorf("downloading %s: %w", plaintext.WithoutLogins(address), err)
	case n > limit:
		return changed, fmt.Errorf("downloading %s: larger than %d MB", plaintext.WithoutLogins(address), limit>>20)
	case resp.ContentLength >= 0 && n != resp.ContentLength:
		return changed, errors.New("downloading " + plaintext.WithoutLogins(address) + ": cut off")
	}
	changed, _ = http.ParseTime(resp.Header.Get("Last-Modified")) // zero: not known
	return changed, nil
}
