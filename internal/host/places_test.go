package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlacesOfSettings(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "settings.xml")
	if err := os.WriteFile(settings, []byte(`<mirror><url>http://nexus.local:8081/repository/maven/</url></mirror>`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := places([]string{
		"NPM_CONFIG_REGISTRY=http://localhost:4873/", "GOPROXY=http://[::1]:3000|https://proxy.example,direct", "HTTP_PROXY=10.0.0.5:3128",
		"NO_PROXY=internal:80", "https_proxy=http://user:secret@127.0.0.1:8888", "PIP_INDEX_URL=https://user:p%40ss@pypi.example/simple",
		"CARGO_NET_RETRY=3", "PIP_EXTRA_INDEX_URL=http://a.example/ http://b.example:81/",
	}, map[string]string{"settings.xml": settings})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"10.0.0.5:3128", "127.0.0.1:8888", "[::1]:3000", "a.example:80", "b.example:81", "localhost:4873", "nexus.local:8081", "proxy.example:443", "pypi.example:443"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlacesOfLostSettings(t *testing.T) {
	if _, err := places(nil, map[string]string{"x": filepath.Join(t.TempDir(), "gone")}); err == nil {
		t.Error("a file that is not there is no error")
	}
}
