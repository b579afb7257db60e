package layer

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packed writes entries as the tar of a layer.
func packed(t testing.TB, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		body := h.Uname // the helper keeps the content there
		h.Uname, h.Size = "", int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func file(name, body string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Uname: body}
}

func indexOf(t testing.TB, headers ...tar.Header) *Index {
	t.Helper()
	x, err := Read(packed(t, headers...))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestLayersLieOverEachOther(t *testing.T) {
	base := indexOf(t,
		tar.Header{Name: "./lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib"}, tar.Header{Name: "usr/lib/", Typeflag: tar.TypeDir, Mode: 0o755},
		file("usr/lib/a", "1"), file("etc/x/one", ""), file("etc/x/two", ""), file("opt/y/one", ""), file("srv", "a file"), file("home/me/x", ""), file("bin/tool", "#!/bin/sh\n"),
	)
	upper := indexOf(t,
		file("lib/b", "by way of the link"), file("etc/x/.wh.one", ""), file("opt/y/.wh..wh..opq", ""), file("opt/y/new", ""), file("srv/x", "now a directory"),
		tar.Header{Name: "home/me", Typeflag: tar.TypeSymlink, Linkname: "/opt"}, tar.Header{Name: "bin/same", Typeflag: tar.TypeLink, Linkname: "/bin/tool"},
		tar.Header{Name: "bin/tool", Typeflag: tar.TypeReg, Mode: 0o755},
	)
	tree := Merge([]*Index{base, upper})
	var got []string
	for f := range tree.Files {
		if f.Kind != Directory {
			got = append(got, f.Path)
		}
	}
	slices.Sort(got)
	want := []string{"bin/same", "bin/tool", "etc/x/two", "home/me", "lib", "opt/y/new", "srv/x", "usr/lib/a", "usr/lib/b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
	if f, ok := tree.Lookup("/home/me/y/../y/new"); !ok || f.Path != "opt/y/new" {
		t.Errorf("by way of a link there is %v", f)
	}
	if f, ok := tree.Lookup("/lib/a"); !ok || f.Path != "usr/lib/a" || f.Size != 1 {
		t.Errorf("/lib/a is %v", f)
	}
	if diff := cmp.Diff([]string{"a", "b"}, tree.Names("/lib")); diff != "" {
		t.Errorf("names (-want +got)\n%s", diff)
	}
	if tree.Exists("/etc/x/one") || tree.Exists("/../../etc/x/one") || !tree.IsDir("/etc/x") || !tree.IsFile("/srv/x") || base.Bytes != 18-1 {
		t.Errorf("what was deleted is there, or the layer has %d bytes", base.Bytes)
	}
}

func TestIndexesSurviveTheDisk(t *testing.T) {
	x := indexOf(t, file("app/a.js", "import './b.js'\nspawn()"), file("app/a.jsx", ""), file("app/run", "#!/usr/bin/env node\n"), tar.Header{Name: "app/l", Typeflag: tar.TypeSymlink, Linkname: "a.js", Uid: 1001, Gid: 70000},
		file("package.json", `{"name":"x","scripts":{"start":"secret"},"main":"a.js"}`))
	data, err := x.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x, back); diff != "" {
		t.Errorf("the index changed (-want +got)\n%s", diff)
	}
	if back.Facts["app/run"].Shebang != "/usr/bin/env node" || back.Facts["package.json"].Text != `{"main":"a.js","name":"x"}` {
		t.Errorf("facts are %+v", back.Facts)
	}
	for n := range data {
		if _, err := Decode(data[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are an index", n, len(data))
		}
	}
}

func TestATornLayerIsAnError(t *testing.T) {
	data := packed(t, file("a", strings.Repeat("x", 5000))).Bytes()
	if _, err := Read(bytes.NewReader(data[:3000])); err == nil {
		t.Error("a torn layer has an index")
	}
}

func TestScriptsSayWhatTheyImport(t *testing.T) {
	got := readScript([]byte(`#!/usr/bin/env node
import a, { b as c } from 'a'; import 'side'
import type { T } from 'types';
export * from "./star.js"; export { x } from './x.js';
const lazy = () => import('lazy');
const { readFile } = require("node:fs/promises"), y = require('y') || z;
if (a) require('conditional');
try { require('optional') } catch (e) { require('fallback') }
const s = `+"`${require('inside')} `"+`;
const n = a / b; const m = require('after-division') / 2;
function f() { return { x: require('deep') } }
class K { static z = require('static'); }
const re = /['"]/; require('after-regexp');
`), false)
	var names []string
	for _, i := range got.Imports {
		names = append(names, i.Name+[]string{"", "?", "!"}[i.When])
	}
	want := []string{"a", "side", "./star.js", "./x.js", "lazy?", "node:fs/promises", "y", "conditional?", "optional!", "fallback?", "after-division", "deep?", "static", "after-regexp"}
	if diff := cmp.Diff(want, names); diff != "" || !got.ESM {
		t.Errorf("imports (-want +got)\n%s", diff)
	}
}

func TestScriptsSayWhatTheyRun(t *testing.T) {
	got := readScript([]byte(`const cp = require('child_process'), { promisify } = require('util');
const { exec, spawn: start } = require("node:child_process");
const run = promisify(exec);
const child_process_1 = require("child_process");
run('FOO=1 convert a b'); exec(command);
start('ffmpeg', []); start("git status", { shell: true });
(0, child_process_1.execSync)("pg_dump x | gzip");
cp.execFileSync('tesseract'); pattern.exec('no'); db.exec("SELECT"); start(name);
exec(`+"`gs -o ${out}`"+`);
`), false)
	want := []Call{
		{Program: "convert", Shell: true, Line: 5}, {Shell: true, Line: 5}, {Program: "ffmpeg", Line: 6}, {Program: "git", Shell: true, Line: 6},
		{Program: "pg_dump", Shell: true, Line: 7}, {Program: "tesseract", Line: 8}, {Program: "gs", Shell: true, Line: 9},
	}
	if diff := cmp.Diff(want, got.Calls); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
}

func TestScriptsSayWhereTheyWrite(t *testing.T) {
	got := readScript([]byte(`const path_1 = require("path"); const Database = require('better-sqlite3');
const DIR = path_1.default.join(__dirname, '../data');
fs.mkdirSync(DIR); fs.writeFileSync(path.join(DIR, 'a.json'), ''); fs.createWriteStream(`+"`logs/${day}.log`"+`);
fs.mkdirSync('/tmp/x'); fs.writeFile(name, ''); fs.mkdirSync(path.resolve(process.cwd(), 'up', sub));
const up = multer({ dest: 'uploads/' }); new Database('app.db'); fs.mkdirSync(os.homedir());
https.createServer(o); server.listen(3);
`), false)
	want := []Write{
		{Path: "../data", Beside: true, Line: 3}, {Path: "../data/a.json", Beside: true, Line: 3}, {Path: "logs", Line: 3}, {Path: "up", Line: 4}, {Path: "uploads/", Line: 5}, {Path: "app.db", Line: 5},
	}
	if diff := cmp.Diff(want, got.Writes); diff != "" || got.Home != 5 || got.TLS != 6 || got.Plain != 0 {
		t.Errorf("home %d, TLS %d, plain %d; writes (-want +got)\n%s", got.Home, got.TLS, got.Plain, diff)
	}
}

func TestPythonSaysWhatItDoes(t *testing.T) {
	got := Python([]byte(`"""import no
import no
"""
from __future__ import annotations
import os, sys as s  # import no
from . import sibling
from .pkg.sub import (
    one,
    two as deux,
)
try:
    import fast
except ImportError:
    import slow
if os.name == "nt":
    import winreg2
def f(x="import no"):
    import late
    subprocess.run(["ffmpeg", "-i"]); os.system(f"convert {x}")
    subprocess.check_call("tar x", shell=True)
    open("out/x.txt", "w"); open("in.txt"); os.makedirs('cache', exist_ok=True)
if __name__ == "__main__":
    import main_only
server.add_secure_port("x")
`))
	var names []string
	for _, i := range got.Imports {
		names = append(names, i.Name+[]string{"", "?", "!"}[i.When]+strings.Join(append([]string{""}, i.Names...), " "))
	}
	want := []string{"os", "sys", ". sibling", ".pkg.sub one two", "fast!", "slow!", "winreg2?", "late?", "main_only"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("imports (-want +got)\n%s", diff)
	}
	calls := []Call{{Program: "convert", Shell: true, Line: 19}, {Program: "tar", Shell: true, Line: 20}}
	if diff := cmp.Diff(calls, got.Calls); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Write{{Path: "out/x.txt", Line: 21}, {Path: "cache", Line: 21}}, got.Writes); diff != "" || got.TLS != 24 {
		t.Errorf("TLS %d, writes (-want +got)\n%s", got.TLS, diff)
	}
}

// TestLoopsAndHomes: which paths are written, and the line that writes below the
// home; reading there counts for nothing.
func TestLoopsAndHomes(t *testing.T) {
	for source, want := range map[string]string{
		"for d in ('a', 'b'):\n    os.makedirs(d)":                                                    "a b 0",
		"for d in [\n    'a',  # one\n    'b',\n]:\n    os.mkdir(f'data/{d}')":                        "data/a data/b 0",
		"DIRS = ['a', 'b']\nfor d in DIRS:\n    Path(d).mkdir()":                                      "a b 0",
		"DIRS = ['a', 'b']\nfor d in DIRS:\n    os.makedirs(os.path.join('data', d))":                 "data/a data/b 0",
		"[os.makedirs(d) for d in ('a', 'b')]":                                                        "a b 0",
		"for n in ('a.txt', 'b.txt'):\n    open(os.path.join('out', n), 'w')":                         "out/a.txt out/b.txt 0",
		"for d in ('a', 'b'):\n    os.listdir(d)":                                                     "0",
		"for d in dirs:\n    os.makedirs(d)":                                                          "0",
		"for d in ('a', x):\n    os.makedirs(d)":                                                      "0",
		"for d in ('a',):\n    pass\nfor d in given():\n    os.makedirs(d)":                           "0",
		"home = Path.home()\nprint((home / '.x').read_text())":                                        "0",
		"open(os.path.expanduser('~/.netrc'))":                                                        "0",
		"os.environ['HOME']":                                                                          "0",
		"os.makedirs(os.path.expanduser('~/.x'))":                                                     "1",
		"x = 1\nopen(os.path.join(os.environ['HOME'], '.x'), 'w')":                                    "2",
		"self.dir = Path.home()\nself.dir.mkdir()":                                                    "2",
		"(Path.home() / '.x').mkdir(exist_ok=True)":                                                   "1",
		"base = os.getenv('HOME')\npath = os.path.join(base, '.x')\nwith open(path, 'wb'):\n    pass": "3",
	} {
		got := Python([]byte(source + "\n"))
		if got == nil {
			got = &Source{}
		}
		if words := said(got); words != want {
			t.Errorf("%q says %q, not %q", source, words, want)
		}
	}
	for source, want := range map[string]string{
		"fs.readFileSync(path.join(os.homedir(), '.netrc'));":                                   "0",
		"const dir = os.homedir();\nconsole.log(dir);\nfs.mkdirSync('/tmp/x');":                 "0",
		"const c = JSON.parse(fs.readFileSync(process.env.HOME + '/c'));\nfs.mkdirSync(c.dir);": "0",
		"const dir = process.env.HOME + '/.x';\nfs.mkdirSync(dir);":                             "2",
		"fs.writeFileSync(path.join(homedir(), '.x'), text);":                                   "1",
		"fs.writeFileSync('/tmp/x', os.homedir());":                                             "0",
	} {
		got := readScript([]byte(source+"\n"), false)
		if got == nil {
			got = &Source{}
		}
		if words := said(got); words != want {
			t.Errorf("%q says %q, not %q", source, words, want)
		}
	}
}

// said are the writes of a source, and the line that writes below the home.
func said(s *Source) string {
	out := ""
	for _, w := range s.Writes {
		out += w.Path + " "
	}
	return out + strconv.Itoa(s.Home)
}

func TestTheLoadersCache(t *testing.T) {
	got := cacheDirs(loaderCache("/usr/lib/x/liba.so.1", "/opt/own/libb.so", "/usr/lib/x/libc.so"))
	if diff := cmp.Diff([]string{"/opt/own", "/usr/lib/x"}, got); diff != "" {
		t.Errorf("directories (-want +got)\n%s", diff)
	}
	if cacheDirs([]byte("ld.so-1.6")) != nil || cacheDirs(nil) != nil {
		t.Error("another format has directories")
	}
}

// loaderCache makes a cache as ldconfig does, with the old part before it.
func loaderCache(libraries ...string) []byte {
	le := binary.LittleEndian
	body := make([]byte, 48)
	copy(body, newCache)
	le.PutUint32(body[20:], uint32(len(libraries)))
	at := uint32(48 + 24*len(libraries))
	strs := ""
	for _, l := range libraries {
		entry := make([]byte, 24)
		le.PutUint32(entry[4:], at)
		le.PutUint32(entry[8:], at)
		body = append(body, entry...)
		strs += l + "\x00"
		at += uint32(len(l)) + 1
	}
	old := make([]byte, 16)
	copy(old, oldCache)
	return append(append(old, body...), strs...)
}

func TestPiecesOfALargeFile(t *testing.T) {
	p := pieces{size: 100, parts: []part{{0, []byte("0123456789")}, {90, []byte("abc\x00efghij")}}}
	for _, c := range []struct {
		off, n int64
		want   string
		ok     bool
	}{{0, 4, "0123", true}, {8, 4, "", false}, {90, 3, "abc", true}, {89, 3, "", false}, {99, 1, "j", true}, {99, 2, "", false}, {-1, 1, "", false}, {0, 1 << 62, "", false}} {
		if got, ok := p.at(c.off, c.n); string(got) != c.want || ok != c.ok {
			t.Errorf("at(%d, %d) = %q, %v", c.off, c.n, got, ok)
		}
	}
	if word, ok := p.word(90); word != "abc" || !ok {
		t.Errorf("the word is %q, %v", word, ok)
	}
	if _, ok := p.word(5); ok {
		t.Error("a word ends in what is missing")
	}
}

// TestALargeProgramIsReadInParts: what the loader wants is found, wherever a linker
// or a later tool wrote the names.
func TestALargeProgramIsReadInParts(t *testing.T) {
	const size, dynamic = 60 << 20, 40 << 20
	le := binary.LittleEndian
	for what, names := range map[string]int{"in the beginning": 1 << 20, "around": dynamic + 4096, "in the end": size - 4096} {
		file := make([]byte, size)
		copy(file, "\x7fELF\x02\x01\x01")
		le.PutUint16(file[16:], typeShared)
		le.PutUint64(file[32:], 64)
		le.PutUint16(file[54:], 56)
		le.PutUint16(file[56:], 2)
		for i, s := range []struct{ kind, at, bytes int }{{segmentLoad, 0, size}, {segmentDynamic, dynamic, 64}} {
			h := file[64+56*i:]
			le.PutUint32(h, uint32(s.kind))
			le.PutUint64(h[8:], uint64(s.at))
			le.PutUint64(h[16:], uint64(s.at))
			le.PutUint64(h[32:], uint64(s.bytes))
		}
		for i, d := range [][2]int{{dynStrtab, names}, {dynStrsz, 100}, {dynNeeded, 1}, {0, 0}} {
			le.PutUint64(file[dynamic+16*i:], uint64(d[0]))
			le.PutUint64(file[dynamic+16*i+8:], uint64(d[1]))
		}
		copy(file[names:], "\x00libz.so.1\x00")
		in := &reader{}
		p, err := in.pieces(bytes.NewReader(file), size)
		if err != nil {
			t.Fatal(err)
		}
		if e := readELF(p); e == nil || !slices.Equal(e.Needed, []string{"libz.so.1"}) {
			t.Errorf("names %s: %+v", what, e)
		}
		if in.buffer.Cap() > 32<<20 {
			t.Errorf("names %s: %d bytes are kept", what, in.buffer.Cap())
		}
	}
}
