package fingerprint

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// AppendAttribute writes an extended attribute as Tree.Attributes returns it: the lengths
// of name and value in four bytes, each before what it counts.
func AppendAttribute(to []byte, name, value string) []byte {
	for _, part := range []string{name, value} {
		to = binary.LittleEndian.AppendUint32(to, uint32(len(part)))
		to = append(to, part...)
	}
	return to
}

// sight is who sees the extended attributes of a file.
type sight uint32

const (
	elsewhere sight = iota // an engine of which nothing is known: all
	step                   // a step that the embedded engine runs
	image                  // no step, only layers that the embedded engine writes
)

// seen are the attributes that count. The embedded engine sets an owner, or writes,
// after it set the attributes of a regular file; the kernel then takes security.capability from
// it (treecopy; fsutil, rewriteMetadata; chown_common and file_remove_privs of Linux). Of
// the others, those of users are in no layer: layers have security.capability alone
// (containerd, pkg/archive/tar.go, ChangeWriter.HandleChange, as of 2026-11). Those of
// overlayfs stay: it acts on them. What cannot be read stays too.
func (s sight) seen(all []byte, regular bool) []byte {
	if s == elsewhere {
		return all
	}
	var out []byte
	for rest := all; len(rest) > 0; {
		name, after, ok := attributePart(rest)
		value, next, also := attributePart(after)
		if !ok || !also {
			return all
		}
		lost := regular && name == "security.capability" ||
			s == image && strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")
		if !lost {
			out = AppendAttribute(out, name, value)
		}
		rest = next
	}
	return out
}

// alike are the sights, a bit of a mode each, that see of a regular file the same as s; none
// when all do.
func (s sight) alike(all []byte) (bits uint32) {
	every := true
	for _, other := range []sight{elsewhere, step, image} {
		if bytes.Equal(s.seen(all, true), other.seen(all, true)) {
			bits |= other.bit()
		} else {
			every = false
		}
	}
	if every {
		return 0
	}
	return bits
}

// bit is one that no file mode has.
func (s sight) bit() uint32 { return 1 << (9 + s) }

const sights = 0b111 << 9

func attributePart(b []byte) (part string, rest []byte, ok bool) {
	if len(b) < 4 {
		return "", nil, false
	}
	n, b := uint64(binary.LittleEndian.Uint32(b)), b[4:]
	if uint64(len(b)) < n {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}
