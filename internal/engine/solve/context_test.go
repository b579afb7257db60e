package solve

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tonistiigi/fsutil"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

func TestAFileOfTheContextThatCannotBeReadIsNeverTakenForAnEmptyOne(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "there"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	whole := &wholeFS{FS: files, dir: dir, stop: stop}
	good, err := whole.Open("there")
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	if text, err := io.ReadAll(good); string(text) != "text" || err != nil || whole.failure() != nil {
		t.Fatalf("read %q, error %v, failure %v", text, err, whole.failure())
	}
	gone, err := whole.Open("gone")
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(gone)
	if diag.ExitOf(err) != diag.ExitUsage || !errors.Is(err, os.ErrNotExist) || !strings.Contains(diag.HintOf(err), ".dockerignore") {
		t.Errorf("error %v, hint %q", err, diag.HintOf(err))
	}
	if whole.failure() != err || context.Cause(ctx) != err {
		t.Errorf("failure %v, cause %v, want %v", whole.failure(), context.Cause(ctx), err)
	}
}

// A context may hold what is no file: pipes and links are copied as such, sockets are
// left out, and nothing is waited for.
func TestSpecialFilesOfTheContext(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), nil, 0o644), os.Symlink("/etc/shadow", filepath.Join(dir, "link")), os.Mkdir(filepath.Join(dir, "sub"), 0o755)); err != nil {
		t.Fatal(err)
	}
	deep, err := net.Listen("unix", filepath.Join(dir, "sub", "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer deep.Close()
	for _, modes := range []bool{false, true} {
		opt, _, err := solveOptions(engine.Request{Context: dir, GitModes: modes, Output: engine.Output{Kind: engine.OutputNone}}, nil, nil, func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		err = opt.LocalMounts["context"].Walk(t.Context(), "", func(path string, e fs.DirEntry, err error) error {
			found = append(found, path+" "+e.Type().Type().String())
			return err
		})
		want := []string{"file ----------", "link L---------", "sub d---------"}
		if diff := cmp.Diff(want, found); err != nil || diff != "" {
			t.Errorf("git's modes %v: %v (-want +got):\n%s", modes, err, diff)
		}
	}
}
