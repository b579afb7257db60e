package proof

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// machine is an architecture as ELF files and as Debian name it.
type machine struct {
	number  uint16 // e_machine
	triplet string // of Debian's multiarch directories
}

// machines are by the names of the image specification (GOARCH).
func machines() map[string]machine {
	return map[string]machine{
		"amd64": {62, "x86_64-linux-gnu"}, "arm64": {183, "aarch64-linux-gnu"}, "386": {3, "i386-linux-gnu"}, "arm": {40, "arm-linux-gnueabihf"},
		"riscv64": {243, "riscv64-linux-gnu"}, "ppc64le": {21, "powerpc64le-linux-gnu"}, "s390x": {22, "s390x-linux-gnu"},
	}
}

// triplet is the multiarch directory of an ELF file's machine.
func triplet(number uint16) string {
	for _, m := range machines() {
		if m.number == number {
			return m.triplet
		}
	}
	return ""
}

// loads checks a program that the start runs: its architecture, its loader and
// every library that it needs.
func (c *check) loads(f layer.File) {
	want, known := machines()[c.Architecture]
	if known && f.ELF.Machine != want.number {
		c.broken(CodeMachine, c.startPlace(), "build it for "+c.Architecture+", or build the image with --platform", "/%s is for another architecture than the image's %s", f.Path, c.Architecture)
		return
	}
	if f.ELF.Interp != "" {
		c.musl = strings.Contains(f.ELF.Interp, "ld-musl")
		if _, ok := c.tree.Lookup(f.ELF.Interp); !ok {
			hint := "build it against the C library of the image, or statically"
			if c.musl {
				hint = "it was built on Alpine: build it on the image's own distribution, or statically"
			}
			c.broken(CodeLoader, c.startPlace(), hint, "/%s needs the loader %s, which is not in the image", f.Path, f.ELF.Interp)
			return
		}
	}
	for _, m := range c.unresolved(f, true) {
		if m.version != "" {
			c.tooOld(c.broken, c.startPlace(), m)
			continue
		}
		c.broken(CodeLibrary, c.startPlace(), c.libraryHint(m.name), "%s needs the shared library %s, which is not in the image", m.by, m.name)
	}
}

// missing is a library that is not found, and the file that needs it.
type missing struct {
	name, by string
	version  string // of its symbols that the library lacks; empty: it is not there
}

// found is an ELF file that was loaded, with the search paths that it hands on.
type found struct {
	file   layer.File
	rpaths []string // DT_RPATH of it and of what loaded it
}

// unresolved finds the libraries of a file as the loader does (ld.so(8)), and
// theirs in turn with deep.
func (c *check) unresolved(f layer.File, deep bool) []missing {
	if f.ELF.Interp != "" { // a program brings its own C library into the process
		defer func(was bool) { c.musl = was }(c.musl)
		c.musl = strings.Contains(f.ELF.Interp, "ld-musl")
	}
	var out []missing
	loaded := map[string]bool{}
	queue := []found{{file: f}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		e := at.file.ELF
		origin := path.Dir("/" + at.file.Path)
		own := expand(e.Rpath, origin)
		if e.Runpath != "" {
			own = nil // RPATH does not count beside RUNPATH
		}
		rpaths := append(own, at.rpaths...)
		for _, name := range e.Needed {
			if loaded[name] || c.ofLoader(name) {
				continue
			}
			loaded[name] = true
			lib, ok := c.library(name, at.file, rpaths)
			switch {
			case !ok:
				out = append(out, missing{name: name, by: "/" + at.file.Path})
			case deep:
				queue = append(queue, found{lib, rpaths})
			}
			if v := lacks(e, name, lib); ok && v != "" {
				out = append(out, missing{name, "/" + at.file.Path, v})
			}
		}
	}
	return out
}

// lacks returns the newest version of symbols that a file needs and that a library
// does not define.
func lacks(e *layer.ELF, name string, lib layer.File) string {
	if lib.ELF == nil || len(lib.ELF.Gives) == 0 {
		return ""
	}
	out := ""
	for _, w := range e.Wants {
		for _, v := range w.Names {
			if w.Library == name && !slices.Contains(lib.ELF.Gives, v) && (len(v) > len(out) || len(v) == len(out) && v > out) {
				out = v
			}
		}
	}
	return out
}

// tooOld reports a library that is older than the one that a file was built with.
func (c *check) tooOld(report func(string, diag.Place, string, string, ...any), at diag.Place, m missing) {
	report(CodeOld, at, "build it on the image's own distribution or an older one, or link it statically", "%s needs %s of %s, and that of the image is older", m.by, m.version, m.name)
}

// ofLoader tells whether a library is the loader itself: with musl, all of the C
// library is.
func (c *check) ofLoader(name string) bool {
	if c.musl && slices.Contains([]string{"libc.so", "libpthread.so", "libm.so", "librt.so", "libdl.so", "libutil.so", "libxnet.so"}, name) {
		return true
	}
	return strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld-musl") || strings.HasPrefix(name, "libc.musl-") && c.musl || strings.HasPrefix(name, "linux-vdso")
}

// expand splits a search path and replaces the directory of the file in it.
func expand(list, origin string) []string {
	var out []string
	for dir := range strings.SplitSeq(list, ":") {
		if dir != "" {
			out = append(out, strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(dir))
		}
	}
	return out
}

// library finds one library in the order of the loader.
func (c *check) library(name string, by layer.File, rpaths []string) (layer.File, bool) {
	if strings.Contains(name, "/") {
		return c.suits(name, by)
	}
	dirs := slices.Concat(rpaths, expand(c.env["LD_LIBRARY_PATH"], ""), expand(by.ELF.Runpath, path.Dir("/"+by.Path)), c.systemDirs(by.ELF))
	for _, dir := range dirs {
		if strings.Contains(dir, "$") { // $LIB and $PLATFORM depend on the machine
			return layer.File{Facts: layer.Facts{ELF: &layer.ELF{}}}, true
		}
		if f, ok := c.suits(path.Join(dir, name), by); ok {
			return f, true
		}
		for _, level := range []string{"x86-64-v2", "x86-64-v3", "x86-64-v4"} { // used where the processor has it
			if f, ok := c.suits(path.Join(dir, "glibc-hwcaps", level, name), by); ok {
				return f, true
			}
		}
	}
	return layer.File{}, false
}

// suits returns the library at a path if it is one for the same machine.
func (c *check) suits(p string, by layer.File) (layer.File, bool) {
	f, ok := c.tree.Lookup(p)
	if !ok || f.Kind != layer.Regular {
		return f, false
	}
	if f.ELF == nil { // not read: too large or damaged, or a linker script
		return layer.File{Entry: f.Entry, Facts: layer.Facts{ELF: &layer.ELF{Machine: by.ELF.Machine, Bits: by.ELF.Bits}}}, true
	}
	return f, f.ELF.Machine == by.ELF.Machine && f.ELF.Bits == by.ELF.Bits
}

// systemDirs are the directories that are searched for every file: those of the
// loader's cache, or what it is made of when it cannot be read, and the defaults.
func (c *check) systemDirs(e *layer.ELF) []string {
	if c.musl {
		return c.muslDirs()
	}
	var dirs []string
	if cache, ok := c.tree.Lookup("/etc/ld.so.cache"); ok {
		dirs = cache.Dirs
		if dirs == nil {
			dirs = c.configured("/etc/ld.so.conf", 0)
		}
	}
	if t := triplet(e.Machine); t != "" {
		dirs = append(slices.Clone(dirs), "/lib/"+t, "/usr/lib/"+t)
	}
	if e.Bits == 64 {
		dirs = append(slices.Clone(dirs), "/lib64", "/usr/lib64")
	}
	return append(slices.Clone(dirs), "/lib", "/usr/lib")
}

// muslDirs are those of musl's loader (ldso/dynlink.c): a file, else the default.
func (c *check) muslDirs() []string {
	for _, name := range c.tree.Names("/etc") {
		if strings.HasPrefix(name, "ld-musl-") && strings.HasSuffix(name, ".path") {
			f, _ := c.tree.Lookup("/etc/" + name)
			return strings.FieldsFunc(f.Text, func(r rune) bool { return r == ':' || r == '\n' })
		}
	}
	return []string{"/lib", "/usr/local/lib", "/usr/lib"}
}

// configured reads the directories of ld.so.conf and of what it includes.
func (c *check) configured(file string, depth int) []string {
	f, ok := c.tree.Lookup(file)
	if !ok || depth > 8 {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(f.Text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n,:", r) })
		switch {
		case len(words) == 0 || words[0] == "hwcap":
		case words[0] == "include":
			for _, glob := range words[1:] {
				dir, base := path.Split(path.Join(path.Dir(file), glob))
				if path.IsAbs(glob) {
					dir, base = path.Split(glob)
				}
				for _, name := range c.tree.Names(dir) {
					if ok, err := path.Match(base, name); ok && err == nil {
						dirs = append(dirs, c.configured(path.Join(dir, name), depth+1)...)
					}
				}
			}
		default:
			for _, w := range words {
				if path.IsAbs(w) {
					dirs = append(dirs, w)
				}
			}
		}
	}
	return dirs
}

// extensions checks the ELF files that are not the start itself: addons and
// wheels, programs that packages brought, the libraries of both. Whether they are
// used is not known.
func (c *check) extensions() {
	var files []layer.File
	have := map[string]bool{} // names of libraries anywhere: one may load before the other
	for f := range c.tree.Files {
		if f.ELF == nil {
			continue
		}
		have[path.Base(f.Path)] = true
		if f.ELF.Soname != "" {
			have[f.ELF.Soname] = true
		}
		if len(f.ELF.Needed) > 0 && c.concerns(f) {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b layer.File) int { return strings.Compare(a.Path, b.Path) })
	by := map[string][]string{}
	for _, f := range files {
		program := f.ELF.Program
		for _, m := range c.unresolved(f, program) {
			if m.version != "" {
				if !slices.ContainsFunc(c.findings, func(f diag.Finding) bool { return f.Code == CodeOld && strings.Contains(f.Text, m.by+" needs ") }) {
					c.tooOld(c.warn, diag.Place{File: m.by}, m)
				}
				continue
			}
			if (have[m.name] && !program) || optionalLibrary(m.name) {
				continue
			}
			if !slices.Contains(by[m.name], m.by) {
				by[m.name] = append(by[m.name], m.by)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		users := by[name]
		if c.startLacks(name) {
			continue
		}
		who := path.Base(users[0]) + " needs"
		if n := len(users) - 1; n > 0 {
			who = path.Base(users[0]) + " and " + count(n, "other file") + " need"
		}
		c.warn(CodeAddon, diag.Place{File: users[0]}, c.libraryHint(name), "%s the shared library %s, which is not in the image", who, name)
	}
}

// startLacks tells whether the start was already found to lack a library.
func (c *check) startLacks(name string) bool {
	return slices.ContainsFunc(c.findings, func(f diag.Finding) bool {
		return f.Code == CodeLibrary && strings.Contains(f.Text, "library "+name+",")
	})
}

// concerns tells whether an ELF file is for this image: for its machine and C
// library, no test, and not of a distribution's own libraries, whose packages
// name what they need.
func (c *check) concerns(f layer.File) bool {
	if want, known := machines()[c.Architecture]; known && f.ELF.Machine != want.number {
		return false
	}
	p := "/" + f.Path
	for _, part := range strings.Split(p, "/") {
		if part == "test" || part == "tests" || part == "testing" || strings.Contains(part, "musl") && !c.musl {
			return false
		}
		if c.musl && (strings.HasSuffix(part, "-gnu") || strings.Contains(part, "glibc")) {
			return false
		}
	}
	if slices.ContainsFunc(f.ELF.Needed, func(n string) bool { return strings.HasPrefix(n, "libc.musl-") }) && !c.musl {
		return false
	}
	if f.ELF.Program {
		dir := path.Dir(p)
		return slices.Contains([]string{"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"}, dir) || strings.HasPrefix(p, "/app/") || strings.HasPrefix(p, "/opt/")
	}
	if c.tree.Exists(path.Join(path.Dir(p), "libjava.so")) {
		return false // the JDK's own: screens, sound and printers are for those who have some
	}
	for _, system := range []string{"/usr/lib/", "/lib/", "/lib64/", "/usr/lib64/"} {
		if strings.HasPrefix(p, system) && !strings.Contains(p, "/site-packages/") && !strings.Contains(p, "/dist-packages/") && !strings.Contains(p, "/node_modules/") {
			return false
		}
	}
	return true
}

// optionalLibrary tells whether a library belongs to a driver or an accelerator
// that packages use only where there is one.
func optionalLibrary(name string) bool {
	for _, prefix := range []string{
		"libcuda", "libcudart", "libcublas", "libcudnn", "libcufft", "libcupti", "libcurand", "libcusolver", "libcusparse", "libcufile", "libnv", "libnccl", "libtensorrt", "libamd", "libroc", "libhip",
		"libmiopen", "libMIOpen", "librccl", "libze_", "libOpenCL", "libvulkan", "libmkl", "libsycl", "libxpu", "libmpi", "libjvm", "libpython",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// libraryHint is the line that brings a library.
func (c *check) libraryHint(name string) string {
	if pkg := assets.PackageOfLibrary(name); pkg != "" {
		if c.planned() {
			return c.setting("packages: {runtime: [" + pkg + "]}")
		}
		return "install " + pkg + " in the image"
	}
	if c.planned() {
		return "find the Debian package that has " + name + ", then " + c.setting("packages: {runtime: [PACKAGE]}")
	}
	return "install the package that has " + name + " in the image"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return itoa(n) + " " + what + "s"
}
