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
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/xi2/xz"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/parallel"
)

//go:embed bin
var embedded embed.FS

// Probe returns the probe binary for linux on an architecture ("amd64", "arm64"):
// the small one, or the one that speaks TLS.
func Probe(arch string, tls bool) ([]byte, error) {
	return probe(arch, tls).unpacked(embedded)
}

// Scanner returns the program security-scan for linux on an architecture.
func Scanner(arch string) ([]byte, error) {
	return scanner(arch).unpacked(embedded)
}

// ScannerID names the bytes of security-scan without unpacking them.
func ScannerID(arch string) (string, error) {
	sum, err := scanner(arch).sum(embedded)
	return sum.digest, err
}

// ProbeID names the bytes of the probe binary without unpacking them: equal
// names, equal bytes.
func ProbeID(arch string, tls bool) (string, error) {
	sum, err := probe(arch, tls).sum(embedded)
	return sum.digest, err
}

func probe(arch string, tls bool) carried {
	name := "slipway-probe-"
	if tls {
		name += "tls-"
	}
	return carried{name + "linux-" + arch, "probe for linux/" + arch}
}

func scanner(arch string) carried {
	return carried{"security-scan-linux-" + arch, "security-scan for linux/" + arch}
}

func runc() carried {
	return carried{"runc-linux-" + runtime.GOARCH, "runc for linux/" + runtime.GOARCH}
}

func tools() carried {
	platform := runtime.GOOS + "-" + runtime.GOARCH
	return carried{"slipway-tools-" + platform, "slipway-tools for " + runtime.GOOS + "/" + runtime.GOARCH}
}

// Runc returns the runc binary for this machine.
func Runc() ([]byte, error) {
	return runc().unpacked(embedded)
}

// InstallRunc returns the path of a runc: the carried one, unpacked into dir
// unless it is there already, else the one in $PATH. It is safe to call from
// several processes at once.
func InstallRunc(dir string) (string, error) {
	return installRunc(embedded, dir, exec.LookPath)
}

func installRunc(from fs.FS, dir string, lookPath func(string) (string, error)) (string, error) {
	if _, err := runc().sum(from); err != nil {
		if path, err := lookPath("runc"); err == nil {
			return path, nil
		}
		return "", diag.Fail(diag.ExitUsage, "cannot run containers: runc not found, neither embedded in slipway nor in $PATH").
			Because(err).WithHint("build slipway with `make build`, or install the Debian package: apt-get install runc")
	}
	return runc().install(from, dir, "runc")
}

// InstallTools returns the path of slipway-tools, unpacked into dir unless it is there
// already. It is safe to call from several processes at once.
func InstallTools(dir string) (string, error) {
	return tools().install(embedded, dir, "slipway-tools")
}

// carried is a program that slipway carries.
type carried struct {
	name string // "runc-linux-amd64"
	what string // in messages
}

// packed is the file of the program, compressed by xz.
func (c carried) packed() string { return "bin/" + c.name + ".xz" }

// sum is what the build wrote beside a packed program: to take the digest of a few
// megabytes would take longer than much else that a build of an unchanged fleet does.
type sum struct {
	digest string // SHA-256 of the packed program, in hexadecimal
	size   int64  // of the unpacked program, in bytes
}

func (c carried) sum(from fs.FS) (s sum, err error) {
	_, gone := fs.Stat(from, c.packed())
	text, err := fs.ReadFile(from, "bin/"+c.name+".sum")
	if gone != nil || err != nil {
		return sum{}, absent(c.what)
	}
	if _, err := fmt.Sscanf(string(text), "%64s %d\n", &s.digest, &s.size); err != nil || len(s.digest) != 64 || s.size <= 0 {
		return sum{}, absent(c.what)
	}
	return s, nil
}

// install returns the path of the program, unpacked into dir unless it is there already
// under its name and digest.
func (c carried) install(from fs.FS, dir, name string) (string, error) {
	sum, err := c.sum(from)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+"-"+sum.digest[:12])
	// A file that a crash cut short is written again.
	if info, err := os.Stat(path); err == nil && info.Size() == sum.size && info.Mode().Perm() == 0o755 {
		return path, nil
	}
	data, err := c.unpacked(from)
	if err != nil {
		return "", err
	}
	return path, writeExecutable(path, data)
}

// unpacked is the program itself. Of slipway-tools, the largest, it takes a second at
// most; the reader holds 8 MiB.
func (c carried) unpacked(from fs.FS) ([]byte, error) {
	sum, err := c.sum(from)
	if err != nil {
		return nil, err
	}
	packed, err := from.Open(c.packed())
	if err != nil {
		return nil, fmt.Errorf("unpacking the embedded %s: %w", c.name, err)
	}
	defer packed.Close()
	r, err := xz.NewReader(bufio.NewReader(packed), 0)
	if err != nil {
		return nil, fmt.Errorf("unpacking the embedded %s: %w", c.name, err)
	}
	data := bytes.NewBuffer(make([]byte, 0, sum.size+bytes.MinRead)) // MinRead, lest the last read doubles it
	if _, err := data.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("unpacking the embedded %s: %w", c.name, err)
	}
	return data.Bytes(), nil
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

func absent(what string) error {
	return diag.Fail(diag.ExitUnexpected, "slipway was built without its %s", what).
		WithHint("run `make build` in Slipway's source, which builds the embedded programs")
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
	files, err := fs.Glob(from, "bin/*.xz")
	if err != nil {
		return nil, fmt.Errorf("listing the embedded programs: %w", err)
	}
	out, errs := make([]Program, len(files)), make([]error, len(files))
	parallel.Each(len(files), func(i int) {
		name := strings.TrimSuffix(path.Base(files[i]), ".xz")
		out[i].Name = name
		out[i].Data, errs[i] = carried{name, name}.unpacked(from)
		// Only runc is linked with any.
		if libraries, err := fs.ReadFile(from, "bin/"+name+".libs"); err == nil {
			out[i].Libraries = strings.Split(strings.TrimSpace(string(libraries)), "\n")
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}
