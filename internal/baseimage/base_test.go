package baseimage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
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
		`0 0644 usr/share/zoneinfo/Asia/Tokyo "TZif"`,
		`1 0777 bin -> usr/bin`,
		`1 0644 etc/group "root:x:0:\nnogroup:x:6553"`,
		`1 0644 etc/ld.so.conf "include /etc/ld.so.conf."`,
		`1 0644 etc/ld.so.conf.d/libc.conf "/usr/lib/amd64\n"`,
		`1 0644 etc/nsswitch.conf "passwd: files\ngroup: fil"`,
		`1 0777 etc/os-release -> ../usr/lib/os-release`,
		`1 0644 etc/passwd "root:x:0:0:root:/root:/u"`,
		`1 0644 etc/ssl/certs/ca-certificates.crt "cert A\ncert B\n"`,
		`1 0777 lib -> usr/lib`,
		`1 0755 usr/bin/linked "x"`,
		`1 0755 usr/bin/setuid == usr/bin/linked`,
		`1 0755 usr/lib/amd64/libc.so.6 "the C library"`,
		`1 0644 usr/lib/gcc-14-base "content of gcc-14-base"`,
		`1 0644 usr/lib/libgcc-s1 "content of libgcc-s1"`,
		`1 0644 usr/lib/libstdc++6 "content of libstdc++6"`,
		`1 0644 usr/lib/locale/C.utf8/LC_CTYPE "classes"`,
		`1 0644 usr/lib/netbase "content of netbase"`,
		`1 0644 usr/lib/os-release "ID=debian\n"`,
		`1 0644 usr/lib/tini "content of tini"`,
		`1 0777 var/lock -> /run/lock`,
		`1 0777 var/run -> /run`,
		`2 0755 usr/local/bin/node "` + "\\x7fELF\\x02\\x01\\x01" + strings.Repeat(`\x00`, 9) + `\x02\x00>\x00\x01\x00\x00\x00"`,
		`2 0644 usr/local/share/doc/node/LICENSE "new"`,
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
	files, err := a.debianTree(t.Context(), spec.Base{Role: "runtime"}, pins.Debian, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	got := string(files["var/lib/dpkg/status.d/libc6"].data.text())
	want := "Package: libc6\nVersion: 1.0\nArchitecture: amd64\nDescription: a test\n more text\nStatus: install ok installed\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	sums := string(files["var/lib/dpkg/status.d/libc6.md5sums"].data.text())
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
	first := w.ensure(w.assembler(), spec.ProbeRef, "linux/amd64", "linux/arm64")
	if again := w.ensure(w.assembler(), spec.ProbeRef, "linux/amd64", "linux/arm64"); again.Index != first.Index {
		t.Errorf("index %s, then %s", first.Index, again.Index)
	}
	img, err := w.store[spec.ProbeRef].Image(first.Platforms["linux/arm64"])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`0 0777 usr/local/bin/grpc_health_probe -> slipway-probe`, `0 0755 usr/local/bin/slipway-probe "probe for arm64"`}
	if diff := cmp.Diff(want, listing(t, img)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	changed := w.assembler(func(o *Options) { o.Probe = func(string, bool) ([]byte, error) { return []byte("newer"), nil } })
	if third := w.ensure(changed, spec.ProbeRef, "linux/amd64"); third.Platforms["linux/amd64"] == first.Platforms["linux/amd64"] {
		t.Error("a new probe gave the old image")
	}
	over := w.ensure(w.assembler(), spec.TLSProbeRef, "linux/arm64")
	if img, err = w.store[spec.TLSProbeRef].Image(over.Platforms["linux/arm64"]); err != nil {
		t.Fatal(err)
	}
	want[1] = `0 0755 usr/local/bin/slipway-probe "TLS probe for arm64"`
	if diff := cmp.Diff(want, listing(t, img)); diff != "" {
		t.Errorf("files of the one with TLS (-want +got):\n%s", diff)
	}
	scanner := w.ensure(w.assembler(), spec.ScanRef, "linux/arm64")
	if img, err = w.store[spec.ScanRef].Image(scanner.Platforms["linux/arm64"]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`0 0755 usr/local/bin/security-scan "scanner for arm64"`}, listing(t, img)); diff != "" {
		t.Errorf("files of the scanner (-want +got):\n%s", diff)
	}
	if w.asked() != 0 {
		t.Error("the probes need no network")
	}
}

// TestSettingsOfTheEnvironmentHaveTheirFiles: LANG, TZ and look-ups of libraries
// find what they need in every runtime base, and no program comes with it that the
// base does not call.
func TestSettingsOfTheEnvironmentHaveTheirFiles(t *testing.T) {
	w := newWorld(t)
	w.publish("1.0", madeRefs()...)
	const zone, locale, ldconfig, programs, cache = "usr/share/zoneinfo/Asia/Tokyo", "usr/lib/locale/C.utf8/LC_CTYPE", "usr/sbin/ldconfig", "usr/bin/localedef", "etc/ld.so.cache"
	for ref, want := range map[string][]string{
		"slipway/static:trixie":               {zone},
		"slipway/libc:trixie":                 {zone, locale},
		"slipway/rust:trixie-openssl":         {zone, locale},
		"slipway/jvm:trixie":                  {zone, locale, cache}, // of those bases, those with zlib have a library here
		"slipway/nginx:1.26-trixie":           {zone, locale, cache},
		runtimeRef:                            {zone, locale},
		"slipway/node/libfallback:20-trixie":  {zone, locale},
		"slipway/python:3.13-trixie":          {zone, locale, cache, ldconfig},
		"slipway/python/libc-bin:3.13-trixie": {zone, locale, cache, ldconfig, programs}, // who names a package wants it whole
	} {
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			built := w.ensure(w.assembler(), ref, platform)
			img, err := w.store[ref].Image(built.Platforms[platform])
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(listing(t, img), "\n") + "\n"
			var got []string
			for _, p := range []string{zone, locale, cache, ldconfig, programs} {
				if strings.Contains(all, " "+p+" ") {
					got = append(got, p)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s for %s (-want +got):\n%s", ref, platform, diff)
			}
			if slices.Contains(want, cache) && !strings.Contains(all, "/libz.so.1 -> libz.so.1.3\n") {
				t.Errorf("%s for %s lacks the link of zlib", ref, platform)
			}
		}
	}
}

// TestZonesAreALayerOfTheirOwn: all runtime bases of all platforms share it.
func TestZonesAreALayerOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	seen := map[v1.Hash]bool{}
	for _, ref := range []string{runtimeRef, "slipway/static:trixie"} {
		for _, digest := range w.ensure(w.assembler(), ref, "linux/amd64", "linux/arm64").Platforms {
			img, err := w.store[ref].Image(digest)
			if err != nil {
				t.Fatal(err)
			}
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			first, err := layers[0].Digest()
			if err != nil {
				t.Fatal(err)
			}
			seen[first] = true
		}
	}
	if len(seen) != 1 {
		t.Errorf("the zones are %d layers", len(seen))
	}
}
