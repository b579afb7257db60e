package generated_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/generated"
)

func TestWrite(t *testing.T) {
	ours, persons := generated.Line("web")+"FROM scratch\n", "FROM busybox\n"
	for _, c := range []struct {
		name, old  string // empty: there is no file
		force      bool
		unless     bool // WriteUnlessForeign
		want, said string
		exit       diag.ExitCode
	}{
		{name: "new", want: ours, said: "wrote sub/Dockerfile\n"},
		{name: "the same", old: ours, want: ours},
		{name: "older", old: generated.Line("web") + "FROM x\n", want: ours, said: "wrote sub/Dockerfile\n"},
		{name: "a person's", old: persons, want: persons, exit: diag.ExitUsage},
		{name: "a person's, forced", old: persons, force: true, want: ours, said: "wrote sub/Dockerfile\n"},
		{name: "a person's, honoured", old: persons, unless: true, want: persons},
		{name: "new, honoured", unless: true, want: ours, said: "wrote sub/Dockerfile\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sub", "Dockerfile")
			if c.old != "" {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(c.old), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			w := generated.Writer{Out: &out, Force: c.force, Shown: func(string) string { return "sub/Dockerfile" }}
			write := w.Write
			if c.unless {
				write = w.WriteUnlessForeign
			}
			err := write(path, []byte(ours), generated.Is)
			if diag.ExitOf(err) != c.exit && (err != nil || c.exit != 0) {
				t.Errorf("error %v", err)
			}
			if err != nil && diag.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != c.want || out.String() != c.said {
				t.Errorf("%v, content %q, said %q", err, got, out.String())
			}
		})
	}
}

func TestAPipeIsNeitherReadNorReplaced(t *testing.T) {
	dir := t.TempDir() // a directory is no ordinary file either
	err := generated.Writer{Out: &bytes.Buffer{}, Force: true, Shown: filepath.Base}.Write(dir, []byte("x"), generated.Is)
	if err == nil {
		t.Error("a directory was replaced")
	}
}

func TestWithout(t *testing.T) {
	tree := generated.Without{FS: fstest.MapFS{
		"Dockerfile":         {Data: []byte(generated.Line("web") + "FROM x\n")},
		".dockerignore":      {Data: []byte("node_modules\n")},
		"api.Dockerfile":     {Data: []byte(generated.Line("api"))},
		"sub/Dockerfile":     {Data: []byte("FROM y\n")},
		"sub/.dockerignore":  {Data: []byte(generated.Line("sub"))},
		"sub/Dockerfile.old": {Data: []byte(generated.Line("sub"))},
	}}
	var got []string
	err := fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			got = append(got, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".dockerignore", "sub/Dockerfile", "sub/Dockerfile.old"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, hidden := range []string{"Dockerfile", "api.Dockerfile", "sub/.dockerignore"} {
		if _, err := fs.Stat(tree, hidden); err == nil {
			t.Errorf("%s has a Stat", hidden)
		}
		if _, err := fs.ReadFile(tree, hidden); err == nil {
			t.Errorf("%s can be read", hidden)
		}
	}
}
