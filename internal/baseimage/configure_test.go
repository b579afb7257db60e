package baseimage

import (
	"archive/tar"
	"debug/elf"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/diag"
)

// pinsOf are the names of the packages of a base.
func pinsOf(b Built) (names []string) {
	for _, p := range b.Pins[0].Debian {
		names = append(names, p.Name)
	}
	return names
}

// filesOf is a base by path: what it links to, or its content.
func (w *world) filesOf(ref string, b Built) map[string]string {
	w.t.Helper()
	img, err := w.store[ref].Image(b.Platforms["linux/amd64"])
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for _, line := range listing(w.t.(*testing.T), img) {
		f := strings.SplitN(line, " ", 4)
		out[f[2]] = strings.TrimPrefix(f[3], "-> ")
	}
	return out
}

// TestNamedPackagesAreConfigured: what maintainer scripts register is there, and the
// loader finds a library that is an alternative.
func TestNamedPackagesAreConfigured(t *testing.T) {
	w := newWorld(t)
	const lib = "./usr/lib/x86_64-linux-gnu/"
	w.more = map[string]made{
		"tool": {"Depends: libblas3, nc-one, nc-two\n", []file{{name: "./usr/bin/tool", body: "\x7fELF", mode: 0o755},
			{name: "DEBIAN/postinst", body: "#!/bin/sh\nadduser --system --group tool\nmkdir -p /var/lib/tool\nfor p in a b; do\nupdate-alternatives --install /usr/bin/$p $p /usr/bin/tool 5\ndone\n"}}},
		"libblas3": {"", []file{{name: lib + "blas/libblas.so.3.1", body: sharedELF(elf.EM_X86_64, "libblas.so.3")}, {name: lib + "blas/libblas.so.3", kind: tar.TypeSymlink, link: "libblas.so.3.1"},
			{name: "./etc/ld.so.conf.d/x.conf", body: "/usr/lib/x86_64-linux-gnu\n"},
			{name: "DEBIAN/postinst", body: "#!/bin/sh\nset -e\nupdate-alternatives --install /usr/lib/x86_64-linux-gnu/libblas.so.3 \\\n libblas.so.3-x86_64-linux-gnu /usr/lib/x86_64-linux-gnu/blas/libblas.so.3 10\n"}}},
		"nc-one": {"", []file{{name: "./bin/nc.one", body: "1", mode: 0o755}, {name: "./usr/share/nc1", body: "x"},
			{name: "DEBIAN/postinst", body: "#!/bin/sh\nupdate-alternatives --install /bin/nc nc /bin/nc.one 50 --slave /bin/netcat netcat /bin/nc.one --slave /usr/share/man/nc.1 nc.1 /usr/share/man/nc1.1\n"}}},
		"nc-two": {"", []file{{name: "./bin/nc.two", body: "2", mode: 0o755}, {name: "./usr/share/nc2", body: "x"},
			{name: "DEBIAN/postinst", body: "#!/bin/sh\nupdate-alternatives --install /bin/nc nc /bin/nc.two 10\nupdate-alternatives --install /bin/nc nc /bin/nc.gone 99\n"}}},
	}
	w.publish("1.0")
	const ref = "slipway/node/tool:20-trixie"
	built := w.ensure(w.assembler(), ref, amd64...)
	files := w.filesOf(ref, built)
	for name, want := range map[string]string{
		"usr/bin/a": "/etc/alternatives/a", "etc/alternatives/a": "/usr/bin/tool", "usr/bin/b": "/etc/alternatives/b",
		"usr/bin/nc": "/etc/alternatives/nc", "etc/alternatives/nc": "/bin/nc.one", "usr/bin/netcat": "/etc/alternatives/netcat", "etc/alternatives/netcat": "/bin/nc.one",
		"usr/lib/x86_64-linux-gnu/libblas.so.3": "/etc/alternatives/libblas.so.3-x86_64-linux-gnu",
		"etc/alternatives/nc.1":                 "", "usr/share/man/nc.1": "",
	} {
		if files[name] != want {
			t.Errorf("%s: %q, want %q", name, files[name], want)
		}
	}
	if l := built.Pins[0]; l.Assembly != assembly+configuring {
		t.Errorf("assembly %d", l.Assembly)
	}
	plain := w.ensure(w.assembler(), runtimeRef, amd64...)
	if l := plain.Pins[0]; l.Assembly != assembly {
		t.Errorf("assembly of a base without packages %d", l.Assembly)
	}
	a := w.assembler()
	a.lock = Lock{}.With(Locked{Ref: ref, Platform: "linux/amd64", Assembly: assembly, Suite: "trixie", Debian: built.Pins[0].Debian})
	if _, err := a.Ensure(t.Context(), []string{ref}, amd64); err == nil || !strings.Contains(err.Error(), "pinned by another version") {
		t.Errorf("pins from before packages were configured: %v", err)
	}
}

// TestTheLoaderFindsAlternatives: the cache names a library whose place is an alternative.
func TestTheLoaderFindsAlternatives(t *testing.T) {
	made := tree{}
	made.file("etc/ld.so.conf.d/x.conf", 0o644, []byte("/usr/lib/x\n"))
	made.file("usr/lib/x/blas/libblas.so.3", 0o644, []byte(sharedELF(elf.EM_X86_64, "libblas.so.3")))
	made.file("usr/lib/x/open/libblas.so.3", 0o644, []byte(sharedELF(elf.EM_X86_64, "libblas.so.3")))
	offer := func(dir string, priority int) debian.Alternative {
		return debian.Alternative{Link: "/lib/x/libblas.so.3", Name: "libblas", Path: "/usr/lib/x/" + dir + "/libblas.so.3", Priority: priority}
	}
	made.alternatives([]debian.Alternative{offer("blas", 10), offer("open", 100), offer("gone", 200)})
	linkLibraries(made)
	if n := made["etc/alternatives/libblas"]; n == nil || n.link != "/usr/lib/x/open/libblas.so.3" {
		t.Errorf("the alternative is %+v", n)
	}
	want := []cached{{"libblas.so.3", "/usr/lib/x/libblas.so.3"}}
	if diff := cmp.Diff(want, readLDCache(t, made["etc/ld.so.cache"].data.text()), cmp.AllowUnexported(cached{})); diff != "" {
		t.Errorf("cache (-want +got):\n%s", diff)
	}
}

func TestAlternativesLeaveFilesOfPackages(t *testing.T) {
	made := tree{}
	made.file("usr/bin/awk", 0o755, []byte("mine"))
	made.file("usr/bin/mawk", 0o755, []byte("m"))
	made.file("usr/bin/b-2", 0o755, nil)
	made.file("usr/bin/b-1", 0o755, nil)
	made.file("etc/file", 0o644, nil)
	made.alternatives([]debian.Alternative{
		{Link: "/usr/bin/awk", Name: "awk", Path: "/usr/bin/mawk", Priority: 5, Slaves: []debian.Alternative{{Link: "/usr/bin/nawk", Name: "nawk", Path: "/usr/bin/mawk"}}},
		{Link: "/usr/bin/b", Name: "b", Path: "/usr/bin/b-2", Priority: 1}, {Link: "/usr/bin/b", Name: "b", Path: "/usr/bin/b-1", Priority: 1},
		{Link: "/etc/file/below", Name: "below", Path: "/usr/bin/mawk", Priority: 1}, {Link: "/../../x", Name: "out", Path: "/usr/bin/mawk", Priority: 1},
	})
	var got []string
	for _, p := range sorted(made) {
		if made[p].kind == tar.TypeSymlink {
			got = append(got, p+" "+made[p].link)
		}
	}
	if diff := cmp.Diff([]string{"etc/alternatives/b /usr/bin/b-1", "usr/bin/b /etc/alternatives/b"}, got); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

func TestAccountsOfPackages(t *testing.T) {
	made := tree{}
	made.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\ntaken:x:100:100::/:/x\n"))
	made.file("etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n"))
	made.file("usr/lib/sysusers.d/x.conf", 0o644, []byte("# users\nu! messagebus - \"System Bus\" /var/run/dbus -\ng netdev -\nm a b\nu bad:name -\n"))
	made.accounts(append(made.sysusers("x.conf"), debian.Account{Name: "redis", Home: "/var/lib/redis"}, debian.Account{Name: "root"},
		debian.Account{Name: "tcpdump", Group: true}, debian.Account{Name: "tcpdump", In: "tcpdump"}, debian.Account{Name: "plain", In: "nogroup", Shell: "/bin/sh"},
		debian.Account{Name: "evil", Home: "/x:0"}))
	want := "root:x:0:0:root:/root:/bin/sh\ntaken:x:100:100::/:/x\nmessagebus:x:101:100::/var/run/dbus:/usr/sbin/nologin\n" +
		"redis:x:102:102::/var/lib/redis:/usr/sbin/nologin\ntcpdump:x:103:103::/nonexistent:/usr/sbin/nologin\nplain:x:104:65534::/nonexistent:/bin/sh\n"
	if diff := cmp.Diff(want, string(made["etc/passwd"].data.text())); diff != "" {
		t.Errorf("passwd (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("root:x:0:\nnogroup:x:65534:\nmessagebus:x:100:\nnetdev:x:101:\nredis:x:102:\ntcpdump:x:103:\n", string(made["etc/group"].data.text())); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}
}

// TestInterpretersOfPrograms: an interpreter that others want for their scripts alone is
// left out, and there when a program is written for it.
func TestInterpretersOfPrograms(t *testing.T) {
	w := newWorld(t)
	program := func(name, text string) file { return file{name: "./usr/bin/" + name, body: text, mode: 0o755} }
	w.more = map[string]made{
		"pg-client":               {"Depends: pg-common\n", nil},
		"pg-common":               {"Depends: perl:any, debconf\n", []file{{name: "./usr/share/pg/wrapper", body: "#!/usr/bin/perl -w\n"}, {name: "./usr/bin/pg_dump", kind: tar.TypeSymlink, link: "../share/pg/wrapper"}}},
		"scripted":                {"Depends: perl\n", []file{program("compiled", "\x7fELF"), {name: "./usr/lib/git/send-email", body: "#!/usr/bin/perl\n"}}},
		"pg-config":               {"", []file{program("pg_config", "#!/usr/bin/env perl\n")}},
		"mixed":                   {"", []file{program("mixed", "\x7fELF"), program("mixed-report", "#!/bin/sh\n")}},
		"shell-only":              {"Depends: lib-with-script\n", []file{program("shell-only", "#!/bin/bash -e\n"), program("more", "#!/bin/sh\n")}},
		"lib-with-script":         {"", []file{program("lib-config", "#!/usr/bin/python3\n")}},
		"moved":                   {"Depends: shell-only\n", nil},
		"python-tool":             {"Depends: python3:any\n", []file{program("python-tool", "#!/usr/bin/python3\n")}},
		"chromium-headless-shell": {"", []file{program("chromium-headless-shell", "#!/bin/sh\n")}},
		"perl":                    {"Depends: perl-base\n", nil}, "perl-base": {"", nil}, "python3": {"Depends: python3-minimal\n", nil}, "python3-minimal": {"", nil},
	}
	w.publish("1.0")
	interpreters := []string{"bash", "coreutils", "dash", "perl", "perl-base", "python3", "python3-minimal"}
	for _, c := range []struct {
		ref  string
		want []string
	}{
		{"slipway/node/pg-client:20-trixie", []string{"perl", "perl-base"}},
		{"slipway/node/scripted:20-trixie", nil},
		{"slipway/node/pg-config:20-trixie", []string{"coreutils", "perl-base"}},
		{"slipway/node/mixed:20-trixie", nil},
		{"slipway/node/shell-only:20-trixie", []string{"bash", "dash"}},
		{"slipway/node/python-tool:20-trixie", []string{"python3", "python3-minimal"}},
		{"slipway/node/chromium-headless-shell:20-trixie", nil},
		{"slipway/node/moved:20-trixie", []string{"bash", "dash"}},
		{"slipway/node/perl:20-trixie", []string{"perl", "perl-base"}},
		{"slipway/node/pg-config:20-trixie-toolchain", []string{"bash", "coreutils", "dash", "perl-base"}},
	} {
		var got []string
		for _, name := range pinsOf(w.ensure(w.assembler(), c.ref, amd64...)) {
			if slices.Contains(interpreters, name) {
				got = append(got, name)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.ref, diff)
		}
	}
}

// TestPackagesThatMoved: a name of another release is followed, an unknown one gets a
// suggestion.
func TestPackagesThatMoved(t *testing.T) {
	w := newWorld(t)
	w.more = map[string]made{
		"libzbar0t64": {"Provides: libzbar0 (= 1)\n", nil}, "libmagic1": {"", nil}, "libaio1t64": {"", nil}, "libcurl3t64-gnutls": {"", nil}, "pkgconf": {"", nil}, "libgl1": {"", nil},
		"mta-one": {"Provides: mail-transport-agent\n", nil}, "mta-two": {"Provides: mail-transport-agent\n", nil}, "libicu76": {"", nil}, "libicu72-dbg": {"", nil},
		"postgresql-client-17": {"", nil}, "libtesseract5": {"", nil}, "curl": {"", nil}, "only-one": {"Provides: virtual-thing\n", nil},
	}
	w.publish("1.0")
	for name, want := range map[string]string{
		"libzbar0": "libzbar0t64", "libmagic1t64": "libmagic1", "libaio1": "libaio1t64", "libcurl3-gnutls": "libcurl3t64-gnutls", "pkg-config": "pkgconf",
		"libgl1-mesa-glx": "libgl1", "virtual-thing": "only-one", "libmagic1": "libmagic1",
	} {
		w.events.said = nil
		if names := pinsOf(w.ensure(w.assembler(), "slipway/node/"+name+":20-trixie", amd64...)); !slices.Contains(names, want) {
			t.Errorf("%s: %q is not in %q", name, want, names)
		}
		if said := slices.Contains(w.events.said, "Debian trixie has "+name+" as "+want); said != (name != want) {
			t.Errorf("%s: said %q", name, w.events.said)
		}
	}
	for name, hint := range map[string]string{
		"libicu72": `did you mean "libicu76"?`, "postgresql-client-15": `did you mean "postgresql-client-17"?`, "cutl": `did you mean "curl"?`,
		"mail-transport-agent": "name one of mta-one, mta-two", "nothing-like-that-at-all": "packages.debian.org",
	} {
		_, err := w.assembler().Ensure(t.Context(), []string{"slipway/node/" + name + ":20-trixie"}, amd64)
		if err == nil || !strings.Contains(err.Error(), `Debian trixie has no package "`+name+`"`) || !strings.Contains(diag.HintOf(err), hint) || diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%s: %v, hint %q", name, err, diag.HintOf(err))
		}
	}
}

// TestDriversOfGraphicsCards stay out, unless a named package draws.
func TestDriversOfGraphicsCards(t *testing.T) {
	w := newWorld(t)
	w.more = map[string]made{
		"ffmpeg": {"Depends: libgl1\n", nil}, "libgl1": {"Depends: libglx0\n", nil}, "libglx0": {"Depends: libglx-mesa0\n", nil},
		"libglx-mesa0": {"Depends: mesa-libgallium\n", nil}, "mesa-libgallium": {"Depends: libllvm19\n", nil}, "libllvm19": {"", nil},
		"xvfb": {"Depends: libgl1\n", nil},
	}
	w.publish("1.0")
	for ref, want := range map[string]bool{"slipway/node/ffmpeg:20-trixie": false, "slipway/node/libgl1:20-trixie": false, "slipway/node/libgl1-mesa-glx:20-trixie": false, "slipway/node/libgl1/xvfb:20-trixie": true, "slipway/node/ffmpeg/libglx-mesa0:20-trixie": true} {
		if got := slices.Contains(pinsOf(w.ensure(w.assembler(), ref, amd64...)), "libllvm19"); got != want {
			t.Errorf("%s has LLVM: %v", ref, got)
		}
	}
}

// TestPluginsAreListed: those of the tree that the tables have, in the formats of
// gdk-pixbuf-query-loaders and dot.
func TestPluginsAreListed(t *testing.T) {
	const dir = "usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/"
	made := tree{}
	for _, name := range []string{"libpixbufloader-gif.so", "libpixbufloader_svg.so", "libpixbufloader-unknown.so", "libpixbufloader-gi"} {
		made.file(dir+"loaders/"+name, 0o644, nil)
	}
	made.file("usr/lib/other/loaders/libpixbufloader-gif.so", 0o644, nil)
	made.file("usr/lib/x86_64-linux-gnu/graphviz/libgvplugin_dot_layout.so.6", 0o644, nil)
	made.file("usr/lib/x86_64-linux-gnu/graphviz/libgvplugin_unknown.so.6", 0o644, nil)
	made.plugins()
	if n := made["usr/lib/x86_64-linux-gnu/graphviz/config6a"]; n == nil || !strings.HasPrefix(string(n.data.text()), "libgvplugin_dot_layout.so.6 dot_layout {\n\tlayout {\n\t\tdot 0\n") {
		t.Errorf("Graphviz' plugins are %+v", n)
	}
	want := "\"/" + dir + "loaders/libpixbufloader-gif.so\"\n\"gif\" 4 \"gdk-pixbuf\" \"GIF\" \"LGPL\"\n\"image/gif\" \"\"\n\"gif\" \"\"\n\"GIF8\" \"\" 100\n\n" +
		"\"/" + dir + "loaders/libpixbufloader_svg.so\"\n\"svg\" 6 "
	if n := made[dir+"loaders.cache"]; n == nil || !strings.HasPrefix(string(n.data.text()), want) || strings.Contains(string(n.data.text()), "unknown") {
		t.Errorf("the list is %+v", n)
	}
	for _, p := range sorted(made) {
		if strings.HasSuffix(p, ".cache") && p != dir+"loaders.cache" {
			t.Errorf("%s was written", p)
		}
	}
}
