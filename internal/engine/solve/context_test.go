package solve

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tonistiigi/fsutil"

	"github.com/slipway-build/slipway/internal/diag"
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
