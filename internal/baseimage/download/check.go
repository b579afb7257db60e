package download

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// MaxFile bounds one file of a package, in bytes; the largest today is node's 100
// MB.
const MaxFile = 1 << 30

// ReadExactly reads size bytes. A size that lies costs no more memory than the
// stream has bytes.
func ReadExactly(r io.Reader, size int64) ([]byte, error) {
	if size > MaxFile {
		return nil, fmt.Errorf("the file claims to have %d bytes", size)
	}
	const step = 128 << 20 // node fits
	data := make([]byte, 0, min(size, step))
	for int64(len(data)) < size {
		if len(data) == cap(data) {
			data = slices.Grow(data, int(size)-len(data))
		}
		n, err := io.ReadFull(r, data[len(data):min(int64(cap(data)), size)])
		data = data[:len(data)+n]
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// IsSHA256 reports whether s is a SHA-256 in lower-case hexadecimal.
func IsSHA256(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// SafePath reports whether a path stays below the root of the server that it is
// appended to.
func SafePath(p string) bool {
	return p != "" && path.Clean("/"+p) == "/"+p && !strings.ContainsAny(p, "?#\\ ")
}

// SafeName reports whether a name or a version can be one element of a path.
func SafeName(s string) bool { return s != "" && !strings.ContainsAny(s, "/\\?#% ") && s[0] != '.' }
