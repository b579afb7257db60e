package layer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/secret"
)

// Limits of what is read of one file. Files that are larger are in the index
// without facts, but for ELF files, of which three parts are kept: the beginning,
// what is around the dynamic section, and the end. Linkers write the tables of names
// into the beginning; tools that change them later write them to the end.
const (
	maxText     = 256 << 10
	maxSource   = 1 << 20
	elfHead     = 16 << 20
	elfAround   = 2 << 20 // on either side
	elfTail     = 8 << 20
	maxShebang  = 256
	maxEntries  = 2_000_000
	whiteout    = ".wh."
	opaqueEntry = ".wh..wh..opq"
)

// capabilityRecord is where tar keeps the capabilities of a file.
const capabilityRecord = "SCHILY.xattr.security.capability"

// Read makes the index of an uncompressed layer.
func Read(r io.Reader) (*Index, error) {
	in := &reader{index: &Index{Facts: map[string]Facts{}}, places: map[string]int{}, copies: make([]byte, 64<<10)}
	t := tar.NewReader(bufio.NewReaderSize(r, 128<<10))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading a layer: %w", err)
		}
		if len(in.index.Entries) > maxEntries {
			return nil, fmt.Errorf("reading a layer: more than %d entries", maxEntries)
		}
		if err := in.entry(h, t); err != nil {
			return nil, fmt.Errorf("reading %s of a layer: %w", h.Name, err)
		}
	}
	slices.SortFunc(in.index.Entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return in.index, nil
}

// reader makes an index.
type reader struct {
	index  *Index
	places map[string]int // of paths in the index
	buffer bytes.Buffer   // content of one file, used again
	copies []byte         // for the rest of files
}

// clean makes a path of a tar one of an index.
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// entry takes one entry of the tar.
func (in *reader) entry(h *tar.Header, content io.Reader) error {
	e := Entry{Path: clean(h.Name), Mode: uint16(h.Mode & 0o7777), UID: uint32(h.Uid), GID: uint32(h.Gid)}
	switch h.Typeflag {
	case tar.TypeReg: // the reader gives it for entries of old archives too
		e.Size = h.Size
	case tar.TypeDir:
		e.Kind = Directory
	case tar.TypeSymlink:
		e.Kind, e.Link = Symlink, h.Linkname
	case tar.TypeLink:
		e.Kind, e.Link = Hardlink, clean(h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		e.Kind = Device
	case tar.TypeXGlobalHeader:
		return nil
	default:
		e.Kind = Other
	}
	switch dir, base := path.Split(e.Path); {
	case base == opaqueEntry:
		e.Path, e.Kind = strings.TrimSuffix(dir, "/"), Opaque
	case strings.HasPrefix(base, whiteout):
		e.Path, e.Kind = dir+strings.TrimPrefix(base, whiteout), Whiteout
	}
	in.put(e)
	if e.Kind != Regular {
		return nil
	}
	in.index.Bytes += e.Size
	sum := sha256.New()
	facts, err := in.facts(e, io.TeeReader(content, sum))
	if err == nil {
		_, err = io.CopyBuffer(sum, content, in.copies)
	}
	sum.Sum(in.index.Entries[in.places[e.Path]].SHA256[:0])
	facts.Capable = h.PAXRecords[capabilityRecord] != ""
	if err == nil && !facts.empty() {
		in.index.Facts[e.Path] = facts
	}
	return err
}

// put adds an entry; one that comes again replaces the first.
func (in *reader) put(e Entry) {
	key := e.Path
	if e.Kind == Opaque {
		key += "\x00" // beside the directory itself
	}
	if at, ok := in.places[key]; ok {
		delete(in.index.Facts, e.Path)
		in.index.Entries[at] = e
		return
	}
	in.places[key] = len(in.index.Entries)
	in.index.Entries = append(in.index.Entries, e)
}

func (f Facts) empty() bool {
	return f.ELF == nil && f.Program == nil && f.Jar == nil && f.Source == nil && f.Shebang == "" && f.Secret == "" && f.Text == "" && !f.Odd && !f.Capable && f.Dirs == nil && f.Tokens == nil && !f.Unsearched
}

// facts reads of a file what is wanted of its kind.
func (in *reader) facts(e Entry, content io.Reader) (Facts, error) {
	head := make([]byte, min(4, e.Size))
	if _, err := io.ReadFull(content, head); err != nil {
		return Facts{}, err
	}
	all := io.MultiReader(bytes.NewReader(head), content)
	switch {
	case string(head) == "\x7fELF":
		data, err := in.pieces(all, e.Size)
		e := readELF(data)
		f := Facts{ELF: e, Odd: e == nil}
		if e != nil && e.Program {
			f.Program = readProgram(data)
		}
		return f, err
	case string(head) == "PK\x03\x04" && isJar(e.Path):
		if e.Size > maxJar {
			return Facts{}, nil
		}
		data, err := in.read(all, e.Size)
		return Facts{Jar: readJar(e.Path, data)}, err
	case e.Path == "etc/ld.so.cache":
		data, err := in.read(all, min(e.Size, 16<<20))
		return Facts{Dirs: cacheDirs(data)}, err
	}
	return in.text(e, head, all)
}

// text reads of a text what is wanted of its kind.
func (in *reader) text(e Entry, head []byte, all io.Reader) (Facts, error) {
	var f Facts
	if limit := databaseLimit(e.Path); limit > 0 && e.Size <= limit {
		data, err := in.read(all, e.Size)
		return Facts{Text: reducedDatabase(e.Path, data)}, err
	}
	kind := sourceKind(e.Path)
	limit := int64(maxText)
	switch {
	case thirdParty(e.Path) && !keepsText(e.Path) && !strings.HasPrefix(string(head), "#!"):
		return f, nil
	case kind != "" && !thirdParty(e.Path):
		limit = maxSource
	}
	if e.Size > limit && (!strings.HasPrefix(string(head), "#!") || !thirdParty(e.Path)) {
		return in.large(e, all)
	}
	data, err := in.read(all, min(e.Size, limit))
	if err != nil {
		return f, err
	}
	f.Shebang = shebang(data)
	if keepsText(e.Path) || isShell(f.Shebang) && e.Size <= maxShellText && !thirdParty(e.Path) {
		f.Text = reduced(e.Path, data)
	}
	if thirdParty(e.Path) || e.Size > limit {
		return f, nil
	}
	if e.Size <= maxSecretFile {
		f.Secret = secretIn(e.Path, data)
	}
	f.Tokens = secret.FindIn(e.Path, data)
	switch kind {
	case "js", "ts":
		f.Source = readScript(data, kind == "ts")
	case "py":
		f.Source = Python(data)
	}
	return f, nil
}

// large looks for secrets in a file that is too large for other facts. The interpreter of
// a script is on its first line.
func (in *reader) large(e Entry, all io.Reader) (f Facts, err error) {
	if thirdParty(e.Path) {
		return f, nil
	}
	buffered := bufio.NewReaderSize(all, maxShebang)
	first, err := buffered.Peek(maxShebang)
	if err != nil {
		return f, err
	}
	f.Shebang = shebang(first)
	found, whole, err := secret.Stream(e.Path, buffered, secret.FindIn)
	for _, m := range found {
		if m.Rule == secret.KeyRule {
			f.Secret = "a private key"
		} else {
			f.Tokens = append(f.Tokens, m)
		}
	}
	f.Unsearched = !whole
	return f, err
}

// read returns the first bytes of a file, until the next call.
func (in *reader) read(r io.Reader, size int64) ([]byte, error) {
	in.buffer.Reset()
	_, err := io.CopyN(&in.buffer, r, size)
	return in.buffer.Bytes(), err
}

// pieces returns a file whole, or of a large one the parts that are kept, until the
// next call.
func (in *reader) pieces(r io.Reader, size int64) (pieces, error) {
	in.buffer.Reset()
	in.buffer.Grow(int(min(size, elfHead+2*elfAround+elfTail)) + bytes.MinRead)
	out, at := pieces{size: size}, int64(0)
	keep := func(from, to int64) error {
		from, to = max(from, at), min(to, size)
		if from >= to {
			return nil
		}
		if _, err := io.CopyN(io.Discard, r, from-at); err != nil {
			return err
		}
		begin := in.buffer.Len()
		_, err := io.CopyN(&in.buffer, r, to-from)
		if n := len(out.parts); n > 0 && from == at { // it goes on where the last part ends
			last := &out.parts[n-1]
			last.data = in.buffer.Bytes()[begin-len(last.data):]
		} else {
			out.parts = append(out.parts, part{from, in.buffer.Bytes()[begin:]})
		}
		at = to
		return err
	}
	if err := keep(0, elfHead); err != nil {
		return out, err
	}
	if f, _, _ := openELF(out); f != nil {
		for _, s := range f.segments {
			if s.kind == segmentLoad && size <= maxGo && f.isGo() { // tables of Go are anywhere
				if err := keep(0, size); err != nil {
					return out, err
				}
			}
			if s.kind == segmentDynamic {
				if err := keep(s.off-elfAround, s.off+elfAround); err != nil {
					return out, err
				}
			}
		}
	}
	return out, keep(size-elfTail, size)
}

// shebang returns the first line of a script without "#!".
func shebang(data []byte) string {
	rest, ok := bytes.CutPrefix(data, []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ := bytes.Cut(rest[:min(len(rest), maxShebang)], []byte("\n"))
	if bytes.IndexByte(line, 0) >= 0 {
		return ""
	}
	return strings.TrimRight(string(line), " \t") // a carriage return is part of the name, and a fault
}

// maxShellText is the largest script of shell whose text is kept, in bytes: those
// that start a program are small.
const maxShellText = 16 << 10

// isShell reports the first line of a script of shell.
func isShell(shebang string) bool {
	for _, word := range strings.Fields(shebang) {
		if slices.Contains([]string{"sh", "bash", "dash", "ash"}, path.Base(word)) {
			return true
		}
	}
	return false
}

func isJar(name string) bool {
	ext := path.Ext(name)
	return ext == ".jar" || ext == ".war"
}

// sourceKind tells the language of a source whose facts are kept.
func sourceKind(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs", ".cjs", ".jsx":
		return "js"
	case ".ts", ".mts", ".cts", ".tsx":
		if strings.HasSuffix(name, ".d.ts") || strings.HasSuffix(name, ".d.mts") || strings.HasSuffix(name, ".d.cts") {
			return ""
		}
		return "ts"
	case ".py":
		return "py"
	}
	return ""
}
