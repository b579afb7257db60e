package baseimage

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/plan"
)

// dropped are directories that no base needs: manuals, translations, message
// catalogues, packaging aids, debugger scripts, iconv's tables (8 MB of glibc;
// Node.js and musl-like users carry their own).
func dropped() []string {
	return []string{
		"usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/doc-base",
		"usr/share/menu", "usr/share/gdb", "usr/share/gcc", "usr/share/bug", "usr/share/bash-completion",
		"usr/share/base-files", "usr/share/pixmaps", "usr/share/applications", "usr/games", "usr/src",
		"boot", "etc/dpkg", "etc/update-motd.d", "etc/skel", "var/backups", "var/local", "usr/share/dict", "usr/lib/valgrind", "usr/share/vim",
	}
}

// debuggingAids of glibc and others that nothing links by default.
func debuggingAids() []string {
	return []string{
		"libc_malloc_debug.so.0", "libmemusage.so", "libpcprofile.so", "libthread_db.so.1", "libBrokenLocale.so.1",
		"libnss_hesiod.so.2", "libnss_compat.so.2", "libnsl.so.1", "tini-static",
	}
}

// keep tells whether a path of a Debian package belongs into a base of that
// role. Licence texts (copyright files and common-licenses) always do.
func keep(role plan.Role, p string) bool {
	if strings.HasPrefix(p, "usr/share/doc/") {
		return path.Base(p) == "copyright" || strings.Count(p, "/") == 3 // the directory, or a link in its place
	}
	for _, d := range dropped() {
		if p == d || strings.HasPrefix(p, d+"/") {
			return false
		}
	}
	if strings.Contains(p, "/gconv/") || strings.HasSuffix(p, "/gconv") {
		return false
	}
	if role != plan.RoleRuntime {
		return true
	}
	if p == "usr/include" || strings.HasPrefix(p, "usr/include/") {
		return false
	}
	return !slices.Contains(debuggingAids(), path.Base(p)) && !pythonIdle(p)
}

// purpose reports whether a path that others have beside their programs is what its
// package is for: word lists, sources to compile, and parts that a program reads.
func purpose(name, p string) bool {
	for dir, prefix := range map[string]string{
		"usr/games/": "", "usr/share/dict/": "", "usr/src/": "", "usr/share/gdb/": "gdb", "usr/lib/valgrind/": "valgrind", "usr/share/vim/": "vim",
	} {
		if strings.HasPrefix(p, dir) && strings.HasPrefix(name, prefix) {
			return !strings.HasPrefix(name, "libpython") // its grammar is in usr/src
		}
	}
	return false
}

// inPart reports whether a path is one of the parts that are kept of a package, or
// below one; no parts are all of it. Licence texts always are.
func inPart(parts []string, p string) bool {
	return len(parts) == 0 || strings.HasPrefix(p, "usr/share/doc/") || slices.ContainsFunc(parts, func(part string) bool {
		return p == part || strings.HasPrefix(p, part+"/")
	})
}

// finish adds to a tree of unpacked Debian packages what their maintainer
// scripts would have made and programs need.
func finish(t tree, role plan.Role) {
	certificates(t)
	mergeUsr(t)
	linkLibraries(t)
	finishJava(t)
	finishPython(t)
	if t["usr/bin/cargo"] != nil {
		t.symlink("usr/bin/cc", "gcc") // by these names Rust's linker and build scripts call them
		t.symlink("usr/bin/c++", "g++")
		t.symlink("usr/local/cargo/config.toml", "/dev/slipway/cargo.toml") // a machine's sources of crates, in steps of Slipway
	}
	if role == plan.RoleToolchain {
		accounts(t)
		t.symlink("usr/bin/sh", "dash")
		t.symlink("usr/bin/awk", "mawk")
		t.symlink("usr/bin/which", "which.debianutils")
	} else {
		t.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"))
		t.file("etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n"))
		for p, n := range t {
			n.mode &^= 0o6000 // nothing gains privileges
			if strings.HasPrefix(p, "etc/init.d/") || strings.HasPrefix(p, "etc/profile.d") {
				delete(t, p)
			}
		}
	}
	t.file("etc/nsswitch.conf", 0o644, []byte("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"))
	for _, d := range []string{"tmp", "var/tmp"} {
		t.dir(d, 0o1777)
	}
	t.dir("root", 0o700)
	t.dir("run", 0o755)
	delete(t, "var/run")
	delete(t, "var/lock")
	t.symlink("var/run", "/run")
	t.symlink("var/lock", "/run/lock")
	t.dir("run/lock", 0o1777)
}

// mergeUsr makes the links into /usr that base-files has had since Debian 13, and
// that installers made before.
func mergeUsr(t tree) {
	if t["bin"] != nil {
		return
	}
	for _, top := range []string{"bin", "lib", "lib64", "sbin"} {
		if _, below := slices.BinarySearchFunc(sorted(t), "usr/"+top+"/", func(p, dir string) int {
			if strings.HasPrefix(p, dir) {
				return 0
			}
			return strings.Compare(p, dir)
		}); below {
			t.symlink(top, "usr/"+top)
		}
	}
}

// certificates writes the bundle of all CA certificates of ca-certificates, as
// update-ca-certificates does, and drops the single files.
func certificates(t tree) {
	const dir = "usr/share/ca-certificates"
	var bundle bytes.Buffer
	for _, p := range sorted(t) {
		if !strings.HasPrefix(p, dir+"/") && p != dir && p != "usr/sbin/update-ca-certificates" && !strings.HasPrefix(p, "etc/ca-certificates") {
			continue
		}
		if strings.HasSuffix(p, ".crt") {
			bundle.Write(t[p].data.text())
			if !bytes.HasSuffix(bundle.Bytes(), []byte("\n")) {
				bundle.WriteByte('\n')
			}
		}
		delete(t, p)
	}
	if bundle.Len() > 0 {
		t.file("etc/ssl/certs/ca-certificates.crt", 0o644, bundle.Bytes())
	}
}

// accounts installs base-passwd's masters.
func accounts(t tree) {
	for _, name := range []string{"passwd", "group"} {
		if n := t["usr/share/base-passwd/"+name+".master"]; n != nil {
			t.file("etc/"+name, 0o644, n.data.text())
		}
	}
}

// statuses enters packages for scanners.
func statuses(t tree, pins []debian.Pin, debs []debian.Deb) {
	for i, p := range pins {
		status(t, p.Name, debs[i])
	}
}

// status is the entry of a package for scanners, in the manner of distroless
// images: one file a package under var/lib/dpkg/status.d, with the list of its
// files beside it. Syft, Grype and Trivy read that as they read dpkg's status
// file; unlike it, layers can add entries without copying those below.
func status(t tree, name string, d debian.Deb) {
	control := bytes.TrimRight(d.Control, "\n")
	t.file("var/lib/dpkg/status.d/"+name, 0o644, append(bytes.Clone(control), "\nStatus: install ok installed\n"...))
	var sums bytes.Buffer
	for line := range bytes.Lines(d.MD5Sums) {
		_, file, ok := bytes.Cut(bytes.TrimSpace(line), []byte("  "))
		if ok && t[string(file)] != nil {
			sums.Write(line)
		}
	}
	t.file("var/lib/dpkg/status.d/"+name+".md5sums", 0o644, sums.Bytes())
}
