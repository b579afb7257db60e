package baseimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// signer makes one archive key for all tests; making one takes a while.
var signer = sync.OnceValue(func() *openpgp.Entity {
	e, err := openpgp.NewEntity("Test Archive", "", "archive@mirror.example", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		panic(err)
	}
	return e
})

func sign(t testing.TB, e *openpgp.Entity, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, e.PrivateKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is an entry of a made archive; an empty kind is a regular file, or a
// directory when the name ends with a slash.
type file struct {
	name, body string
	kind       byte
	link       string
	mode       int64
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: f.kind, Linkname: f.link, Mode: f.mode, Size: int64(len(f.body)), ModTime: time.Unix(1e9, 0), Uid: 7, Uname: "x"}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if strings.HasSuffix(f.name, "/") {
				h.Typeflag = tar.TypeDir
			}
		}
		if h.Mode == 0 {
			h.Mode = 0o644
			if h.Typeflag == tar.TypeDir {
				h.Mode = 0o755
			}
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// member is one file of an ar archive.
type member struct {
	name string
	data []byte
}

func arOf(members ...member) []byte {
	b := bytes.NewBufferString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// debOf makes a Debian package.
func debOf(t testing.TB, control string, files ...file) []byte {
	t.Helper()
	var sums strings.Builder
	parts := []file{{name: "./postinst", body: "#!/bin/sh\nexit 1\n", mode: 0o755}}
	if i := slices.IndexFunc(files, func(f file) bool { return f.name == "DEBIAN/postinst" }); i >= 0 {
		parts[0].body, files = files[i].body, slices.Delete(slices.Clone(files), i, i+1)
	}
	for _, f := range files {
		if f.body != "" {
			fmt.Fprintf(&sums, "%032x  %s\n", len(f.body), strings.TrimPrefix(f.name, "./"))
		}
	}
	return arOf(
		member{"debian-binary", []byte("2.0\n")},
		member{"control.tar.gz", gz(t, tarOf(t, append([]file{{name: "./control", body: control}, {name: "./md5sums", body: sums.String()}}, parts...)...))},
		member{"data.tar.gz", gz(t, tarOf(t, files...))},
	)
}

// tinyELF is a 64-bit program of one loaded section, with symbols to strip.
func tinyELF() []byte {
	names := "\x00.text\x00.symtab\x00.strtab\x00.shstrtab\x00"
	var b bytes.Buffer
	text, symbols := []byte("loaded bytes of the program...."), bytes.Repeat([]byte{7}, 480)
	const head = 64 + 56
	textAt := uint64(head)
	symbolsAt := textAt + uint64(len(text))
	namesAt := symbolsAt + uint64(len(symbols))
	tableAt := namesAt + uint64(len(names))
	ident := [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	put(elf.Header64{Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Shoff: tableAt, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64, Shnum: 5, Shstrndx: 4})
	put(elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: symbolsAt, Memsz: symbolsAt, Align: 4096})
	b.Write(text)
	b.Write(symbols)
	b.WriteString(names)
	put(elf.Section64{})
	put(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Off: textAt, Size: uint64(len(text))})
	put(elf.Section64{Name: 7, Type: uint32(elf.SHT_SYMTAB), Off: symbolsAt, Size: uint64(len(symbols)), Link: 3, Entsize: 24})
	put(elf.Section64{Name: 15, Type: uint32(elf.SHT_STRTAB), Off: symbolsAt, Size: 1})
	put(elf.Section64{Name: 23, Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names))})
	return b.Bytes()
}
