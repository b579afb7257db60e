package rust

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

const program = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"

func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// inspected looks at a service of these files.
func inspected(t *testing.T, files map[string]string, want config.Service) *service {
	t.Helper()
	if _, ok := files["Cargo.toml"]; !ok {
		files["Cargo.toml"] = program
	}
	if want.Path == "" {
		want.Path = "."
	}
	root := tree(files)
	dir, err := fs.Sub(root, want.Path)
	if err != nil {
		t.Fatal(err)
	}
	return Ecosystem{root: root}.inspect(dir, want, nil)
}

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		least, file, text, written, source string
		want                               string
		near                               string // what the warning of another version says
		refused                            string
	}{
		{want: "1.96"},
		{least: "1.70", want: "1.96"},
		{least: "1.120", refused: "requires Rust 1.120"},
		{file: "rust-toolchain", text: "stable\n", want: "1.96"},
		{file: "rust-toolchain", text: "stable-x86_64-unknown-linux-gnu\n", want: "1.96"},
		{file: "rust-toolchain", text: "1.85.1\n", want: "1.85"},
		{file: "rust-toolchain", text: "1.85.0-aarch64-unknown-linux-musl\n", want: "1.85"},
		{file: "rust-toolchain", text: "1.70\n", want: "1.85", near: "no base of Rust 1.70; the build uses 1.85"},
		{file: "rust-toolchain.toml", text: "[toolchain]\nchannel = \"1.90\"\n", want: "1.96", near: "1.90"},
		{file: "rust-toolchain.toml", text: "[toolchain]\nchannel = \"1.80\"\n", least: "1.88", want: "1.96", near: "1.80"},
		{file: "rust-toolchain", text: "[toolchain]\nchannel = \"1.85.0\"\n", want: "1.85"},
		{file: "rust-toolchain", text: "[toolchain]\ncomponents = [\"clippy\"]\n", want: "1.96"},
		{file: "rust-toolchain.toml", text: "[toolchain]\nchannel = \"1.120\"\n", want: "1.96", near: "as new as 1.120"},
		{file: "rust-toolchain.toml", text: "[toolchain]\nchannel = \"tomorrow\"\n", refused: "rust-toolchain.toml:2"},
		{file: "rust-toolchain", text: "nightly\n", want: "1.96", near: "no base of Rust nightly"},
		{file: "rust-toolchain", text: "nightly-2026-03-01\n", want: "1.96", near: "nightly-2026-03-01"},
		{file: "rust-toolchain", text: "beta\n", want: "1.96", near: "beta"},
		{file: "rust-toolchain", text: "nightly\n", source: "#![cfg_attr(docsrs, feature(doc_cfg))]\n// #![feature(test)]\nfn main() {}", want: "1.96", near: "nightly"},
		{file: "rust-toolchain", text: "nightly\n", source: "#![feature(let_chains)]\nfn main() {}", refused: "src/main.rs:1"},
		{file: ".cargo/config.toml", text: "[build]\nrustflags = [\"-Z\", \"threads=8\"]\n", written: "nightly", refused: "the flag -Z"},
		{file: ".tool-versions", text: "nodejs 22\nrust 1.85.0\n", want: "1.85"},
		{file: "mise.toml", text: "[tools]\nrust = \"1.96\"\n", want: "1.96"},
		{file: "mise.toml", text: "[tools]\nrust = { version = \"latest\", profile = \"minimal\" }\n", want: "1.96"},
		{file: "rust-toolchain", text: "nightly\n", written: "1.96", want: "1.96"},
		{written: "1.90", want: "1.96", near: "no base of Rust 1.90"},
		{written: "stable", want: "1.96"},
		{written: "1.85", least: "1.90", refused: "older than the 1.90"},
		{written: "latest", refused: `no base has Rust "latest"`},
	} {
		files := map[string]string{"Cargo.toml": program, "src/main.rs": ecosystem.Or(c.source, "fn main() {}")}
		if c.least != "" {
			files["Cargo.toml"] += "rust-version = \"" + c.least + "\"\n"
		}
		if c.file != "" {
			files[c.file] = c.text
		}
		s := inspected(t, files, config.Service{Version: c.written})
		if c.refused != "" {
			if err := s.Findings.Errors(); err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), codeVersion) {
				t.Errorf("%+v: %v", c, s.Findings)
			}
			continue
		}
		if near := textOf(s.Findings, ecosystem.CodeNearest); s.version != c.want || s.Findings.Errors() != nil || (near == "") != (c.near == "") || !strings.Contains(near, c.near) {
			t.Errorf("%+v: %q, %v", c, s.version, s.Findings)
		}
	}
}

// textOf is what the first finding of a code says.
func textOf(findings diag.Findings, code string) string {
	for _, f := range findings {
		if f.Code == code {
			return f.Text
		}
	}
	return ""
}

// TestVersionAboveTheContext: rustup reads the file of the directories above.
func TestVersionAboveTheContext(t *testing.T) {
	s := inspected(t, map[string]string{
		"rust-toolchain.toml": "[toolchain]\nchannel = \"1.85\"\n", "Cargo.toml": program, "src/main.rs": "fn main() {}",
		"services/api/Cargo.toml": program + "[workspace]\n", "services/api/src/main.rs": "fn main() {}",
	}, config.Service{Path: "services/api"})
	if s.version != "1.85" || s.Context != "services/api" || s.Facts[0].File != "rust-toolchain.toml" {
		t.Errorf("%s of %q in %s", s.version, s.Facts[0].File, s.Context)
	}
}

func TestPort(t *testing.T) {
	for source, want := range map[string]string{
		`let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_string());`:                         "8080",
		`let port: u16 = env::var("HTTP_PORT").ok().and_then(|p| p.parse().ok()).unwrap_or(3000);`:         "3000",
		`let addr = env::var("LISTEN").unwrap_or("0.0.0.0:9000".into());`:                                  "9000",
		"#[arg(short, long, env = \"PORT\", default_value_t = 4000)]\nport: u16,":                          "4000",
		"#[clap(long, default_value = \"0.0.0.0:4001\")]\naddr: SocketAddr,":                               "4001",
		`TcpListener::bind("0.0.0.0:5000").await`:                                                          "5000",
		`HttpServer::new(|| App::new()).bind(("0.0.0.0", 8070))?`:                                          "8070",
		`warp::serve(routes).run(([0, 0, 0, 0], 3030)).await;`:                                             "3030",
		`let addr = SocketAddr::from(([0, 0, 0, 0], 3001));`:                                               "3001",
		`SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 3002)`:                                         "3002",
		`const PORT: u16 = 7070;`:                                                                          "7070",
		`let addr: SocketAddr = "[::1]:50051".parse()?;`:                                                   "50051",
		`Config { port: 6000, ..Default::default() }`:                                                      "6000",
		"// TcpListener::bind(\"0.0.0.0:1111\")\nTcpListener::bind(\"0.0.0.0:2222\")":                      "2222",
		"fn f() {}\n#[cfg(test)]\nmod tests {\n  TcpListener::bind(\"0.0.0.0:1111\")\n}\n":                 "",
		`let redis = Client::open("redis://cache:6379"); let l = TcpListener::bind("0.0.0.0:8088").await;`: "8088",
	} {
		s := inspected(t, map[string]string{"src/main.rs": source}, config.Service{})
		if got := s.evidence.Port.Text; got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// TestPrograms finds what cargo takes for programs.
func TestPrograms(t *testing.T) {
	for _, c := range []struct {
		manifest string
		files    []string
		want     []string
	}{
		{files: []string{"src/main.rs"}, want: []string{"app src/main.rs"}},
		{files: []string{"src/lib.rs"}},
		{files: []string{"src/main.rs", "src/bin/one.rs", "src/bin/two/main.rs", "src/bin/two/help.rs", "src/bin/data.txt"},
			want: []string{"app src/main.rs", "one src/bin/one.rs", "two src/bin/two/main.rs"}},
		{manifest: "autobins = false\n[[bin]]\nname = \"one\"\n", files: []string{"src/main.rs", "src/bin/one.rs"}, want: []string{"one src/bin/one.rs"}},
		{manifest: "[[bin]]\nname = \"web\"\npath = \"src/main.rs\"\n", files: []string{"src/main.rs"}, want: []string{"web src/main.rs"}},
		{manifest: "[[bin]]\nname = \"app\"\n", files: []string{"src/main.rs"}, want: []string{"app src/main.rs"}},
	} {
		files := map[string]string{}
		for _, f := range c.files {
			files[f] = "fn main() {}"
		}
		m, _, err := parseManifest([]byte(program + c.manifest))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range bins(tree(files), m) {
			got = append(got, b.Name+" "+b.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q %v (-want +got):\n%s", c.manifest, c.files, diff)
		}
	}
}

// TestInputs copies what macros and build scripts read, and what the program
// opens.
func TestInputs(t *testing.T) {
	s := inspected(t, map[string]string{
		"src/main.rs":        "const A: &str = include_str!(\"../README.md\"); static M: Migrator = sqlx::migrate!();\nfn main() { Tera::new(\"templates/**/*\") }",
		"src/pages/mod.rs":   `const B: &[u8] = include_bytes!("logo.png");`,
		"src/pages/logo.png": "", "README.md": "", "migrations/1.sql": "", "templates/a.html": "", "notes/x.txt": "",
		"build.rs": `fn main() { tonic_build::compile_protos("proto/shop/v1.proto").unwrap() }`, "proto/shop/v1.proto": "", "proto/shop/types.proto": "",
	}, config.Service{})
	var got []string
	for _, st := range s.copies() {
		if st.Op == plan.OpCopy {
			got = append(got, st.Args[0])
		}
	}
	want := []string{"README.md", "build.rs", "migrations/", "proto/shop/", "src/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]ecosystem.Held{{From: "templates", To: "/app/templates", Dir: true}}, s.held); diff != "" {
		t.Errorf("runtime files (-want +got):\n%s", diff)
	}
}

func locked(deps ...string) string {
	out := "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"" + strings.Join(deps, "\", \"") + "\"]\n"
	for _, d := range deps {
		out += "\n[[package]]\nname = \"" + d + "\"\nversion = \"1.0.0\"\nsource = \"registry+https://mirror.example/index\"\n"
	}
	return out
}

// TestSystem takes bases with what crates link or build with.
func TestSystem(t *testing.T) {
	for _, c := range []struct {
		lock, toolchain, runtime, refused string
	}{
		{locked("openssl-sys"), "slipway/rust:1.96-trixie-openssl-toolchain", "slipway/rust:trixie-openssl", ""},
		{strings.Replace(locked("openssl-sys", "openssl-src"), "name = \"openssl-sys\"\n", "name = \"openssl-sys\"\ndependencies = [\"cc\", \"openssl-src\"]\n", 1), "slipway/rust:1.96-trixie-make-toolchain", "slipway/static:trixie", ""},
		{locked("prost-build", "pq-sys"), "slipway/rust:1.96-trixie-postgres-protobuf-toolchain", "slipway/rust:trixie-postgres", ""},
		{locked("cmake", "aws-lc-sys"), "slipway/rust:1.96-trixie-toolchain", "slipway/static:trixie", ""},
		{locked("gtk-sys"), "", "", "gtk-sys needs GTK"},
	} {
		manifest := program + "[dependencies]\n"
		s := inspected(t, map[string]string{"Cargo.toml": manifest, "Cargo.lock": c.lock, "src/main.rs": "fn main() {}"}, config.Service{})
		if c.refused != "" {
			if err := s.Findings.Errors(); err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%v, want %q", s.Findings, c.refused)
			}
			continue
		}
		p := s.plan(nil)
		if p.Bases[0].Ref != c.toolchain || p.Bases[1].Ref != c.runtime {
			t.Errorf("%s and %s, want %s and %s", p.Bases[0].Ref, p.Bases[1].Ref, c.toolchain, c.runtime)
		}
	}
}

// TestInputsFollowTheGraph holds of every workspace: the sources that a program is
// compiled from are those of the packages that it reaches, and every package's
// manifest is there.
func TestInputsFollowTheGraph(t *testing.T) {
	for seed := range 40 {
		const n = 7
		uses := map[int][]int{}
		files := map[string]string{"Cargo.toml": "[workspace]\nmembers = [\"p*\"]\n"}
		lockText := "version = 4\n"
		for i := range n {
			manifest := strings.Replace(program, "app", fmt.Sprintf("p%d", i), 1) + "[dependencies]\n"
			lockText += fmt.Sprintf("\n[[package]]\nname = \"p%d\"\nversion = \"0.1.0\"\ndependencies = [", i)
			for j := i + 1; j < n; j++ {
				if (seed*31+i*7+j*13)%5 < 2 {
					uses[i] = append(uses[i], j)
					manifest += fmt.Sprintf("p%d = { path = \"../p%d\" }\n", j, j)
					lockText += fmt.Sprintf("\"p%d\",", j)
				}
			}
			lockText += "]\n"
			files[fmt.Sprintf("p%d/Cargo.toml", i)] = manifest
			files[fmt.Sprintf("p%d/src/lib.rs", i)] = ""
		}
		delete(files, "p0/src/lib.rs")
		files["p0/src/main.rs"] = "fn main() {}"
		files["Cargo.lock"] = lockText
		reached, queue := map[int]bool{0: true}, []int{0}
		for len(queue) > 0 {
			for _, j := range uses[queue[0]] {
				if !reached[j] {
					reached[j] = true
					queue = append(queue, j)
				}
			}
			queue = queue[1:]
		}
		var want []string
		for i := range reached {
			want = append(want, fmt.Sprintf("p%d/", i))
		}
		slices.Sort(want)
		s := inspected(t, files, config.Service{Path: "p0"})
		if err := s.Findings.Errors(); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, st := range s.copies() {
			got[st.Args[0]] = true
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
		if len(s.manifests()) != n+1 {
			t.Errorf("seed %d: %d manifests", seed, len(s.manifests()))
		}
	}
}

// TestWithoutItsWorkspace: a member that was copied out of its repository cannot be built,
// which cargo says only after the toolchain is there.
func TestWithoutItsWorkspace(t *testing.T) {
	const lone = "[package]\nname = \"web\"\nversion = \"0.1.0\"\n"
	for manifest, line := range map[string]int{
		lone + "edition.workspace = true\n":                            4,
		lone + "[dependencies]\nserde = { workspace = true }\n":        5,
		lone + "[dev-dependencies]\nserde = { workspace = true }\n":    5,
		lone + "edition = \"2021\"\n[dependencies]\nserde = \"1\"\n":   0,
		lone + "edition.workspace = true\n[workspace]\nmembers = []\n": 0, // its own
	} {
		s := inspected(t, map[string]string{"Cargo.toml": manifest, "Cargo.lock": locked("serde"), "src/main.rs": "fn main() {}"}, config.Service{})
		got := 0
		for _, f := range s.Findings {
			if f.Code == codeManifest && strings.Contains(f.Text, "inherits") {
				got = f.Place.Line
			}
		}
		if got != line {
			t.Errorf("%q: line %d, want %d: %v", manifest, got, line, s.Findings)
		}
	}
}

// TestNothingReachesTheShell refuses names that a shell would take apart.
func TestNothingReachesTheShell(t *testing.T) {
	for _, manifest := range []string{
		"[package]\nname = \"x; rm -rf /\"\n",
		program + "[[bin]]\nname = \"$(id)\"\npath = \"src/main.rs\"\n",
		program + "[[bin]]\nname = \"web\"\npath = \"src/main.rs\"\nrequired-features = [\"a && b\"]\n",
	} {
		s := inspected(t, map[string]string{"Cargo.toml": manifest, "src/main.rs": "fn main() {}"}, config.Service{})
		if err := s.Findings.Errors(); err == nil || !strings.Contains(err.Error(), codeManifest) {
			t.Errorf("%q: %v", manifest, s.Findings)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(program+"[dependencies]\na = \"1\"\n", locked("a"), "fn main() {}", "1.85")
	f.Add("[workspace]\nmembers = [\"*\", \"../x\"]\n", "", "", "[toolchain]\nchannel = \"nightly\"")
	f.Add(program+"[[bin]]\nname = \"a\"\npath = \"../../etc\"\n[lib]\npath = \"/x\"\n", "version = 4", "include_str!(\"../../../x\")", "")
	f.Fuzz(func(t *testing.T, manifest, lock, source, toolchain string) {
		root := tree(map[string]string{"Cargo.toml": manifest, "Cargo.lock": lock, "src/main.rs": source, "rust-toolchain": toolchain, "x/Cargo.toml": manifest})
		e := Ecosystem{root: root}
		_ = e.Services(root)
		_, findings := e.Plan(root, config.Service{Path: "."}, nil)
		_ = findings.Errors()
	})
}

// TestConventionsKeptOut: a list of what the build may have keeps out what macros read when
// it is there.
func TestConventionsKeptOut(t *testing.T) {
	for ignore, want := range map[string]bool{"": true, "target\n": true, "*\n!src\n!Cargo.toml\n!Cargo.lock\n": false, "*.toml\n!Cargo.toml\n": false} {
		files := map[string]string{"src/main.rs": "fn main() {}", "diesel.toml": ""}
		if ignore != "" {
			files[".dockerignore"] = ignore
		}
		s := inspected(t, files, config.Service{})
		if s.inputs["diesel.toml"] != want {
			t.Errorf("%q: diesel.toml is an input: %v; %v", ignore, !want, s.Findings)
		}
	}
}

// TestCompiledKey: macros read keys at compile time, so the build has them.
func TestCompiledKey(t *testing.T) {
	s := inspected(t, map[string]string{
		"src/main.rs": "const K: &[u8] = include_bytes!(\"../keys/jwt.key\");\nconst P: &str = include_str!(concat!(\"x\"));\nfn main() {}", "keys/jwt.key": "", "keys/old.key": "", ".env": "",
		"src/auth.rs": `static K: &str = include_str!("auth-key.pem"); static E: &str = include_str!("../.env");`, "src/auth-key.pem": "",
	}, config.Service{})
	for name, want := range map[string]bool{"keys/jwt.key": true, "src/auth-key.pem": true, "keys/old.key": false, ".env": false} {
		if slices.Contains(s.Ignore.Patterns, "!"+name) != want {
			t.Errorf("%s is in the build: %v", name, !want)
		}
	}
}
