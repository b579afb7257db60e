package fingerprint

import (
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

// lastingAttributes leaves out the attributes of users, which a step sees and no layer
// keeps: of all of them, layers have security.capability alone (containerd, pkg/archive/tar.go,
// ChangeWriter.HandleChange, as of 2026-11). Those of overlayfs stay: it acts on them. What
// cannot be read stays too.
func lastingAttributes(all []byte) []byte {
	var out []byte
	for rest := all; len(rest) > 0; {
		name, after, ok := attributePart(rest)
		value, next, also := attributePart(after)
		if !ok || !also {
			return all
		}
		if !strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "user.overlay.") {
			out = AppendAttribute(out, name, value)
		}
		rest = next
	}
	return out
}

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
