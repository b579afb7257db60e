package baseimage

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"path"
	"slices"
	"strings"
)

// linkLibraries does what ldconfig does when packages are installed: a library has
// a link of the name that programs ask for, and the loader's cache lists it. So the
// loader finds libraries in the directories that packages name in ld.so.conf.d, and
// Python's ctypes.util.find_library those of the system.
func linkLibraries(t tree) {
	var all []library
	for _, dir := range libraryDirs(t) {
		all = append(all, librariesIn(t, dir)...)
	}
	if len(all) > 0 {
		t.file("etc/ld.so.cache", 0o644, ldCache(all))
	}
}

// libraryDirs are the directories of the loader: those of ld.so.conf.d, and its own.
func libraryDirs(t tree) []string {
	var dirs []string
	add := func(p string) {
		if p, err := cleanPath(p); err == nil && p != "" && !slices.Contains(dirs, p) {
			dirs = append(dirs, p)
		}
	}
	for _, p := range sorted(t) {
		if ok, _ := path.Match("etc/ld.so.conf.d/*.conf", p); !ok || t[p].kind != tar.TypeReg {
			continue
		}
		for line := range bytes.Lines(t[p].data.text()) {
			line, _, _ := bytes.Cut(line, []byte("#"))
			if dir := string(bytes.TrimSpace(line)); path.IsAbs(dir) {
				add(dir)
			}
		}
	}
	add("usr/lib")
	return dirs
}

// librariesIn lists the libraries of a directory by the names that programs ask
// for, and makes the links of those that lack them.
func librariesIn(t tree, dir string) []library {
	var found []library
	for _, p := range sorted(t) {
		name := path.Base(p)
		if path.Dir(p) != dir || !isLibraryName(name) {
			continue
		}
		file := t.resolve(p)
		if file == nil || file.kind != tar.TypeReg {
			continue
		}
		wanted, machine, ok := soname(file)
		if !ok {
			continue
		}
		if wanted == "" {
			wanted = name
		}
		link := t[p].kind == tar.TypeSymlink
		switch {
		case wanted == name || link && strings.HasSuffix(name, ".so"): // the latter is for linkers and dlopen
			found = append(found, library{name, "/" + p, machine})
		case !link && t[path.Join(dir, wanted)] == nil && isLibraryName(wanted):
			t.symlink(path.Join(dir, wanted), name)
			found = append(found, library{wanted, "/" + path.Join(dir, wanted), machine})
		}
	}
	return found
}

// isLibraryName reports whether ldconfig looks at a file of that name.
// Names beyond ASCII sort differently from machine to machine, so they stay out.
func isLibraryName(name string) bool {
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	return !strings.Contains(name, "/") && strings.Contains(name, ".so") && (strings.HasPrefix(name, "lib") || strings.HasPrefix(name, "ld-"))
}

// soname returns the name by which programs ask for a library; "" when it has none.
// It is false for files that are no libraries of the machines that bases are for.
func soname(n *node) (name string, machine elf.Machine, ok bool) {
	f, err := elf.NewFile(n.data)
	if err != nil || f.Type != elf.ET_DYN || ldFlags(f.Machine) == 0 || f.Class != elf.ELFCLASS64 {
		return "", 0, false
	}
	names, err := f.DynString(elf.DT_SONAME)
	if err != nil || len(names) == 0 {
		return "", f.Machine, err == nil
	}
	return names[0], f.Machine, true
}
