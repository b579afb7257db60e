package layer

import (
	"archive/tar"
	"os"
	"strings"
	"testing"
)

// seeds returns real ELF files of the machine that runs the test, cut short.
func seeds(f *testing.F) [][]byte {
	out := [][]byte{[]byte("\x7fELF\x02\x01\x01"), []byte("\x7fELF\x01\x02\x01"), {}}
	if own, err := os.Executable(); err == nil {
		if data, err := os.ReadFile(own); err == nil {
			out = append(out, data[:min(len(data), 4096)])
		}
	}
	return out
}

func FuzzELF(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, len(s))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		e := readELF(whole(data))
		if e != nil && (len(e.Needed) > maxDynamic || len(e.Interp) > maxName) {
			t.Errorf("%d libraries, a loader of %d bytes", len(e.Needed), len(e.Interp))
		}
		if cut > 0 && cut < len(data)/2 { // with a gap it says the same or nothing
			gap := readELF(pieces{size: int64(len(data)), parts: []part{{0, data[:cut]}, {int64(len(data) - cut), data[len(data)-cut:]}}})
			if gap != nil && e != nil && (gap.Interp != e.Interp || len(gap.Needed) != len(e.Needed)) {
				t.Errorf("whole %+v, with a gap %+v", e, gap)
			}
		}
	})
}

func FuzzLoaderCache(f *testing.F) {
	f.Add(loaderCache("/usr/lib/liba.so"))
	f.Add([]byte(newCache))
	f.Add([]byte(oldCache))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range cacheDirs(data) {
			if !strings.HasPrefix(dir, "/") {
				t.Errorf("%q is no absolute directory", dir)
			}
		}
	})
}

func FuzzShebang(f *testing.F) {
	f.Add([]byte("#!/bin/sh\r\nx"))
	f.Add([]byte("#!/usr/bin/env -S node --x\n"))
	f.Add([]byte("#!"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := shebang(data); len(s) > maxShebang || strings.ContainsAny(s, "\n\x00") {
			t.Errorf("the first line is %q", s)
		}
	})
}

func FuzzSources(f *testing.F) {
	f.Add([]byte("import x from 'y'; const { exec } = require('child_process'); exec(`a ${b}`)"))
	f.Add([]byte("from . import x\nsubprocess.run(['a'])\n\"\"\""))
	f.Add([]byte("require('a'"))
	f.Add([]byte("`${`${'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(string(data), "\n") + 1
		for _, s := range []*Source{readScript(data, false).orEmpty(), Python(data).orEmpty()} {
			for _, i := range s.Imports {
				if i.Line < 1 || i.Line > lines {
					t.Errorf("the import of %q is on line %d of %d", i.Name, i.Line, lines)
				}
			}
		}
	})
}

// orEmpty is for tests that do not care whether there is nothing.
func (s *Source) orEmpty() *Source {
	if s == nil {
		return &Source{}
	}
	return s
}

func FuzzJar(f *testing.F) {
	f.Add([]byte("PK\x03\x04"), "com.example.Main", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x41\x00\x03\x01\x00\x01a\x07\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte, class string, file []byte) {
		if j := readJar("a-1.0.jar", data); j != nil {
			j.Has(class)
		}
		references(file)
	})
}

func FuzzIndex(f *testing.F) {
	x := indexOf(f, file("a", ""), file("b/c", "#!/bin/sh"))
	data, err := x.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(packed(f, file("a", "x"), tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "l"}).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if x, err := Decode(data); err == nil {
			Merge([]*Index{x, x}).Lookup("/a/b")
		}
		if x, err := Read(strings.NewReader(string(data))); err == nil {
			Merge([]*Index{x}).Lookup("/l")
		}
	})
}
