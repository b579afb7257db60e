package ecosystem

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/plaintext"
)

// MaxFile is the most that is read of one file of a repository, in bytes. The
// largest package-lock.json of public monorepos is about 3 MB.
const MaxFile = 16 << 20

// ToolVersions is the file in which asdf and mise keep versions.
const ToolVersions = ".tool-versions"

// Read returns a text file of at most MaxFile bytes as UTF-8 with LF line ends.
func Read(dir fs.FS, name string) ([]byte, error) {
	data, err := read(dir, name)
	return plaintext.UTF8(data), err
}

func read(dir fs.FS, name string) ([]byte, error) {
	if t, ok := dir.(*Tree); ok {
		return t.ReadFile(name)
	}
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d that Slipway reads", name, info.Size(), MaxFile)
	}
	return fs.ReadFile(dir, name)
}

// Exists tells whether a directory has an entry.
func Exists(dir fs.FS, name string) bool {
	_, err := fs.Stat(dir, name)
	return err == nil
}

// IsDir tells whether an entry is a directory.
func IsDir(dir fs.FS, name string) bool {
	info, err := fs.Stat(dir, name)
	return err == nil && info.IsDir()
}

// LineAt returns the line, from 1, that a byte offset lies in.
func LineAt(data []byte, offset int64) int {
	offset = min(max(offset, 0), int64(len(data)))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

// Limits of what is read of the sources in search of evidence.
const (
	maxSourceFiles = 300
	maxSourceBytes = 256 << 10
	maxSourceDepth = 8
)

// EachSource calls fn for sources in the order of their paths, within limits.
// wanted decides on a path: of a directory, whether to look inside; of a file,
// whether it is a source.
func EachSource(dir fs.FS, wanted func(name string, isDir bool) bool, fn func(name string, data []byte)) {
	files := 0
	_ = fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || files >= maxSourceFiles {
			return fs.SkipAll
		}
		if e.IsDir() {
			if name != "." && (strings.Count(name, "/") > maxSourceDepth || !wanted(name, true)) {
				return fs.SkipDir
			}
			return nil
		}
		if !wanted(name, false) {
			return nil
		}
		if info, err := e.Info(); err != nil || info.Size() > maxSourceBytes || !info.Mode().IsRegular() {
			return nil
		}
		files++
		if data, err := Read(dir, name); err == nil {
			fn(name, data)
		}
		return nil
	})
}

// Or returns the first of two words that is not empty.
func Or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// CommonDir is the directory that holds both paths.
func CommonDir(a, b string) string {
	a, b = path.Clean(a), path.Clean(b)
	for a != "." && a != b && !strings.HasPrefix(b, a+"/") {
		a = path.Dir(a)
	}
	return a
}

// Below is a path relative to a directory that holds it.
func Below(dir, p string) string {
	switch p = path.Clean(p); {
	case dir == ".":
		return p
	case dir == p:
		return "."
	}
	return strings.TrimPrefix(p, dir+"/")
}
