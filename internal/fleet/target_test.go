package fleet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSeveralDirectories: directories without a slipway.yaml are services of what
// lies above them, as when none is named.
func TestSeveralDirectories(t *testing.T) {
	top := t.TempDir()
	for name, text := range map[string]string{
		"web/index.html": "x", "api/go.mod": "module example.com/api\n\ngo 1.26\n", "api/main.go": "package main\n\nfunc main() {}\n",
		"own/Dockerfile": "FROM scratch\n", "fleet/slipway.yaml": "version: 1\nfleet: a\nservices: {}\n",
	} {
		file := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		words, want []string // want: paths, nil for a refusal
	}{
		{[]string{"web", "api"}, []string{"web", "api"}},
		{[]string{"./web", "api/"}, []string{"web", "api"}},
		{[]string{"own", "web"}, []string{"own", "web"}},
		{[]string{"web", filepath.Join(top, "api")}, []string{"web", "api"}},
		{[]string{"web", "fleet"}, nil},
		{[]string{"web", ".."}, nil},
	} {
		got, err := Loader{Dir: top}.Resolve(c.words)
		if c.want == nil {
			if err == nil {
				t.Errorf("%q: taken as %+v", c.words, got)
			}
			continue
		}
		if diff := cmp.Diff(Target{Root: top, Paths: c.want, Named: true}, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", c.words, err, diff)
		}
	}
}
