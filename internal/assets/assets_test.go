package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/diag"
)

func notFound(string) (string, error) { return "", exec.ErrNotFound }

// carrying is a file system with a packed runc.
func carrying(program string) fstest.MapFS {
	from := fstest.MapFS{}
	carry(from, runc().name, program)
	return from
}

func carry(in fstest.MapFS, name, program string) {
	packed := stored(program)
	in["bin/"+name+".xz"] = &fstest.MapFile{Data: packed}
	in["bin/"+name+".sum"] = &fstest.MapFile{Data: fmt.Appendf(nil, "%x %d\n", sha256.Sum256(packed), len(program))}
}

// stored is an .xz file of one block that compresses nothing, with CRC32 (the .xz file
// format 1.2.1, sections 2 to 4; LZMA2's uncompressed chunk). It takes up to 127 bytes.
func stored(text string) []byte {
	summed := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)) }
	padded := func(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }
	flags := []byte{0, 1}
	header := summed(padded([]byte{2, 0, 0x21, 1, 0})) // 12 bytes; LZMA2, dictionary of 4 KiB
	chunk := append([]byte{1, 0, byte(len(text) - 1)}, text+"\x00"...)
	sum := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	index := summed(padded([]byte{0, 1, byte(len(header) + len(chunk) + len(sum)), byte(len(text))}))
	footer := append(binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1)), flags...)
	return slices.Concat([]byte("\xfd7zXZ\x00"), summed(flags), header, padded(chunk), sum,
		index, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(footer)), footer, []byte("YZ"))
}

func TestInstallRunc(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	from := carrying("the program")
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
	from := carrying("the program")
	if _, err := tools().install(from, dir, "slipway-tools"); err == nil || !strings.Contains(err.Error(), "built without its slipway-tools") || !strings.Contains(diag.HintOf(err), "make build") {
		t.Errorf("without it: %v", err)
	}
	carry(from, tools().name, "the program")
	path, err := tools().install(from, dir, "slipway-tools")
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
			if packed, _ := embedded.ReadFile(probe(arch, tls).packed()); err != nil || id != fmt.Sprintf("%x", sha256.Sum256(packed)) {
				t.Errorf("%s, TLS %v: named %q, %v", arch, tls, id, err)
			}
			if !bytes.HasPrefix(data, []byte("\x7fELF")) || len(data) > limit {
				t.Errorf("%s, TLS %v: %d bytes, want a Linux program of at most %d", arch, tls, len(data), limit)
			}
		}
	}
}

// TestDamagedPrograms: a flipped byte is an error, not a program.
func TestDamagedPrograms(t *testing.T) {
	from := carrying("the program")
	packed := from[runc().packed()].Data
	packed[bytes.Index(packed, []byte("program"))] ^= 1
	_, err := programs(from)
	if err == nil || !strings.HasPrefix(err.Error(), "unpacking the embedded "+runc().name+": ") {
		t.Errorf("of a flipped byte: %v", err)
	}
	from["bin/"+runc().name+".sum"].Data = []byte("cut")
	if _, err := runc().install(from, t.TempDir(), "runc"); err == nil || !strings.Contains(diag.HintOf(err), "make build") {
		t.Errorf("of a sum cut short: %v", err)
	}
}

func TestProgramsNameTheirLibraries(t *testing.T) {
	from := carrying("the program")
	from["bin/runc-linux-"+runtime.GOARCH+".libs"] = &fstest.MapFile{Data: []byte("libseccomp 2.5.4\nglibc 2.36\n")}
	carry(from, "slipway-probe-linux-vax", "another")
	from["bin/README.md"] = &fstest.MapFile{}
	got, err := programs(from)
	want := []Program{
		{Name: "runc-linux-" + runtime.GOARCH, Data: []byte("the program"), Libraries: []string{"libseccomp 2.5.4", "glibc 2.36"}},
		{Name: "slipway-probe-linux-vax", Data: []byte("another")},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %+v", err, got)
	}
	if none, err := programs(fstest.MapFS{}); err != nil || len(none) != 0 {
		t.Errorf("%v: %+v", err, none)
	}
}
