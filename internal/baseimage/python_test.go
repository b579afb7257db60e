package baseimage

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem/python"
	"github.com/slipway-build/slipway/internal/plan"
)

// standaloneTGZ is an archive as python-build-standalone has them; one whose
// interpreter links its shared library says so in needed.
func standaloneTGZ(t testing.TB, minor, program string) []byte {
	t.Helper()
	lib := "python/lib/python" + minor + "/"
	sysconfig := "build_time_vars = {'CC': 'clang -pthread', 'CXX': '/tools/llvm/bin/clang++ -pthread', 'AR': '/tools/clang-linux64/bin/llvm-ar', 'prefix': '/install',\n" +
		" 'INSTALL': '/usr/bin/install -c', 'CFLAGS': '-fdebug-default-version=4 -I/install/include', 'LIBDIR': '/install/lib',\n 'PGO_PROF_GEN_FLAG': '-fprofile-generate'}\n"
	files := []file{
		{name: "python/bin/python", kind: tar.TypeSymlink, link: "python" + minor}, {name: "python/bin/python3", kind: tar.TypeSymlink, link: "python" + minor},
		{name: "python/bin/python" + minor, body: program, mode: 0o755}, {name: "python/bin/pip3", body: "pip", mode: 0o755}, {name: "python/bin/idle3", body: "idle", mode: 0o755},
		{name: "python/include/python" + minor + "/Python.h", body: "h"}, {name: "python/lib/pkgconfig/python3.pc", body: "prefix=/install\n"},
		{name: "python/lib/libpython" + minor + ".so.1.0", body: sharedELF(elf.EM_X86_64, "libpython"+minor+".so.1.0")},
		{name: "python/lib/libpython" + minor + ".so", kind: tar.TypeSymlink, link: "libpython" + minor + ".so.1.0"},
		{name: "python/lib/tcl8.6/init.tcl", body: "tcl"}, {name: "python/share/man/man1/python3.1", body: "manual"},
		{name: lib + "_sysconfigdata__linux_x86_64-linux-gnu.py", body: sysconfig},
	}
	for _, name := range []string{"os.py", "test/test_os.py", "tkinter/__init__.py", "ensurepip/__init__.py", "site-packages/pip/__init__.py", "__pycache__/os.cpython-312.pyc",
		"config-" + minor + "-x86_64-linux-gnu/libpython.a", "lib-dynload/_crypt.so", "lib-dynload/_testcapi.so", "LICENSE.txt", "curses/__init__.py"} {
		files = append(files, file{name: lib + name, body: name})
	}
	return gz(t, tarOf(t, files...))
}

// linkedELF is a program that needs a library.
func linkedELF(library string) string {
	data := []byte(sharedELF(elf.EM_X86_64, library))
	binary.LittleEndian.PutUint64(data[64+len(library)+2:], uint64(elf.DT_NEEDED)) // where a library has its own name
	return string(data)
}

// standalonePin is the pin of an archive that a test made up.
func standalonePin(version string, data []byte) PythonPin {
	r, _ := python.FindStandalone(version)
	return PythonPin{Version: r.Version, File: r.File("amd64"), SHA256: sha(data)}
}

// standaloneWorld has a mirror of the releases, and a lock that pins what it has.
func standaloneWorld(t *testing.T, ref, version string, data []byte) (*world, *Assembler) {
	w := newWorld(t)
	w.publish("1.0", ref)
	l := w.resolved(ref)
	pin := standalonePin(version, data)
	w.set("/python/"+pin.File, data)
	l.Python = []PythonPin{pin}
	return w, w.assembler(func(o *Options) {
		o.Lock = Lock{Version: 1, Bases: []Locked{l}}
		o.Mirrors = fixed(Mirrors{Debian: []string{w.server.URL + "/debian"}, Python: []string{w.server.URL + "/python"}})
	})
}

// resolved are the pins of a base for amd64 as a mirror that is reached gives them.
func (w *world) resolved(ref string) Locked {
	w.t.Helper()
	lock, err := w.assembler().Resolve(w.t.Context(), []string{ref}, amd64)
	if err != nil {
		w.t.Fatal(err)
	}
	l, ok := lock.Find(ref, "linux/amd64")
	if !ok {
		w.t.Fatalf("%s is not in %+v", ref, lock)
	}
	return l
}

// TestStandalonePython is a runtime base: the interpreter and its library without
// what no service runs, by the names that programs call it by.
func TestStandalonePython(t *testing.T) {
	ref := "slipway/python:3.12-standalone"
	w, a := standaloneWorld(t, ref, "3.12", standaloneTGZ(t, "3.12", string(tinyELF())))
	built := w.ensure(a, ref, "linux/amd64")
	img, err := w.store[ref].Image(built.Platforms["linux/amd64"])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range listing(t, img) {
		if strings.Contains(line, "usr/local/") || strings.Contains(line, "usr/bin/python") || strings.Contains(line, "ssl/cert.pem") {
			got = append(got, line[strings.Index(line, " ")+1:])
		}
	}
	want := []string{
		"0777 etc/ssl/cert.pem -> certs/ca-certificates.crt",
		"0777 usr/bin/python -> ../local/bin/python", "0777 usr/bin/python3 -> ../local/bin/python3",
		"0777 usr/local/bin/python -> python3.12", "0777 usr/local/bin/python3 -> python3.12", "0755 usr/local/bin/python3.12",
		`0644 usr/local/lib/python3.12/LICENSE.txt "LICENSE.txt"`, "0644 usr/local/lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py",
		`0644 usr/local/lib/python3.12/curses/__init__.py "curses/__init__.py"`, `0644 usr/local/lib/python3.12/lib-dynload/_crypt.so "lib-dynload/_crypt.so"`,
		`0644 usr/local/lib/python3.12/os.py "os.py"`,
	}
	for i, g := range got {
		if strings.Contains(g, "python3.12 ") || strings.Contains(g, "_sysconfigdata") {
			got[i], _, _ = strings.Cut(g, ` "`)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	config, err := img.ConfigFile()
	if err != nil || !slices.ContainsFunc(config.Config.Env, func(e string) bool { return strings.HasPrefix(e, "PYTHON_VERSION=3.12.") }) {
		t.Errorf("environment %v, %v", config.Config.Env, err)
	}
}

// TestStandaloneToolchain has Debian's pip, and with -native headers and compilers
// that sysconfig names.
func TestStandaloneToolchain(t *testing.T) {
	data := standaloneTGZ(t, "3.10", string(tinyELF()))
	for _, headers := range []bool{false, true} {
		made, err := pythonTree(bytes.NewReader(data), standalonePin("3.10", data), plan.RoleToolchain, headers)
		if err != nil {
			t.Fatal(err)
		}
		if n := made["usr/local/lib/python3.10/site-packages/pip.pth"]; n == nil || string(n.data.text()) != "/usr/lib/python3/dist-packages\n" {
			t.Error("Debian's pip is not found")
		}
		for name, want := range map[string]bool{
			"usr/local/include/python3.10/Python.h": headers, "usr/local/lib/libpython3.10.so.1.0": headers, "usr/bin/cc": headers, "usr/local/lib/pkgconfig/python3.pc": headers,
			"usr/local/lib/python3.10/site-packages/pip/__init__.py": false, "usr/local/lib/tcl8.6/init.tcl": false, "usr/local/bin/pip3": false,
		} {
			if (made[name] != nil) != want {
				t.Errorf("headers %v: %s is %v", headers, name, !want)
			}
		}
		want := "build_time_vars = {'CC': 'cc -pthread', 'CXX': 'c++ -pthread', 'AR': 'ar', 'prefix': '/usr/local',\n" +
			" 'INSTALL': '/usr/bin/install -c', 'CFLAGS': ' -I/usr/local/include', 'LIBDIR': '/usr/local/lib',\n 'PGO_PROF_GEN_FLAG': '-fprofile-generate'}\n"
		if diff := cmp.Diff(want, string(made["usr/local/lib/python3.10/_sysconfigdata__linux_x86_64-linux-gnu.py"].data.text())); diff != "" {
			t.Errorf("sysconfig (-want +got):\n%s", diff)
		}
	}
}

// TestStandaloneLinked keeps the shared library of an interpreter that links it.
func TestStandaloneLinked(t *testing.T) {
	data := standaloneTGZ(t, "3.10", linkedELF("$ORIGIN/../lib/libpython3.10.so.1.0"))
	made, err := pythonTree(bytes.NewReader(data), standalonePin("3.10", data), plan.RoleRuntime, false)
	if err != nil || made["usr/local/lib/libpython3.10.so.1.0"] == nil {
		t.Errorf("%v, %v", sorted(made), err)
	}
}

// TestStandaloneThatCannotBeHad says which base, from where, why, and both ways on.
func TestStandaloneThatCannotBeHad(t *testing.T) {
	ref := "slipway/python:3.12-standalone"
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, int) bool
		want   string
	}{
		"a mirror without it":   {func(w http.ResponseWriter, _ int) bool { w.WriteHeader(http.StatusNotFound); return true }, "no longer on the mirror"},
		"a mirror that is shut": {func(w http.ResponseWriter, _ int) bool { w.WriteHeader(http.StatusForbidden); return true }, "403"},
		"other bytes":           {func(w http.ResponseWriter, _ int) bool { _, _ = w.Write([]byte("other")); return true }, "does not match"},
	} {
		data := standaloneTGZ(t, "3.12", string(tinyELF()))
		w, a := standaloneWorld(t, ref, "3.12", data)
		w.answers("/python/"+standalonePin("3.12", data).File, c.answer)
		_, err := a.Ensure(t.Context(), []string{ref}, amd64)
		if diag.ExitOf(err) != diag.ExitBuild || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), ref) || !strings.Contains(err.Error(), w.server.URL+"/python") {
			t.Errorf("%s: %v", name, err)
		}
		if hint := diag.HintOf(err); !strings.Contains(hint, "SLIPWAY_PYTHON_MIRROR") || !strings.Contains(hint, `version: "3.13"`) {
			t.Errorf("%s: hint %q", name, hint)
		}
	}
}

// TestStandalonePins: a minor is its newest release, a release itself; both are in
// the lock, and the lock reads back as it was.
func TestStandalonePins(t *testing.T) {
	w := newWorld(t)
	newest, _ := python.FindStandalone("3.12")
	for ref, want := range map[string]string{"slipway/python:3.12-standalone": newest.Version, "slipway/python:3.12.4-standalone": "3.12.4", "slipway/python:3.13.2-standalone-native-toolchain": "3.13.2"} {
		w.publish("1.0", ref, "slipway/python:3.13-trixie-toolchain")
		l := w.resolved(ref)
		if len(l.Python) != 1 || l.Python[0].Version != want || l.Python[0].check() != nil || !strings.Contains(l.Python[0].File, "x86_64") {
			t.Errorf("%s: %+v", ref, l.Python)
		}
		lock := Lock{Version: 1, Bases: []Locked{l}}
		text, err := lock.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeLock("slipway.lock", text)
		if diff := cmp.Diff(lock, again); diff != "" || err != nil {
			t.Errorf("the lock changes when it is read (-want +got):\n%s%v", diff, err)
		}
	}
	for _, ref := range []string{"slipway/python:3.8-standalone", "slipway/python:3.12.99-standalone", "slipway/python:3.1-standalone"} {
		if _, err := spec.Of(ref); err == nil {
			t.Errorf("%s exists", ref)
		}
	}
}

// TestStandaloneTable: each line is whole, and its archive is where the pin says.
func TestStandaloneTable(t *testing.T) {
	for _, minor := range []string{"3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"} {
		r, ok := python.FindStandalone(minor)
		for _, arch := range []string{"amd64", "arm64"} {
			if p, err := pinPython(minor, arch); !ok || err != nil || p.check() != nil || !download.IsSHA256(r.SHA256[arch]) {
				t.Errorf("%s for %s: %+v, %v", minor, arch, p, err)
			}
		}
	}
	if p, _ := pinPython("3.12.4", "arm64"); p.File != "20240726/cpython-3.12.4+20240726-aarch64-unknown-linux-gnu-install_only_stripped.tar.gz" {
		t.Errorf("3.12.4 is %s", p.File)
	}
	for _, bad := range []PythonPin{{Version: "3.12", File: "a/b", SHA256: sha(nil)}, {Version: "3.12.1", File: "../a", SHA256: sha(nil)}, {Version: "3.12.1", File: "a", SHA256: "x"}, {Version: "2.7.1", File: "a", SHA256: sha(nil)}} {
		if bad.check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestPythonMirror(t *testing.T) {
	for value, want := range map[string]string{"": pythonReleases, "https://mirror.example/python/": "https://mirror.example/python"} {
		m, err := FindMirrors(t.Context(), Machine{Root: "/", Getenv: func(name string) string {
			return map[string]string{"SLIPWAY_PYTHON_MIRROR": value, "SLIPWAY_DEBIAN_MIRROR": "https://mirror.example/debian"}[name]
		}})
		if err != nil || !slices.Equal(m.Python, []string{want}) {
			t.Errorf("%q: %v, %v", value, m.Python, err)
		}
	}
}

func TestStandaloneRefusesWhatIsNotWhole(t *testing.T) {
	pin := standalonePin("3.12", nil)
	for name, data := range map[string][]byte{
		"no archive":       []byte("no archive"),
		"another version":  standaloneTGZ(t, "3.11", string(tinyELF())),
		"no program":       standaloneTGZ(t, "3.12", "#!/bin/sh"),
		"climbs out":       gz(t, tarOf(t, file{name: "python/../../etc/passwd", body: "x"})),
		"a device":         gz(t, tarOf(t, file{name: "python/lib/python3.12/os.py", kind: tar.TypeChar})),
		"nothing but dirs": gz(t, tarOf(t, file{name: "python/"})),
	} {
		if made, err := pythonTree(bytes.NewReader(data), pin, plan.RoleRuntime, false); err == nil {
			t.Errorf("%s: taken: %v", name, sorted(made))
		}
	}
}

func FuzzPythonTree(f *testing.F) {
	f.Add(standaloneTGZ(f, "3.12", string(tinyELF())))
	pin := standalonePin("3.12", nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		made, err := pythonTree(bytes.NewReader(data), pin, plan.RoleToolchain, true)
		if err != nil {
			return
		}
		for p := range made {
			if slices.Contains(strings.Split(p, "/"), "..") {
				t.Errorf("it writes %q", p)
			}
		}
	})
}
