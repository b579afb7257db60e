package download

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

// Content names bytes by their digest.
type Content struct {
	Algorithm string // "sha256" or "sha512"
	Hex       string // of the digest, lower case
	Size      int64  // in bytes; 0 when unknown
}

// SHA256 is the content with that digest; 0 bytes means unknown.
func SHA256(hex string, sizeBytes int64) Content { return Content{"sha256", hex, sizeBytes} }

// ContentOfIntegrity reads npm's "sha512-<base64>".
func ContentOfIntegrity(integrity string) (Content, error) {
	b64, ok := strings.CutPrefix(integrity, "sha512-")
	sum, err := base64.StdEncoding.DecodeString(b64)
	if !ok || err != nil || len(sum) != sha512.Size {
		return Content{}, fmt.Errorf("%q is not a SHA-512 integrity", integrity)
	}
	return Content{Algorithm: "sha512", Hex: hex.EncodeToString(sum)}, nil
}

func (c Content) hash() hash.Hash {
	if c.Algorithm == "sha512" {
		return sha512.New()
	}
	return sha256.New()
}

// matches tells whether a file has the content, and leaves it at its start.
func (c Content) matches(f *os.File) bool {
	h := c.hash()
	if _, err := io.Copy(h, f); err != nil || hex.EncodeToString(h.Sum(nil)) != c.Hex {
		return false
	}
	_, err := f.Seek(0, io.SeekStart)
	return err == nil
}

// Cache holds downloads under <dir>/<algorithm>/<hex>. A file there is whole:
// it is moved into place after its digest was checked. Safe for concurrent use,
// by several processes too.
type Cache struct {
	dir    string
	fetch  *Fetcher
	events event.Sink
	slots  chan struct{} // one a running download
	busy   Keyed
}

// NewCache returns the cache of a directory, which need not exist yet. Repairs and
// progress are reported to events.
func NewCache(dir string, fetch *Fetcher, events event.Sink) *Cache {
	return &Cache{dir: dir, fetch: fetch, events: events, slots: make(chan struct{}, Parallel)}
}

// Dir is the directory of the cache.
func (c *Cache) Dir() string { return c.dir }

// Get hands the body of an address to read; it is not kept.
func (c *Cache) Get(ctx context.Context, address string, read func(io.Reader) error) error {
	return c.fetch.Get(ctx, address, read)
}

// mismatchError says that an address gave other bytes than the digest promises.
type mismatchError struct {
	url  string
	want Content
	got  string
	n    int64
}

func (e *mismatchError) Error() string {
	if e.want.Size > 0 && e.n != e.want.Size {
		return fmt.Sprintf("%s gave %d bytes where the index says %d", e.url, e.n, e.want.Size)
	}
	return fmt.Sprintf("%s has the %s digest %.12s…, expected %.12s…", e.url, e.want.Algorithm, e.got, e.want.Hex)
}

func (c *Cache) path(want Content) string { return filepath.Join(c.dir, want.Algorithm, want.Hex) }

// has tells whether the content was downloaded before.
func (c *Cache) has(want Content) bool {
	_, err := os.Stat(c.path(want))
	return err == nil
}

// Read returns the content in memory; see Open.
func (c *Cache) Read(ctx context.Context, what string, want Content, addresses func() ([]string, error)) ([]byte, error) {
	f, err := c.Open(ctx, what, want, addresses)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	data, err := ReadExactly(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return data, nil
}

// Open opens the content, from disk or from the first of the addresses that has
// it. Bytes from disk are checked too; damaged ones are fetched again.
func (c *Cache) Open(ctx context.Context, what string, want Content, addresses func() ([]string, error)) (*os.File, error) {
	for {
		if f, err := os.Open(c.path(want)); err == nil {
			if want.matches(f) {
				return f, nil
			}
			f.Close()
			c.events.Emit(event.Note{Text: fmt.Sprintf("the cached copy of %s was damaged; fetching it again", what), Warning: true})
			if err := os.Remove(c.path(want)); err != nil {
				return nil, fmt.Errorf("removing a damaged file: %w", err)
			}
		}
		if err := c.Fill(ctx, what, want, addresses); err != nil {
			return nil, err
		}
	}
}

// Fill downloads content that is not there yet.
func (c *Cache) Fill(ctx context.Context, what string, want Content, addresses func() ([]string, error)) error {
	if c.has(want) {
		return nil
	}
	defer c.busy.Lock(want.Hex)()
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
		if !NotFound(err) {
			break
		}
	}
	return downloadFailure(what, last, err)
}

// downloadFailure says which kind of failure ended the tries.
func downloadFailure(what, address string, err error) error {
	var m *mismatchError
	var t interface{ Temporary() bool }
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return DiskFull(err)
	case NotFound(err):
		return diag.Fail(diag.ExitBuild, "%s is no longer on the mirror", what).Because(err).
			WithHint("the mirror now has a newer version: `slipway bases update` (or `slipway bases lock` when slipway.lock pins it) uses that")
	case errors.As(err, &m):
		return diag.Fail(diag.ExitBuild, "%s does not match the signed index or the lock", what).Because(err).
			WithHint("try again later, or use another mirror (SLIPWAY_DEBIAN_MIRROR, NPM_CONFIG_REGISTRY); a proxy may be changing downloads")
	case errors.As(err, &t) || errors.Is(err, context.DeadlineExceeded):
		return Unreachable(what, address, err)
	}
	return fmt.Errorf("downloading %s: %w", what, err)
}

// DiskFull is the failure of a disk without space.
func DiskFull(err error) error {
	return diag.Fail(diag.ExitUnexpected, "no space left for base images").Because(err).
		WithHint("free some space, or set SLIPWAY_STATE_DIR to a directory on a larger disk")
}

// download gets one address into a temporary file and moves it into place when
// its digest is right.
func (c *Cache) download(ctx context.Context, what string, want Content, address string) error {
	return WriteWhole(c.path(want), func(f *os.File) error {
		return c.rewound(ctx, f, address, func(body io.Reader) error { return c.copyChecked(f, body, what, want, address) })
	})
}

// rewound gets one address into a file, from the start in each try.
func (c *Cache) rewound(ctx context.Context, f *os.File, address string, read func(body io.Reader) error) error {
	return c.fetch.Get(ctx, address, func(body io.Reader) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		return read(body)
	})
}

// Adopt downloads content whose digest nothing has recorded yet, and stores it
// under the digest that it has, once check has accepted the file.
func (c *Cache) Adopt(ctx context.Context, what, address string, check func(file string) error) (Content, error) {
	got := Content{Algorithm: "sha256"}
	dir := filepath.Join(c.dir, got.Algorithm)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return got, err
	}
	f, err := newTemp(filepath.Join(dir, "new"))
	if err != nil {
		return got, err
	}
	defer f.Discard()
	h := got.hash()
	err = c.rewound(ctx, f.File, address, func(body io.Reader) error {
		h.Reset()
		p := &progress{events: c.events, what: what}
		got.Size, err = io.Copy(io.MultiWriter(f, h, p), io.LimitReader(body, MaxFile))
		return err
	})
	if err != nil {
		return got, downloadFailure(what, address, err)
	}
	c.events.Emit(event.Transfer{What: what, Current: got.Size, Total: got.Size, Done: true})
	got.Hex = hex.EncodeToString(h.Sum(nil))
	if err := check(f.Name()); err != nil {
		return got, err
	}
	return got, f.CommitAs(c.path(got))
}

func (c *Cache) copyChecked(w io.Writer, body io.Reader, what string, want Content, address string) error {
	h := want.hash()
	limit := want.Size + 1
	if want.Size == 0 {
		limit = MaxFile
	}
	progress := &progress{events: c.events, what: what, total: want.Size}
	n, err := io.Copy(io.MultiWriter(w, h, progress), io.LimitReader(body, limit))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.Hex {
		return &mismatchError{Redacted(address), want, got, n}
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
