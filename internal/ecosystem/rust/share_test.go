package rust

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

// TestWhoShares: whatever could make a compiled crate differ from that of the same
// version in another repository keeps a service out of the shared cache.
func TestWhoShares(t *testing.T) {
	const lock = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa\",\n]\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.11\"\n" + registry
	const manifest = program + "[dependencies]\nitoa = \"1\"\n"
	fromGit := strings.Replace(lock, registry, "source = \"git+https://git.example/itoa#0123\"\n", 1)
	for what, c := range map[string]struct {
		files map[string]string
		bases config.Bases
		want  bool
	}{
		"crates of a registry":     {map[string]string{"Cargo.lock": lock}, config.Bases{Family: "debian"}, true},
		"on official images":       {map[string]string{"Cargo.lock": lock}, config.Bases{Family: "official"}, true},
		"on Alpine":                {map[string]string{"Cargo.lock": lock}, config.Bases{Family: "alpine"}, false},
		"no lock file":             {nil, config.Bases{Family: "debian"}, false},
		"a crate from git":         {map[string]string{"Cargo.toml": program + "[dependencies]\nitoa = { git = \"https://git.example/itoa\" }\n", "Cargo.lock": fromGit}, config.Bases{Family: "debian"}, false},
		"a crate that is replaced": {map[string]string{"Cargo.toml": manifest + "[patch.crates-io]\nitoa = { path = \"itoa\" }\n", "itoa/Cargo.toml": strings.Replace(program, "app", "itoa", 1), "itoa/src/lib.rs": "", "Cargo.lock": lock}, config.Bases{Family: "debian"}, false},
		"flags of the repository":  {map[string]string{"Cargo.lock": lock, ".cargo/config.toml": "[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\n"}, config.Bases{Family: "debian"}, false},
		"vendored crates":          {map[string]string{"Cargo.lock": lock, "vendor/itoa/Cargo.toml": program, ".cargo/config.toml": "[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = \"vendor\"\n"}, config.Bases{Family: "debian"}, false},
	} {
		files := map[string]string{"Cargo.toml": manifest, "src/main.rs": "fn main() {}"}
		for name, text := range c.files {
			files[name] = text
		}
		s := inspected(t, files, config.Service{})
		s.family = c.bases.Family
		p := s.plan(&config.Fleet{Bases: c.bases, User: config.DefaultUser()})
		if got := strings.Contains(runs(p, "dependencies"), "sh /share.sh"); got != c.want {
			t.Errorf("%s: shares %v, want %v", what, got, c.want)
		}
	}
}

// TestSharedCache runs the script with a cargo that leaves files as the real one does.
func TestSharedCache(t *testing.T) {
	dir := t.TempDir()
	bin, shared, target := filepath.Join(dir, "bin"), filepath.Join(dir, "shared"), filepath.Join(dir, "target")
	for _, d := range []string{bin, shared} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Every crate named as an argument is compiled when its file is not there.
	const cargo = `#!/bin/sh
set -eu
mode=$1; shift
for crate in "$@"; do
	case $crate in -*) continue ;; esac
	lib=$CARGO_TARGET_DIR/release/deps/lib$crate.rlib
	case $mode in
	clean) rm -rf "$lib" "$CARGO_TARGET_DIR"/release/.fingerprint/$crate ;;
	build)
		mkdir -p "$CARGO_TARGET_DIR/release/deps" "$CARGO_TARGET_DIR/release/.fingerprint/$crate"
		[ -e "$lib" ] || echo "$WHO" > "$lib"
		echo "{\"reason\":\"compiler-artifact\",\"filenames\":[\"$lib\"]}" ;;
	esac
done
`
	for name, text := range map[string]string{"cargo": cargo, "rustc": "#!/bin/sh\necho rustc 1.96\n"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const itoa, ryu, app = "itoa-00000000000000aa", "ryu-00000000000000bb", "app-00000000000000cc"
	compile := func(flags string, crates ...string) map[string]string {
		t.Helper()
		if err := os.RemoveAll(target); err != nil {
			t.Fatal(err)
		}
		text := script(shared, target, "cargo build "+strings.Join(append(crates, app), " "), "cargo clean "+app)
		// WHO is not part of the state: it says which run compiled a crate.
		cmd := exec.Command("sh", "-c", strings.Replace(text, "{ env;", "{ env | grep -v ^WHO=;", 1))
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "RUSTFLAGS=" + flags, "WHO=" + strings.Join(crates, " ") + flags}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got := map[string]string{}
		for _, name := range []string{itoa, ryu, app} {
			if data, err := os.ReadFile(filepath.Join(target, "release/deps/lib"+name+".rlib")); err == nil {
				got[name] = strings.TrimSpace(string(data))
			}
			_, err := os.Stat(filepath.Join(target, "release/.fingerprint", name))
			if (err == nil) != (got[name] != "") {
				t.Errorf("%s: a library and a fingerprint do not go together: %v", name, err)
			}
		}
		return got
	}
	for _, step := range []struct {
		what, flags string
		crates      []string
		want        map[string]string // who compiled what is copied
	}{
		{"an empty cache", "", []string{itoa}, map[string]string{itoa: itoa}},
		{"another service", "", []string{itoa, ryu}, map[string]string{itoa: itoa, ryu: itoa + " " + ryu}},
		{"only what this one needs", "", []string{ryu}, map[string]string{ryu: itoa + " " + ryu}},
		{"other flags", "-O", []string{ryu}, map[string]string{ryu: ryu + "-O"}},
	} {
		if diff := cmp.Diff(step.want, compile(step.flags, step.crates...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

// TestALongCommandGoesOn: the line breaks of a Dockerfile's command are not those of a script.
func TestALongCommandGoesOn(t *testing.T) {
	text := script("/shared", "/target", "cargo build --bin a", "cargo clean --package a\n--package b")
	if !strings.Contains(text, "cargo clean --package a \\\n    --package b\n") {
		t.Errorf("the script is\n%s", text)
	}
}
