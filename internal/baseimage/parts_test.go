package baseimage

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/diag"
)

func all(p string) string { return p }

func TestUnpackRefusesWhatIsNotSafe(t *testing.T) {
	for _, c := range []struct {
		name, text string
		files      []file
	}{
		{"climbs", "climbs out", []file{{name: "./usr/../../etc/passwd", body: "x"}}},
		{"climbs at once", "climbs out", []file{{name: "../x", body: "x"}}},
		{"hard link climbs", "climbs out", []file{{name: "a", kind: tar.TypeLink, link: "../../etc/shadow"}}},
		{"hard link to what is not there", "is not in the package", []file{{name: "a", kind: tar.TypeLink, link: "etc/shadow"}}},
		{"through a link", "which is not a directory", []file{{name: "d", kind: tar.TypeSymlink, link: "/etc"}, {name: "d/passwd", body: "x"}}},
		{"through a file", "which is not a directory", []file{{name: "d", body: "x"}, {name: "d/e", body: "x"}}},
		{"twice", "exists twice", []file{{name: "d", body: "x"}, {name: "./d", body: "y"}}},
		{"device", "is a device", []file{{name: "dev/sda", kind: tar.TypeBlock}}},
		{"character device", "is a device", []file{{name: "dev/null", kind: tar.TypeChar}}},
		{"pipe", "is a device", []file{{name: "p", kind: tar.TypeFifo}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := tree{}.unpack(bytes.NewReader(tarOf(t, c.files...)), 0, all)
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %q", err, c.text)
			}
		})
	}
}

func TestAbsolutePathsStayInTheImage(t *testing.T) {
	got := tree{}
	err := got.unpack(bytes.NewReader(tarOf(t, file{name: "/etc/x", body: "x"}, file{name: "/bin/sh", body: "x"}, file{name: "lib64/ld.so", kind: tar.TypeSymlink, link: "/etc/shadow"}, file{name: "./lib/"})), 0, all)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"etc/x", "usr/bin/sh", "usr/lib", "usr/lib64/ld.so"}, sorted(got)); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestStripKeepsWhatIsLoaded(t *testing.T) {
	whole := tinyELF()
	c, err := stripped(inMemory(whole))
	if err != nil {
		t.Fatal(err)
	}
	out := c.text()
	f, err := elf.NewFile(c)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range f.Sections {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"", ".text", ".shstrtab"}, names); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}
	text, err := f.Section(".text").Data()
	if err != nil || string(text) != "loaded bytes of the program...." {
		t.Errorf("text %q, %v", text, err)
	}
	// The one segment of the file spans its symbols, which therefore stay.
	if n := f.Progs[0].Filesz; !bytes.Equal(out[64:n], whole[64:n]) {
		t.Error("bytes of a segment changed")
	}
	if c.size() != int64(len(out)) {
		t.Errorf("size %d, want %d", c.size(), len(out))
	}
	if _, err := stripped(inMemory(whole[:130])); err == nil {
		t.Error("a cut file was accepted")
	}
}

func TestFindMirrors(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": root, "TOKEN": "secret"}
	m := Machine{Root: root, Getenv: func(k string) string { return env[k] }}

	t.Setenv("PATH", t.TempDir()) // no npm to ask
	if _, err := FindMirrors(t.Context(), m); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "SLIPWAY_DEBIAN_MIRROR") {
		t.Errorf("no sources: %v", err)
	}
	write("etc/apt/sources.list", "# old\ndeb cdrom:[x] bookworm main\ndeb [arch=amd64 signed-by=/k] http://one.example/debian/ bookworm main contrib # here\ndeb-src http://src.example/debian bookworm main\n")
	write("etc/apt/sources.list.d/debian.sources", "Types: deb\n# comment\nURIs: http://two.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\nTypes: deb deb-src\nURIs: http://two.example/debian-security\nSuites: bookworm-security\nComponents: main\n\nEnabled: no\nTypes: deb\nURIs: http://off.example\nSuites: trixie\nComponents: main\n")
	write("etc/apt/sources.list.d/vendor.list", "deb https://vendor.example/apt bookworm stable\n")
	write("etc/apt/sources.list.d/node.sources.disabled", "Types: deb\nURIs: http://bad.example\nSuites: trixie\nComponents: main\n")
	if got, err := FindMirrors(t.Context(), m); err != nil || !cmp.Equal(got.Registries(), Registries{}) {
		t.Errorf("no registry and no proxy are no failure until something needs them: %+v, %v", got, err)
	}
	write(".npmrc", "; mine\nregistry = https://npm.example/repo/\n//npm.example/repo/:_authToken=${TOKEN}\n")
	type all struct {
		Debian, Security []string
		Registries
	}
	check := func(want all) {
		t.Helper()
		got, err := FindMirrors(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, all{got.Debian, got.Security, got.Registries()}); diff != "" {
			t.Errorf("mirrors (-want +got):\n%s", diff)
		}
	}
	want := all{[]string{"http://one.example/debian", "http://two.example/debian"}, []string{"http://two.example/debian-security"}, Registries{NPM: "https://npm.example/repo", NPMToken: "secret"}}
	check(want)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	asked := filepath.Join(root, "bin")
	write("bin/go", "#!/bin/sh\necho https://asked.example\n")
	if err := os.Chmod(filepath.Join(asked, "go"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", asked+":/bin:/usr/bin")
	if got, err := FindMirrors(over, m); err != nil || !slices.Equal(got.Registries().Go, []string{"https://asked.example"}) {
		t.Errorf("go was not asked when what had asked for the mirrors was over: %v", err)
	}
	write(".config/go/env", "GOFLAGS=-x\nGOPROXY=https://go.example/,direct\n")
	want.Go = []string{"https://go.example"}
	check(want)
	env["GOPROXY"] = "https://first.example|https://second.example,off"
	want.Go = []string{"https://first.example", "https://second.example"}
	check(want)
	env["GOPROXY"] = "off"
	env["SLIPWAY_DEBIAN_MIRROR"], env["NPM_CONFIG_REGISTRY"] = "https://mine.example/debian/", "https://other.example"
	check(all{Debian: []string{"https://mine.example/debian"}, Registries: Registries{NPM: "https://other.example"}})
}

func TestTokenGoesToTheRegistryAlone(t *testing.T) {
	a := &Assembler{mirrors: onceMirrors(nil)}
	if got := a.token(t.Context(), "http://npm.example/x"); got != "" {
		t.Errorf("token %q without mirrors", got)
	}
	a.mirrors = onceMirrors(fixed(Mirrors{
		Debian:     []string{"https://npm.example/repo/debian"},
		Registries: func() Registries { return Registries{NPM: "https://npm.example/repo", NPMToken: "secret"} },
	}))
	for address, want := range map[string]string{
		"https://npm.example/repo/npm": "secret", "https://npm.example/repository/npm": "", "http://npm.example/repo/npm": "", "https://mirror.example/repo/": "",
		"https://npm.example/repo/debian/dists": "", // Debian's mirror first, so that npm need not be asked
	} {
		if got := a.token(t.Context(), address); got != want {
			t.Errorf("%s gets %q", address, got)
		}
	}
}

func TestDamagedLocksAreFindings(t *testing.T) {
	good, err := Lock{}.With(Locked{Ref: runtimeRef, Platform: "linux/amd64", Assembly: assembly,
		Debian: []debian.Pin{{Name: "a", Version: "1", SHA256: strings.Repeat("a", 64), Size: 1, Path: "pool/a.deb"}}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeLock("slipway.lock", good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, text string }{
		{`"linux/amd64",`, `"linux/amd64"`, "slipway.lock:7:"},
		{`"version": 1,`, `"version": 9,`, "version 9"},
		{`"version": 1,`, `"version": 1, "x": 2,`, `unknown field "x"`},
		{"pool/a.deb", "../../a.deb", `entry of package "a"`},
		{strings.Repeat("a", 64), "00", `entry of package "a"`},
		{"20-trixie", "17-trixie", `unknown base "slipway/node:17-trixie"`},
		{"linux/amd64", "linux/s390x", "unknown platform"},
		{"\n}\n", "\n}\n}\n", "damaged"},
	} {
		_, err := DecodeLock("slipway.lock", bytes.Replace(good, []byte(c.old), []byte(c.new), 1))
		var fs diag.Findings
		if !errors.As(err, &fs) || !strings.Contains(err.Error(), c.text) || fs[0].Hint == "" {
			t.Errorf("%q for %q: %v", c.new, c.old, err)
		}
	}
}

func FuzzDeb(f *testing.F) {
	f.Add(debOf(f, "Package: a\n", file{name: "./a", body: "x"}))
	f.Add(arOf(member{"control.tar", nil}, member{"data.tar.xz", []byte{0xfd, '7', 'z'}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := debian.ReadDeb(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		r, err := d.Files()
		if err != nil {
			return
		}
		got := tree{}
		if got.unpack(r, 0, all) != nil {
			return
		}
		for p := range got {
			if strings.HasPrefix(p, "/") || strings.Contains("/"+p+"/", "/../") {
				t.Errorf("path %q", p)
			}
		}
	})
}

func FuzzStripped(f *testing.F) {
	f.Add(tinyELF())
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = stripped(inMemory(data)) })
}

func FuzzLock(f *testing.F) {
	f.Add([]byte(`{"version": 1, "bases": []}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := DecodeLock("x", data)
		if err != nil {
			return
		}
		text, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeLock("x", text); err != nil {
			t.Errorf("its own encoding is refused: %v\n%s", err, text)
		}
	})
}

func FuzzNPMRC(f *testing.F) {
	f.Add("registry = https://npm.example/\n; x\n//npm.example/:_authToken=${TOKEN}\n")
	f.Fuzz(func(t *testing.T, text string) {
		for k := range parseNPMRC(text, func(string) string { return "" }) {
			if strings.ContainsAny(k, "=\n") {
				t.Errorf("key %q", k)
			}
		}
	})
}
