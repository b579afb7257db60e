package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Diff says in one line what first makes two images different, or "" when they
// are the same: the layer and its first differing file, else the config.
func Diff(a, b v1.Image) (string, error) {
	left, err := describe(a)
	if err != nil {
		return "", err
	}
	right, err := describe(b)
	if err != nil {
		return "", err
	}
	if left.Digest == right.Digest {
		return "", nil
	}
	for i := range min(len(left.Layers), len(right.Layers)) {
		l, r := left.Layers[i], right.Layers[i]
		if l.DiffID != r.DiffID {
			text, err := diffLayers(a, b, l.DiffID, r.DiffID)
			return fmt.Sprintf("layer %d (%s): %s", i+1, l.CreatedBy, text), err
		}
		if l.Digest != r.Digest {
			return fmt.Sprintf("layer %d (%s): identical files, compressed differently: %s, %s", i+1, l.CreatedBy, l.Digest, r.Digest), nil
		}
	}
	if len(left.Layers) != len(right.Layers) {
		return fmt.Sprintf("%d layers, %d layers", len(left.Layers), len(right.Layers)), nil
	}
	return diffConfigs(a, b)
}

func diffConfigs(a, b v1.Image) (string, error) {
	left, err := a.RawConfigFile()
	if err != nil {
		return "", err
	}
	right, err := b.RawConfigFile()
	if err != nil {
		return "", err
	}
	if bytes.Equal(left, right) {
		return "identical layers and config, different manifests", nil
	}
	at := 0
	for at < len(left) && at < len(right) && left[at] == right[at] {
		at++
	}
	return fmt.Sprintf("config: …%s… is …%s… in the other", around(left, at), around(right, at)), nil
}

// around cuts the text near a position out.
func around(text []byte, at int) []byte {
	return text[max(0, at-40):min(len(text), at+40)]
}

func diffLayers(a, b v1.Image, left, right v1.Hash) (string, error) {
	l, closeLeft, err := openLayer(a, left)
	if err != nil {
		return "", err
	}
	defer closeLeft()
	r, closeRight, err := openLayer(b, right)
	if err != nil {
		return "", err
	}
	defer closeRight()
	for {
		x, errX := nextFile(l)
		y, errY := nextFile(r)
		switch {
		case errors.Is(errX, io.EOF) && errors.Is(errY, io.EOF):
			return "identical files, different archives", nil
		case errors.Is(errX, io.EOF) && errY == nil:
			return y.name + " is only in the second", nil
		case errors.Is(errY, io.EOF) && errX == nil:
			return x.name + " is only in the first", nil
		case errX != nil || errY != nil:
			return "", errors.Join(errX, errY)
		case x != y:
			return fmt.Sprintf("%s, %s", x, y), nil
		}
	}
}

func openLayer(img v1.Image, diffID v1.Hash) (*tar.Reader, func() error, error) {
	layer, err := img.LayerByDiffID(diffID)
	if err != nil {
		return nil, nil, err
	}
	compressed, err := layer.Compressed()
	if err != nil {
		return nil, nil, err
	}
	content, err := unpacked(compressed)
	if err != nil {
		return nil, nil, errors.Join(err, compressed.Close())
	}
	return tar.NewReader(content), func() error { return errors.Join(content.Close(), compressed.Close()) }, nil
}

// file is what can differ between two entries of a layer.
type file struct {
	name, link, owner string
	mode, size, mtime int64
	kind              byte
	content           string
}

func (f file) String() string {
	return fmt.Sprintf("%s (mode %o, owner %s, %d bytes, modified %d, sha256 %.12s)", f.name, f.mode, f.owner, f.size, f.mtime, f.content)
}

func nextFile(archive *tar.Reader) (file, error) {
	h, err := archive.Next()
	if err != nil {
		return file{}, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, archive); err != nil {
		return file{}, err
	}
	return file{
		name: h.Name, link: h.Linkname, owner: fmt.Sprintf("%d:%d", h.Uid, h.Gid), mode: h.Mode, size: h.Size,
		mtime: h.ModTime.UnixNano(), kind: h.Typeflag, content: fmt.Sprintf("%x", sum.Sum(nil)),
	}, nil
}
