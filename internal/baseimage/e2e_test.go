package baseimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/diag"
)

// memoryStore is a Store for tests.
type memoryStore map[string]v1.ImageIndex

func (s memoryStore) Write(_ context.Context, name string, index v1.ImageIndex) (v1.Hash, error) {
	s[name] = index
	return index.Digest()
}

func (s memoryStore) Lookup(_ context.Context, name string) (v1.ImageIndex, error) {
	if index := s[name]; index != nil {
		return index, nil
	}
	return nil, fs.ErrNotExist
}

// TestRealBases builds bases from the mirrors of this machine and runs node in
// them. It wants root, for chroot.
func TestRealBases(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("wants the network and root: set SLIPWAY_E2E=1")
	}
	packages := os.Getenv("SLIPWAY_E2E_PACKAGES") // keeps downloads between runs
	if packages == "" {
		packages = t.TempDir()
	}
	for _, c := range []struct {
		ref       string
		platforms []string
		packed    float64  // most megabytes of gzip layers; an image of FAST may have 45
		unpacked  float64  // most megabytes in files; an image of FAST may have 110
		check     []string // run in a chroot
	}{
		{"slipway/node:20-trixie", []string{"linux/amd64", "linux/arm64"}, 38.5, 95.8, []string{"/usr/local/bin/node", "-e", "console.log(process.version, Intl.DateTimeFormat('de').format(0)); require('dns').lookup('localhost', (e,a)=>console.log(a))"}},
		{"slipway/node:22-trixie", []string{"linux/amd64"}, 47, 118, []string{"/usr/local/bin/node", "-p", "process.version"}},
		{"slipway/node:24-trixie", []string{"linux/amd64"}, 47, 118, []string{"/usr/local/bin/node", "-p", "process.version"}},
		{"slipway/python:3.13-trixie", []string{"linux/amd64", "linux/arm64"}, 16, 42, []string{"/usr/bin/python3", "-c", `
import ctypes, ctypes.util, locale, os, time
assert ctypes.util.find_library("crypto") == "libcrypto.so.3", ctypes.util.find_library("crypto")
ctypes.CDLL(ctypes.util.find_library("sqlite3"))
assert ctypes.util.find_library("nonsense") is None
assert locale.setlocale(locale.LC_ALL, "C.UTF-8") == "C.UTF-8" and locale.nl_langinfo(locale.CODESET) == "UTF-8"
os.environ["TZ"] = "Asia/Tokyo"; time.tzset(); assert time.strftime("%z") == "+0900", time.strftime("%z")`}},
		{"slipway/python/libzbar0t64:3.13-trixie", []string{"linux/amd64"}, 19, 48, []string{"/usr/bin/python3", "-c", `
import ctypes, ctypes.util
assert ctypes.util.find_library("zbar") == "libzbar.so.0", ctypes.util.find_library("zbar")
ctypes.CDLL("libzbar.so.0").zbar_version`}},
		{"slipway/node/libcairo2:22-trixie", []string{"linux/amd64"}, 60, 150, []string{"/usr/local/bin/node", "-e", `
try { process.dlopen({exports: {}}, "libcairo.so.2") } catch (e) { if (!e.message.includes("self-register")) throw e } // loaded, and no addon`}},
		{"slipway/node:20-trixie-toolchain", []string{"linux/amd64"}, 55, 135, []string{"/bin/sh", "-c", "set -e; node -v; npm -v; id; ls -la / | head -3; awk 'BEGIN{print 1}'; which npm; echo x | sed s/x/y/ | tr y z | sort; find /etc -name passwd; diff /etc/passwd /etc/passwd; tar --version | head -1; bash -c 'echo $BASH_VERSION'; gzip --version | head -1"}},
	} {
		t.Run(c.ref, func(t *testing.T) {
			store := memoryStore{}
			state := t.TempDir()
			start := time.Now()
			built := ensureReal(t, packages, state, store, c.ref, c.platforms)
			t.Logf("first build %.2fs", time.Since(start).Seconds())
			start = time.Now()
			a := realAssembler(t, packages, t.TempDir(), memoryStore{})
			a.lock = Lock{Version: 1, Bases: built.Pins}
			again, err := a.Ensure(t.Context(), []string{c.ref}, c.platforms)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("from a warm package cache %.2fs", time.Since(start).Seconds())
			if again[c.ref].Index != built.Index {
				t.Errorf("index %s, then %s", built.Index, again[c.ref].Index)
			}
			start = time.Now()
			ensureReal(t, packages, state, store, c.ref, c.platforms)
			t.Logf("there already %.4fs", time.Since(start).Seconds())
			root := t.TempDir()
			unpacked, packed := unpackReal(t, store[c.ref], built.Platforms["linux/amd64"], root)
			if unpacked > c.unpacked || packed > c.packed {
				t.Errorf("%.1f MB unpacked, %.1f MB packed; at most %.1f and %.1f", unpacked, packed, c.unpacked, c.packed)
			}
			null := filepath.Join(root, "dev/null") // find_library wants it
			if err := os.MkdirAll(filepath.Dir(null), 0o755); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("mknod", "-m", "666", null, "c", "1", "3").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			cmd := exec.Command("chroot", append([]string{root}, c.check...)...)
			cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Error(err)
			}
			if keep := os.Getenv("SLIPWAY_E2E_KEEP"); keep != "" {
				keep = filepath.Join(keep, filepath.Base(c.ref))
				if err := os.MkdirAll(keep, 0o755); err != nil {
					t.Fatal(err)
				}
				unpackReal(t, store[c.ref], built.Platforms["linux/amd64"], keep)
			}
		})
	}
}

func realAssembler(t *testing.T, packages, state string, store Store) *Assembler {
	t.Helper()
	a, err := New(Options{
		PackagesDir: packages, StateDir: state, Store: store, Compression: Compression(os.Getenv("SLIPWAY_E2E_COMPRESSION")),
		Mirrors: func(ctx context.Context) (Mirrors, error) {
			return FindMirrors(ctx, Machine{Root: "/", Getenv: os.Getenv})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ensureReal(t *testing.T, packages, state string, store Store, ref string, platforms []string) Built {
	t.Helper()
	built, err := realAssembler(t, packages, state, store).Ensure(t.Context(), []string{ref}, platforms)
	if err != nil {
		t.Fatalf("%v\n%s", err, diag.HintOf(err))
	}
	return built[ref]
}

// unpackReal unpacks an image's layers into a directory and returns megabytes.
func unpackReal(t *testing.T, index v1.ImageIndex, digest v1.Hash, root string) (unpacked, packed float64) {
	t.Helper()
	img, err := index.Image(digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		size, _ := l.Size()
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		n, err := unpackTar(r, root)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("layer %d: %.1f MB in files, %.1f MB compressed", i, float64(n)/1e6, float64(size)/1e6)
		unpacked += float64(n) / 1e6
		packed += float64(size) / 1e6
	}
	return unpacked, packed
}

func unpackTar(r io.ReadCloser, root string) (n int64, err error) {
	defer r.Close()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		to := filepath.Join(root, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(to, 0o755)
			if err == nil {
				err = os.Chmod(to, h.FileInfo().Mode())
			}
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, to)
		case tar.TypeLink:
			err = os.Link(filepath.Join(root, h.Linkname), to)
		case tar.TypeReg:
			var f *os.File
			if f, err = os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, h.FileInfo().Mode()); err == nil {
				var m int64
				m, err = io.Copy(f, tr)
				n += m
				f.Close()
			}
		default:
			err = fmt.Errorf("entry type %q", h.Typeflag)
		}
		if err != nil {
			return n, err
		}
	}
}
