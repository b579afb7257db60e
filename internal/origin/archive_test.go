package origin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/internal/diag"
)

// archive is a tar file of entries.
func archive(t *testing.T, entries ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := h.Linkname
		if h.Typeflag == tar.TypeReg {
			h.Linkname, h.Size = "", int64(len(content))
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, content string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: content, Mode: 0o755}
}

func TestArchivesOfStandardInput(t *testing.T) {
	plain := archive(t, file("./Dockerfile", "FROM scratch\n"), &tar.Header{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o700},
		file("d/x", "old"), file("d/x", "x"), &tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "d/x", Mode: 0o777},
		&tar.Header{Typeflag: tar.TypeLink, Name: "h", Linkname: "./d/x", Mode: 0o644})
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write(plain)
	enc, _ := zstd.NewWriter(nil)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Dockerfile": "FROM scratch\n", "d/x": "x", "l": "-> d/x", "h": "x"}
	for name, data := range map[string][]byte{"plain": plain, "gzip": zipped.Bytes(), "zstd": enc.EncodeAll(plain, nil)} {
		s := source(t)
		s.Stdin = bytes.NewReader(data)
		got, c := fetched(t, s, Stdin)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
		info, err := os.Stat(filepath.Join(c.Dir, "d/x"))
		if err != nil || info.Mode().Perm() != 0o755 || c.From != "standard input" || c.Dockerfile != nil {
			t.Errorf("%s: %v, %v, %+v", name, info, err, c)
		}
	}
}

func TestAnArchiveWritesNothingOutside(t *testing.T) {
	s := source(t)
	s.Stdin = bytes.NewReader(archive(t, file("../../evil", "x"), file("/abs", "x")))
	got, _ := fetched(t, s, Stdin)
	if d := cmp.Diff(map[string]string{"evil": "x", "abs": "x"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	outside := t.TempDir()
	for _, data := range [][]byte{
		archive(t, &tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: outside}, file("l/evil", "x")),
		archive(t, &tar.Header{Typeflag: tar.TypeLink, Name: "h", Linkname: "../../../../etc/passwd"}),
		archive(t, &tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}),
	} {
		s := source(t)
		s.Stdin = bytes.NewReader(data)
		if _, err := s.Fetch(t.Context(), Stdin); err == nil || !strings.Contains(err.Error(), "cannot be unpacked") {
			t.Errorf("no refusal: %v", err)
		}
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("written outside: %v", left)
	}
}

func TestUnpackingHasALimit(t *testing.T) {
	large := archive(t, file("Dockerfile", "FROM scratch\n"), file("zeros", strings.Repeat("\x00", 2<<20)))
	many := make([]*tar.Header, 3000)
	for i := range many {
		many[i] = file(fmt.Sprint(i), "")
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(large); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"plain": large, "compressed": zipped.Bytes(), "many files": archive(t, many...)} {
		s := source(t)
		s.Stdin, s.MaxBytes = bytes.NewReader(data), 1<<20
		_, err := s.Fetch(t.Context(), Stdin)
		if err == nil || !strings.Contains(err.Error(), "too large: it unpacks to more than") || !strings.Contains(diag.HintOf(err), "--max-unpacked") {
			t.Errorf("%s: %v, hint %q", name, err, diag.HintOf(err))
		}
		if left, _ := filepath.Glob(filepath.Join(s.Dir, "*", "*", "*")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}
