package quota_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/slipway-build/slipway/internal/quota"
)

// archive has one file of each size, filled with zeros.
func archive(t testing.TB, sizes ...int64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i, size := range sizes {
		name := fmt.Sprintf("%d-%s", i, strings.Repeat("long", 50)) // needs a header before its own
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sparse is an archive of one file, all hole, that GNU tar would write in 3 blocks.
func sparse(size int64) []byte {
	h := make([]byte, 512)
	copy(h, "hole")
	copy(h[100:], "0000644\x00")
	copy(h[124:], "00000000000\x00") // bytes in the archive
	copy(h[136:], "00000000000\x00")
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	copy(h[386:], fmt.Sprintf("%011o\x00%011o\x00", size, 0)) // the only region: empty, at the end
	copy(h[483:], fmt.Sprintf("%011o\x00", size))
	sum := 8 * int(' ')
	for i, b := range h {
		if i < 148 || i >= 156 {
			sum += int(b)
		}
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(h, make([]byte, 1024)...)
}

func TestTarPassesOnWhatFits(t *testing.T) {
	small, cut := archive(t, 0, 10, 100_000, 512), archive(t, 5000)[:3000]
	for name, c := range map[string]struct {
		stream []byte
		limit  int64
		fits   bool
	}{
		"no limit":           {small, 0, true},
		"fits":               {small, 104_000, true},
		"a file too large":   {small, 50_000, false},
		"many files":         {archive(t, make([]int64, 100)...), 40_000, false},
		"half an archive":    {cut, 10_000, true},
		"no archive":         {[]byte(strings.Repeat("text ", 1000)), 10_000, true},
		"nothing":            {nil, 10_000, true},
		"bytes after it":     {append(small[:len(small):len(small)], make([]byte, 5000)...), 110_000, true},
		"much after it":      {append(small[:len(small):len(small)], make([]byte, 500_000)...), 110_000, false},
		"much of no archive": {bytes.Repeat([]byte("text "), 10_000), 10_000, false},
		"a hole":             {sparse(10_000), 11_000, true},
		"a hole too large":   {sparse(1 << 32), 1 << 31, false},
	} {
		for _, source := range []io.Reader{bytes.NewReader(c.stream), iotest.OneByteReader(bytes.NewReader(c.stream)), iotest.DataErrReader(bytes.NewReader(c.stream))} {
			got, err := io.ReadAll(quota.New(c.limit).Tar(source))
			if (err == nil) != c.fits || err != nil && !errors.As(err, new(*quota.Exceeded)) {
				t.Errorf("%s: %v", name, err)
			}
			if c.fits && !bytes.Equal(got, c.stream) {
				t.Errorf("%s: %d bytes became %d", name, len(c.stream), len(got))
			}
		}
	}
}

// TestNothingOfTheLargeEntryIsReadable: not even its header, after which whoever
// unpacks would write a hole without reading on.
func TestNothingOfTheLargeEntryIsReadable(t *testing.T) {
	first := archive(t, 100)
	first = first[:len(first)-1024] // without the end
	got, err := io.ReadAll(quota.New(1 << 20).Tar(bytes.NewReader(append(first, sparse(1<<32)...))))
	if !errors.As(err, new(*quota.Exceeded)) || len(got) > len(first) {
		t.Errorf("%v, %d bytes passed, %d came before", err, len(got), len(first))
	}
}

func TestTarTellsHowMuchItTook(t *testing.T) {
	q := quota.New(1 << 20)
	if _, err := io.Copy(io.Discard, q.Tar(bytes.NewReader(archive(t, 1000, 1000)))); err != nil || q.Taken() < 2000 || q.Taken() > 4000 {
		t.Errorf("%d, %v", q.Taken(), err)
	}
}

func TestErrorsOfTheStreamAreKept(t *testing.T) {
	broken := errors.New("broken")
	stream := io.MultiReader(bytes.NewReader(archive(t, 5000)[:3000]), iotest.ErrReader(broken))
	if _, err := io.ReadAll(quota.New(1 << 20).Tar(stream)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzTar: what unpacks within the limit is passed on unchanged, and what does not
// never yields more than the limit.
func FuzzTar(f *testing.F) {
	f.Add(archive(f, 10, 600))
	f.Add(sparse(100))
	f.Add(sparse(1 << 40))
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 1 << 20
		var total int64
		r := tar.NewReader(quota.New(limit).Tar(bytes.NewReader(stream)))
		for {
			if _, err := r.Next(); err != nil {
				break
			}
			n, err := io.Copy(io.Discard, r)
			if total += n; err != nil {
				break
			}
		}
		if total > limit {
			t.Errorf("unpacked %d bytes of at most %d", total, limit)
		}
	})
}
