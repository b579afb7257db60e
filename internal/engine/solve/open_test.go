package solve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

// exchanged are ways to put something else in the place of a file of a context that
// was already found.
func exchanged(t *testing.T) map[string]func(dir, outside string) error {
	t.Helper()
	replace := func(path, target string) error {
		return errors.Join(os.RemoveAll(path), os.Symlink(target, path))
	}
	return map[string]func(dir, outside string) error{
		"the file by a link": func(dir, outside string) error {
			return replace(filepath.Join(dir, "a", "file"), filepath.Join(outside, "file"))
		},
		"the file by a relative link":    func(dir, outside string) error { return replace(filepath.Join(dir, "a", "file"), "../../out/file") },
		"its directory by a link":        func(dir, outside string) error { return replace(filepath.Join(dir, "a"), outside) },
		"the file by a link to its like": func(dir, _ string) error { return replace(filepath.Join(dir, "a", "file"), "../.env") },
		"the file by a directory": func(dir, _ string) error {
			path := filepath.Join(dir, "a", "file")
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o755))
		},
	}
}

func makeContext(t *testing.T) (dir, outside string) {
	t.Helper()
	top := t.TempDir()
	dir, outside = filepath.Join(top, "context"), filepath.Join(top, "out")
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "a"), 0o755), os.MkdirAll(outside, 0o755))
	for path, text := range map[string]string{filepath.Join(dir, "a", "file"): "good", filepath.Join(dir, ".env"): "secret", filepath.Join(outside, "file"): "secret"} {
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, outside
}

// TestAnExchangedFileDoesNotGetIn: whatever happens after the walk, nothing but a file
// in its place is read, and the build ends with an error.
func TestAnExchangedFileDoesNotGetIn(t *testing.T) {
	opens := map[string]func(*directoryFS) (io.ReadCloser, error){
		"as the system has it": func(d *directoryFS) (io.ReadCloser, error) { return d.Open("a/file") },
		"everywhere":           func(d *directoryFS) (io.ReadCloser, error) { return openBelow(d.root, "a/file") },
	}
	for how, open := range opens {
		for name, exchange := range exchanged(t) {
			t.Run(how+"/"+name, func(t *testing.T) {
				dir, outside := makeContext(t)
				files, err := contextFS(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer files.Close()
				f, err := open(files)
				if err != nil {
					t.Fatal(err)
				}
				if text, err := io.ReadAll(f); string(text) != "good" || err != nil || f.Close() != nil {
					t.Fatalf("%q, %v", text, err)
				}
				if err := exchange(dir, outside); err != nil {
					t.Fatal(err)
				}
				if f, err := open(files); err == nil {
					text, err := io.ReadAll(f)
					t.Errorf("read %q, %v", text, err)
				}
			})
		}
	}
}

func TestAnExchangedFileEndsTheBuild(t *testing.T) {
	dir, outside := makeContext(t)
	files, err := contextFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	whole := &wholeFS{FS: files, dir: dir, stop: stop, close: files.Close}
	defer whole.end()
	if err := exchanged(t)["the file by a link"](dir, outside); err != nil {
		t.Fatal(err)
	}
	f, err := whole.Open("a/file")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if len(text) > 0 || diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "the file a/file of the build context") || !strings.Contains(diag.HintOf(err), "build again") {
		t.Errorf("read %q: %v, hint %q", text, err, diag.HintOf(err))
	}
	if context.Cause(ctx) != err {
		t.Errorf("the build goes on: %v", context.Cause(ctx))
	}
}

// TestAFileThatIsExchangedAllTheTime: a race of many rounds.
func TestAFileThatIsExchangedAllTheTime(t *testing.T) {
	dir, outside := makeContext(t)
	files, err := contextFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	done := make(chan error)
	go func() {
		var err error
		for i := range 2000 {
			link, path := filepath.Join(dir, fmt.Sprintf("l%d", i)), filepath.Join(dir, "a", "file")
			if i%2 == 0 {
				err = errors.Join(err, os.Symlink(filepath.Join(outside, "file"), link), os.Rename(link, path))
			} else {
				err = errors.Join(err, os.WriteFile(link, []byte("good"), 0o600), os.Rename(link, path))
			}
		}
		done <- err
	}()
	read := map[string]int{}
	for ended := false; !ended; {
		select {
		case err := <-done:
			if ended = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
		for how, open := range map[string]func() (io.ReadCloser, error){
			"as the system has it": func() (io.ReadCloser, error) { return files.Open("a/file") },
			"everywhere":           func() (io.ReadCloser, error) { return openBelow(files.root, "a/file") },
		} {
			f, err := open()
			if err != nil {
				continue // refused, in whatever words
			}
			read[how]++
			if text, err := io.ReadAll(f); string(text) != "good" && string(text) != "" || err != nil {
				t.Fatalf("%s: %q, %v", how, text, err)
			}
			_ = f.Close()
		}
	}
	if len(read) != 2 {
		t.Errorf("the file itself was never read: %v", read)
	}
}
