package baseimage

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sharedELF is a shared library that programs ask for by a name; "" has none.
func sharedELF(machine elf.Machine, soname string) string {
	const head = 64
	text := "\x00" + soname + "\x00"
	var dynamic, b bytes.Buffer
	put := func(w *bytes.Buffer, v any) { _ = binary.Write(w, binary.LittleEndian, v) }
	if soname != "" {
		put(&dynamic, elf.Dyn64{Tag: int64(elf.DT_SONAME), Val: 1})
	}
	put(&dynamic, elf.Dyn64{Tag: int64(elf.DT_NULL)})
	dynamicAt := uint64(head + len(text))
	ident := [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}
	put(&b, elf.Header64{Ident: ident, Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: 1, Shoff: dynamicAt + uint64(dynamic.Len()), Ehsize: head, Shentsize: 64, Shnum: 3, Shstrndx: 1})
	b.WriteString(text)
	b.Write(dynamic.Bytes())
	put(&b, elf.Section64{})
	put(&b, elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: head, Size: uint64(len(text))})
	put(&b, elf.Section64{Type: uint32(elf.SHT_DYNAMIC), Off: dynamicAt, Size: uint64(dynamic.Len()), Link: 1, Entsize: 16})
	return b.String()
}

// TestLibrariesAreListedAndLinked: the cache has every name that a program can ask
// for, in the loader's directories alone, and a library without its link gets it.
func TestLibrariesAreListedAndLinked(t *testing.T) {
	const dir = "usr/lib/x86_64-linux-gnu/"
	made := tree{}
	library := func(p, soname string) { made.file(p, 0o644, []byte(sharedELF(elf.EM_X86_64, soname))) }
	made.file("etc/ld.so.conf.d/libc.conf", 0o644, []byte("# local\n/usr/local/lib\n"))
	made.file("etc/ld.so.conf.d/x86_64-linux-gnu.conf", 0o644, []byte("/lib/x86_64-linux-gnu # ours\n/usr/lib/x86_64-linux-gnu\nrelative\n"))
	made.file("etc/ld.so.conf.d/zz-mine.conf", 0o644, []byte("/opt/mine/lib"))
	library(dir+"libz.so.1.3.1", "libz.so.1")
	made.symlink(dir+"libz.so.1", "libz.so.1.3.1")
	made.symlink(dir+"libz.so", "libz.so.1.3.1")
	made.symlink(dir+"libz.so.1.3", "libz.so.1.3.1") // nobody asks for it
	library(dir+"libnolink.so.7.0.1", "libnolink.so.7")
	library(dir+"libplain.so", "")
	library("opt/mine/lib/libmine.so.2", "libmine.so.2")
	library("usr/lib/libold.so.1", "libold.so.1")
	made.symlink("usr/lib/libabsolute.so.1", "/lib/x86_64-linux-gnu/target/libabsolute.so.1")
	library(dir+"target/libabsolute.so.1", "libabsolute.so.1")
	library(dir+"target/libplugin.so", "libplugin.so") // no directory of the loader
	made.symlink("usr/lib/libloop.so.1", "libloop.so.1")
	made.symlink("usr/lib/libgone.so.1", "/etc/alternatives/libgone.so.1")
	made.file("usr/lib/libscript.so", 0o644, []byte("INPUT(-lz)"))
	made.file("usr/lib/libother.so.1", 0o644, []byte(sharedELF(elf.EM_RISCV, "libother.so.1")))
	made.file("usr/lib/libcut.so.1", 0o644, []byte(sharedELF(elf.EM_X86_64, "libcut.so.1")[:80]))
	linkLibraries(made)
	want := []cached{
		{"libz.so.1", "/" + dir + "libz.so.1"}, {"libz.so", "/" + dir + "libz.so"}, {"libplain.so", "/" + dir + "libplain.so"},
		{"libold.so.1", "/usr/lib/libold.so.1"}, {"libnolink.so.7", "/" + dir + "libnolink.so.7"}, {"libmine.so.2", "/opt/mine/lib/libmine.so.2"},
		{"libabsolute.so.1", "/usr/lib/libabsolute.so.1"},
	}
	if diff := cmp.Diff(want, readLDCache(t, made["etc/ld.so.cache"].data.text()), cmp.AllowUnexported(cached{})); diff != "" {
		t.Errorf("cache (-want +got):\n%s", diff)
	}
	if n := made[dir+"libnolink.so.7"]; n == nil || n.kind != tar.TypeSymlink || n.link != "libnolink.so.7.0.1" {
		t.Errorf("the missing link is %+v", n)
	}
	none := tree{}
	none.file("usr/bin/x", 0o755, nil)
	linkLibraries(none)
	if none["etc/ld.so.cache"] != nil {
		t.Error("a base without libraries has a cache")
	}
}

// cached is an entry of a cache that was read.
type cached struct{ name, path string }

// readLDCache reads a cache as the loader does.
func readLDCache(t rapid.TB, data []byte) (out []cached) {
	t.Helper()
	if !strings.HasPrefix(string(data), ldCacheMagic) {
		t.Fatalf("magic %q", data[:min(len(data), 20)])
	}
	text := func(at uint32) string { s, _, _ := strings.Cut(string(data[at:]), "\x00"); return s }
	n := binary.LittleEndian.Uint32(data[20:])
	if texts := binary.LittleEndian.Uint32(data[24:]); int(texts) != len(data)-ldCacheHeader-int(n)*ldCacheEntry {
		t.Errorf("%d bytes of strings in %d", texts, len(data))
	}
	for i := range n {
		e := data[ldCacheHeader+i*ldCacheEntry:]
		out = append(out, cached{text(binary.LittleEndian.Uint32(e[4:])), text(binary.LittleEndian.Uint32(e[8:]))})
	}
	return out
}

// TestLoaderFindsEveryName searches as the loader does, by halves: it finds each
// name, and of two with one name it can reach the first.
func TestLoaderFindsEveryName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`lib[a-c+_.-]{0,3}[0-9]{0,11}[a-c]?\.so(\.[0-9]{1,3}){0,3}`), 1, 40).Draw(t, "names")
		var all []library
		for i, n := range names {
			all = append(all, library{n, fmt.Sprintf("/%d/%s", i, n), elf.EM_X86_64})
		}
		cache := readLDCache(t, ldCache(all))
		for _, wanted := range names {
			left, right, found := 0, len(cache)-1, false
			for left <= right && !found {
				middle := (left + right) / 2
				switch c := compareLibraries(wanted, cache[middle].name); {
				case c == 0:
					found = true
				case c < 0:
					left = middle + 1
				default:
					right = middle - 1
				}
			}
			if !found {
				t.Fatalf("%q is not found in %v", wanted, cache)
			}
		}
	})
}

func TestOrderOfTheLoader(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"libz.so.1", "libz.so.1", 0}, {"libz.so.2", "libz.so.10", -1}, {"libz.so", "libz.so.1", -1}, {"libB.so", "libb.so", -1},
		{"lib1.so", "liba.so", 1}, {"liba.so", "lib1.so", -1}, {"libx265.so.215", "libxcb.so.1", 1}, {"libx01.so", "libx1.so", 0},
	} {
		if got := compareLibraries(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestLDConfigReadsTheCache holds the format against the program that prints it.
func TestLDConfigReadsTheCache(t *testing.T) {
	ldconfig, err := exec.LookPath("ldconfig")
	for _, p := range []string{"/sbin/ldconfig", "/usr/sbin/ldconfig"} {
		if _, e := os.Stat(p); err != nil && e == nil {
			ldconfig, err = p, nil
		}
	}
	if err != nil {
		t.Skip("there is no ldconfig on this machine, which is glibc's")
	}
	file := filepath.Join(t.TempDir(), "ld.so.cache")
	data := ldCache([]library{
		{"libz.so.1", "/usr/lib/x86_64-linux-gnu/libz.so.1", elf.EM_X86_64}, {"libzbar.so.0", "/usr/lib/x86_64-linux-gnu/libzbar.so.0", elf.EM_X86_64},
		{"libz.so.1", "/usr/lib/aarch64-linux-gnu/libz.so.1", elf.EM_AARCH64}, {"ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2", elf.EM_X86_64},
	})
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(ldconfig, "-p", "-C", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "4 libs found in cache `" + file + "'\n" +
		"\tlibzbar.so.0 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libzbar.so.0\n" +
		"\tlibz.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libz.so.1\n" +
		"\tlibz.so.1 (libc6,AArch64) => /usr/lib/aarch64-linux-gnu/libz.so.1\n" +
		"\tld-linux-x86-64.so.2 (libc6,x86-64) => /usr/lib64/ld-linux-x86-64.so.2\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("ldconfig -p (-want +got):\n%s", diff)
	}
}

// FuzzLibrary: no file makes the search for libraries fail or name what is not
// there.
func FuzzLibrary(f *testing.F) {
	f.Add("usr/lib/libz.so.1.3", []byte(sharedELF(elf.EM_X86_64, "libz.so.1")))
	f.Add("usr/lib/libz.so", []byte(sharedELF(elf.EM_AARCH64, "../libz.so.1")))
	f.Fuzz(func(t *testing.T, p string, data []byte) {
		made := tree{p: {kind: tar.TypeReg, mode: 0o644, data: inMemory(data)}}
		linkLibraries(made)
		if made["etc/ld.so.cache"] == nil {
			return
		}
		for _, l := range readLDCache(t, made["etc/ld.so.cache"].data.text()) {
			if made.resolve(strings.TrimPrefix(l.path, "/")) == nil {
				t.Errorf("%+v is not there", l)
			}
		}
	})
}
