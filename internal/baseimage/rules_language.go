package baseimage

import (
	"path"
	"slices"
	"strings"
)

// pythonIdle tells whether a path is a part of Python that no service runs: the
// interpreter's own tests, the graphical toolkit and its games, the texts of
// help(), and modules for terminals and Berkeley databases, whose libraries the
// runtime base does not have.
func pythonIdle(p string) bool {
	rest, ok := strings.CutPrefix(p, "usr/lib/python3.")
	_, rest, in := strings.Cut(rest, "/")
	if !ok || !in {
		return strings.HasPrefix(p, "usr/share/binfmts") || strings.HasPrefix(p, "usr/lib/binfmt.d")
	}
	top, _, _ := strings.Cut(rest, "/")
	if slices.Contains([]string{"test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "pydoc_data", "curses"}, top) {
		return true
	}
	if top != "lib-dynload" {
		return false
	}
	module, _, _ := strings.Cut(path.Base(p), ".")
	return strings.HasPrefix(module, "_test") || strings.HasPrefix(module, "xx") ||
		slices.Contains([]string{"_ctypes_test", "_xxtestfuzz", "_curses", "_curses_panel", "_dbm", "_gdbm", "_tkinter", "nis", "readline"}, module)
}

// finishPython gives the interpreter the names that programs call it by.
func finishPython(t tree) {
	for _, p := range sorted(t) {
		name := path.Base(p)
		if minor, ok := strings.CutPrefix(name, "python3."); ok && path.Dir(p) == "usr/bin" && strings.Trim(minor, "0123456789") == "" {
			t.symlink("usr/bin/python3", name)
			t.symlink("usr/bin/python", "python3")
		}
	}
}

// finishJava makes what the maintainer scripts of a JDK make: the names of its
// programs, and the certificates in Java's own format.
func finishJava(t tree) {
	for _, p := range sorted(t) {
		if ok, _ := path.Match("usr/lib/jvm/java-*/bin/*", p); ok {
			t.symlink("usr/bin/"+path.Base(p), "/"+p)
		}
		if ok, _ := path.Match("usr/lib/jvm/java-*/bin/javac", p); ok {
			t.symlink("usr/lib/jvm/default", path.Base(path.Dir(path.Dir(p))))
		}
	}
	if t["usr/lib/jvm/default"] == nil {
		return
	}
	if t["usr/share/maven/bin/mvn"] != nil {
		t.symlink("usr/bin/mvn", "/usr/share/maven/bin/mvn")
	}
	if bundle := t["etc/ssl/certs/ca-certificates.crt"]; bundle != nil {
		t.file("etc/ssl/certs/java/cacerts", 0o644, JavaTrust(bundle.data.text()))
	}
}
