package node

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// npmRegistry serves random packages to npm: packages with programs, install scripts,
// peers, optional ones for other systems, and bundled ones.
type npmRegistry struct {
	url      string
	names    []string
	versions []string
	documents,
	tarballs map[string][]byte
}

// newRegistry makes the packages; the same numbers make the same ones.
func newRegistry(t *testing.T, r *rand.Rand) *npmRegistry {
	g := &npmRegistry{
		names:     []string{"bundles", "a", "b", "c", "@s/d", "e", "@s/f", "g", "h", "i", "darwin-only", "k"},
		versions:  []string{"1.0.0", "1.1.0", "2.0.0", "2.0.1"},
		documents: map[string][]byte{}, tarballs: map[string][]byte{},
	}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	for i, name := range g.names {
		versions := map[string]any{}
		for _, version := range g.versions {
			versions[version] = g.release(r, i, version)
		}
		g.documents["/"+name], _ = json.Marshal(map[string]any{"name": name, "versions": versions, "dist-tags": map[string]string{"latest": "2.0.1"}, "modified": "2026-01-01T00:00:00.000Z"})
	}
	return g
}

// release makes a version of a package.
func (g *npmRegistry) release(r *rand.Rand, index int, version string) map[string]any {
	name := g.names[index]
	base := name[strings.LastIndex(name, "/")+1:]
	m := map[string]any{"name": name, "version": version, "license": "MIT"}
	files := map[string]string{"lib/index.js": fmt.Sprintf("// %s %s %d\n", name, version, r.Uint64()), "README.md": strings.Repeat("x", r.IntN(3000))}
	pick := func(kind string) {
		if index+1 < len(g.names) {
			m[kind] = map[string]string{g.names[index+1+r.IntN(len(g.names)-index-1)]: []string{"^1.0.0", "^2.0.0", "*", "1.0.0"}[r.IntN(4)]}
		}
	}
	for i, kind := range []string{"dependencies", "optionalDependencies", "peerDependencies"} {
		if r.IntN(100) < []int{60, 15, 5}[i] {
			pick(kind)
		}
	}
	if r.IntN(2) == 0 {
		program := []string{base, "tool"}[r.IntN(20)/19] // two packages may have a program of one name
		m["bin"] = map[string]string{program: "bin/run.js"}
		files["bin/run.js"] = "#!/usr/bin/env node\r\nconsole.log(1)\n"
	}
	if r.IntN(6) == 0 {
		m["scripts"] = map[string]string{"postinstall": "echo built >built.txt"}
	}
	switch name {
	case "darwin-only":
		m["os"] = []string{"darwin"}
	case "bundles":
		m["dependencies"], m["bundleDependencies"] = map[string]string{"k": "*"}, []string{"k"}
		files["node_modules/k/package.json"] = `{"name": "k", "version": "1.0.0"}`
	}
	data, _ := json.Marshal(m)
	files["package.json"] = string(data)
	tgz := pack(files)
	at := "/" + name + "/-/" + base + "-" + version + ".tgz"
	g.tarballs[at] = tgz
	sum := sha512.Sum512(tgz)
	m["dist"] = map[string]string{"tarball": g.url + at, "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
	if m["scripts"] != nil {
		m["hasInstallScript"] = true
	}
	return m
}

// pack makes the tarball of a package.
func pack(files map[string]string) []byte {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		mode := []int64{0o644, 0o755, 0o600, 0o666}[(i+len(files[name]))%4]
		_ = w.WriteHeader(&tar.Header{Name: "package/" + name, Mode: mode, Size: int64(len(files[name]))})
		_, _ = w.Write([]byte(files[name]))
	}
	_ = w.Close()
	_ = zipped.Close()
	return out.Bytes()
}

// ServeHTTP implements http.Handler.
func (g *npmRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, _ := url.PathUnescape(r.URL.EscapedPath())
	if data, ok := g.documents[path]; ok {
		w.Header().Set("Content-Type", "application/vnd.npm.install-v1+json")
		_, _ = w.Write(data)
		return
	}
	if data, ok := g.tarballs[path]; ok {
		_, _ = w.Write(data)
		return
	}
	http.NotFound(w, r)
}
