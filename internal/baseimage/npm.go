package baseimage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/diag"
)

// npmVersions is the part of an npm package's document that matters here.
type npmVersions struct {
	Versions map[string]struct {
		Dist struct {
			Integrity string `json:"integrity"`
		} `json:"dist"`
	} `json:"versions"`
}

// newestNPM returns the newest stable version of a major of an npm package, or the
// one release that is named. Where the registry has no such release, it is the next
// newer one of its major, else the newest.
func newestNPM(ctx context.Context, c *download.Cache, registry, name, wanted string) (NPMPin, error) {
	var doc npmVersions
	address := registry + "/" + name
	err := c.Get(ctx, address, func(body io.Reader) error {
		return json.NewDecoder(io.LimitReader(body, 256<<20)).Decode(&doc)
	})
	if err != nil {
		return NPMPin{}, download.Unreachable("the npm package "+name, address, err)
	}
	return doc.newest(name, wanted)
}

func (doc npmVersions) newest(name, wanted string) (NPMPin, error) {
	best, bestNumbers := "", [3]int{}
	major, _, _ := strings.Cut(wanted, ".")
	low, single := stableVersion(wanted)
	for v := range doc.Versions {
		n, ok := stableVersion(v)
		if !ok || strconv.Itoa(n[0]) != major {
			continue
		}
		better := best == "" || later(n, bestNumbers)
		if single && best != "" {
			enough, had := !later(low, n), !later(low, bestNumbers)
			better = enough && (!had || later(bestNumbers, n)) || !had && later(n, bestNumbers)
		}
		if better {
			best, bestNumbers = v, n
		}
	}
	if best == "" {
		return NPMPin{}, diag.Fail(diag.ExitBuild, "the npm registry has no version %s of %s", wanted, name).
			WithHint("the registry may be a partial mirror; NPM_CONFIG_REGISTRY names another one")
	}
	pin := NPMPin{Name: name, Version: best, Integrity: doc.Versions[best].Dist.Integrity}
	if _, err := download.ContentOfIntegrity(pin.Integrity); err != nil {
		return NPMPin{}, diag.Fail(diag.ExitBuild, "the npm registry gives no usable digest for %s %s", name, best).Because(err)
	}
	return pin, nil
}

func noNPM() error {
	return diag.Fail(diag.ExitUsage, "no npm registry is configured on this machine, and npm is not installed").
		WithHint("set NPM_CONFIG_REGISTRY to the address of an npm registry, such as https://npm.example/")
}

func stableVersion(v string) (n [3]int, ok bool) {
	parts := strings.Split(v, ".")
	if len(parts) != 3 {
		return n, false
	}
	for i, p := range parts {
		x, err := strconv.Atoi(p)
		if err != nil || x < 0 {
			return n, false
		}
		n[i] = x
	}
	return n, true
}

func later(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

// address is where registries keep the tarball of a version.
func (p NPMPin) address(registry string) string {
	_, base, scoped := strings.Cut(p.Name, "/")
	if !scoped {
		base = p.Name
	}
	return fmt.Sprintf("%s/%s/-/%s-%s.tgz", registry, p.Name, base, p.Version)
}

// nodeTree is the layer of Node.js: the binary without symbols, and the licence.
func nodeTree(tgz io.Reader) (tree, error) {
	return nodeFiles(tgz, 2, func(string) bool { return false })
}

// nodeTreeWithHeaders adds what addons are compiled with, but for OpenSSL's
// headers for other machines, 80 MB; and the names that make calls compilers by,
// which Debian's maintainer scripts would have made.
func nodeTreeWithHeaders(tgz io.Reader) (tree, error) {
	t, err := nodeFiles(tgz, 0, func(p string) bool {
		_, arch, other := strings.Cut(p, "/openssl/archs/")
		return strings.HasPrefix(p, "include/") && (!other || strings.HasPrefix(arch, "linux-x86_64/") || strings.HasPrefix(arch, "linux-aarch64/"))
	})
	if err != nil {
		return nil, err
	}
	t.symlink("usr/bin/cc", "gcc")
	t.symlink("usr/bin/c++", "g++")
	return t, nil
}

// nodeFiles unpacks the binary and the licence, which come first, before 100 MB
// of headers, and whatever else is wanted; enough entries are all.
func nodeFiles(tgz io.Reader, enough int, wanted func(string) bool) (tree, error) {
	t := tree{}
	err := unpackTGZ(t, tgz, enough, func(p string) string {
		switch {
		case p == "bin/node":
			return "usr/local/bin/node"
		case p == "LICENSE":
			return "usr/local/share/doc/node/LICENSE"
		case wanted(p):
			return "usr/local/" + p
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	n := t["usr/local/bin/node"]
	if n == nil {
		return nil, fmt.Errorf("no bin/node in the package")
	}
	if n.data, err = stripped(n.data); err != nil {
		return nil, fmt.Errorf("stripping node: %w", err)
	}
	n.mode = 0o755
	return t, nil
}

// bunTree is the layer of Bun, by both of its names.
func bunTree(tgz io.Reader) (tree, error) {
	t, err := programTree(tgz, "bun")
	if err != nil {
		return nil, err
	}
	t.symlink("usr/local/bin/bunx", "bun")
	return t, nil
}

// denoTree is the layer of Deno.
func denoTree(tgz io.Reader) (tree, error) { return programTree(tgz, "deno") }

// programTree is the layer of a package that has one program, which stays as it is:
// both Bun and Deno look for code at the end of their own file.
func programTree(tgz io.Reader, name string) (tree, error) {
	t, at := tree{}, "usr/local/bin/"+name
	err := unpackTGZ(t, tgz, 1, func(p string) string {
		if p == name || p == "bin/"+name {
			return at
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	if t[at] == nil {
		return nil, fmt.Errorf("no program %s in the package", name)
	}
	t[at].mode = 0o755
	return t, nil
}

// npmTree is the layer of npm itself, without its manual.
func npmTree(tgz io.Reader) (tree, error) {
	const home = "usr/local/lib/node_modules/npm/"
	t := tree{}
	err := unpackTGZ(t, tgz, 0, func(p string) string {
		if strings.HasPrefix(p, "man/") || strings.HasPrefix(p, "docs/") {
			return ""
		}
		return home + p
	})
	if err != nil {
		return nil, err
	}
	for command, script := range map[string]string{"npm": "bin/npm-cli.js", "npx": "bin/npx-cli.js"} {
		if t[home+script] == nil {
			return nil, fmt.Errorf("no %s in the package", script)
		}
		t[home+script].mode = 0o755
		t.symlink("usr/local/bin/"+command, "../lib/node_modules/npm/"+script)
	}
	t.file("usr/local/etc/npmrc", 0o644, []byte("update-notifier=false\n")) // npm must not ask the registry about itself in builds
	return t, nil
}

// unpackTGZ unpacks an npm package, whose files lie in one top directory.
func unpackTGZ(t tree, tgz io.Reader, enough int, place func(string) string) error {
	z, err := gzip.NewReader(tgz)
	if err != nil {
		return err
	}
	return t.unpack(z, enough, func(p string) string {
		_, rest, ok := strings.Cut(p, "/")
		if !ok || rest == "" {
			return ""
		}
		return place(rest)
	})
}
