package rust

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// runs are the shell lines of a stage.
func runs(p plan.Service, stage string) string {
	var out []string
	for _, st := range p.Stages {
		for _, step := range st.Steps {
			if st.Name == stage && step.Op == plan.OpRun {
				out = append(out, step.Shell)
			}
		}
	}
	return strings.Join(out, "\n")
}

const registry = "source = \"registry+https://mirror.example/index\"\n"

// TestLockThatFits compares with what `cargo metadata --locked` of cargo 1.95 says.
func TestLockThatFits(t *testing.T) {
	const lockOf = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa\",\n]\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.11\"\n" + registry
	for what, c := range map[string]struct {
		manifest, lock string
		stale          string // what the finding says; "" for a lock that fits
	}{
		"it fits":                     {"[dependencies]\nitoa = \"1\"\n", lockOf, ""},
		"an entry that nobody needs":  {"[dependencies]\nitoa = \"1\"\n", lockOf + "\n[[package]]\nname = \"zzz\"\nversion = \"1.0.0\"\n", ""},
		"a pin below the locked one":  {"[dependencies]\nitoa = \"=1.0.5\"\n", lockOf, "has itoa 1.0.11, and app requires =1.0.5"},
		"a minimum above it":          {"[dependencies]\nitoa = { version = \"1.0.12\" }\n", lockOf, "requires 1.0.12"},
		"another major":               {"[dependencies]\nitoa = \"2\"\n", lockOf, "requires 2"},
		"a range that has it":         {"[dependencies]\nitoa = \">=1.0.2, <1.1\"\n", lockOf, ""},
		"a new dependency":            {"[dependencies]\nitoa = \"1\"\nryu = \"1\"\n", lockOf, "lacks ryu"},
		"a new optional dependency":   {"[dependencies]\nitoa = \"1\"\nryu = { version = \"1\", optional = true }\n", lockOf, "lacks ryu"},
		"one for Windows":             {"[dependencies]\nitoa = \"1\"\n[target.'cfg(windows)'.dependencies]\nryu = \"1\"\n", lockOf, "lacks ryu"},
		"a removed dependency":        {"", lockOf, "has itoa as a dependency of app"},
		"another version of its own":  {"[dependencies]\nitoa = \"1\"\n", strings.Replace(lockOf, "0.1.0", "0.0.9", 1), "has version 0.0.9 of app"},
		"renamed in the manifest":     {"[dependencies]\nnumbers = { package = \"itoa\", version = \"1\" }\n", lockOf, ""},
		"from git now":                {"[dependencies]\nitoa = { git = \"https://git.example/itoa\" }\n", lockOf, "another source of itoa"},
		"from git as locked":          {"[dependencies]\nitoa = { git = \"https://git.example/itoa.git\", branch = \"a/b\" }\n", strings.Replace(lockOf, "registry+https://mirror.example/index", "git+https://git.example/itoa?branch=a%2Fb#0123", 1), ""},
		"from another branch":         {"[dependencies]\nitoa = { git = \"https://git.example/itoa\", branch = \"main\" }\n", strings.Replace(lockOf, "registry+https://mirror.example/index", "git+https://git.example/itoa?branch=dev#0123", 1), "another source"},
		"a pre-release is not judged": {"[dependencies]\nitoa = \"2.0.0-rc.1\"\n", lockOf, ""},
	} {
		s := inspected(t, map[string]string{"Cargo.toml": program + c.manifest, "Cargo.lock": c.lock, "src/main.rs": "fn main() {}"}, config.Service{})
		if err := s.Findings.Errors(); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		said := textOf(s.Findings, codeStale)
		if (said == "") != (c.stale == "") || !strings.Contains(said, c.stale) {
			t.Errorf("%s: %q, want %q", what, said, c.stale)
		}
		if strings.Contains(runs(s.plan(nil), "builder"), "--locked") != (c.stale == "") {
			t.Errorf("%s: the builder runs %s", what, runs(s.plan(nil), "builder"))
		}
	}
}

// TestNoLock: cargo chooses versions in the stage of the dependencies, and keeps
// them for the program.
func TestNoLock(t *testing.T) {
	files := map[string]string{"Cargo.toml": program + "[dependencies]\nitoa = \"1\"\n", "src/main.rs": "fn main() {}"}
	s := inspected(t, files, config.Service{})
	if f := s.Findings[0]; len(s.Findings) != 1 || f.Code != codeNoLock || f.Severity != diag.Warning || f.Place.Line != 6 || f.Hint != "cargo generate-lockfile, and commit Cargo.lock" {
		t.Errorf("findings: %v", s.Findings)
	}
	p := s.plan(nil)
	if all := runs(p, "dependencies"); !strings.Contains(all, "cargo build --release --package app") || strings.Contains(all, "--locked") {
		t.Errorf("dependencies: %s", all)
	}
	if got := p.Stages[0].Steps[len(p.Stages[0].Steps)-1].Mounts; len(got) != 1 || got[0].Target != "/usr/local/cargo/registry" {
		t.Errorf("caches: %v", got)
	}
	strict := &config.Fleet{Strict: true}
	root := tree(files)
	_, findings := Ecosystem{root: root}.Plan(root, config.Service{Path: "."}, strict)
	if err := findings.Errors(); err == nil || !strings.Contains(err.Error(), codeNoLock) {
		t.Errorf("under strict: %v", findings)
	}
	s = inspected(t, map[string]string{"src/main.rs": "fn main() {}"}, config.Service{})
	if len(s.Findings) != 0 || strings.Contains(runs(s.plan(nil), "dependencies"), "cargo") {
		t.Errorf("no dependencies: %v", s.Findings)
	}
}

// TestSystemWithoutLock: names and features of the manifest say which libraries the
// crates need.
func TestSystemWithoutLock(t *testing.T) {
	for deps, want := range map[string]string{
		"itoa = \"1\"":        "slipway/rust:1.96-trixie-toolchain slipway/static:trixie",
		"reqwest = \"0.12\"":  "slipway/rust:1.96-trixie-openssl-toolchain slipway/rust:trixie-openssl",
		"reqwest = \"0.13\"":  "slipway/rust:1.96-trixie-toolchain slipway/static:trixie",
		"rusqlite = \"0.32\"": "slipway/rust:1.96-trixie-sqlite-toolchain slipway/rust:trixie-sqlite",
		"reqwest = { version = \"0.12\", default-features = false, features = [\"rustls-tls\"] }":                                  "slipway/rust:1.96-trixie-toolchain slipway/static:trixie",
		"sqlx = { version = \"0.8\", features = [\"runtime-tokio-native-tls\"] }":                                                  "slipway/rust:1.96-trixie-openssl-toolchain slipway/rust:trixie-openssl",
		"diesel = { version = \"2\", features = [\"postgres\"] }":                                                                  "slipway/rust:1.96-trixie-postgres-toolchain slipway/rust:trixie-postgres",
		"rusqlite = { version = \"0.32\", features = [\"bundled\"] }":                                                              "slipway/rust:1.96-trixie-toolchain slipway/static:trixie",
		"diesel = { version = \"2\", features = [\"sqlite\"] }\nlibsqlite3-sys = { version = \"0.30\", features = [\"bundled\"] }": "slipway/rust:1.96-trixie-toolchain slipway/static:trixie",
		"openssl = { version = \"0.10\", features = [\"vendored\"] }":                                                              "slipway/rust:1.96-trixie-make-toolchain slipway/static:trixie",
		"tikv-jemallocator = \"0.6\"": "slipway/rust/grep/make:1.96-trixie-toolchain slipway/static:trixie",
	} {
		s := inspected(t, map[string]string{"Cargo.toml": program + "[dependencies]\n" + deps + "\n", "src/main.rs": "fn main() {}"}, config.Service{})
		p := s.plan(nil)
		if got := p.Bases[0].Ref + " " + p.Bases[1].Ref; got != want || s.Findings.Errors() != nil {
			t.Errorf("%s: %s, want %s; %v", deps, got, want, s.Findings)
		}
	}
}

// TestGit: cargo fetches repositories with git, which the toolchain then has.
func TestGit(t *testing.T) {
	git := locked("itoa")
	git = strings.Replace(git, "registry+https://mirror.example/index", "git+ssh://git@git.example/itoa#0123", 1)
	for what, c := range map[string]struct {
		deps, lock string
		want       bool
	}{
		"of a manifest, no lock":    {"itoa = { git = \"https://git.example/itoa\" }", "", true},
		"of the lock":               {"itoa = { git = \"ssh://git@git.example/itoa\" }", git, true},
		"none":                      {"itoa = \"1\"", locked("itoa"), false},
		"below another dependency":  {"itoa = \"1\"", locked("itoa") + "\n[[package]]\nname = \"ryu\"\nversion = \"1.0.0\"\nsource = \"git+https://git.example/ryu#0123\"\n", true},
		"beside a path (published)": {"itoa = { path = \"itoa\", git = \"https://git.example/itoa\" }", "", false},
	} {
		files := map[string]string{"Cargo.toml": program + "[dependencies]\n" + c.deps + "\n", "src/main.rs": "fn main() {}", "itoa/Cargo.toml": strings.Replace(program, "app", "itoa", 1), "itoa/src/lib.rs": ""}
		if c.lock != "" {
			files["Cargo.lock"] = c.lock
		}
		s := inspected(t, files, config.Service{})
		p := s.plan(nil)
		env := p.Stages[0].Steps[1].Args
		if err := s.Findings.Errors(); err != nil || slices.Contains(env, "CARGO_NET_GIT_FETCH_WITH_CLI=true") != c.want || strings.Contains(p.Bases[0].Ref, "/git:") != c.want {
			t.Errorf("%s: %v %s, %v", what, env, p.Bases[0].Ref, err)
		}
		if ssh := strings.Contains(c.deps, "ssh:"); slices.Contains(env, "GIT_CONFIG_KEY_0=url.https://git.example/.insteadOf") != ssh {
			t.Errorf("%s: by SSH %v: %v", what, ssh, env)
		}
		login := slices.ContainsFunc(p.Stages[0].Steps, func(st plan.Step) bool {
			return slices.Contains(st.Mounts, plan.Mount{Type: "secret", ID: "netrc", Target: "/root/.netrc"})
		})
		if login != c.want {
			t.Errorf("%s: the secret is mounted: %v", what, login)
		}
	}
}

// TestTarget: a target of .cargo/config.toml that the toolchain cannot compile for
// is replaced by the image's.
func TestTarget(t *testing.T) {
	for conf, want := range map[string]string{
		"[build]\ntarget = \"x86_64-unknown-linux-musl\"\n":                                 "warning",
		"[build]\ntarget = [\"x86_64-unknown-linux-gnu\", \"aarch64-unknown-linux-gnu\"]\n": "warning",
		"[build]\ntarget = \"x86_64-unknown-linux-gnu\"\n":                                  "silent",
		"[build]\ntarget = \"wasm32-unknown-unknown\"\n":                                    "error",
		"[build]\ntarget-dir = \"out\"\n":                                                   "none",
		"[target.x86_64-unknown-linux-musl]\nlinker = \"musl-gcc\"\n":                       "none",
	} {
		s := inspected(t, map[string]string{"src/main.rs": "fn main() {}", ".cargo/config.toml": conf}, config.Service{})
		got, said := "none", textOf(s.Findings, codeTarget)
		switch err := s.Findings.Errors(); {
		case err != nil && said != "":
			got = "error"
		case said != "":
			got = "warning"
		case s.onHost:
			got = "silent"
		}
		if got != want {
			t.Errorf("%q: %s, want %s: %v", conf, got, want, s.Findings)
		}
		if got == "error" {
			continue
		}
		builder := runs(s.plan(nil), "builder")
		if s.onHost != strings.Contains(builder, "--target \"$(rustc -vV") || s.onHost != strings.Contains(builder, "cp /target/*/release/app /out/app/") {
			t.Errorf("%q: %s", conf, builder)
		}
	}
}

// TestVendorDirectory is where .cargo/config.toml says.
func TestVendorDirectory(t *testing.T) {
	s := inspected(t, map[string]string{
		"Cargo.toml": program + "[dependencies]\nitoa = \"1\"\n", "Cargo.lock": locked("itoa"), "src/main.rs": "fn main() {}", "third_party/itoa/Cargo.toml": "",
		".cargo/config.toml": "[source.crates-io]\nreplace-with = \"vendored-sources\"\n[source.vendored-sources]\ndirectory = \"third_party\"\n",
	}, config.Service{})
	copied := ""
	for _, step := range s.plan(nil).Stages[0].Steps {
		copied += strings.Join(step.Args, " ") + "\n"
	}
	if !s.vendored || !strings.Contains(copied, "third_party/") {
		t.Errorf("vendored %v, copies %s", s.vendored, copied)
	}
}

// TestDebianPackagesOfCrates: the bases get what crates link, and protos the types
// that they import.
func TestDebianPackagesOfCrates(t *testing.T) {
	for deps, want := range map[string]string{
		"alsa-sys":    "libasound2-dev pkgconf | libasound2t64",
		"libudev-sys": "libudev-dev pkgconf | libudev1",
		"nasm-rs":     "nasm | ",
		"pcap":        "libpcap-dev pkgconf | libpcap0.8t64",
	} {
		s := inspected(t, map[string]string{"Cargo.toml": program + "[dependencies]\n" + deps + " = \"1\"\n", "Cargo.lock": locked(deps), "src/main.rs": "fn main() {}"}, config.Service{})
		if got := strings.Join(s.Want.Packages.Build, " ") + " | " + strings.Join(s.Want.Packages.Runtime, " "); got != want || s.Findings.Errors() != nil {
			t.Errorf("%s: %s, want %s; %v", deps, got, want, s.Findings)
		}
	}
	for proto, want := range map[string]bool{"import \"google/protobuf/timestamp.proto\";\n": true, "import \"shop/v1/types.proto\";\n": false} {
		s := inspected(t, map[string]string{
			"Cargo.toml": program + "[build-dependencies]\nprost-build = \"0.13\"\n", "Cargo.lock": locked("prost-build"), "src/main.rs": "fn main() {}",
			"build.rs": `fn main() { prost_build::compile_protos(&["proto/a.proto"], &["proto"]).unwrap() }`, "proto/a.proto": "syntax = \"proto3\";\n" + proto,
		}, config.Service{})
		if slices.Contains(s.Want.Packages.Build, "libprotobuf-dev") != want {
			t.Errorf("%q: packages %v", proto, s.Want.Packages.Build)
		}
	}
}

// TestPrograms of one package that serve are a service each.
func TestServingPrograms(t *testing.T) {
	server, tool := `fn main() { TcpListener::bind("0.0.0.0:8080"); }`, "fn main() {}"
	for what, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"two serve, one does not":    {map[string]string{"src/bin/api.rs": server, "src/bin/admin.rs": server, "src/bin/seed.rs": tool}, "admin api"},
		"one serves":                 {map[string]string{"src/bin/api.rs": server, "src/bin/seed.rs": tool}, ""},
		"default-run":                {map[string]string{"Cargo.toml": program + "default-run = \"api\"\n", "src/bin/api.rs": server, "src/bin/admin.rs": server}, ""},
		"through the library":        {map[string]string{"src/lib.rs": "pub mod web;\npub mod rpc;\npub mod db;", "src/web.rs": server, "src/rpc/mod.rs": server, "src/db.rs": tool, "src/bin/a.rs": "use app::web::run;\nfn main() { run() }", "src/bin/b.rs": "use app::{db, rpc};\nfn main() { rpc::run() }", "src/bin/c.rs": "fn main() { app::db::seed() }"}, "a b"},
		"with names for the library": {map[string]string{"Cargo.toml": program + "[lib]\nname = \"core_lib\"\n", "src/lib.rs": server, "src/bin/a.rs": "fn main() { core_lib::run() }", "src/bin/b.rs": tool}, ""},
	} {
		if c.files["Cargo.toml"] == "" {
			c.files["Cargo.toml"] = program
		}
		var got []string
		for _, p := range (Ecosystem{}).Programs(tree(c.files)) {
			if len(p.Command) != 1 || p.Command[0] != p.Name {
				t.Errorf("%s: %v", what, p)
			}
			got = append(got, p.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", what, got, c.want)
		}
	}
}
