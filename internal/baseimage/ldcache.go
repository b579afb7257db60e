package baseimage

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// library is an entry of the dynamic loader's cache.
type library struct {
	name    string // what programs ask for: "libz.so.1"
	path    string // absolute
	machine elf.Machine
}

// The cache's format is glibc's "new" one alone (sysdeps/generic/dl-cache.h), which
// is what ldconfig writes since glibc 2.32: a header, the entries, the strings.
const (
	ldCacheMagic        = "glibc-ld.so.cache1.1"
	ldCacheHeader       = 48
	ldCacheEntry        = 24
	ldCacheLittleEndian = 2
)

// ldFlags are the kind of library in the cache: of glibc 2, for 64 bits of that
// machine. 0 means that bases have no such machine.
func ldFlags(m elf.Machine) int32 {
	switch m {
	case elf.EM_X86_64:
		return 0x0303
	case elf.EM_AARCH64:
		return 0x0a03
	}
	return 0
}

// ldCache returns the file that the dynamic loader finds libraries by, and
// `ldconfig -p` prints. Of libraries with one name the first counts.
func ldCache(libraries []library) []byte {
	sorted := slices.Clone(libraries)
	slices.SortStableFunc(sorted, func(a, b library) int { return compareLibraries(b.name, a.name) })
	var texts bytes.Buffer
	at := map[string]uint32{}
	start := uint32(ldCacheHeader + ldCacheEntry*len(sorted))
	offset := func(s string) uint32 {
		if _, have := at[s]; !have {
			at[s] = start + uint32(texts.Len())
			texts.WriteString(s + "\x00")
		}
		return at[s]
	}
	out := []byte(ldCacheMagic)
	entries := make([]byte, 0, ldCacheEntry*len(sorted))
	for _, l := range sorted {
		entries = binary.LittleEndian.AppendUint32(entries, uint32(ldFlags(l.machine)))
		entries = binary.LittleEndian.AppendUint32(entries, offset(l.name))
		entries = binary.LittleEndian.AppendUint32(entries, offset(l.path))
		entries = append(entries, make([]byte, 12)...) // no kernel version, no hwcaps
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(sorted)))
	out = binary.LittleEndian.AppendUint32(out, uint32(texts.Len()))
	out = append(out, ldCacheLittleEndian)
	out = append(out, make([]byte, ldCacheHeader-len(out))...) // no extension
	return slices.Concat(out, entries, texts.Bytes())
}

// compareLibraries is the order that the loader searches by: bytes, but for runs of
// digits, which are numbers and come after all else.
func compareLibraries(a, b string) int {
	for a != "" && b != "" {
		switch {
		case isDigit(a[0]) && isDigit(b[0]):
			var n, m int32
			n, a = number(a)
			m, b = number(b)
			if n != m {
				return cmp.Compare(n, m)
			}
		case isDigit(a[0]):
			return 1
		case isDigit(b[0]):
			return -1
		case a[0] != b[0]:
			return cmp.Compare(a[0], b[0])
		default:
			a, b = a[1:], b[1:]
		}
	}
	return cmp.Compare(len(a), len(b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads a run of digits, as wide as the loader's int.
func number(s string) (n int32, rest string) {
	for s != "" && isDigit(s[0]) {
		n = n*10 + int32(s[0]-'0')
		s = s[1:]
	}
	return n, s
}
