package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
)

// maxManifestBytes bounds what is read into memory as a manifest or config; the
// distribution project bounds manifests to 4 MiB.
const maxManifestBytes = 32 << 20

// OpenBlob opens a blob for reading; the caller closes it.
func (s *Store) OpenBlob(h v1.Hash) (*os.File, error) {
	return os.Open(s.blobPath(h))
}

func (s *Store) blobPath(h v1.Hash) string {
	return s.path("blobs", filepath.Base(h.Algorithm), filepath.Base(h.Hex))
}

// errTooLarge is about a blob that is no manifest and no config, and may be whole.
var errTooLarge = fmt.Errorf("it is larger than the %d MB that a manifest may have", maxManifestBytes>>20)

// readBlob reads a small blob and checks its digest.
func (s *Store) readBlob(h v1.Hash) ([]byte, error) {
	f, err := s.OpenBlob(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifestBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxManifestBytes {
		return nil, errTooLarge
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != h.Hex {
		return nil, s.discard(h)
	}
	return data, nil
}

// describeBlob makes the descriptor of a manifest that is asked for by digest.
func (s *Store) describeBlob(h v1.Hash, name string) (v1.Descriptor, error) {
	data, err := s.readBlob(h)
	if errors.Is(err, fs.ErrNotExist) {
		return v1.Descriptor{}, s.notFound(name, nil)
	}
	mediaType := types.MediaType("")
	if err == nil {
		mediaType, err = manifestType(data)
	} else if !errors.Is(err, errTooLarge) {
		return v1.Descriptor{}, err
	}
	if err != nil {
		return v1.Descriptor{}, diag.Fail(diag.ExitUsage, "%s is not an image", name).Because(err)
	}
	return v1.Descriptor{MediaType: mediaType, Digest: h, Size: int64(len(data))}, nil
}

// manifestType tells what kind of manifest a text is; an OCI manifest may leave
// its media type out.
func manifestType(data []byte) (types.MediaType, error) {
	var m struct {
		MediaType types.MediaType  `json:"mediaType"`
		Config    *json.RawMessage `json:"config"`
		Manifests *json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", err
	}
	switch {
	case m.MediaType.IsIndex() || m.MediaType.IsImage():
		return m.MediaType, nil
	case m.MediaType == "" && m.Manifests != nil:
		return types.OCIImageIndex, nil
	case m.MediaType == "" && m.Config != nil:
		return types.OCIManifestSchema1, nil
	}
	return "", errors.New("neither an image manifest nor an image index")
}

// reuse tells whether a blob is there and whole, and marks it as used now, so that GC
// leaves it alone until its image has a name. GC does not run meanwhile.
func (s *Store) reuse(ctx context.Context, h v1.Hash) (bool, error) {
	l := flock.New(s.path(".lock"))
	if _, err := l.TryRLockContext(ctx, 2*time.Millisecond); err != nil {
		return false, fmt.Errorf("locking image store %s: %w", s.dir, err)
	}
	defer l.Close()
	return s.whole(h, -1), nil
}

// touchEvery is how old the mark of a use may be that stays: little against the
// age to which GC keeps what has no name.
const touchEvery = 5 * time.Minute

// putBlob writes one blob. It appears under its digest only when complete and
// right. A zero digest takes the one of the content.
func (s *Store) putBlob(ctx context.Context, want v1.Hash, r io.Reader) (err error) {
	defer func() { err = s.explainWrite(err) }()
	if err := os.MkdirAll(s.path("tmp"), 0o700); err != nil {
		return err
	}
	tmp, err := atomicfile.Create(s.blobPath(want), atomicfile.Options{Dir: s.path("tmp"), Prefix: "blob-", Mode: 0o444, Sync: !s.volatile})
	if err != nil {
		return err
	}
	defer tmp.Discard()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(tmp, sum), &contextReader{ctx, r}); err != nil {
		return fmt.Errorf("writing blob %s: %w", want, err)
	}
	got := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	if want != (v1.Hash{}) && want != got {
		return fmt.Errorf("writing blob %s: the content has digest %s", want, got)
	}
	if err := tmp.CommitAs(s.blobPath(got)); err != nil {
		return err
	}
	return atomicfile.Seal(s.blobPath(got), time.Now())
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// replace writes a file of the store whole or not at all.
func (s *Store) replace(name string, data []byte) error {
	if err := os.MkdirAll(s.path("tmp"), 0o700); err != nil {
		return s.explainWrite(err)
	}
	err := atomicfile.Write(s.path(name), data, atomicfile.Options{Dir: s.path("tmp"), Prefix: filepath.Base(name) + "-", Sync: !s.volatile})
	if err != nil {
		return s.explainWrite(fmt.Errorf("writing %s: %w", name, err))
	}
	return nil
}

// explainWrite says what to do when the disk is full; the store stays as it was.
func (s *Store) explainWrite(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	return diag.Fail(diag.ExitUnexpected, "the disk of the image store %s is full", s.dir).Because(err).
		WithHint("free some space there, or set SLIPWAY_STATE_DIR to a larger disk")
}
