package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/diag"
)

// blobsOf lists all blobs of an image by kind.
func blobsOf(t *testing.T, s *Store, desc v1.Descriptor) map[string]v1.Hash {
	t.Helper()
	out := map[string]v1.Hash{"manifest": desc.Digest}
	images, err := s.ImagesOf(desc)
	if err != nil {
		t.Fatal(err)
	}
	m, err := images[0].Manifest()
	if err != nil {
		t.Fatal(err)
	}
	out["config"] = m.Config.Digest
	for _, l := range m.Layers {
		out["layer "+l.Digest.Hex[:4]] = l.Digest
	}
	return out
}

// flip changes one byte of a blob, as a disk or a person does.
func flip(t *testing.T, s *Store, h v1.Hash, keepTime bool) {
	t.Helper()
	path := s.blobPath(h)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) {
		if err = os.Chmod(path, 0o600); err == nil {
			f, err = os.OpenFile(path, os.O_RDWR, 0)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at, b := rand.Int64N(before.Size()), make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[0] ^ 0x20}, at); err != nil {
		t.Fatal(err)
	}
	if keepTime {
		if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedBlobIsNotHeld(t *testing.T) {
	for round := range 20 {
		s := newStore(t)
		img := randomImage(t, 3)
		desc := write(t, s, "web", img)
		for kind, h := range blobsOf(t, s, desc) {
			fresh, err := Open(s.dir) // another command
			if err != nil {
				t.Fatal(err)
			}
			fresh.volatile = true
			if err := fresh.Holds(desc); err != nil {
				t.Fatalf("round %d: whole: %v", round, err)
			}
			flip(t, s, h, false)
			if err := fresh.Holds(desc); err == nil {
				t.Fatalf("round %d: a damaged %s is held", round, kind)
			}
			if _, err := os.Stat(s.blobPath(h)); err == nil {
				t.Fatalf("round %d: the damaged %s is still there", round, kind)
			}
			if _, err := fresh.Write(t.Context(), "web", img); err != nil { // built again
				t.Fatalf("round %d: writing again after a damaged %s: %v", round, kind, err)
			}
			if err := fresh.Check(t.Context(), desc); err != nil {
				t.Fatalf("round %d: after writing again: %v", round, err)
			}
		}
	}
}

func TestShortAndMissingBlobsAreNotHeld(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"half":      func(path string) error { return os.Truncate(path, 10) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"missing":   os.Remove,
		"directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		s := newStore(t)
		img := randomImage(t, 1)
		desc := write(t, s, "web", img)
		for kind, h := range blobsOf(t, s, desc) {
			if err := harm(s.blobPath(h)); err != nil {
				t.Fatal(err)
			}
			if err := s.Holds(desc); err == nil {
				t.Errorf("%s %s is held", name, kind)
			}
			write(t, s, "web", img)
			if err := s.Holds(desc); err != nil {
				t.Errorf("%s %s, written again: %v", name, kind, err)
			}
		}
	}
}

// A disk that loses a byte changes no time: it is found when the blob is given away.
func TestADamagedBlobIsNotShipped(t *testing.T) {
	for range 10 {
		s := newStore(t)
		desc := write(t, s, "web", randomImage(t, 2))
		for kind, h := range blobsOf(t, s, desc) {
			s, err := Open(s.dir)
			if err != nil {
				t.Fatal(err)
			}
			keep, err := os.ReadFile(s.blobPath(h))
			if err != nil {
				t.Fatal(err)
			}
			flip(t, s, h, true)
			srv := newServer(t)
			p, _ := newPusher(t, s, PushOptions{})
			err = p.Push(t.Context(), "web", srv.host()+"/web")
			if err == nil || !errors.As(err, new(*Damaged)) && !strings.Contains(err.Error(), "damaged") && !strings.Contains(err.Error(), "incomplete") || !strings.Contains(diag.HintOf(err), "slipway build") {
				t.Fatalf("a damaged %s: %v, hint %q", kind, err, diag.HintOf(err))
			}
			if _, err := os.Stat(s.blobPath(h)); err == nil {
				t.Fatalf("the damaged %s is still there", kind)
			}
			if err := os.WriteFile(s.blobPath(h), keep, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestALargeBlobIsNoImage and stays: a layer is asked for by its digest.
func TestALargeBlobIsNoImage(t *testing.T) {
	s := newStore(t)
	data := make([]byte, maxManifestBytes+1)
	h := v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256(data))}
	path := s.blobPath(h)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Resolve(t.Context(), "web@"+h.String())
	if err == nil || !strings.Contains(err.Error(), "is not an image") {
		t.Errorf("%v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != int64(len(data)) {
		t.Errorf("the blob is gone: %v", err)
	}
}

func TestReadingALayerComparesIt(t *testing.T) {
	s := newStore(t)
	img := randomImage(t, 1)
	desc := write(t, s, "web", img)
	read := func() error {
		images, err := s.ImagesOf(desc)
		if err != nil {
			return err
		}
		layers, err := images[0].Layers()
		if err != nil {
			return err
		}
		r, err := layers[0].Compressed()
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	layers, _ := img.Layers()
	digest, _ := layers[0].Digest()
	flip(t, s, digest, true)
	if err := read(); !errors.As(err, new(*Damaged)) {
		t.Errorf("%v", err)
	}
	err := s.Blame(t.Context(), "web", errors.New("gzip: invalid checksum"))
	if err == nil || !strings.Contains(err.Error(), "is incomplete") || diag.HintOf(err) == "" {
		t.Errorf("%v, hint %q", err, diag.HintOf(err))
	}
}

func TestHealReadsWhatSomebodyWroteTo(t *testing.T) {
	s := newStore(t)
	desc := write(t, s, "web", randomImage(t, 1))
	ctx := context.Background()
	if looked, damaged, err := s.Heal(ctx, false); looked != 0 || len(damaged) != 0 || err != nil {
		t.Errorf("a whole store: %d read, %v, %v", looked, damaged, err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.blobPath(desc.Digest), old, old); err != nil { // a copy that keeps no times
		t.Fatal(err)
	}
	if looked, damaged, err := s.Heal(ctx, false); looked != 1 || len(damaged) != 0 || err != nil {
		t.Errorf("a copied store: %d read, %v, %v", looked, damaged, err)
	}
	config := blobsOf(t, s, desc)["config"]
	flip(t, s, config, true)
	if looked, damaged, err := s.Heal(ctx, true); looked != 3 || len(damaged) != 1 || damaged[0] != config || err != nil {
		t.Errorf("everything: %d read, %v, %v", looked, damaged, err)
	}
}
