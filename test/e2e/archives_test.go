package e2e

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packed writes a tar archive into a directory with a Dockerfile that adds it.
func packed(t *testing.T, entries ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Typeflag == tar.TypeReg {
			e.Size = int64(len("evil"))
		}
		e.Mode = 0o755
		if err := w.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		if e.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte("evil")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.tar"), b.String())
	write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nADD a.tar /x/\n")
	return dir
}

// TestArchivesStayInTheirImage: what ADD unpacks is written into the image or
// refused; links that lead out lead nowhere (GO-2026-6253).
func TestArchivesStayInTheirImage(t *testing.T) {
	real(t)
	state, env := ownState(t)
	victim := t.TempDir()
	up := strings.Repeat("../", 12) + strings.TrimPrefix(victim, "/")
	for name, entries := range map[string][]tar.Header{
		"dots":                       {{Name: up + "/file", Typeflag: tar.TypeReg}},
		"absolute name":              {{Name: victim + "/file", Typeflag: tar.TypeReg}},
		"through an absolute link":   {{Name: "out", Linkname: victim, Typeflag: tar.TypeSymlink}, {Name: "out/file", Typeflag: tar.TypeReg}},
		"through a relative link":    {{Name: "out", Linkname: up, Typeflag: tar.TypeSymlink}, {Name: "out/file", Typeflag: tar.TypeReg}},
		"a directory for the link":   {{Name: "out", Linkname: victim, Typeflag: tar.TypeSymlink}, {Name: "out/sub/", Typeflag: tar.TypeDir}},
		"a hard link out":            {{Name: "out", Linkname: up + "/there", Typeflag: tar.TypeLink}, {Name: "out", Typeflag: tar.TypeReg}},
		"an absolute hard link":      {{Name: "out", Linkname: victim + "/there", Typeflag: tar.TypeLink}, {Name: "out", Typeflag: tar.TypeReg}},
		"a link that is overwritten": {{Name: "out", Linkname: victim + "/there", Typeflag: tar.TypeSymlink}, {Name: "out", Typeflag: tar.TypeReg}},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(victim, "there"), "untouched")
			r := invocation{dir: packed(t, entries...), args: []string{"build", "-t", "archives:1", "."}, env: env}.run(t)
			if r.code != 0 && r.code != 3 {
				t.Errorf("exit %d:\n%s", r.code, r.stderr)
			}
			left, err := os.ReadDir(victim)
			if err != nil || len(left) != 1 || read(t, filepath.Join(victim, "there")) != "untouched" {
				t.Errorf("%v: the archive changed %s: %v", err, victim, left)
			}
		})
	}
	nothingLeft(t, state)

	// Archives of root file systems have such links, which lead to where they are unpacked.
	dir := packed(t, tar.Header{Name: "usr/bin/", Typeflag: tar.TypeDir}, tar.Header{Name: "bin", Linkname: "/usr/bin", Typeflag: tar.TypeSymlink},
		tar.Header{Name: "bin/tool", Typeflag: tar.TypeReg}, tar.Header{Name: "usr/bin/again", Linkname: "usr/bin/tool", Typeflag: tar.TypeLink})
	out := filepath.Join(t.TempDir(), "out")
	invocation{dir: dir, args: []string{"build", "--output", out, "."}, env: env}.run(t).must(t, 0)
	if got := read(t, filepath.Join(out, "x/usr/bin/again")); got != "evil" {
		t.Errorf("usr/bin/again holds %q", got)
	}
}
