package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPipEnv lets a later file win over an earlier one, and the environment over
// both.
func TestPipEnv(t *testing.T) {
	home := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write(".pip/pip.conf", "[global]\nindex-url = https://old.example/simple\nextra_index_url =\n    https://a.example\n    https://b.example\n[list]\nindex-url = https://other.example\n")
	write(".config/pip/pip.conf", "# mine\n[install]\nindex-url: https://mirror.example/simple\n[global]\ntrusted-host = mirror.example\n")
	getenv := func(name string) string {
		return map[string]string{"HOME": home, "PIP_TRUSTED_HOST": "set.example"}[name]
	}
	want := []string{"PIP_INDEX_URL=https://mirror.example/simple", "PIP_EXTRA_INDEX_URL=https://a.example https://b.example"}
	if diff := cmp.Diff(want, pipEnv(getenv)); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func FuzzReadPipConfig(f *testing.F) {
	f.Add("[global]\nindex-url = x\n  y\n")
	f.Fuzz(func(_ *testing.T, text string) { readPipConfig(text, map[string]string{}) })
}
