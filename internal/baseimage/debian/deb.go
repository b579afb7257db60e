package debian

import (
	"archive/tar"
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

// arMember is one file of an ar archive.
type arMember struct {
	name string
	data *io.SectionReader // of the archive
}

// readAr reads the common ar format of .deb files (deb(5)): short names, no
// symbol table.
func readAr(archive io.ReaderAt, size int64) ([]arMember, error) {
	magic := make([]byte, len(arMagic))
	if _, err := archive.ReadAt(magic, 0); err != nil || string(magic) != arMagic {
		return nil, errors.New("not an ar archive")
	}
	const length = 60 // of a header
	header := make([]byte, length)
	var members []arMember
	for at := int64(len(arMagic)); at < size; {
		if n, err := archive.ReadAt(header, at); n < length || header[58] != '`' || header[59] != '\n' {
			return nil, errors.Join(errors.New("damaged ar header"), err)
		}
		at += length
		name := strings.TrimSuffix(strings.TrimRight(string(header[:16]), " "), "/")
		bytes, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
		if err != nil || bytes < 0 || bytes > size-at {
			return nil, fmt.Errorf("ar member %q is longer than the archive", name)
		}
		members = append(members, arMember{name, io.NewSectionReader(archive, at, bytes)})
		at += bytes + bytes%2
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
func (d Deb) Files() (io.Reader, error) { return d.data.open() }

// ReadDeb reads the control part of a .deb, of which Files reads the rest.
func ReadDeb(archive io.ReaderAt, sizeBytes int64) (Deb, error) {
	members, err := readAr(archive, sizeBytes)
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
	r, err := m.open()
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

func (m arMember) open() (io.Reader, error) {
	return decompress(m.name, io.NewSectionReader(m.data, 0, m.data.Size()))
}

// decompress reads by the compression that a name ends with.
func decompress(name string, r io.Reader) (io.Reader, error) {
	switch name[strings.LastIndexByte(name, '.')+1:] {
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
	return nil, fmt.Errorf("unknown compression of %q", name)
}
