package baseimage

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem/python"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// pythonReleases is where python-build-standalone publishes, unless
// SLIPWAY_PYTHON_MIRROR names a mirror with the same layout.
const pythonReleases = "https://github.com/astral-sh/python-build-standalone/releases/download"

// PythonPin is one archive of python-build-standalone.
type PythonPin struct {
	Version string `json:"version"` // "3.12.15"
	File    string `json:"file"`    // below the address of the releases
	SHA256  string `json:"sha256"`
}

// pinPython pins a patch of Python, or the newest of a minor. The table that
// Slipway carries has the digests, so that no answer of a mirror is trusted.
func pinPython(version, arch string) (PythonPin, error) {
	r, ok := python.FindStandalone(version)
	if !ok || r.SHA256[arch] == "" {
		return PythonPin{}, diag.Fail(diag.ExitUsage, "python-build-standalone has no Python %s for %s", version, arch).WithHint("slipway bases list")
	}
	return PythonPin{Version: r.Version, File: r.File(arch), SHA256: r.SHA256[arch]}, nil
}

// check refuses a pin that pinPython could not have made.
func (p PythonPin) check() error {
	n, ok := stableVersion(p.Version)
	if !ok || n[0] != 3 || !download.IsSHA256(p.SHA256) || !download.SafePath(p.File) || strings.Contains(p.File, "%") {
		return fmt.Errorf("the entry of Python %q is not complete", p.Version)
	}
	return nil
}

func (p PythonPin) what(arch string) string { return "Python " + p.Version + " for " + arch }

// library is the directory of the standard library in the tree.
func (p PythonPin) library() string {
	return "usr/local/lib/python" + p.Version[:strings.LastIndexByte(p.Version, '.')]
}

// pythonAddresses are those of a pinned archive, one a mirror.
func (a *Assembler) pythonAddresses(ctx context.Context, p PythonPin) func() ([]string, error) {
	return func() ([]string, error) {
		m, err := a.mirrors(ctx)
		if err != nil {
			return nil, err
		}
		var out []string
		for _, base := range m.Python {
			out = append(out, base+"/"+strings.ReplaceAll(p.File, "+", "%2B"))
		}
		return out, nil
	}
}

// pythonPart is the layer of a standalone Python.
func (a *Assembler) pythonPart(p PythonPin, base spec.Base, t spec.Target) part {
	kind := []any{"python", p.SHA256, base.Role, base.Headers}
	content := download.SHA256(p.SHA256, 0)
	fetch := func(ctx context.Context) error {
		err := a.packages.Fill(ctx, p.what(t.Arch), content, a.pythonAddresses(ctx, p))
		if err == nil || errors.Is(err, context.Canceled) {
			return err
		}
		return a.noPython(ctx, p, base, t, err)
	}
	return part{
		key: a.keyOf("python", p.Version, p.SHA256, string(base.Role), fmt.Sprint(base.Headers)), comment: "slipway: Python " + p.Version, fetch: fetch,
		make: func(ctx context.Context) (tree, error) {
			if err := fetch(ctx); err != nil {
				return nil, err
			}
			return a.kept(p.what(t.Arch), func() (tree, error) { return a.readPython(ctx, p, base, t) }, kind...)
		},
	}
}

// noPython is the failure of an archive that no mirror gave: nearly always a
// machine that the project's releases cannot be reached from.
func (a *Assembler) noPython(ctx context.Context, p PythonPin, base spec.Base, t spec.Target, err error) error {
	var disk *diag.Failure
	if errors.As(err, &disk) && disk.Exit == diag.ExitUnexpected {
		return err
	}
	from := "any mirror"
	if m, e := a.mirrors(ctx); e == nil && len(m.Python) > 0 {
		from = download.Redacted(m.Python[0])
	}
	return diag.Fail(diag.ExitBuild, "%s cannot be fetched for the base %s from %s", p.what(t.Arch), base.Ref, from).Because(err).
		WithHint("set SLIPWAY_PYTHON_MIRROR to a mirror of python-build-standalone's releases; or write version: %q for the service in slipway.yaml, which comes from the Debian mirror", python.NearestOfDebian(p.Version))
}

func (a *Assembler) readPython(ctx context.Context, p PythonPin, base spec.Base, t spec.Target) (tree, error) {
	tgz, err := a.packages.Open(ctx, p.what(t.Arch), download.SHA256(p.SHA256, 0), a.pythonAddresses(ctx, p))
	if err != nil {
		return nil, err
	}
	defer tgz.Close()
	made, err := pythonTree(tgz, p, base.Role, base.Headers)
	if err != nil {
		return nil, damaged(p.what(t.Arch), err)
	}
	return made, nil
}

// pythonTree is the layer of a standalone Python: the interpreter and its library
// without tests, graphical toolkits and packages; headers for what is compiled; and
// the names that programs call it by.
func pythonTree(tgz io.Reader, p PythonPin, role plan.Role, headers bool) (tree, error) {
	library := p.library()
	name := path.Base(library)
	t := tree{}
	err := unpackTGZ(t, tgz, 0, func(file string) string {
		switch {
		case slices.Contains([]string{"bin/python", "bin/python3", "bin/" + name}, file),
			strings.HasPrefix(file, "lib/libpython") && strings.Contains(file, ".so"),
			headers && (strings.HasPrefix(file, "include/") || strings.HasPrefix(file, "lib/pkgconfig/")),
			strings.HasPrefix(file, "lib/"+name+"/") && !standaloneIdle(strings.TrimPrefix(file, "lib/"+name+"/")):
			return "usr/local/" + file
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	if t["usr/local/bin/"+name] == nil || t[library+"/os.py"] == nil {
		return nil, fmt.Errorf("no bin/%s with its library in the archive", name)
	}
	if err := settlePython(t, p, headers); err != nil {
		return nil, err
	}
	if role == plan.RoleToolchain { // Debian's pip
		t.file(library+"/site-packages/pip.pth", 0o644, []byte("/usr/lib/python3/dist-packages\n"))
	}
	if headers {
		t.symlink("usr/bin/cc", "gcc")
		t.symlink("usr/bin/c++", "g++")
	}
	for _, name := range []string{"python", "python3"} {
		t.symlink("usr/local/bin/"+name, path.Base(library))
		t.symlink("usr/bin/"+name, "../local/bin/"+name)
	}
	t.symlink("etc/ssl/cert.pem", "certs/ca-certificates.crt") // where its OpenSSL looks
	return t, nil
}

// settlePython removes the shared library of an interpreter that does not link it,
// and the symbols of releases that were not stripped, and makes sysconfig name the
// place and the compiler of the base instead of the project's.
func settlePython(t tree, p PythonPin, headers bool) error {
	program := "usr/local/bin/" + path.Base(p.library())
	var binaries []string
	shared := headers
	for _, file := range sorted(t) {
		n := t[file]
		switch {
		case file == program || strings.HasPrefix(file, "usr/local/lib/libpython") && n.link == "":
			if n.data.size() > 0 {
				binaries = append(binaries, file)
			}
		case strings.HasPrefix(path.Base(file), "_sysconfigdata_") && n.data.size() > 0, strings.HasSuffix(file, ".pc") && n.data.size() > 0:
			t.file(file, n.mode, settled(n.data.text()))
		}
	}
	for _, file := range binaries {
		f, err := elf.NewFile(t[file].data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		needed, err := f.ImportedLibraries()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		shared = shared || file == program && slices.ContainsFunc(needed, func(l string) bool { return strings.HasPrefix(path.Base(l), "libpython") })
		if !strings.HasSuffix(p.File, "_stripped.tar.gz") {
			if t[file].data, err = stripped(t[file].data); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	for _, file := range sorted(t) {
		if !shared && strings.HasPrefix(file, "usr/local/lib/libpython") {
			delete(t, file)
		}
	}
	return nil
}

var (
	builtIn      = pattern.Lazy(`(['"=\s]|-[IL])/install\b`)
	builtWith    = pattern.Lazy(`(?:/tools/[\w./-]*/)?\b(?:clang|llvm-ar)\b(?:\+\+)?`)
	builtAsClang = pattern.Lazy(` ?-fdebug-default-version=\d`)
)

// settled replaces the directory and the compiler that the project builds with.
func settled(text []byte) []byte {
	text = builtIn().ReplaceAll(text, []byte("${1}/usr/local"))
	text = builtAsClang().ReplaceAll(text, nil)
	return builtWith().ReplaceAllFunc(text, func(tool []byte) []byte {
		switch {
		case bytes.HasSuffix(tool, []byte("++")):
			return []byte("c++")
		case bytes.HasSuffix(tool, []byte("ar")):
			return []byte("ar")
		}
		return []byte("cc")
	})
}

// standaloneIdle reports a path of the library that no service runs, as pythonIdle
// does for Debian's, and what belongs to pip and to static linking.
func standaloneIdle(p string) bool {
	top, _, _ := strings.Cut(p, "/")
	base := path.Base(p)
	return slices.Contains([]string{"test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "pydoc_data", "site-packages"}, top) ||
		strings.HasPrefix(top, "config-") || strings.Contains("/"+p+"/", "/__pycache__/") ||
		top == "lib-dynload" && (strings.HasPrefix(base, "_test") || strings.HasPrefix(base, "xx") || strings.HasPrefix(base, "_tkinter") || strings.HasPrefix(base, "_ctypes_test"))
}
