package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/diag"
)

func notFound(string) (string, error) { return "", exec.ErrNotFound }

// carrying is a file system with a packed runc.
func carrying(t *testing.T, program string) fs.FS {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(program)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{runcFile: {Data: b.Bytes()}, runcFile + ".sha256": {Data: fmt.Appendf(nil, "%x\n", sha256.Sum256(b.Bytes()))}}
}

func TestInstallRunc(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	from := carrying(t, "the program")
	path, err := installRunc(from, dir, notFound)
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if read() != "the program" || !strings.HasPrefix(filepath.Base(path), "runc-") {
		t.Errorf("%s holds %q", path, read())
	}
	if err := os.WriteFile(path, []byte("cut"), 0o755); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	again, err := installRunc(from, dir, notFound)
	if err != nil || again != path || read() != "the program" {
		t.Errorf("%v: %s holds %q", err, again, read())
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

func TestInstallRuncFallsBackToPath(t *testing.T) {
	path, err := installRunc(fstest.MapFS{}, t.TempDir(), func(string) (string, error) { return "/usr/sbin/runc", nil })
	if err != nil || path != "/usr/sbin/runc" {
		t.Errorf("%q, %v", path, err)
	}
}

func TestRuncMissing(t *testing.T) {
	_, err := installRunc(fstest.MapFS{}, t.TempDir(), notFound)
	if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "apt-get install runc") {
		t.Errorf("%v, exit %d, hint %q", err, diag.ExitOf(err), diag.HintOf(err))
	}
}

// TestInstallTools: the second program lies beside runc, and without it the error says
// what to build.
func TestInstallTools(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	from := carrying(t, "the program").(fstest.MapFS)
	tools := carried{toolsFile, toolsName}
	if _, err := tools.install(from, dir, "slipway-tools"); err == nil || !strings.Contains(err.Error(), "built without its slipway-tools") || !strings.Contains(diag.HintOf(err), "make build") {
		t.Errorf("without it: %v", err)
	}
	from[toolsFile], from[toolsFile+".sha256"] = from[runcFile], from[runcFile+".sha256"]
	path, err := tools.install(from, dir, "slipway-tools")
	if data, _ := os.ReadFile(path); err != nil || string(data) != "the program" || !strings.HasPrefix(filepath.Base(path), "slipway-tools-") {
		t.Errorf("%s holds %q, %v", path, data, err)
	}
}

func TestProbeOfUnknownArchitecture(t *testing.T) {
	_, err := Probe("vax", true)
	if f := (*diag.Failure)(nil); !errors.As(err, &f) || !strings.Contains(f.Hint, "make build") {
		t.Errorf("%v", err)
	}
}

func TestCarriedProgramsAreForLinux(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		for tls, limit := range map[bool]int{false: 2_500_000, true: 5_000_000} {
			data, err := Probe(arch, tls)
			if err != nil {
				t.Skip("built without assets: run scripts/build-assets.sh")
			}
			id, err := ProbeID(arch, tls)
			if packed, _ := packedProbe(arch, tls); err != nil || id != fmt.Sprintf("%x", sha256.Sum256(packed)) {
				t.Errorf("%s, TLS %v: named %q, %v", arch, tls, id, err)
			}
			if !bytes.HasPrefix(data, []byte("\x7fELF")) || len(data) > limit {
				t.Errorf("%s, TLS %v: %d bytes, want a Linux program of at most %d", arch, tls, len(data), limit)
			}
		}
	}
}

func TestProgramsNameTheirLibraries(t *testing.T) {
	from := carrying(t, "the program").(fstest.MapFS)
	from["bin/runc-linux-"+runtime.GOARCH+".libs"] = &fstest.MapFile{Data: []byte("libseccomp 2.5.4\nglibc 2.36\n")}
	from["bin/slipway-probe-linux-vax.gz"] = from["bin/runc-linux-"+runtime.GOARCH+".gz"]
	from["bin/README.md"] = &fstest.MapFile{}
	got, err := programs(from)
	want := []Program{
		{Name: "runc-linux-" + runtime.GOARCH, Data: []byte("the program"), Libraries: []string{"libseccomp 2.5.4", "glibc 2.36"}},
		{Name: "slipway-probe-linux-vax", Data: []byte("the program")},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %+v", err, got)
	}
	if none, err := programs(fstest.MapFS{}); err != nil || len(none) != 0 {
		t.Errorf("%v: %+v", err, none)
	}
}
