package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGenerateBesideOneAnother: services with one build context get files of
// their own there, not each other's.
func TestGenerateBesideOneAnother(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../testdata/repos/go-multi-cmd/repo")); err != nil {
		t.Fatal(err)
	}
	yaml := "version: 1\nfleet: desk\nservices:\n  api: {path: cmd/api}\n  mailer: {path: ., command: mailer}\n"
	if err := os.WriteFile(filepath.Join(dir, "slipway.yaml"), []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	env := map[string]string{"SLIPWAY_STATE_DIR": t.TempDir(), "HOME": dir}
	code := Main([]string{"generate"}, World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Dir: dir, Getenv: func(k string) string { return env[k] }})
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, errs.String())
	}
	found, err := filepath.Glob(filepath.Join(dir, "*Dockerfile*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range found {
		found[i] = filepath.Base(name)
	}
	// The mailer's context is its own path; the api's lies two directories down.
	want := []string{"Dockerfile", "api.Dockerfile", "api.Dockerfile.dockerignore"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, "api.Dockerfile"))
	if err != nil || !strings.Contains(string(text), "./cmd/api") {
		t.Errorf("%v\n%s", err, text)
	}
}
