//go:build unix

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// lay makes directories, which end in "/", and files, all open to everybody.
func lay(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// modes are those of directories below one, which is ".".
func modes(t *testing.T, dir string, names ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = fmt.Sprintf("%o", info.Mode().Perm())
	}
	return out
}

func TestAnOpenStateDirectoryIsClosed(t *testing.T) {
	old := []string{"images/oci-layout", "images/index.json", "run/layers/lock", "run/groups/shop/", "engine/lock", "registry/.lock", "bases/", "bin/runc-1", "ledger.db", "digests", "lab-1/", "packages/sha256/"}
	all := []string{".", "images", "run", "run/layers", "run/groups", "engine", "registry"}
	closed := map[string]string{}
	for _, name := range all {
		closed[name] = "700"
	}
	for name, c := range map[string]struct {
		also []string
		want string // of the directory itself
	}{
		"of an earlier version":          {nil, "700"},
		"on a file system of its own":    {[]string{"lost+found/"}, "700"},
		"with files of somebody else":    {[]string{"systemd-private/"}, "755"},
		"with a program of the same bin": {[]string{"usr/"}, "755"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, append(c.also, old...)...)
			Dir{Path: dir}.Narrow()
			want := map[string]string{}
			for name, mode := range closed {
				want[name] = mode
			}
			want["."] = c.want
			if diff := cmp.Diff(want, modes(t, dir, all...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEachPartOfTheStateIsKnown: a directory with any of them is Slipway's own, and is
// closed. The list is that of the documentation.
func TestEachPartOfTheStateIsKnown(t *testing.T) {
	text, err := os.ReadFile("../../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^[├└]── ([a-z.-]+)/? `).FindAllStringSubmatch(string(text), -1)
	if len(found) < 15 {
		t.Fatalf("the documentation has %d parts", len(found))
	}
	for _, m := range append(found, [][]string{{"", "crash.log"}, {"", "crash-report.txt"}}...) {
		dir := t.TempDir()
		lay(t, dir, m[1]+"/")
		Dir{Path: dir}.Narrow()
		if got := modes(t, dir, ".")["."]; got != "700" {
			t.Errorf("with %s it stays %s", m[1], got)
		}
	}
}

func TestOtherDirectoriesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "home/images/photo.jpg", "home/run/", "home/engine/", "home/bin/tool", "outside/oci-layout", "linked/", "empty/")
	if err := os.Symlink("../outside", filepath.Join(dir, "linked", "images")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"home", "linked", "empty", "missing"} {
		Dir{Path: filepath.Join(dir, name)}.Narrow()
	}
	all := []string{"home/images", "home/run", "home/engine", "home/bin", "outside", "empty"}
	want := map[string]string{}
	for _, name := range all {
		want[name] = "755"
	}
	if diff := cmp.Diff(want, modes(t, dir, all...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestANewStateIsClosedFromTheStart(t *testing.T) {
	for name, dir := range map[string]string{"made": filepath.Join(t.TempDir(), "a", "b"), "there and empty": t.TempDir()} {
		if _, err := (Dir{Path: dir, Getenv: func(string) string { return "" }}).Images(event.Discard{}); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{".": "700", "images": "700", "images/blobs": "700"}
		if diff := cmp.Diff(want, modes(t, dir, ".", "images", "images/blobs")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRefusals asks about directories that this user may not enter. Root may enter
// all, so it asks as nobody, in this test's binary.
func TestTheStateOfAnotherUserIsNamed(t *testing.T) {
	if dir := os.Getenv("SLIPWAY_TEST_REFUSED"); dir != "" {
		refused(dir)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("only root has a state directory that another user cannot enter")
	}
	base, err := os.MkdirTemp("", "slipway-closed-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	binary := filepath.Join(base, "test")
	data, err := os.ReadFile("/proc/self/exe")
	err = errors.Join(err, os.Chmod(base, 0o755), os.WriteFile(binary, data, 0o755),
		os.MkdirAll(filepath.Join(base, "state", "images"), 0o700), os.MkdirAll(filepath.Join(base, "own"), 0o700),
		os.Chown(filepath.Join(base, "own"), 65534, 65534))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"state":        {"2 2", "the state directory " + base + "/state belongs to root, and this command runs as nobody", "sudo slipway", "unset SLIPWAY_STATE_DIR"},
		"state/images": {"2 2", "in a directory that nobody cannot enter", "unset SLIPWAY_STATE_DIR"},
		"own":          {"0 0"},
	} {
		cmd := exec.Command(binary, "-test.run=^TestTheStateOfAnotherUserIsNamed$")
		cmd.Dir, cmd.Env = base, []string{"SLIPWAY_TEST_REFUSED=" + filepath.Join(base, name)}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: no %q in:\n%s", name, w, out)
			}
		}
	}
}

// refused prints what opening and asking says of a directory.
func refused(dir string) {
	d := Dir{Path: dir, Getenv: func(string) string { return "" }}
	_, opened := d.Images(event.Discard{})
	asked := d.Refuse()
	fmt.Println(int(diag.ExitOf(opened)), int(diag.ExitOf(asked)))
	fmt.Println(opened, "|", diag.HintOf(opened))
	fmt.Println(asked, "|", diag.HintOf(asked))
}
