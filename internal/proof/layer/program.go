package layer

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// Program is what a compiler wrote into a program about its parts.
type Program struct {
	Go      string   `json:"go,omitempty"`      // version of Go: "1.26.8"
	Main    Module   `json:"main,omitzero"`     // module of Go's main package
	Modules []Module `json:"modules,omitempty"` // of Go, or crates
	// Names are digests of the functions and packages that are compiled in, see Has;
	// empty when they could not be read.
	Names string `json:"names,omitempty"`
}

// Module is a module of Go that a program is compiled from, or a crate.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"`     // "h1:…"
	Replace string `json:"replace,omitempty"` // path of the module that this one replaces
}

// Limits of what a program may claim.
const (
	maxGo      = 192 << 20
	maxAudit   = 8 << 20
	maxModules = 20_000
	noteKind   = 4 // PT_NOTE
)

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// isGo reports a program of Go by the note that its linker writes (cmd/link,
// "Go\0\0").
func (f *elfFile) isGo() bool {
	for _, s := range f.segments {
		if s.kind != noteKind || s.bytes <= 0 {
			continue
		}
		if data, ok := f.data.at(s.off, min(s.bytes, 4096)); ok && bytes.Contains(data, []byte("Go\x00\x00")) {
			return true
		}
	}
	return false
}

// ReadAt gives what is at hand, for readers of the standard library.
func (p pieces) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= p.size {
		return 0, io.EOF
	}
	n := copy(b, p.from(off))
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// readProgram reads what a program says of its parts; nil for nothing.
func readProgram(data pieces) *Program {
	file, err := elf.NewFile(data)
	if err != nil {
		return nil
	}
	if file.Section(".go.buildinfo") != nil { // a program may lack the note: -ldflags=-buildid=
		return readGo(data, file)
	}
	return readAudit(file)
}

// readGo reads the build information of Go and the names of functions.
func readGo(data pieces, file *elf.File) *Program {
	info, err := buildinfo.Read(data)
	if err != nil || len(info.Deps) > maxModules {
		return nil
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	p := &Program{Go: version, Main: Module{Path: info.Main.Path, Version: info.Main.Version}}
	for _, m := range info.Deps {
		mod := Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
		if m.Replace != nil {
			mod = Module{Path: m.Replace.Path, Version: m.Replace.Version, Sum: m.Replace.Sum, Replace: m.Path}
		}
		p.Modules = append(p.Modules, mod)
	}
	p.Names = functionNames(file)
	return p
}

// functionNames packs the names of the functions and packages of a program of Go,
// from the table that tracebacks use (runtime/symtab.go, pcHeader); inlined ones are
// in it, too.
func functionNames(file *elf.File) string {
	section := file.Section(".gopclntab")
	if section == nil {
		section = file.Section(".data.rel.ro.gopclntab")
	}
	if section == nil {
		return ""
	}
	table, err := section.Data()
	if err != nil || len(table) < 16 {
		return ""
	}
	names := nameTable(table, file.ByteOrder)
	var sums []uint32
	for name := range bytes.SplitSeq(names, []byte{0}) {
		if len(name) == 0 || len(name) > maxName {
			continue
		}
		full := plainSymbol(string(name))
		sums = append(sums, classSum(full), classSum(packageOf(full)+"\x00"))
	}
	slices.Sort(sums)
	return packSums(slices.Compact(sums))
}

// nameTable is the table of function names within a pclntab.
func nameTable(table []byte, order binary.ByteOrder) []byte {
	word := int(table[7])
	if word != 4 && word != 8 {
		return nil
	}
	at := func(i int) uint64 {
		off := 8 + i*word
		if off+word > len(table) {
			return 0
		}
		if word == 4 {
			return uint64(order.Uint32(table[off:]))
		}
		return order.Uint64(table[off:])
	}
	var from, to uint64
	switch order.Uint32(table) {
	case 0xfffffff0, 0xfffffff1: // Go 1.18 and 1.20
		from, to = at(3), at(4)
	case 0xfffffffa: // Go 1.16
		from, to = at(2), at(3)
	}
	if from == 0 || from > to || to > uint64(len(table)) {
		return nil
	}
	return table[from:to]
}

// plainSymbol is a function as advisories write it: without type arguments, the
// parentheses of receivers and what the linker escapes in a package's path.
func plainSymbol(name string) string {
	if at := strings.IndexByte(name, '['); at > 0 {
		if end := strings.LastIndexByte(name, ']'); end > at {
			name = name[:at] + name[end+1:]
		}
	}
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return name
	}
	pkg, rest := name[:slash+dot], name[slash+dot+1:]
	pkg = strings.ReplaceAll(pkg, "%2e", ".")
	return pkg + "\x00." + strings.NewReplacer("(*", "", "(", "", ")", "").Replace(rest)
}

// packageOf is the package of a plain symbol.
func packageOf(symbol string) string {
	pkg, _, _ := strings.Cut(symbol, "\x00")
	return pkg
}

// HasFunction tells whether a function is compiled in: "golang.org/x/net/http2",
// "Server.ServeConn". With an empty name it asks for the package alone.
func (p *Program) HasFunction(pkg, name string) bool {
	if name == "" {
		return (&Jar{Classes: p.Names}).hasSum(classSum(pkg + "\x00"))
	}
	return (&Jar{Classes: p.Names}).hasSum(classSum(pkg + "\x00." + name))
}

// readAudit reads the list of crates that cargo-auditable links into a program: zlib
// and JSON in the section .dep-v0.
func readAudit(file *elf.File) *Program {
	section := file.Section(".dep-v0")
	if section == nil || section.Size > maxAudit {
		return nil
	}
	packed, err := section.Data()
	if err != nil {
		return nil
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	defer z.Close()
	var list struct {
		Packages []struct {
			Name, Version, Kind string
			Root                bool
		}
	}
	if json.NewDecoder(io.LimitReader(z, maxAudit)).Decode(&list) != nil || len(list.Packages) > maxModules {
		return nil
	}
	p := &Program{}
	for _, c := range list.Packages {
		if c.Kind != "build" && !c.Root {
			p.Modules = append(p.Modules, Module{Path: c.Name, Version: c.Version})
		}
	}
	return p
}
