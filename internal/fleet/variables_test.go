package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

func TestVariables(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{".env": "\ufeffA=file\r\nB=file\r\nHERE\r\nGONE\r\n", "web/.env.local": "export B='local'\n", "bad.env": "A=1\nbad line s3cret\n", "sub/x": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := &Fleet{Fleet: &config.Fleet{File: "slipway.yaml"}, Root: dir}
	lookup := func(name string) (string, bool) { return "mine", name == "HERE" }
	got, err := f.Variables(config.Service{Name: "web", EnvFiles: []string{".env", "web/../web/.env.local"}, Env: map[string]string{"C": "yaml"}}, lookup)
	if diff := cmp.Diff(map[string]string{"A": "file", "B": "local", "C": "yaml", "HERE": "mine"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = f.Variables(config.Service{Name: "web", EnvFiles: []string{".env"}, Env: map[string]string{"A": "yaml"}}, lookup)
	if err != nil || got["A"] != "yaml" {
		t.Errorf("env: does not win over env_file: %v, %v", got, err)
	}
	_, err = f.Variables(config.Service{Name: "web", Line: 7, EnvFiles: []string{"none.env", "sub", "bad.env"}}, lookup)
	if diag.ExitOf(err) != diag.ExitUsage {
		t.Fatalf("%v, exit %d", err, diag.ExitOf(err))
	}
	for _, want := range []string{"slipway.yaml:7: error: web: the file none.env of env_file: does not exist [SLP405]", "the file sub of env_file: cannot be read", "bad.env:2: error: this line is not NAME=VALUE [SLP403]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a value is shown:\n%v", err)
	}
}
