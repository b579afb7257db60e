package baseimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// patterned are n bytes that no shift of themselves equals.
func patterned(n int) []byte {
	out := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(out)
	return out
}

// TestContentInPieces: any part of a content that is put together is what the joined
// bytes have there.
func TestContentInPieces(t *testing.T) {
	whole := patterned(1000)
	c := slices.Concat(inMemory(whole[:10]), inMemory(nil), inMemory(whole[:700]).slice(10, 700), inMemory(whole).slice(700, 1000))
	if got, err := c.all(); err != nil || !bytes.Equal(got, whole) || c.size() != 1000 {
		t.Fatalf("%d bytes of size %d, %v", len(got), c.size(), err)
	}
	for from := 0; from <= 1000; from += 5 {
		for _, to := range []int{from, from + 1, from + 6, from + 691, 1000} {
			to = min(to, 1000)
			got, err := c.slice(int64(from), int64(to)).all()
			if err != nil || !bytes.Equal(got, whole[from:to]) {
				t.Fatalf("from %d to %d: %d bytes, %v", from, to, len(got), err)
			}
			p := make([]byte, to-from+1)
			n, err := c.ReadAt(p, int64(from))
			if want := min(len(p), 1000-from); n != want || !bytes.Equal(p[:n], whole[from:from+n]) || (n < len(p)) != (err == io.EOF) {
				t.Fatalf("ReadAt %d of %d: %d, %v", from, len(p), n, err)
			}
		}
	}
	if got, err := inMemory(nil).all(); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %q, %v", got, err)
	}
}

// TestLargeFilesLeaveMemory: files of a package that are large come back as they
// were, with room for the file that holds them and without, and leave nothing behind.
func TestLargeFilesLeaveMemory(t *testing.T) {
	big, bigger := patterned(large+1), patterned(3*large+7)
	packed := tarOf(t, file{name: "big", body: string(big)}, file{name: "small", body: "x"}, file{name: "bigger", body: string(bigger)}, file{name: "again", kind: tar.TypeLink, link: "bigger"})
	for name, place := range map[string]string{"with room": t.TempDir(), "without": "/nowhere"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", place)
			made := tree{}
			if err := made.unpack(bytes.NewReader(packed), 0, all); err != nil {
				t.Fatal(err)
			}
			for p, want := range map[string][]byte{"big": big, "small": []byte("x"), "bigger": bigger, "again": bigger} {
				if got, err := made[p].data.all(); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, %v", p, len(got), err)
				}
			}
			var out bytes.Buffer
			if err := made.writeTar(&out); err != nil {
				t.Fatal(err)
			}
			again := tree{}
			if err := again.unpack(&out, 0, all); err != nil {
				t.Fatal(err)
			}
			if got, err := again["bigger"].data.all(); err != nil || !bytes.Equal(got, bigger) {
				t.Errorf("written and read: %d bytes, %v", len(got), err)
			}
			if left, _ := os.ReadDir(place); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// TestAFullDiskKeepsFilesInMemory: what no longer fits into the file stays in memory.
func TestAFullDiskKeepsFilesInMemory(t *testing.T) {
	first, second := patterned(2*large), patterned(2*large+5)
	var o overflow
	c, err := o.read(bytes.NewReader(first), int64(len(first)))
	if err != nil || o.file == nil {
		t.Fatalf("%v, in a file: %v", err, o.file != nil)
	}
	// A file that is open for reading alone refuses what is written, as a full disk does.
	name := t.TempDir() + "/full"
	if err := os.WriteFile(name, first, 0o600); err != nil {
		t.Fatal(err)
	}
	if o.file, err = os.Open(name); err != nil {
		t.Fatal(err)
	}
	defer o.file.Close()
	d, err := o.read(bytes.NewReader(second), int64(len(second)))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		c    content
		want []byte
	}{{c, first}, {d, second}} {
		if got, err := x.c.all(); err != nil || !bytes.Equal(got, x.want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	if _, err := o.read(bytes.NewReader(first), int64(len(first))); err != nil || !o.without {
		t.Errorf("after a refusal: %v, asked again: %v", err, !o.without)
	}
	var cut overflow
	if _, err := cut.read(bytes.NewReader(first[:large]), int64(len(first))); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("an archive that ends too soon: %v", err)
	}
}
