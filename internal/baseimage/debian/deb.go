package debian

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

const arMagic = "!<arch>\n"

// arMember is one file of an ar archive; data shares memory with the archive.
type arMember struct {
	name string
	data []byte
}

// readAr reads the common ar format of .deb files (deb(5)): short names, no
// symbol table.
func readAr(archive []byte) ([]arMember, error) {
	if !bytes.HasPrefix(archive, []byte(arMagic)) {
		return nil, errors.New("not an ar archive")
	}
	rest := archive[len(arMagic):]
	var members []arMember
	for len(rest) > 0 {
		if len(rest) < 60 || rest[58] != '`' || rest[59] != '\n' {
			return nil, errors.New("damaged ar header")
		}
		name := strings.TrimSuffix(strings.TrimRight(string(rest[:16]), " "), "/")
		size, err := strconv.ParseInt(strings.TrimSpace(string(rest[48:58])), 10, 64)
		if err != nil || size < 0 || size > int64(len(rest)-60) {
			return nil, fmt.Errorf("ar member %q is longer than the archive", name)
		}
		members = append(members, arMember{name, rest[60 : 60+size]})
		rest = rest[60+size:]
		if size%2 == 1 && len(rest) > 0 {
			rest = rest[1:]
		}
	}
	return members, nil
}

// Deb is a Debian binary package, taken apart but not yet decompressed.
type Deb struct {
	Control  []byte // the paragraph of its control file, as written
	MD5Sums  []byte // its list of files with their digests; may be empty
	Preinst  []byte // the script before its files are unpacked; nil without one
	Postinst []byte // the script after that; nil without one
	data     arMember
}

// Files opens the tar stream of the package's files.
func (d Deb) Files() (io.Reader, error) { return decompress(d.data) }

// ReadDeb reads the control part of a .deb.
func ReadDeb(archive []byte) (Deb, error) {
	members, err := readAr(archive)
	if err != nil {
		return Deb{}, err
	}
	var d Deb
	for _, m := range members {
		switch {
		case strings.HasPrefix(m.name, "control.tar"):
			if err := d.readControl(m); err != nil {
				return Deb{}, fmt.Errorf("reading %s: %w", m.name, err)
			}
		case strings.HasPrefix(m.name, "data.tar"):
			d.data = m
		}
	}
	if d.Control == nil || d.data.name == "" {
		return Deb{}, errors.New("no control.tar or no data.tar in the package")
	}
	return d, nil
}

func (d *Deb) readControl(m arMember) error {
	r, err := decompress(m)
	if err != nil {
		return err
	}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch strings.TrimPrefix(h.Name, "./") {
		case "control":
			d.Control, err = io.ReadAll(io.LimitReader(tr, 1<<20))
		case "md5sums":
			d.MD5Sums, err = io.ReadAll(io.LimitReader(tr, 16<<20))
		case "preinst":
			d.Preinst, err = io.ReadAll(io.LimitReader(tr, 1<<20))
		case "postinst":
			d.Postinst, err = io.ReadAll(io.LimitReader(tr, 1<<20))
		}
		if err != nil {
			return err
		}
	}
}

// decompress opens an ar member by the compression that its name ends with.
func decompress(m arMember) (io.Reader, error) {
	r := bytes.NewReader(m.data)
	switch m.name[strings.LastIndexByte(m.name, '.')+1:] {
	case "xz":
		return xz.NewReader(r, 0)
	case "gz":
		return gzip.NewReader(r)
	case "zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case "tar":
		return r, nil
	}
	return nil, fmt.Errorf("unknown compression of %q", m.name)
}
