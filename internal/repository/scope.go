package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/plaintext"
)

// ID names the repository that a directory belongs to, as long as it stays where
// it is: by its real path and by the address that it was cloned from, or else by
// when its directory was made, so that what takes its place later is another one. A
// directory belongs to the git repository above it if that tracks its files.
//
// Nothing that a repository holds gives it the name of one at another path. At the same
// path, an archive with a .git/config of its own takes the name of the clone that was
// there before, if it names the same address: jobs of CI clone the same repository to the
// same path again and again, and nothing else says that theirs is one. So whoever unpacks
// archives of strangers does so at a path where nothing else was built.
func ID(dir string) string {
	root := Root(dir)
	from := Origin(root)
	if from == "" {
		from = madeAt(root)
	}
	return digest("repository", root, from)
}

// IDOf names what does not stay in a directory: an address, or standard input.
func IDOf(kind string, words ...string) string { return digest(append([]string{kind}, words...)...) }

// digest names a list of words in letters that no path and no other list has.
func digest(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		_ = binary.Write(h, binary.BigEndian, uint64(len(w))) // a hash takes everything
		h.Write([]byte(w))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// RealPath is an absolute path without links, as far as it exists.
func RealPath(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	return dir
}

// Root returns the real path of the git repository that tracks a directory, else of
// the directory itself. A home directory under git does not own all that lies in it,
// and neither does a repository above one that somebody unpacked.
func Root(dir string) string {
	dir = RealPath(dir)
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			rel, err := filepath.Rel(at, dir)
			if err == nil && rel != "." && tracks(filepath.Join(at, ".git", "index"), filepath.ToSlash(rel)) {
				return at
			}
			return dir
		}
		if filepath.Dir(at) == at {
			return dir
		}
	}
}

// Origin returns the address that the git repository at a directory was cloned from,
// without credentials; empty where it does not say so in the usual way.
func Origin(root string) string {
	text, err := ReadFile(root, ".git/config")
	if err != nil {
		return ""
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && section == `[remote "origin"]` && strings.TrimSpace(key) == "url" {
			return plaintext.WithoutLogins(strings.TrimSpace(value))
		}
	}
	return ""
}

// Head returns the commit that is checked out in the git repository at a directory; empty
// where it does not say so in the usual way. The files may differ from it.
func Head(root string) string {
	name := "HEAD"
	for range 5 { // links of links end somewhere
		text, err := ReadFile(root, ".git/"+name)
		if err != nil {
			return packed(root, name)
		}
		line := strings.TrimSpace(string(text))
		next, link := strings.CutPrefix(line, "ref: ")
		if !link {
			return commitIn(line)
		}
		if name = strings.TrimSpace(next); !strings.HasPrefix(name, "refs/") || strings.Contains(name, "..") {
			return ""
		}
	}
	return ""
}

// packed finds a name in the list that git makes of old ones.
func packed(root, name string) string {
	text, err := ReadFile(root, ".git/packed-refs")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if commit, of, ok := strings.Cut(strings.TrimSpace(line), " "); ok && of == name {
			return commitIn(commit)
		}
	}
	return ""
}

func commitIn(text string) string {
	if len(text) != 40 && len(text) != 64 || strings.Trim(text, "0123456789abcdef") != "" {
		return ""
	}
	return text
}

// maxIndex bounds the index of a git repository, in bytes; one of a million files
// has 100 MB.
const maxIndex = 256 << 20

// tracks tells whether an index of git has files below a directory. Of the formats
// that the documentation of git's index names, version 4 and split indexes count as
// one without.
func tracks(index, dir string) bool {
	info, err := os.Lstat(index)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxIndex {
		return false
	}
	data, err := os.ReadFile(index)
	if err != nil || len(data) < 12 || string(data[:4]) != "DIRC" {
		return false
	}
	version := binary.BigEndian.Uint32(data[4:])
	if version != 2 && version != 3 {
		return false
	}
	const fixed, extended = 62, 0x4000 // bytes before the name; the flag of two more
	below := []byte(dir + "/")
	at := data[12:]
	for n := binary.BigEndian.Uint32(data[8:]); n > 0 && len(at) > fixed; n-- {
		start := fixed
		if binary.BigEndian.Uint16(at[fixed-2:])&extended != 0 {
			start += 2
		}
		end := bytes.IndexByte(at[min(start, len(at)):], 0)
		if end < 0 {
			return false
		}
		name := at[start : start+end]
		if bytes.HasPrefix(name, below) {
			return true
		}
		if bytes.Compare(name, below) > 0 { // entries are sorted by name
			return false
		}
		at = at[min((start+end+8)&^7, len(at)):] // padded by 1 to 8 zeros
	}
	return false
}
