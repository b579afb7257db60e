package proof

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// item is a file of a test's image.
type item struct {
	mode    int64
	uid     int
	body    string
	link    string
	kind    byte
	capable bool
}

// box is an image of a test: paths without a leading slash, and its settings.
type box struct {
	files      map[string]item
	upper      map[string]item // a second layer
	config     Config
	arch       string
	sources    fstest.MapFS
	calls      []plan.Use
	wanted     []string
	own        bool // built from somebody's Dockerfile
	dockerfile string
}

func (b *box) put(path string, mode int64, body string) *box {
	b.files[path] = item{mode: mode, body: body, kind: tar.TypeReg}
	return b
}

func (b *box) app(path, body string) *box { return b.put("app/"+path, 0o644, body) }

func (b *box) dir(path string, mode int64, uid int) *box {
	b.files[path] = item{mode: mode, uid: uid, kind: tar.TypeDir}
	return b
}

func (b *box) link(path, to string) *box {
	b.files[path] = item{mode: 0o777, link: to, kind: tar.TypeSymlink}
	return b
}

func (b *box) without(paths ...string) *box {
	for _, p := range paths {
		delete(b.files, p)
	}
	return b
}

func (b *box) chmod(path string, mode int64) *box {
	f := b.files[path]
	f.mode = mode
	b.files[path] = f
	return b
}

func (b *box) cmd(words ...string) *box {
	b.config.Cmd = words
	return b
}

func (b *box) env(kv string) *box {
	b.config.Env = append(b.config.Env, kv)
	return b
}

func (b *box) source(path, body string) *box {
	b.sources[path] = &fstest.MapFile{Data: []byte(body)}
	return b
}

// archive writes files as the tar of a layer.
func archive(t testing.TB, files map[string]item) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, p := range slices.Sorted(maps.Keys(files)) {
		f := files[p]
		h := &tar.Header{Name: p, Typeflag: f.kind, Mode: f.mode, Uid: f.uid, Gid: f.uid, Linkname: f.link, Size: int64(len(f.body))}
		if f.capable {
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01"}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

// subject turns a box into what is checked.
func (b *box) subject(t testing.TB) Subject {
	t.Helper()
	s := Subject{Config: b.config, Architecture: b.arch, Sources: fs.FS(b.sources), Wanted: b.wanted, Dockerfile: []byte(b.dockerfile)}
	for _, files := range []map[string]item{b.files, b.upper} {
		if files == nil {
			continue
		}
		x, err := layer.Read(archive(t, files))
		if err != nil {
			t.Fatal(err)
		}
		data, err := x.Encode() // as from the disk
		if err != nil {
			t.Fatal(err)
		}
		if x, err = layer.Decode(data); err != nil {
			t.Fatal(err)
		}
		s.Layers = append(s.Layers, x)
	}
	s.Service = plan.Service{
		Name: "web", Dir: "services/web", Calls: b.calls, Stages: []plan.Stage{{Name: plan.StageBuilder}, {Name: plan.StageProduction}},
		Facts: []plan.Fact{{Name: "start", File: "services/web/package.json", Line: 7}},
	}
	if b.own {
		s.Service = plan.Service{Name: "web", Dir: "services/web", Dockerfile: "services/web/Dockerfile"}
	}
	return s
}

// elf makes an ELF file of amd64 with a loader and needed libraries; a search path
// comes as "rpath:…" or "runpath:…", a name as "soname:…", versions of symbols as
// "wants:LIBRARY VERSION" and "gives:VERSION".
func elf(interp string, needed ...string) string { return elfFor(62, interp, needed...) }

func elfFor(machine uint16, interp string, needed ...string) string {
	le := binary.LittleEndian
	strs := "\x00"
	add := func(s string) uint64 {
		at := uint64(len(strs))
		strs += s + "\x00"
		return at
	}
	var dyn []uint64
	var wants, gives []byte
	for _, n := range needed {
		switch {
		case strings.HasPrefix(n, "wants:"):
			library, version, _ := strings.Cut(n[6:], " ")
			next := uint32(32)
			wants = le.AppendUint16(le.AppendUint16(wants, 1), 1) // a verneed with one vernaux behind it
			wants = le.AppendUint32(le.AppendUint32(le.AppendUint32(wants, uint32(add(library))), 16), next)
			wants = le.AppendUint32(le.AppendUint32(le.AppendUint32(le.AppendUint32(wants, 0), 0), uint32(add(version))), 0)
		case strings.HasPrefix(n, "gives:"):
			gives = le.AppendUint16(le.AppendUint16(le.AppendUint16(le.AppendUint16(gives, 1), 0), 1), 1) // a verdef with one verdaux
			gives = le.AppendUint32(le.AppendUint32(le.AppendUint32(gives, 0), 20), 28)
			gives = le.AppendUint32(le.AppendUint32(gives, uint32(add(n[6:]))), 0)
		case strings.HasPrefix(n, "rpath:"):
			dyn = append(dyn, 15, add(n[6:]))
		case strings.HasPrefix(n, "runpath:"):
			dyn = append(dyn, 29, add(n[8:]))
		case strings.HasPrefix(n, "soname:"):
			dyn = append(dyn, 14, add(n[7:]))
		default:
			dyn = append(dyn, 1, add(n))
		}
	}
	const phdrs, base = 3, 0x400000
	start := uint64(64 + phdrs*56)
	interpAt := start
	strAt := interpAt + uint64(len(interp)) + 1
	wantsAt := strAt + uint64(len(strs))
	givesAt := wantsAt + uint64(len(wants))
	dynAt := givesAt + uint64(len(gives))
	dyn = append(dyn, 5, base+strAt, 10, uint64(len(strs)))
	if len(wants) > 0 {
		dyn = append(dyn, 0x6ffffffe, base+wantsAt, 0x6fffffff, uint64(len(wants)/32))
	}
	if len(gives) > 0 {
		dyn = append(dyn, 0x6ffffffc, base+givesAt, 0x6ffffffd, uint64(len(gives)/28))
	}
	dyn = append(dyn, 0, 0)
	end := dynAt + uint64(8*len(dyn))
	out := make([]byte, start, end)
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], 3)
	le.PutUint16(out[18:], machine)
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[32:], 64)
	le.PutUint16(out[52:], 64)
	le.PutUint16(out[54:], 56)
	le.PutUint16(out[56:], phdrs)
	segment := func(i int, kind uint32, off, size uint64) {
		h := out[64+56*i:]
		le.PutUint32(h, kind)
		le.PutUint64(h[8:], off)
		le.PutUint64(h[16:], base+off)
		le.PutUint64(h[32:], size)
		le.PutUint64(h[40:], size)
	}
	segment(0, 1, 0, end)
	segment(1, 2, dynAt, uint64(8*len(dyn)))
	if interp != "" {
		segment(2, 3, interpAt, uint64(len(interp))+1)
	}
	out = append(out, interp+"\x00"+strs...)
	out = append(append(out, wants...), gives...)
	for _, v := range dyn {
		out = le.AppendUint64(out, v)
	}
	return string(out)
}

// zipped makes a jar.
func zipped(t testing.TB, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// classFile makes the constant pool of a class that refers to others.
func classFile(refers ...string) string { return classOf(21, refers...) }

// classOf is a class that is compiled for a version of Java.
func classOf(java byte, refers ...string) string {
	out := []byte{0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, java + classOfJava}
	out = binary.BigEndian.AppendUint16(out, uint16(2*len(refers)+1))
	for i, r := range refers {
		name := strings.ReplaceAll(r, ".", "/")
		out = append(out, 1)
		out = binary.BigEndian.AppendUint16(out, uint16(len(name)))
		out = append(out, name...)
		out = append(out, 7)
		out = binary.BigEndian.AppendUint16(out, uint16(2*i+1))
	}
	return string(out)
}

const (
	loaderPath = "/lib64/ld-linux-x86-64.so.2"
	libDir     = "usr/lib/x86_64-linux-gnu/"
)

// system is a box with the C library, accounts and a user.
func system() *box {
	b := &box{files: map[string]item{}, arch: "amd64", sources: fstest.MapFS{}}
	b.config = Config{User: "1001:1001", WorkDir: "/app", Entrypoint: []string{"/usr/bin/tini", "--"}}
	b.link("lib", "usr/lib").link("lib64", "usr/lib64").link("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
	b.put(libDir+"ld-linux-x86-64.so.2", 0o755, elf("")).put(libDir+"libc.so.6", 0o755, elf("", "ld-linux-x86-64.so.2", "soname:libc.so.6"))
	b.put(libDir+"libstdc++.so.6", 0o644, elf("", "libc.so.6")).put("usr/bin/tini", 0o755, elf(loaderPath, "libc.so.6"))
	b.put("etc/passwd", 0o644, "root:x:0:0:root:/root:/usr/sbin/nologin\nweb:x:1001:1001::/app:/usr/sbin/nologin\n").put("etc/group", 0o644, "root:x:0:\nweb:x:1001:\n")
	b.dir("tmp", 0o1777, 0).dir("app", 0o755, 0)
	return b
}

// nodeBox is a good image of a Node.js service.
func nodeBox() *box {
	b := system().put("usr/bin/node", 0o755, elf(loaderPath, "libstdc++.so.6", "libc.so.6")).cmd("node", "dist/main.js")
	b.app("package.json", `{"name":"web","main":"dist/main.js"}`)
	b.app("dist/main.js", "\"use strict\";\nconst express = require(\"express\");\nconst db = require(\"./db\");\nconst fs = require('node:fs');\n")
	b.app("dist/db.js", "const pg = require('pg/lib/client');\n")
	b.app("node_modules/express/package.json", `{"name":"express","main":"./lib/express"}`).app("node_modules/express/lib/express.js", "module.exports = 1")
	b.app("node_modules/pg/package.json", `{"name":"pg"}`).app("node_modules/pg/lib/client.js", "")
	b.source("package.json", `{"dependencies":{"express":"5"},"devDependencies":{"dotenv":"1"}}`).source("src/main.ts", "import express from \"express\";\n\nimport { db } from \"./db\";\n")
	return b
}

// pythonBox is a good image of a FastAPI service.
func pythonBox() *box {
	b := system().put("usr/bin/python3.13", 0o755, elf(loaderPath, "libc.so.6")).link("usr/bin/python3", "python3.13")
	b.put("usr/lib/python3.13/os.py", 0o644, "").put("usr/lib/python3.13/json/__init__.py", 0o644, "").put("usr/lib/python3.13/lib-dynload/_json.cpython-313-x86_64-linux-gnu.so", 0o644, elf("", "libc.so.6"))
	b.put("opt/venv/pyvenv.cfg", 0o644, "home = /usr/bin\nversion = 3.13.5\n").link("opt/venv/bin/python3", "/usr/bin/python3").link("opt/venv/bin/python", "python3")
	b.put("opt/venv/bin/uvicorn", 0o755, "#!/opt/venv/bin/python3\nimport sys\n")
	b.put("opt/venv/lib/python3.13/site-packages/fastapi/__init__.py", 0o644, "").put("opt/venv/lib/python3.13/site-packages/uvicorn/__init__.py", 0o644, "")
	b.app("app/__init__.py", "").app("app/main.py", "import os, json\nfrom fastapi import FastAPI\nfrom app.routers import items\nfrom .settings import NAME\n\napp = FastAPI()\n")
	b.app("app/routers/__init__.py", "").app("app/routers/items.py", "import itertools\n").app("app/settings.py", "NAME = 'x'\n")
	b.env("PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin").cmd("uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000")
	return b
}

// javaBox is a good image of a Java program with a thin jar.
func javaBox(t testing.TB) *box {
	b := system().put("usr/lib/jvm/bin/java", 0o755, elf(loaderPath, "runpath:$ORIGIN/../lib", "libjli.so", "libc.so.6")).put("usr/lib/jvm/lib/libjli.so", 0o644, elf("", "libc.so.6"))
	b.env("PATH=/usr/lib/jvm/bin:/usr/bin").cmd("java", "-Xmx64m", "-jar", "app.jar")
	b.put("app/app.jar", 0o644, zipped(t, map[string]string{
		"META-INF/MANIFEST.MF":       "Manifest-Version: 1.0\r\nMain-Class: com.example.Main\r\nClass-Path: lib/netty.jar lib/gu\r\n ava.jar\r\n\r\n",
		"com/example/Main.class":     classFile("com.example.Main", "io.netty.Server", "java.lang.String"),
		"com/example/Main$Sub.class": classFile(),
	}))
	b.put("app/lib/netty.jar", 0o644, zipped(t, map[string]string{"io/netty/Server.class": classFile()})).put("app/lib/guava.jar", 0o644, zipped(t, map[string]string{"com/google/X.class": classFile()}))
	return b
}

// goBox is a good image of a static program.
func goBox() *box {
	return system().put("app/api", 0o755, elf("")).cmd("/app/api")
}
