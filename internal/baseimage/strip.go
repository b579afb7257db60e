package baseimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// stripped returns a 64-bit little-endian ELF file without the sections that
// are not loaded (symbol tables, debug information, comments), as strip(1)
// does: 98.9 → 86.4 MB for Node.js 20.20.2. The result shares what stays
// with the input. Program headers and loaded bytes stay as they are.
func stripped(file content) (content, error) {
	f, err := elf.NewFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading ELF headers: %w", err)
	}
	defer f.Close()
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB {
		return nil, errors.New("not a 64-bit little-endian ELF file")
	}
	end, err := loadedEnd(f, uint64(file.size()))
	if err != nil {
		return nil, err
	}
	table, names := keptSections(f)
	var tail bytes.Buffer
	tail.Write(names)
	tail.Write(make([]byte, -(int(end)+len(names))&7))
	tableAt := end + uint64(tail.Len())
	table[len(table)-1].Off = end
	if err := binary.Write(&tail, binary.LittleEndian, table); err != nil {
		return nil, err
	}

	const headerSize = 64
	head := file.start(headerSize)
	binary.LittleEndian.PutUint64(head[0x28:], tableAt)              // e_shoff
	binary.LittleEndian.PutUint16(head[0x3c:], uint16(len(table)))   // e_shnum
	binary.LittleEndian.PutUint16(head[0x3e:], uint16(len(table)-1)) // e_shstrndx
	return slices.Concat(inMemory(head), file.slice(headerSize, int64(end)), inMemory(tail.Bytes())), nil
}

// loadedEnd is the file offset behind the last byte that a segment or a loaded
// section refers to.
func loadedEnd(f *elf.File, size uint64) (uint64, error) {
	const headerSize, programHeader = 64, 56
	end := uint64(headerSize + programHeader*len(f.Progs))
	for _, p := range f.Progs {
		end = max(end, p.Off+p.Filesz)
	}
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
			end = max(end, s.Offset+s.FileSize)
		}
	}
	if end > size {
		return 0, errors.New("the ELF file is truncated")
	}
	return end, nil
}

// keptSections returns the section headers of the loaded sections with links
// renumbered, then that of their names, and the names.
func keptSections(f *elf.File) ([]elf.Section64, []byte) {
	renumbered := map[uint32]uint32{}
	for i, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 {
			renumbered[uint32(i)] = uint32(len(renumbered) + 1)
		}
	}
	table := make([]elf.Section64, 1, len(renumbered)+2)
	names := []byte{0}
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		h := elf.Section64{
			Name: uint32(len(names)), Type: uint32(s.Type), Flags: uint64(s.Flags), Addr: s.Addr, Off: s.Offset, Size: s.Size,
			Link: renumbered[s.Link], Info: s.Info, Addralign: s.Addralign, Entsize: s.Entsize,
		}
		if s.Type == elf.SHT_REL || s.Type == elf.SHT_RELA || s.Flags&elf.SHF_INFO_LINK != 0 {
			h.Info = renumbered[s.Info]
		}
		names = append(append(names, s.Name...), 0)
		table = append(table, h)
	}
	nameHeader := elf.Section64{Name: uint32(len(names)), Type: uint32(elf.SHT_STRTAB), Addralign: 1}
	names = append(append(names, ".shstrtab"...), 0)
	nameHeader.Size = uint64(len(names))
	return append(table, nameHeader), names
}
