package baseimage

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestEqualLocksGiveEqualDigests(t *testing.T) {
	for _, compression := range []Compression{Gzip, Zstd} {
		t.Run(string(compression), func(t *testing.T) {
			one := newWorld(t)
			both := []string{"linux/amd64", "linux/arm64"}
			withZ := func(o *Options) { o.Compression = compression }
			lock, err := one.assembler(withZ).Pin(t.Context(), []string{runtimeRef, toolchainRef}, both)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), LockName)
			if err := WriteLock(file, lock); err != nil {
				t.Fatal(err)
			}
			read, err := ReadLock(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lock, read); diff != "" {
				t.Fatalf("lock after a round trip (-want +got):\n%s", diff)
			}

			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			one.packages, one.state, one.store = t.TempDir(), t.TempDir(), memoryStore{}
			again, err := one.assembler(withZ, func(o *Options) { o.Lock = read }).Ensure(t.Context(), []string{runtimeRef, toolchainRef}, both)
			if err != nil {
				t.Fatal(err)
			}
			for ref, b := range again {
				for platform, digest := range b.Platforms {
					l, _ := lock.Find(ref, platform)
					if got := digest.String(); got != *l.digest(compression) || got == "" {
						t.Errorf("%s %s: %s, the lock says %s", ref, platform, got, *l.digest(compression))
					}
				}
			}
		})
	}
}

func TestLargeLayersDoNotDependOnCores(t *testing.T) {
	big := tree{}
	for i := range 36 { // more than one of zstd's jobs of 32 MB
		data := make([]byte, 1<<20)
		for j := range data {
			data[j] = byte(i + j>>12)
		}
		big.file(fmt.Sprintf("f%02d", i), 0o644, data)
	}
	for _, c := range []Compression{Gzip, Zstd} {
		var first v1.Hash
		for i, cores := range []int{1, 4} {
			old := runtime.GOMAXPROCS(cores)
			l, err := layers{t.TempDir(), c}.make("k", big)
			runtime.GOMAXPROCS(old)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = l.Blob
			} else if l.Blob != first {
				t.Errorf("%s with %d cores gives %s, with 1 %s", c, cores, l.Blob, first)
			}
		}
	}
}

func TestZstdLayersSaySo(t *testing.T) {
	w := newWorld(t)
	built := w.ensure(w.assembler(func(o *Options) { o.Compression = Zstd }), runtimeRef, "linux/amd64")
	img, err := w.store[runtimeRef].Image(built.Platforms["linux/amd64"])
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		if l.MediaType != types.OCILayerZStd {
			t.Errorf("media type %s", l.MediaType)
		}
	}
}

func TestLockWithAnotherDigestIsRefused(t *testing.T) {
	w := newWorld(t)
	pins := w.ensure(w.assembler(), runtimeRef, "linux/amd64").Pins
	pins[0].Gzip = "sha256:" + strings.Repeat("0", 64)
	w.store = memoryStore{}
	_, err := w.assembler(func(o *Options) { o.Lock = Lock{Version: 1, Bases: pins} }).Ensure(t.Context(), []string{runtimeRef}, amd64)
	if err == nil || !strings.Contains(err.Error(), "but the lock pins sha256:000") || diag.HintOf(err) == "" {
		t.Errorf("error %v", err)
	}
}
