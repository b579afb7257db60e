package layer

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// ELF is what the loader reads of an ELF file (System V ABI, chapters 4 and 5).
type ELF struct {
	Machine uint16   `json:"machine"` // e_machine
	Bits    uint8    `json:"bits"`    // 32 or 64
	Program bool     `json:"program,omitempty"`
	Interp  string   `json:"interp,omitempty"`  // the loader that it asks for
	Needed  []string `json:"needed,omitempty"`  // DT_NEEDED
	Soname  string   `json:"soname,omitempty"`  // DT_SONAME
	Rpath   string   `json:"rpath,omitempty"`   // DT_RPATH
	Runpath string   `json:"runpath,omitempty"` // DT_RUNPATH
	Wants   []Wanted `json:"wants,omitempty"`   // versions of symbols that it needs, by library
	Gives   []string `json:"gives,omitempty"`   // versions of symbols that it defines, of the C and C++ libraries
}

// Limits of what a file may claim; larger claims are hostile or damaged.
const (
	maxSegments = 256
	maxDynamic  = 4096
	maxName     = 1024
)

// Numbers of the ELF format.
const (
	segmentLoad    = 1
	segmentDynamic = 2
	segmentInterp  = 3

	dynNeeded  = 1
	dynStrtab  = 5
	dynStrsz   = 10
	dynSoname  = 14
	dynRpath   = 15
	dynRunpath = 29
	dynFlags1  = 0x6ffffffb
	flagPIE    = 0x08000000 // DF_1_PIE

	typeExecutable = 2
	typeShared     = 3
)

// pieces is the content of a file of which parts may be missing.
type pieces struct {
	size  int64
	parts []part // the first ones first
}

type part struct {
	at   int64
	data []byte
}

// whole is content without gaps.
func whole(data []byte) pieces {
	return pieces{size: int64(len(data)), parts: []part{{0, data}}}
}

// from returns what is at hand from an offset on.
func (p pieces) from(off int64) []byte {
	for _, part := range p.parts {
		if off >= part.at && off-part.at < int64(len(part.data)) {
			return part.data[off-part.at:]
		}
	}
	return nil
}

// at returns n bytes at an offset, or false when they are not at hand.
func (p pieces) at(off, n int64) ([]byte, bool) {
	if off < 0 || n < 0 || off > p.size || n > p.size-off {
		return nil, false
	}
	data := p.from(off)
	if int64(len(data)) < n {
		return nil, false
	}
	return data[:n], true
}

// word returns the zero-terminated string at an offset.
func (p pieces) word(off int64) (string, bool) {
	data := p.from(off)
	data = data[:min(maxName, len(data))]
	end := bytes.IndexByte(data, 0)
	return string(data[:max(end, 0)]), end >= 0
}

// segment is a program header.
type segment struct {
	kind             uint32
	off, addr, bytes int64
}

// elfFile is one while it is read.
type elfFile struct {
	data     pieces
	order    binary.ByteOrder
	wide     bool
	segments []segment
}

// readELF reads the headers of an ELF file. The answer is nil for what is none,
// for relocatable objects, and for what is damaged.
func readELF(data pieces) *ELF {
	f, kind, machine := openELF(data)
	if f == nil || kind != typeExecutable && kind != typeShared {
		return nil
	}
	out := &ELF{Machine: machine, Bits: 32, Program: kind == typeExecutable}
	if f.wide {
		out.Bits = 64
	}
	for _, s := range f.segments {
		switch s.kind {
		case segmentInterp:
			out.Program = true
			name, ok := f.data.word(s.off)
			if !ok || strings.ContainsAny(name, "\n\r") {
				return nil
			}
			out.Interp = name
		case segmentDynamic:
			if !f.dynamic(s, out) {
				return nil
			}
		}
	}
	return out
}

// openELF reads the file header and the program headers.
func openELF(data pieces) (f *elfFile, kind, machine uint16) {
	head, ok := data.at(0, 64)
	if !ok {
		if head, ok = data.at(0, 52); !ok {
			return nil, 0, 0
		}
	}
	if string(head[:4]) != "\x7fELF" || head[4] != 1 && head[4] != 2 || head[5] != 1 && head[5] != 2 {
		return nil, 0, 0
	}
	f = &elfFile{data: data, order: binary.LittleEndian, wide: head[4] == 2}
	if head[5] == 2 {
		f.order = binary.BigEndian
	}
	if f.wide && len(head) < 64 {
		return nil, 0, 0
	}
	kind, machine = f.order.Uint16(head[16:]), f.order.Uint16(head[18:])
	var at int64
	var size, count uint16
	if f.wide {
		at, size, count = int64(f.order.Uint64(head[32:])), f.order.Uint16(head[54:]), f.order.Uint16(head[56:])
	} else {
		at, size, count = int64(f.order.Uint32(head[28:])), f.order.Uint16(head[42:]), f.order.Uint16(head[44:])
	}
	if want := map[bool]uint16{true: 56, false: 32}[f.wide]; count > maxSegments || count > 0 && size < want {
		return nil, 0, 0
	}
	for i := range int64(count) {
		h, ok := data.at(at+i*int64(size), int64(size))
		if !ok {
			return nil, 0, 0
		}
		f.segments = append(f.segments, f.segment(h))
	}
	return f, kind, machine
}

func (f *elfFile) segment(h []byte) segment {
	if f.wide {
		return segment{f.order.Uint32(h), int64(f.order.Uint64(h[8:])), int64(f.order.Uint64(h[16:])), int64(f.order.Uint64(h[32:]))}
	}
	return segment{f.order.Uint32(h), int64(f.order.Uint32(h[4:])), int64(f.order.Uint32(h[8:])), int64(f.order.Uint32(h[16:]))}
}

// dynamic reads the dynamic section, which says what the loader has to find.
func (f *elfFile) dynamic(s segment, out *ELF) bool {
	size := int64(8)
	if f.wide {
		size = 16
	}
	var needed []int64
	single := map[int64]int64{}
	for i := int64(0); i < min(s.bytes/size, maxDynamic); i++ {
		d, ok := f.data.at(s.off+i*size, size)
		if !ok {
			return false
		}
		tag, value := int64(int32(f.order.Uint32(d))), int64(f.order.Uint32(d[size/2:]))
		if f.wide {
			tag, value = int64(f.order.Uint64(d)), int64(f.order.Uint64(d[8:]))
		}
		if tag == 0 {
			break
		}
		if tag == dynNeeded {
			needed = append(needed, value)
		} else {
			single[tag] = value
		}
	}
	if single[dynFlags1]&flagPIE != 0 {
		out.Program = true
	}
	table, ok := f.offset(single[dynStrtab])
	if !ok {
		return len(needed) == 0
	}
	word := func(at int64) string {
		if at < 0 || at >= single[dynStrsz] {
			ok = false
			return ""
		}
		name, found := f.data.word(table + at)
		ok = ok && found
		return name
	}
	for _, at := range needed {
		out.Needed = append(out.Needed, word(at))
	}
	was := ok
	f.versions(single, word, out)
	ok = was
	for tag, into := range map[int64]*string{dynSoname: &out.Soname, dynRpath: &out.Rpath, dynRunpath: &out.Runpath} {
		if at, has := single[tag]; has {
			*into = word(at)
		}
	}
	return ok
}

// offset turns an address into the place in the file that is loaded there.
func (f *elfFile) offset(addr int64) (int64, bool) {
	for _, s := range f.segments {
		if s.kind == segmentLoad && addr >= s.addr && addr-s.addr < s.bytes {
			return s.off + (addr - s.addr), true
		}
	}
	return 0, false
}
