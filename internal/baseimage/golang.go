package baseimage

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
)

// GoPin is one Go toolchain module. Its zip is named by its SHA-256; Sum is the
// hash that go.sum files and checksum databases have of it.
type GoPin struct {
	Version string `json:"version"` // "1.26.8"
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size_bytes"`
	Sum     string `json:"h1"` // "h1:…"
}

// goModule is the module that Go's toolchains are published as, one version a
// platform (go.dev/doc/toolchain).
const goModule = "golang.org/toolchain"

// goVersion is the module's version for a Go and an architecture.
func goVersion(version, arch string) string { return "v0.0.1-go" + version + ".linux-" + arch }

func (p GoPin) what(arch string) string { return "Go " + p.Version + " for " + arch }

func (p GoPin) content() download.Content { return download.SHA256(p.SHA256, p.Size) }

// check refuses a pin that could not have been written by newestGo.
func (p GoPin) check() error {
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Sum, "h1:"))
	if _, ok := stableVersion(p.Version); !ok || !download.IsSHA256(p.SHA256) || p.Size <= 0 || err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("the entry of Go %q is not complete", p.Version)
	}
	return nil
}

func goMinorOf(n [3]int) string { return fmt.Sprintf("%d.%d", n[0], n[1]) }

// goAddress is where module proxies keep the zip of a toolchain.
func goAddress(proxy, version, arch string) string {
	return proxy + "/" + goModule + "/@v/" + goVersion(version, arch) + ".zip"
}

// goAddresses are those of a pinned toolchain, one a proxy.
func (a *Assembler) goAddresses(ctx context.Context, version, arch string) func() ([]string, error) {
	return func() ([]string, error) {
		m, err := a.mirrors(ctx)
		if err != nil {
			return nil, err
		}
		proxies := m.registries().Go
		if len(proxies) == 0 {
			return nil, noGoProxy()
		}
		var out []string
		for _, p := range proxies {
			out = append(out, goAddress(p, version, arch))
		}
		return out, nil
	}
}

func noGoProxy() error {
	return diag.Fail(diag.ExitUsage, "no Go module proxy is configured on this machine, and go is not installed").
		WithHint("set GOPROXY to the address of a module proxy, such as https://goproxy.example")
}

// newestGo pins the newest patch of a minor of Go for an architecture. The zip is
// downloaded for its digests and kept.
func (a *Assembler) newestGo(ctx context.Context, minor, arch string) (GoPin, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return GoPin{}, err
	}
	proxies := m.registries().Go
	if len(proxies) == 0 {
		return GoPin{}, noGoProxy()
	}
	var last error
	for _, proxy := range proxies {
		version, err := a.newestPatch(ctx, proxy, minor, arch)
		if err == nil {
			return a.pinGo(ctx, proxy, version, arch)
		}
		last = err
		if !download.NotFound(err) {
			break
		}
	}
	return GoPin{}, last
}

// newestPatch asks a proxy for the newest patch of a minor.
func (a *Assembler) newestPatch(ctx context.Context, proxy, minor, arch string) (string, error) {
	address := proxy + "/" + goModule + "/@v/list"
	best, numbers := "", [3]int{}
	err := a.packages.Get(ctx, address, func(body io.Reader) error {
		lines := bufio.NewScanner(io.LimitReader(body, 16<<20))
		for lines.Scan() {
			v, ok := strings.CutSuffix(strings.TrimPrefix(lines.Text(), "v0.0.1-go"), ".linux-"+arch)
			n, stable := stableVersion(v)
			if ok && stable && goMinorOf(n) == minor && (best == "" || later(n, numbers)) {
				best, numbers = v, n
			}
		}
		return lines.Err()
	})
	if err != nil {
		return "", download.Unreachable("the list of Go toolchains", address, err)
	}
	if best == "" {
		return "", diag.Fail(diag.ExitBuild, "the Go module proxy has no toolchain of Go %s for linux/%s", minor, arch).
			WithHint("write another version: for the service in slipway.yaml, or GOPROXY=<a proxy that has it>; `bases:` accepts any other image")
	}
	return best, nil
}

// pinGo downloads a toolchain whose digest nothing has recorded yet. What comes
// is what the lock pins from now on, as go does with a module that is new to
// go.sum when no checksum database is asked.
func (a *Assembler) pinGo(ctx context.Context, proxy, version, arch string) (GoPin, error) {
	pin := GoPin{Version: version}
	got, err := a.packages.Adopt(ctx, pin.what(arch), goAddress(proxy, version, arch), func(file string) (err error) {
		if pin.Sum, err = dirhash.HashZip(file, dirhash.Hash1); err != nil {
			return damaged(pin.what(arch), err)
		}
		return nil
	})
	pin.SHA256, pin.Size = got.Hex, got.Size
	return pin, err
}

// goPart is the layer of a Go toolchain.
func (a *Assembler) goPart(p GoPin, t spec.Target) part {
	return part{
		key: a.keyOf("go", p.Version, t.Arch, p.SHA256), comment: "slipway: Go " + p.Version,
		fetch: func(ctx context.Context) error {
			return a.packages.Fill(ctx, p.what(t.Arch), p.content(), a.goAddresses(ctx, p.Version, t.Arch))
		},
		make: func(ctx context.Context) (tree, error) {
			file, err := a.packages.Open(ctx, p.what(t.Arch), p.content(), a.goAddresses(ctx, p.Version, t.Arch))
			if err != nil {
				return nil, err
			}
			defer file.Close()
			info, err := file.Stat()
			if err != nil {
				return nil, err
			}
			made, err := goTree(file, info.Size(), goModule+"@"+goVersion(p.Version, t.Arch)+"/")
			if err != nil {
				return nil, damaged(p.what(t.Arch), err)
			}
			return made, nil
		},
	}
}

// maxGoFiles bounds a toolchain; 1.26 has 15,000 files.
const maxGoFiles = 100_000

// goTree is the layer of a Go toolchain: what compiles, without tests and
// documents. Module zips have no modes and call go.mod files _go.mod.
func goTree(file io.ReaderAt, sizeBytes int64, prefix string) (tree, error) {
	z, err := zip.NewReader(file, sizeBytes)
	if err != nil {
		return nil, err
	}
	if len(z.File) > maxGoFiles {
		return nil, fmt.Errorf("the zip has %d files", len(z.File))
	}
	t, files := tree{}, overflow{}
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, prefix)
		if !ok || strings.HasSuffix(name, "/") || !goKept(name) {
			continue
		}
		p, err := cleanPath("usr/local/go/" + name)
		if err != nil {
			return nil, err
		}
		if path.Base(p) == "_go.mod" {
			p = path.Join(path.Dir(p), "go.mod")
		}
		n, err := readZipped(f, &files)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "pkg/tool/") {
			n.mode = 0o755
		}
		if err := t.put(p, n); err != nil {
			return nil, err
		}
	}
	if t["usr/local/go/bin/go"] == nil {
		return nil, errors.New("no bin/go in the module")
	}
	for _, name := range []string{"go", "gofmt"} {
		t.symlink("usr/local/bin/"+name, "../go/bin/"+name)
	}
	return t, nil
}

func readZipped(f *zip.File, files *overflow) (*node, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := files.read(r, int64(min(f.UncompressedSize64, 1<<62)))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	return &node{kind: '0', mode: 0o644, data: data}, nil
}

// goKept leaves out what no build of a service reads.
func goKept(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	if slices.Contains([]string{"test", "api", "doc", "misc"}, top) || strings.HasSuffix(name, "_test.go") {
		return false
	}
	return !slices.Contains(strings.Split(name, "/"), "testdata")
}

// goProxies are the module proxies of the machine: GOPROXY of the environment,
// else of go's own settings file, else what go says. Words that are no address
// ("direct", "off") are none.
func goProxies(ctx context.Context, m Machine) []string {
	text := m.Getenv("GOPROXY")
	if text == "" {
		text = GoSettings(m.Getenv)["GOPROXY"]
	}
	if text == "" {
		cmd := exec.CommandContext(ctx, "go", "env", "GOPROXY")
		cmd.Dir = m.Root
		if out, err := cmd.Output(); err == nil {
			text = strings.TrimSpace(string(out))
		}
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '|' })
	return trimmed(httpOnly(words))
}

// GoSettings reads the file that `go env -w` writes.
func GoSettings(getenv func(string) string) map[string]string {
	name := getenv("GOENV")
	if name == "off" {
		return nil
	}
	if !filepath.IsAbs(name) { // a relative one would be a file of the repository
		name = ConfigFile(getenv, "go", "env")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(k, "#") {
			out[k] = v
		}
	}
	return out
}
