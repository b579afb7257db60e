package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCargoHost hands on where crates come from, and nothing of how this machine
// compiles.
func TestCargoHost(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "host")
	getenv := func(name string) string { return map[string]string{"CARGO_HOME": home}[name] }
	if files, err := cargoHost(getenv, dir); files.public != nil || err != nil {
		t.Errorf("without a configuration: %v, %v", files, err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[build]\nrustc-wrapper = \"sccache\"\n\n[http]\ncainfo = \"/home/me/ca.pem\"\n")
	if files, err := cargoHost(getenv, dir); files.public != nil || err != nil {
		t.Errorf("with nothing for steps: %v, %v", files, err)
	}
	write("[source.crates-io]\nreplace-with = 'mirror'\n[source.mirror]\nregistry = 'sparse+https://mirror.example/crates/'\n[target.x86_64-unknown-linux-gnu]\nlinker = 'clang'\n[http]\ncainfo = 'x'\ntimeout = 9\n")
	for range 2 {
		files, err := cargoHost(getenv, dir)
		if err != nil || len(files.public) != 1 || files.private != nil {
			t.Fatalf("%v, %v", files, err)
		}
		got, err := os.ReadFile(files.public[cargoFile])
		if err != nil {
			t.Fatal(err)
		}
		want := "[http]\ntimeout = 9\n\n[source]\n[source.crates-io]\nreplace-with = 'mirror'\n\n[source.mirror]\nregistry = 'sparse+https://mirror.example/crates/'\n"
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	write("not = [valid")
	if files, err := cargoHost(getenv, dir); files.public != nil || err != nil {
		t.Errorf("a broken configuration: %v, %v", files, err)
	}
}
