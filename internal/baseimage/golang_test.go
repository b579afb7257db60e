package baseimage

import (
	"archive/zip"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

// toolchainZip is a toolchain module as proxies have it.
func toolchainZip(t testing.TB, version, arch string, extra ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	names := append([]string{"bin/go", "bin/gofmt", "pkg/tool/linux_" + arch + "/compile", "src/fmt/print.go", "src/fmt/print_test.go", "src/_go.mod",
		"src/testdata/x.go", "test/fixedbugs/a.go", "api/go1.txt", "lib/time/zoneinfo.zip", "go.env", "LICENSE"}, extra...)
	for _, name := range names {
		f, err := w.Create(goModule + "@" + goVersion(version, arch) + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(name + " of " + version)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// goWorld has a module proxy beside the mirror.
func goWorld(t testing.TB) (*world, *Assembler) {
	w := newWorld(t)
	at := "/goproxy/" + goModule + "/@v/"
	var list []string
	for _, v := range []string{"1.26.1", "1.26.10", "1.26.9", "1.26rc1", "1.27.0"} {
		for _, arch := range []string{"amd64", "arm64"} {
			list = append(list, goVersion(v, arch))
			w.set(at+goVersion(v, arch)+".zip", toolchainZip(t, v, arch))
		}
	}
	list = append(list, "v0.0.1-go1.26.99.darwin-arm64", "rubbish")
	w.set(at+"list", []byte(strings.Join(list, "\n")+"\n"))
	return w, w.assembler()
}

func TestGoToolchainBase(t *testing.T) {
	w, a := goWorld(t)
	ref := "slipway/go:1.26-trixie-toolchain"
	built := w.ensure(a, ref, "linux/amd64")
	pin := built.Pins[0].Go[0]
	if pin.Version != "1.26.10" || !strings.HasPrefix(pin.Sum, "h1:") || pin.check() != nil {
		t.Errorf("pinned %+v", pin)
	}
	img, err := w.store[ref].Image(built.Platforms["linux/amd64"])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range listing(t, img) {
		if strings.Contains(line, "usr/local/") {
			got = append(got, strings.TrimPrefix(line, "1 "))
		}
	}
	want := []string{
		`0777 usr/local/bin/go -> ../go/bin/go`,
		`0777 usr/local/bin/gofmt -> ../go/bin/gofmt`,
		`0644 usr/local/go/LICENSE "LICENSE of 1.26.10"`,
		`0755 usr/local/go/bin/go "bin/go of 1.26.10"`,
		`0755 usr/local/go/bin/gofmt "bin/gofmt of 1.26.10"`,
		`0644 usr/local/go/go.env "go.env of 1.26.10"`,
		`0644 usr/local/go/lib/time/zoneinfo.zip "lib/time/zoneinfo.zip of"`,
		`0755 usr/local/go/pkg/tool/linux_amd64/compile "pkg/tool/linux_amd64/com"`,
		`0644 usr/local/go/src/fmt/print.go "src/fmt/print.go of 1.26"`,
		`0644 usr/local/go/src/go.mod "src/_go.mod of 1.26.10"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files of Go (-want +got):\n%s", diff)
	}
}

func TestGoPinsHold(t *testing.T) {
	_, a := goWorld(t)
	ref := "slipway/go:1.26-trixie-cgo-toolchain"
	lock, err := a.Pin(t.Context(), []string{ref}, amd64)
	if err != nil {
		t.Fatal(err)
	}
	text, err := lock.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeLock("slipway.lock", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lock, again); diff != "" {
		t.Errorf("the lock changes when it is read (-want +got):\n%s", diff)
	}
	// Another machine with the same lock takes the pinned one, and no other bytes.
	other, _ := goWorld(t)
	other.set("/goproxy/"+goModule+"/@v/"+goVersion("1.26.10", "amd64")+".zip", toolchainZip(t, "1.26.10", "amd64", "src/evil.go"))
	b := other.assembler(func(o *Options) { o.Lock = again })
	if _, err := b.Ensure(t.Context(), []string{ref}, amd64); diag.ExitOf(err) != diag.ExitBuild || !strings.Contains(err.Error(), "Go 1.26.10 for amd64") {
		t.Errorf("a toolchain with other bytes: %v", err)
	}
}

func TestGoThatCannotBeHad(t *testing.T) {
	w, a := goWorld(t)
	_, err := a.Ensure(t.Context(), []string{"slipway/go:1.25-trixie-toolchain"}, amd64)
	if diag.ExitOf(err) != diag.ExitBuild || !strings.Contains(err.Error(), "no toolchain of Go 1.25") || !strings.Contains(diag.HintOf(err), "version:") {
		t.Errorf("a minor that the proxy lacks: %v, hint %q", err, diag.HintOf(err))
	}
	w.answer["/goproxy/"+goModule+"/@v/list"] = func(rw http.ResponseWriter, _ int) bool { rw.WriteHeader(http.StatusForbidden); return true }
	if _, err := a.Ensure(t.Context(), []string{"slipway/go:1.26-trixie-toolchain"}, amd64); diag.HintOf(err) == "" {
		t.Errorf("a proxy that refuses: %v", err)
	}
}

func TestGoTreeRefusesWhatIsNotSafe(t *testing.T) {
	prefix := goModule + "@" + goVersion("1.26.1", "amd64") + "/"
	for name, data := range map[string][]byte{
		"no zip":      []byte("no zip"),
		"climbs out":  toolchainZip(t, "1.26.1", "amd64", "src/../../../etc/passwd"),
		"file as dir": toolchainZip(t, "1.26.1", "amd64", "bin/go/x"),
		"no go":       toolchainZip(t, "1.26.2", "amd64"),
	} {
		if made, err := goTree(bytes.NewReader(data), int64(len(data)), prefix); err == nil {
			t.Errorf("%s: taken: %v", name, sorted(made))
		}
	}
}

func FuzzGoTree(f *testing.F) {
	f.Add(toolchainZip(f, "1.26.1", "amd64"))
	prefix := goModule + "@" + goVersion("1.26.1", "amd64") + "/"
	f.Fuzz(func(t *testing.T, data []byte) {
		made, err := goTree(bytes.NewReader(data), int64(len(data)), prefix)
		if err != nil {
			return
		}
		for p := range made {
			if !strings.HasPrefix(p, "usr/local/") || slices.Contains(strings.Split(p, "/"), "..") {
				t.Errorf("it writes %q", p)
			}
		}
	})
}
