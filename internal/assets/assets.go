// Package assets holds the programs that the slipway binary carries: the static
// probes for the images of each architecture, and runc and slipway-tools for this
// machine. They are built by scripts/build-assets.sh; a slipway that was built without them
// works as far as it can and says what is missing. It runs nothing.
//
//	binary, err := assets.Probe("arm64", false)
//	path, err := assets.InstallRunc(filepath.Join(stateDir, "bin"))
//	path, err = assets.InstallTools(filepath.Join(stateDir, "bin"))
package assets

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
)

//go:embed bin
var embedded embed.FS

// Probe returns the probe binary for linux on an architecture ("amd64", "arm64"):
// the small one, or the one that speaks TLS.
func Probe(arch string, tls bool) ([]byte, error) {
	packed, err := packedProbe(arch, tls)
	if err != nil {
		return nil, err
	}
	return unpack(packed)
}

// Scanner returns the program security-scan for linux on an architecture.
func Scanner(arch string) ([]byte, error) {
	packed, err := embedded.ReadFile("bin/security-scan-linux-" + arch + ".gz")
	if err != nil {
		return nil, absent("security-scan for linux/" + arch)
	}
	return unpack(packed)
}

// ScannerID names the bytes of security-scan without unpacking them.
func ScannerID(arch string) (string, error) {
	return digestOf(embedded, "bin/security-scan-linux-"+arch+".gz", "security-scan for linux/"+arch)
}

// ProbeID names the bytes of the probe binary without unpacking them: equal
// names, equal bytes.
func ProbeID(arch string, tls bool) (string, error) {
	return digestOf(embedded, probeFile(arch, tls), "probe for linux/"+arch)
}

// digestOf is the SHA-256 of a packed program, in hexadecimal, as the build wrote it
// beside the program: to take it of a few megabytes would take longer than much else
// that a build of an unchanged fleet does.
func digestOf(from fs.FS, file, what string) (string, error) {
	_, gone := fs.Stat(from, file)
	text, err := fs.ReadFile(from, file+".sha256")
	if gone != nil || err != nil {
		return "", absent(what)
	}
	return strings.TrimSpace(string(text)), nil
}

func probeFile(arch string, tls bool) string {
	name := "bin/slipway-probe-"
	if tls {
		name += "tls-"
	}
	return name + "linux-" + arch + ".gz"
}

func packedProbe(arch string, tls bool) ([]byte, error) {
	packed, err := embedded.ReadFile(probeFile(arch, tls))
	if err != nil {
		return nil, absent("probe for linux/" + arch)
	}
	return packed, nil
}

// Runc returns the runc binary for this machine.
func Runc() ([]byte, error) {
	return carried{runcFile, runcName}.unpacked(embedded)
}

// InstallRunc returns the path of a runc: the carried one, unpacked into dir
// unless it is there already, else the one in $PATH. It is safe to call from
// several processes at once.
func InstallRunc(dir string) (string, error) {
	return installRunc(embedded, dir, exec.LookPath)
}

func installRunc(from fs.FS, dir string, lookPath func(string) (string, error)) (string, error) {
	if _, err := digestOf(from, runcFile, runcName); err != nil {
		if path, err := lookPath("runc"); err == nil {
			return path, nil
		}
		return "", diag.Fail(diag.ExitUsage, "cannot run containers: runc not found, neither embedded in slipway nor in $PATH").
			Because(err).WithHint("build slipway with `make build`, or install the Debian package: apt-get install runc")
	}
	return carried{runcFile, runcName}.install(from, dir, "runc")
}

// InstallTools returns the path of slipway-tools, unpacked into dir unless it is there
// already. It is safe to call from several processes at once.
func InstallTools(dir string) (string, error) {
	return carried{toolsFile, toolsName}.install(embedded, dir, "slipway-tools")
}

// carried is a packed program for this machine.
type carried struct {
	file string // packed, below bin
	what string // in messages
}

// install returns the path of the program, unpacked into dir unless it is there already
// under its name and digest.
func (c carried) install(from fs.FS, dir, name string) (string, error) {
	digest, err := digestOf(from, c.file, c.what)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+"-"+digest[:12])
	size, err := unpackedSize(from, c.file)
	if err != nil {
		return "", err
	}
	// A file that a crash cut short is written again.
	if info, err := os.Stat(path); err == nil && info.Size() == size && info.Mode().Perm() == 0o755 {
		return path, nil
	}
	data, err := c.unpacked(from)
	if err != nil {
		return "", err
	}
	return path, writeExecutable(path, data)
}

func (c carried) unpacked(from fs.FS) ([]byte, error) {
	packed, err := fs.ReadFile(from, c.file)
	if err != nil || len(packed) < 18 {
		return nil, absent(c.what)
	}
	return unpack(packed)
}

// writeExecutable creates or replaces a program in one step.
func writeExecutable(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	if err := atomicfile.Write(path, data, atomicfile.Options{Mode: 0o755}); err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	return nil
}

const (
	runcFile  = "bin/runc-linux-" + runtime.GOARCH + ".gz"
	runcName  = "runc for linux/" + runtime.GOARCH
	toolsFile = "bin/slipway-tools-" + runtime.GOOS + "-" + runtime.GOARCH + ".gz"
	toolsName = "slipway-tools for " + runtime.GOOS + "/" + runtime.GOARCH
)

// unpackedSize is the size in bytes of a packed program, which is the end of a gzip
// stream (RFC 1952, ISIZE). The rest of it is not read.
func unpackedSize(from fs.FS, file string) (int64, error) {
	f, err := from.Open(file)
	if err != nil {
		return 0, fmt.Errorf("reading an embedded program: %w", err)
	}
	defer f.Close()
	var size [4]byte
	_, err = f.(io.Seeker).Seek(-int64(len(size)), io.SeekEnd)
	if err == nil {
		_, err = io.ReadFull(f, size[:])
	}
	if err != nil {
		return 0, fmt.Errorf("reading an embedded program: %w", err)
	}
	return int64(binary.LittleEndian.Uint32(size[:])), nil
}

func absent(what string) error {
	return diag.Fail(diag.ExitUnexpected, "slipway was built without its %s", what).
		WithHint("run `make build` in Slipway's source, which builds the embedded programs")
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking an embedded program: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpacking an embedded program: %w", err)
	}
	return data, nil
}

// Program is one that the binary carries.
type Program struct {
	Name      string   // "runc-linux-amd64"
	Data      []byte   // unpacked
	Libraries []string // C libraries that it is linked with, "libseccomp 2.5.4"
}

// Programs returns the carried programs, sorted by name; none when slipway was
// built without them.
func Programs() ([]Program, error) { return programs(embedded) }

func programs(from fs.FS) ([]Program, error) {
	files, err := fs.Glob(from, "bin/*.gz")
	if err != nil {
		return nil, fmt.Errorf("listing the embedded programs: %w", err)
	}
	var out []Program
	for _, file := range files {
		packed, err := fs.ReadFile(from, file)
		if err != nil {
			return nil, fmt.Errorf("reading an embedded program: %w", err)
		}
		data, err := unpack(packed)
		if err != nil {
			return nil, err
		}
		p := Program{Name: strings.TrimSuffix(filepath.Base(file), ".gz"), Data: data}
		// Only runc is linked with any.
		if libraries, err := fs.ReadFile(from, "bin/"+p.Name+".libs"); err == nil {
			p.Libraries = strings.Split(strings.TrimSpace(string(libraries)), "\n")
		}
		out = append(out, p)
	}
	return out, nil
}
