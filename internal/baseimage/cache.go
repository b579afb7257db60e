package baseimage

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// content names bytes by their digest; algorithm is "sha256" or "sha512".
type content struct {
	algorithm, hex string
	size           int64 // 0 when unknown
}

// contentOfIntegrity reads npm's "sha512-<base64>".
func contentOfIntegrity(integrity string) (content, error) {
	b64, ok := strings.CutPrefix(integrity, "sha512-")
	sum, err := base64.StdEncoding.DecodeString(b64)
	if !ok || err != nil || len(sum) != sha512.Size {
		return content{}, fmt.Errorf("%q is no SHA-512 integrity", integrity)
	}
	return content{algorithm: "sha512", hex: hex.EncodeToString(sum)}, nil
}

func (c content) hash() hash.Hash {
	if c.algorithm == "sha512" {
		return sha512.New()
	}
	return sha256.New()
}

// matches tells whether a file has the content, and leaves it at its start.
func (c content) matches(f *os.File) bool {
	h := c.hash()
	if _, err := io.Copy(h, f); err != nil || hex.EncodeToString(h.Sum(nil)) != c.hex {
		return false
	}
	_, err := f.Seek(0, io.SeekStart)
	return err == nil
}

// cache holds downloads under <dir>/<algorithm>/<hex>. A file there is whole:
// it is moved into place after its digest was checked. Safe for concurrent use,
// by several processes too.
type cache struct {
	dir    string
	fetch  *fetcher
	events event.Sink
	slots  chan struct{} // one a running download
	busy   keyed
}

// mismatchError says that an address gave other bytes than the digest promises.
type mismatchError struct {
	url  string
	want content
	got  string
	n    int64
}

func (e *mismatchError) Error() string {
	if e.want.size > 0 && e.n != e.want.size {
		return fmt.Sprintf("%s gave %d bytes where the index says %d", e.url, e.n, e.want.size)
	}
	return fmt.Sprintf("%s has the %s digest %.12s… where %.12s… is expected", e.url, e.want.algorithm, e.got, e.want.hex)
}

func (c *cache) path(want content) string { return filepath.Join(c.dir, want.algorithm, want.hex) }

// has tells whether the content was downloaded before.
func (c *cache) has(want content) bool {
	_, err := os.Stat(c.path(want))
	return err == nil
}

// read returns the content in memory; see open.
func (c *cache) read(ctx context.Context, what string, want content, addresses func() ([]string, error)) ([]byte, error) {
	f, err := c.open(ctx, what, want, addresses)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	data, err := readExactly(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return data, nil
}

// open opens the content, from disk or from the first of the addresses that has
// it. Bytes from disk are checked too; damaged ones are fetched again.
func (c *cache) open(ctx context.Context, what string, want content, addresses func() ([]string, error)) (*os.File, error) {
	for {
		if f, err := os.Open(c.path(want)); err == nil {
			if want.matches(f) {
				return f, nil
			}
			f.Close()
			c.events.Emit(event.Note{Text: fmt.Sprintf("the cached copy of %s was damaged; it is fetched again", what), Warning: true})
			if err := os.Remove(c.path(want)); err != nil {
				return nil, fmt.Errorf("removing a damaged file: %w", err)
			}
		}
		if err := c.fill(ctx, what, want, addresses); err != nil {
			return nil, err
		}
	}
}

// fill downloads content that is not there yet.
func (c *cache) fill(ctx context.Context, what string, want content, addresses func() ([]string, error)) error {
	if c.has(want) {
		return nil
	}
	defer c.busy.lock(want.hex)()
	if c.has(want) {
		return nil
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	list, err := addresses()
	if err != nil {
		return err
	}
	var last string
	err = errors.New("no mirror is known for it")
	for _, address := range list {
		last = address
		if err = c.download(ctx, what, want, address); err == nil {
			return nil
		}
		if !notFound(err) {
			break
		}
	}
	return downloadFailure(what, last, err)
}

func downloadFailure(what, address string, err error) error {
	var m *mismatchError
	var t interface{ Temporary() bool }
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return diskFull(err)
	case notFound(err):
		return diag.Fail(diag.ExitBuild, "%s is no longer on the mirror", what).Because(err).
			WithHint("the mirror has moved on to a newer version: `slipway bases update` (or `slipway bases lock` when slipway.lock pins it) takes that")
	case errors.As(err, &m):
		return diag.Fail(diag.ExitBuild, "%s is not what the signed index or the lock promises", what).Because(err).
			WithHint("nothing was kept; try again later or another mirror (SLIPWAY_DEBIAN_MIRROR, NPM_CONFIG_REGISTRY), and suspect a proxy that changes downloads")
	case errors.As(err, &t) || errors.Is(err, context.DeadlineExceeded):
		return unreachable(what, address, err)
	}
	return fmt.Errorf("downloading %s: %w", what, err)
}

func diskFull(err error) error {
	return diag.Fail(diag.ExitUnexpected, "there is no space left for base images").Because(err).
		WithHint("free some space, or set SLIPWAY_STATE_DIR to a directory on a larger disk")
}

// download gets one address into a temporary file and moves it into place when
// its digest is right.
func (c *cache) download(ctx context.Context, what string, want content, address string) error {
	return writeWhole(c.path(want), func(f *os.File) error {
		return c.fetch.get(ctx, address, func(body io.Reader) error {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return err
			}
			if err := f.Truncate(0); err != nil {
				return err
			}
			return c.copyChecked(f, body, what, want, address)
		})
	})
}

func (c *cache) copyChecked(w io.Writer, body io.Reader, what string, want content, address string) error {
	h := want.hash()
	limit := want.size + 1
	if want.size == 0 {
		limit = maxFile
	}
	progress := &progress{events: c.events, what: what, total: want.size}
	n, err := io.Copy(io.MultiWriter(w, h, progress), io.LimitReader(body, limit))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.hex {
		return &mismatchError{redacted(address), want, got, n}
	}
	c.events.Emit(event.Transfer{What: what, Current: n, Total: n, Done: true})
	return nil
}

// progress reports every fourth megabyte.
type progress struct {
	events       event.Sink
	what         string
	n, at, total int64
}

func (p *progress) Write(b []byte) (int, error) {
	p.n += int64(len(b))
	if p.n-p.at >= 4<<20 {
		p.at = p.n
		p.events.Emit(event.Transfer{What: p.what, Current: p.n, Total: p.total})
	}
	return len(b), nil
}
