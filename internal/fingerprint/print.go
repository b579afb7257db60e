package fingerprint

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// maxFiles is how many files a kept Print lists. Of more it lists the
// directories at the top.
const maxFiles = 2000

// Print is the fingerprint of one build. It keeps well as JSON, where it is
// shortened to what Diff needs: about 60 bytes a file. Keep the Key beside it,
// so that comparing needs no decoding.
type Print struct {
	Key      string               `json:"key"`   // "sha256:…"; empty when the build always has to be run
	Facts    map[string]string    `json:"facts"` // all but the files: short values, and digests of what is long or private
	Files    []File               `json:"files,omitempty"`
	Versions map[string][]Package `json:"versions,omitempty"` // of lock files, by path; see ReadVersions

	// Odd digests the names and contents of the files whose modification time is
	// not that of their last change: somebody set it, or moved them here. A copy
	// of the context that is brought up to date by size and modification time may
	// only be used while this is the same.
	Odd string `json:"-"`

	seen string
}

// Same reports whether a build with this fingerprint need not be run after one
// with the other. Two unknown ones are never the same.
func (p Print) Same(last Print) bool { return p.Key != "" && p.Key == last.Key }

// Steady reports whether nothing that the build reads was touched between two
// calls of Of around a build, not even to and fro. Only then the image belongs to
// the fingerprint and may be recorded with it. A Print that was kept as JSON is
// never steady.
func (p Print) Steady(after Print) bool {
	return p.Same(after) && p.seen != "" && p.seen == after.seen
}

// File is one entry of the context as the image gets it.
type File struct {
	Path  string // ends with "/" where one entry stands for a whole directory
	Mode  fs.FileMode
	MTime int64    // nanoseconds, at most the epoch
	Link  string   // the first file of the context that is the same by a hard link
	Sum   [32]byte // of content or link target, and of extended attributes; half of it in JSON
}

// MarshalText implements encoding.TextMarshaler: mode, time, digest, path, and
// the hard link after a zero byte.
func (f File) MarshalText() ([]byte, error) {
	line := strconv.FormatUint(uint64(f.Mode), 8) + " " + strconv.FormatInt(f.MTime, 36) + " " +
		base64.RawURLEncoding.EncodeToString(f.Sum[:16]) + " " + f.Path
	if f.Link != "" {
		line += "\x00" + f.Link
	}
	return []byte(line), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *File) UnmarshalText(text []byte) error {
	parts := strings.SplitN(string(text), " ", 4)
	if len(parts) != 4 {
		return fmt.Errorf("reading a file of a fingerprint: %q has not four parts", text)
	}
	mode, err := strconv.ParseUint(parts[0], 8, 32)
	if err != nil {
		return fmt.Errorf("reading the mode of a file of a fingerprint: %w", err)
	}
	if f.MTime, err = strconv.ParseInt(parts[1], 36, 64); err != nil {
		return fmt.Errorf("reading the time of a file of a fingerprint: %w", err)
	}
	sum, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sum) != 16 {
		return fmt.Errorf("reading the digest of a file of a fingerprint: %q", parts[2])
	}
	f.Mode = fs.FileMode(mode)
	f.Path, f.Link, _ = strings.Cut(parts[3], "\x00")
	copy(f.Sum[:], sum)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (p Print) MarshalJSON() ([]byte, error) {
	type plain Print
	if len(p.Files) > maxFiles {
		p.Files = fold(p.Files)
	}
	return json.Marshal(plain(p))
}

// fold shortens a list of files to one entry for each directory at the top, and
// one for the files beside them.
func fold(files []File) []File {
	groups := map[string]*digester{}
	for _, f := range files {
		top, _, deep := strings.Cut(f.Path, "/")
		if !deep {
			top = "."
		}
		d, ok := groups[top]
		if !ok {
			d = newDigester()
			groups[top] = d
		}
		text, _ := f.MarshalText() // never fails
		d.text(string(text))
	}
	out := make([]File, 0, len(groups))
	for name, d := range groups {
		f := File{Path: name + "/", Mode: fs.ModeDir}
		d.sum(f.Sum[:0])
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// folded reports whether a list is one of directories.
func folded(files []File) bool { return len(files) > 0 && strings.HasSuffix(files[0].Path, "/") }

// short is the beginning of a digest for a person.
func short(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	if _, err := hex.DecodeString(digest); err != nil || len(digest) < 7 {
		return digest
	}
	return digest[:7]
}
