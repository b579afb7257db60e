package layer

import (
	"slices"
	"strings"
)

// Wanted are the versions of symbols that a file needs of a library.
type Wanted struct {
	Library string   `json:"library"`
	Names   []string `json:"names"` // "GLIBC_2.38"
}

// Numbers of the sections that hold versions (Linux Standard Base, "Symbol
// Versioning").
const (
	dynVerdef     = 0x6ffffffc
	dynVerdefnum  = 0x6ffffffd
	dynVerneed    = 0x6ffffffe
	dynVerneednum = 0x6fffffff
	flagWeak      = 2
	maxVersions   = 1024
)

// versioned tells whether versions of a library's symbols are kept: those that
// programs run into when they are built on a newer distribution.
func versioned(name string) bool {
	return strings.HasPrefix(name, "GLIBC_2.") || strings.HasPrefix(name, "GLIBCXX_3.") || strings.HasPrefix(name, "CXXABI_1.")
}

// versions reads which versions of symbols a file needs and defines. What is
// damaged says nothing: the loader would not read further either.
func (f *elfFile) versions(dynamic map[int64]int64, word func(int64) string, out *ELF) {
	if at, ok := f.offset(dynamic[dynVerneed]); ok && dynamic[dynVerneed] > 0 {
		f.needs(at, min(dynamic[dynVerneednum], maxVersions), word, out)
	}
	if at, ok := f.offset(dynamic[dynVerdef]); ok && dynamic[dynVerdef] > 0 {
		for range min(dynamic[dynVerdefnum], maxVersions) {
			d, ok := f.data.at(at, 20)
			if !ok {
				return
			}
			if aux, ok := f.data.at(at+int64(f.order.Uint32(d[12:])), 8); ok {
				if name := word(int64(f.order.Uint32(aux))); versioned(name) {
					out.Gives = append(out.Gives, name)
				}
			}
			next := int64(f.order.Uint32(d[16:]))
			if next == 0 {
				break
			}
			at += next
		}
	}
	slices.Sort(out.Gives)
	out.Gives = slices.Compact(out.Gives)
}

// needs reads the versions that a file needs.
func (f *elfFile) needs(at, count int64, word func(int64) string, out *ELF) {
	for range count {
		d, ok := f.data.at(at, 16)
		if !ok {
			return
		}
		w := Wanted{Library: word(int64(f.order.Uint32(d[4:])))}
		aux := at + int64(f.order.Uint32(d[8:]))
		for range min(f.order.Uint16(d[2:]), maxVersions) {
			a, ok := f.data.at(aux, 16)
			if !ok {
				return
			}
			if name := word(int64(f.order.Uint32(a[8:]))); versioned(name) && f.order.Uint16(a[4:])&flagWeak == 0 {
				w.Names = append(w.Names, name)
			}
			next := int64(f.order.Uint32(a[12:]))
			if next == 0 {
				break
			}
			aux += next
		}
		if len(w.Names) > 0 {
			slices.Sort(w.Names)
			out.Wants = append(out.Wants, w)
		}
		next := int64(f.order.Uint32(d[12:]))
		if next == 0 {
			return
		}
		at += next
	}
}
