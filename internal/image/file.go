package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ErrTooLarge says that a file of an image is larger than asked for.
var ErrTooLarge = errors.New("the file is too large to read")

// ReadFile returns the content of a regular file of an image by its absolute path, as
// its uppermost layer has it. Links are not followed but hard ones; a layer's deletions
// are for the caller to know. A file of more than limit bytes is ErrTooLarge.
func (s *Store) ReadFile(ctx context.Context, img v1.Image, path string, limit int64) ([]byte, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	want := strings.Trim(path, "/")
	for i := len(manifest.Layers) - 1; i >= 0; i-- {
		l, err := img.LayerByDigest(manifest.Layers[i].Digest)
		if err != nil {
			return nil, err
		}
		data, err := readFile(ctx, l, want, limit)
		if !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, fmt.Errorf("reading %s: %w", path, fs.ErrNotExist)
}

// readFile looks for a file in one layer. A hard link has the content of its target.
func readFile(ctx context.Context, l v1.Layer, want string, limit int64) ([]byte, error) {
	compressed, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	defer compressed.Close()
	plain, err := unpacked(&contextReader{ctx, compressed})
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	archive := tar.NewReader(plain)
	target := ""
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) && target != "" && target != want {
			return readFile(ctx, l, target, limit)
		}
		if errors.Is(err, io.EOF) {
			return nil, fs.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		switch {
		case strings.Trim(strings.TrimPrefix(h.Name, "./"), "/") != want:
		case h.Typeflag == tar.TypeLink:
			target = strings.Trim(strings.TrimPrefix(h.Linkname, "./"), "/")
		case h.Typeflag != tar.TypeReg:
			return nil, fs.ErrNotExist
		case h.Size > limit:
			return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, h.Size)
		default:
			return io.ReadAll(archive)
		}
	}
}

// Stored is the time at which a blob came into the store.
func (s *Store) Stored(digest v1.Hash) (time.Time, error) {
	info, err := os.Stat(s.blobPath(digest))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
