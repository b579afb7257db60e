package ecosystem

import (
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// FuzzIgnore: whatever stands in a .dockerignore, it is taken or reported.
func FuzzIgnore(f *testing.F) {
	f.Add("node_modules\n!a\n**/*.log\n", "a/b.log")
	f.Add("[\n\\\n!", "x")
	f.Fuzz(func(t *testing.T, text, name string) {
		s := Open(fstest.MapFS{".dockerignore": {Data: []byte(text)}}, config.Service{Name: "a", Path: "."}, nil)
		s.ReadIgnore()
		if s.Ignore.Own == (s.Findings.Errors() != nil) {
			t.Errorf("taken %v, findings %v", s.Ignore.Own, s.Findings)
		}
		s.Ignore.Excludes(name)
		s.CheckIgnored(nil, []string{name})
	})
}

// FuzzTree: whatever is asked for, the guard answers as the tree below or
// refuses; what it refuses it names.
func FuzzTree(f *testing.F) {
	f.Add("a/b", "a", "b")
	f.Add("a/../b", ".", "/")
	f.Fuzz(func(t *testing.T, file, dir, name string) {
		below := fstest.MapFS{}
		below[file] = &fstest.MapFile{Data: []byte("x")}
		tree := Guard(below)
		sub, err := tree.Sub(dir)
		if err != nil {
			return
		}
		_, _ = sub.Open(name)
		data, err := Read(sub, name)
		if err == nil && string(data) != "x" {
			t.Errorf("%q holds %q", name, data)
		}
		for _, f := range tree.Refused() {
			if f.Severity != diag.Warning || f.Place.File == "" {
				t.Errorf("%+v", f)
			}
		}
	})
}
