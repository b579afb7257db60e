package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// Damaged says that a blob was not what its digest says. It is gone: the next
// build makes it again.
type Damaged struct{ Digest v1.Hash }

func (e *Damaged) Error() string {
	return fmt.Sprintf("the stored blob %s was damaged; Slipway removed it", short(e.Digest))
}

func short(h v1.Hash) string { return h.Algorithm + ":" + h.Hex[:min(12, len(h.Hex))] }

// checks are the digests that this process compares, so that several images with
// one layer read it once.
type checks struct {
	mu      sync.Mutex
	running map[v1.Hash]*sync.Mutex
}

func (c *checks) lock(h v1.Hash) func() {
	c.mu.Lock()
	m := c.running[h]
	if m == nil {
		if c.running == nil {
			c.running = map[v1.Hash]*sync.Mutex{}
		}
		m = &sync.Mutex{}
		c.running[h] = m
	}
	c.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// whole tells whether a blob is there with its content, and marks it as used. One
// that nobody wrote to since its content was checked costs a stat; any other is
// read, and removed when its digest is another. size is what a descriptor says; -1:
// unknown.
func (s *Store) whole(h v1.Hash, size int64) bool {
	path := s.blobPath(h)
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if atomicfile.Sealed(info) && info.Mode().IsRegular() && (size < 0 || info.Size() == size) {
		if time.Since(info.ModTime()).Abs() < touchEvery {
			return true // as it is written to the disk each time
		}
		return atomicfile.Seal(path, time.Now()) == nil
	}
	return s.verify(h) == nil
}

// verify reads a blob: it is sealed when its content is right, else removed. The
// error is Damaged, or says why it cannot be read.
func (s *Store) verify(h v1.Hash) error {
	defer s.checks.lock(h)()
	path := s.blobPath(h)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	if err == nil && before.Mode().IsRegular() && hex.EncodeToString(sum.Sum(nil)) == h.Hex {
		return atomicfile.Seal(path, time.Now())
	}
	return s.discard(h)
}

// discard removes a damaged blob and returns what to say about it.
func (s *Store) discard(h v1.Hash) error {
	s.manifests.Delete(h)
	if err := os.RemoveAll(s.blobPath(h)); err != nil {
		return fmt.Errorf("removing the damaged blob %s: %w", short(h), err)
	}
	damaged := &Damaged{h}
	s.sink.Emit(event.Note{Warning: true, Text: damaged.Error()})
	return damaged
}

// Blame looks for damage behind an error of using an image: it reads all of its
// blobs, removes those that are damaged, and returns what to do then. Without
// damage, the error stays.
func (s *Store) Blame(ctx context.Context, name string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if damaged := s.incomplete(ctx, name, err); damaged != nil {
		return damaged
	}
	return err
}

// incomplete is what to say of an image that misses blobs, those included that it
// finds damaged; nil when it is whole.
func (s *Store) incomplete(ctx context.Context, name string, err error) error {
	if !errors.As(err, new(*Damaged)) {
		desc, unknown := s.Resolve(ctx, name)
		if errors.Is(unknown, ErrNotFound) {
			return nil
		}
		if unknown == nil {
			unknown = s.Check(ctx, desc)
		}
		if !errors.As(unknown, new(*Damaged)) && !errors.Is(unknown, fs.ErrNotExist) {
			return nil
		}
		err = unknown
	}
	return diag.Fail(diag.ExitUnexpected, "the image %s is incomplete", name).Because(err).WithHint("build it again: slipway build")
}

// Check reads every blob of an image and removes those that are damaged; the
// error names them.
func (s *Store) Check(ctx context.Context, desc v1.Descriptor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.verify(desc.Digest); err != nil {
		return err
	}
	children, err := s.children(desc)
	for _, child := range children {
		err = errors.Join(err, s.Check(ctx, child))
	}
	return err
}

// smallBlob is what Heal reads: manifests and configurations, in bytes.
const smallBlob = 1 << 20

// Heal looks at every blob before an engine trusts the store: small ones that
// somebody wrote to are read. all reads everything. It returns how many it looked at
// and which were damaged.
func (s *Store) Heal(ctx context.Context, all bool) (looked int, damaged []v1.Hash, err error) {
	entries, err := os.ReadDir(s.path("blobs", "sha256"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return looked, damaged, ctx.Err()
		}
		info, gone := e.Info()
		if gone != nil || !all && (atomicfile.Sealed(info) || info.Size() > smallBlob) {
			continue
		}
		looked++
		h := v1.Hash{Algorithm: "sha256", Hex: e.Name()}
		problem := s.verify(h)
		switch {
		case errors.As(problem, new(*Damaged)):
			damaged = append(damaged, h)
		case !errors.Is(problem, fs.ErrNotExist):
			err = errors.Join(err, problem)
		}
	}
	return looked, damaged, err
}

// verified is a blob that is compared with its digest while it is read, so that no
// damaged one is passed on whole. Its last Read returns Damaged.
type verified struct {
	*os.File
	store *Store
	want  v1.Hash
	sum   hash.Hash
}

func (v *verified) Read(b []byte) (int, error) {
	n, err := v.File.Read(b)
	v.sum.Write(b[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(v.sum.Sum(nil)) != v.want.Hex {
		return n, v.store.discard(v.want)
	}
	return n, err
}

// WriteTo hides that of the file, which would go around Read.
func (v *verified) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{v})
}
