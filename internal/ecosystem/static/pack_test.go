package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pack runs the script of the build over a site, with the machine's Node.js.
func pack(t *testing.T, dir string, more ...string) (out, said string, err error) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the script needs Node.js, which this machine does not have")
	}
	script := filepath.Join(t.TempDir(), "pack.mjs")
	if err := os.WriteFile(script, []byte(packScript), 0o644); err != nil {
		t.Fatal(err)
	}
	out = t.TempDir()
	var said2 bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, append([]string{script, dir, out}, more...)...)
	cmd.Stdout, cmd.Stderr = &said2, &said2
	err = cmd.Run()
	return filepath.Join(out, "site"), said2.String(), err
}

// siteOf writes files into a directory.
func siteOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a buffer takes everything
	_ = w.Close()
	return b.String()
}

// TestCompressedCopies: what nginx serves as the compressed form of a file is
// that file, whatever lies beside it in the repository.
func TestCompressedCopies(t *testing.T) {
	long := strings.Repeat("let a = 1;\n", 100)
	site, said, err := pack(t, siteOf(t, map[string]string{
		"index.html": "<!doctype html>",
		"small.css":  "body{color:blue}", "small.css.gz": gzipped("body{color:red}"), "small.css.br": "not brotli",
		"app.js": long, "app.js.gz": gzipped("stale"), "app.js.gz.br": "nothing",
		"data.csv": "a;b\n", "data.csv.gz": gzipped("a;b\n"),
		"only.txt.gz": gzipped("a download"), "big.bin": "x", "big.bin.gz": gzipped(strings.Repeat("x", 1<<20)),
		"docs/small.css.gz": "another directory",
	}))
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	content := map[string]string{}
	for _, name := range []string{"small.css.gz", "small.css.br", "app.js.gz", "app.js.gz.br", "data.csv.gz", "only.txt.gz", "big.bin.gz", "docs/small.css.gz"} {
		data, err := os.ReadFile(filepath.Join(site, name))
		switch {
		case err != nil:
			content[name] = "left out"
		case strings.HasPrefix(string(data), "\x1f\x8b"):
			r, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(r)
			content[name] = string(text)
		default:
			content[name] = string(data)
		}
	}
	want := map[string]string{
		"small.css.gz": "left out", "small.css.br": "left out", "app.js.gz": long, "app.js.gz.br": "left out", "data.csv.gz": "a;b\n",
		"only.txt.gz": "a download", "big.bin.gz": "left out", "docs/small.css.gz": "another directory",
	}
	if diff := cmp.Diff(want, content); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.Contains(said, "kept apart: small.css.gz is not a compressed copy of small.css") {
		t.Errorf("nothing says so:\n%s", said)
	}
}

// TestHugeFiles: a file that is larger than what is compressed is copied as it is,
// also when something lies beside it that is named like its compressed copy, and a
// directory may have such a name.
func TestHugeFiles(t *testing.T) {
	dir := siteOf(t, map[string]string{"index.html": "home", "films/a b.mp4": "", "films/a b.mp4.gz": "short", "dir.css": strings.Repeat("a{color:red}\n", 100), "dir.css.gz/x.txt": "x"})
	if err := os.Truncate(filepath.Join(dir, "films/a b.mp4"), 65<<20); err != nil {
		t.Fatal(err)
	}
	site, said, err := pack(t, dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for name, size := range map[string]int64{"films/a b.mp4": 65 << 20, "../apart/0": 5, "dir.css.gz/x.txt": 1} {
		if info, err := os.Stat(filepath.Join(site, name)); err != nil || info.Size() != size {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if !strings.Contains(said, "kept apart: films/a b.mp4.gz") {
		t.Error(said)
	}
}

// TestNothingWritten: a build that wrote elsewhere ends with a line that says
// what to do, and no stack trace.
func TestNothingWritten(t *testing.T) {
	for name, dir := range map[string]string{"missing": filepath.Join(t.TempDir(), "dist"), "empty": t.TempDir(), "hidden files only": siteOf(t, map[string]string{".cache/x": "x"})} {
		_, said, err := pack(t, dir)
		if err == nil || strings.Count(said, "\n") != 1 || !strings.Contains(said, dir) || !strings.Contains(said, "set output: ") {
			t.Errorf("%s: %v, %s", name, err, said)
		}
	}
}
