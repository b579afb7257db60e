package rust

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestPortKinds finds what listens before settings, and settings before strings.
func TestPortKinds(t *testing.T) {
	for what, c := range map[string]struct {
		source string
		files  map[string]string
		want   string
	}{
		"bind":                  {source: `let l = TcpListener::bind("0.0.0.0:3000").await?;`, want: "3000"},
		"bind a pair":           {source: `HttpServer::new(app).bind(("0.0.0.0", 3001))?.run()`, want: "3001"},
		"an address":            {source: `let a = SocketAddr::from(([0, 0, 0, 0], 3002)); axum::serve(l, app)`, want: "3002"},
		"warp":                  {source: `warp::serve(r).run(([0, 0, 0, 0], 3003)).await`, want: "3003"},
		"a variable's default":  {source: `let port = env::var("PORT").unwrap_or("3004".into()); let l = TcpListener::bind(a);`, want: "3004"},
		"with a closure":        {source: `let port: u16 = std::env::var("PORT").ok().and_then(|p| p.parse().ok()).unwrap_or(3005);`, want: "3005"},
		"clap":                  {source: "#[arg(long, env = \"PORT\", default_value_t = 3006)]\nport: u16,", want: "3006"},
		"clap, an address":      {source: "#[clap(long, default_value = \"0.0.0.0:3007\")]\npub listen: SocketAddr,", want: "3007"},
		"clap's builder":        {source: `Arg::new("port").short('p').default_value("3008")`, want: "3008"},
		"figment":               {source: `Figment::new().merge(("port", 3009))`, want: "3009"},
		"config":                {source: `Config::builder().set_default("server.port", 3010)?`, want: "3010"},
		"serde's default":       {source: `fn default_port() -> u16 { 3011 }`, want: "3011"},
		"derive_builder":        {source: "#[builder(default = \"25\")]\npub smtp: u16,\n#[builder(default = \"17170\")]\npub http_port: u16,", want: "17170"},
		"Default":               {source: `impl Default for C { fn default() -> Self { Self { port: 3012 } } }`, want: "3012"},
		"a constant":            {source: `const PORT: u16 = 3013;`, want: "3013"},
		"a settings file":       {source: `config::File::with_name("configuration/base"); TcpListener::bind(address)`, files: map[string]string{"configuration/base.yaml": "application:\n  port: 3014\ndatabase:\n  port: 5432\n"}, want: "3014"},
		"the call before it":    {source: `config::File::with_name("base"); TcpListener::bind("0.0.0.0:3015")`, files: map[string]string{"base.toml": "port = 3016\n"}, want: "3015"},
		"no database's":         {source: `let p = var("DB_PORT").unwrap_or("5433".into()); TcpListener::bind("0.0.0.0:3017")`, want: "3017"},
		"no other server's":     {source: `let a = "127.0.0.1:65535"; TcpListener::bind("0.0.0.0:3018")`, want: "3018"},
		"not what tests listen": {source: "TcpListener::bind(\"0.0.0.0:3019\");\n#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nmod unit {\n TcpListener::bind(\"0.0.0.0:9\") }", files: map[string]string{"src/tests.rs": `fn t() { var("PORT").unwrap_or("4000".into()) }`}, want: "3019"},
		"behind outer tests":    {source: "#[cfg(test)]\nmod tests;\nfn a() { TcpListener::bind(\"0.0.0.0:3020\") }", want: "3020"},
	} {
		files := map[string]string{"src/main.rs": "fn main() {\n" + c.source + "\n}\n"}
		for name, text := range c.files {
			files[name] = text
		}
		s := inspected(t, files, config.Service{Type: "http"})
		if got := s.evidence.Port.Text; got != c.want {
			t.Errorf("%s: port %q at %s:%d, want %q", what, got, s.evidence.Port.File, s.evidence.Port.Line, c.want)
		}
	}
}

// TestLinker builds with the linker that packages: brings, else with the
// toolchain's own, and says so.
func TestLinker(t *testing.T) {
	for what, c := range map[string]struct {
		conf     string
		packages []string
		env      []string
		says     string
	}{
		"clang and lld":            {conf: "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-C\", \"linker=clang\", \"-C\", \"link-arg=-fuse-ld=lld\"]\n", env: []string{"RUSTFLAGS=-C linker=cc"}, says: "clang and lld"},
		"both there":               {conf: "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-C\", \"linker=clang\", \"-C\", \"link-arg=-fuse-ld=lld\"]\n", packages: []string{"clang", "lld"}},
		"with a version":           {conf: "[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\n", packages: []string{"clang-19"}},
		"one missing":              {conf: "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Clinker=clang\", \"-Clink-arg=-fuse-ld=/usr/bin/mold\"]\n", packages: []string{"clang"}, env: []string{"RUSTFLAGS=-C linker=cc"}, says: "mold"},
		"other flags stay":         {conf: "[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\nrustflags = [\"-C\", \"target-cpu=x86-64-v3\", \"-C\", \"link-arg=-fuse-ld=mold\"]\n", env: []string{"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=cc", "RUSTFLAGS=-C target-cpu=x86-64-v3 -C linker=cc"}, says: "clang and mold"},
		"for all of Linux":         {conf: "[target.'cfg(target_os = \"linux\")']\nrustflags = \"-C link-arg=-fuse-ld=lld\"\n", env: []string{"RUSTFLAGS=-C linker=cc"}, says: "lld"},
		"for every target":         {conf: "[build]\nrustflags = [\"-C\", \"link-arg=-fuse-ld=mold\"]\n", env: []string{"RUSTFLAGS=-C linker=cc"}, says: "mold"},
		"a wrapper":                {conf: "[build]\nrustc-wrapper = \"sccache\"\n", env: []string{"RUSTC_WRAPPER="}, says: "sccache"},
		"the toolchain's own":      {conf: "[target.x86_64-unknown-linux-gnu]\nlinker = \"gcc\"\nrustflags = [\"-C\", \"target-cpu=native\"]\n"},
		"another system's":         {conf: "[target.x86_64-pc-windows-gnu]\nlinker = \"x86_64-w64-mingw32-gcc\"\n[target.'cfg(windows)']\nrustflags = [\"-C\", \"link-arg=-fuse-ld=lld\"]\n"},
		"for a platform not meant": {conf: "[target.aarch64-apple-darwin]\nrustflags = [\"-C\", \"link-arg=-fuse-ld=lld\"]\n"},
	} {
		s := inspected(t, map[string]string{"src/main.rs": "fn main() {}", ".cargo/config.toml": c.conf}, config.Service{Packages: config.Packages{Build: c.packages}})
		if err := s.Findings.Errors(); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if diff := cmp.Diff(c.env, s.cargoEnv); diff != "" {
			t.Errorf("%s: environment (-want +got):\n%s", what, diff)
		}
		said := ""
		for _, f := range s.Findings {
			if f.Code == codeOverridden && f.Severity == diag.Warning {
				said += f.Text
			}
		}
		if c.says == "" && said != "" || !strings.Contains(said, c.says) {
			t.Errorf("%s: says %q, want %q", what, said, c.says)
		}
		env := s.plan(nil).Stages[0].Steps[1]
		if env.Op != plan.OpEnv || len(env.Args) != 2+len(c.env) {
			t.Errorf("%s: stage has %v", what, env)
		}
	}
}

// TestOutsideDependencies: Cargo.lock has no development and no optional
// dependencies of packages outside of the workspace.
func TestOutsideDependencies(t *testing.T) {
	lib := func(deps string) map[string]string {
		return map[string]string{
			"apps/Cargo.toml": "[workspace]\nmembers = [\"*\"]\n", "apps/todo/Cargo.toml": "[package]\nname = \"todo\"\nversion = \"0.1.0\"\n[dependencies]\nlib = { path = \"../../lib\" }\n",
			"apps/todo/src/main.rs": "fn main() {}", "lib/src/lib.rs": "", "lib/Cargo.toml": "[package]\nname = \"lib\"\nversion = \"0.1.0\"\n" + deps,
			"apps/Cargo.lock": "version = 4\n[[package]]\nname = \"itoa\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n[[package]]\nname = \"lib\"\nversion = \"0.1.0\"\ndependencies = [\"itoa\"]\n[[package]]\nname = \"todo\"\nversion = \"0.1.0\"\ndependencies = [\"lib\"]\n",
		}
	}
	for deps, stale := range map[string]string{
		"[dependencies]\nitoa = \"1\"\n[dev-dependencies]\nryu = \"1\"\n":              "",
		"[dependencies]\nitoa = \"1\"\nserde = { version = \"1\", optional = true }\n": "",
		"[dependencies]\nitoa = \"1\"\n[dev-dependencies]\nbed = { path = \"bed\" }\n": "",
		"[dependencies]\nitoa = \"1\"\nryu = \"1\"\n":                                  "lacks ryu",
	} {
		s := inspected(t, lib(deps), config.Service{Path: "apps/todo"})
		if said := textOf(s.Findings, codeStale); s.Findings.Errors() != nil || (said == "") != (stale == "") || !strings.Contains(said, stale) {
			t.Errorf("%q: %v, want %q", deps, s.Findings, stale)
		}
	}
	files := lib("[dependencies]\nitoa = \"1\"\n")
	files["apps/todo/Cargo.toml"] += "[dev-dependencies]\nryu = \"1\"\n"
	if said := textOf(inspected(t, files, config.Service{Path: "apps/todo"}).Findings, codeStale); !strings.Contains(said, "lacks ryu") {
		t.Errorf("a member's development dependency is missing: %q", said)
	}
}

// TestOtherWorkspace copies the manifest that a package of another workspace
// inherits from.
func TestOtherWorkspace(t *testing.T) {
	s := inspected(t, map[string]string{
		"Cargo.toml":     "[workspace]\nmembers = [\"lib\"]\n[workspace.package]\nedition = \"2021\"\n[workspace.dependencies]\ncore = { path = \"core\" }\n",
		"lib/Cargo.toml": "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition.workspace = true\n[dependencies]\ncore.workspace = true\n", "lib/src/lib.rs": "",
		"core/Cargo.toml": "[package]\nname = \"core\"\nversion = \"0.1.0\"\n", "core/src/lib.rs": "",
		"examples/Cargo.toml": "[workspace]\nmembers = [\"a\"]\n", "examples/a/Cargo.toml": "[package]\nname = \"a\"\nversion = \"0.1.0\"\n[dependencies]\nlib = { path = \"../../lib\" }\n", "examples/a/src/main.rs": "fn main() {}",
		"examples/Cargo.lock": "version = 4\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\ndependencies = [\"lib\"]\n[[package]]\nname = \"core\"\nversion = \"0.1.0\"\n[[package]]\nname = \"lib\"\nversion = \"0.1.0\"\ndependencies = [\"core\"]\n",
	}, config.Service{Path: "examples/a"})
	if err := s.Findings.Errors(); err != nil {
		t.Fatal(err)
	}
	var copied []string
	for _, st := range s.manifests() {
		copied = append(copied, st.Args[:len(st.Args)-1]...)
	}
	slices.Sort(copied)
	want := []string{"Cargo.toml", "core/Cargo.toml", "examples/Cargo.lock", "examples/Cargo.toml", "examples/a/Cargo.toml", "lib/Cargo.toml"}
	if diff := cmp.Diff(want, copied); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
}

// TestWhichServes takes the program that serves, and names the others.
func TestWhichServes(t *testing.T) {
	server, tool := `fn main() { TcpListener::bind("0.0.0.0:8080"); }`, "fn main() {}"
	s := inspected(t, map[string]string{"src/bin/api.rs": server, "src/bin/import.rs": tool}, config.Service{})
	if s.bin.Name != "api" || len(s.Findings) != 1 || s.Findings[0].Code != codeOthers || !strings.Contains(s.Findings[0].Hint, "import: {path: ., command: [import]}") {
		t.Errorf("one serves: %q, %v", s.bin.Name, s.Findings)
	}
	s = inspected(t, map[string]string{"src/bin/api/main.rs": "mod web;\nfn main() { web::run() }", "src/bin/api/web.rs": "pub fn run() { axum::serve(l, app) }", "src/bin/import.rs": tool}, config.Service{})
	if s.bin.Name != "api" {
		t.Errorf("in a module: %q, %v", s.bin.Name, s.Findings)
	}
	s = inspected(t, map[string]string{"src/bin/api.rs": server, "src/bin/admin.rs": server}, config.Service{})
	if err := s.Findings.Errors(); err == nil || !strings.Contains(err.Error(), codeWhich) || !strings.Contains(err.Error(), "admin: {path: ., command: [admin]}  or  api: {path: ., command: [api]}") {
		t.Errorf("both serve: %v", s.Findings)
	}
	workspace := tree(map[string]string{
		"Cargo.toml": "[workspace]\nmembers = [\"api\", \"ctl\", \"lib\"]\n", "api/Cargo.toml": "[package]\nname = \"api\"\nversion = \"0.1.0\"\n", "api/src/main.rs": server,
		"ctl/Cargo.toml": "[package]\nname = \"ctl\"\nversion = \"0.1.0\"\n", "ctl/src/main.rs": tool, "lib/Cargo.toml": "[package]\nname = \"lib\"\nversion = \"0.1.0\"\n", "lib/src/lib.rs": "",
	})
	if got := (Ecosystem{}).Services(workspace); !slices.Equal(got, []string{"api"}) {
		t.Errorf("services of the workspace: %v", got)
	}
}

// TestHeld: the image holds what the program opens, not what is compiled into it.
func TestHeld(t *testing.T) {
	s := inspected(t, map[string]string{
		"src/main.rs": strings.Join([]string{
			`fn main() { ServeDir::new("assets"); fs::read_to_string("rates.json"); include_str!("../built.txt");`, `sqlx::migrate!("./migrations");`,
			`let c = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds"); config::File::with_name("settings"); format!("lang/{}.json", l); }`,
		}, "\n"),
		"assets/a.css": "", "rates.json": "", "built.txt": "", "migrations/1.sql": "", "seeds/a.sql": "", "settings.toml": "", "lang/de.json": "", "notes.txt": "",
	}, config.Service{})
	var got []string
	for _, h := range s.held {
		got = append(got, h.From+" "+h.To)
	}
	want := []string{"assets /app/assets", "lang /app/lang", "rates.json /app/rates.json", "settings.toml /app/settings.toml", "seeds /src/seeds"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}

// TestSecure: TLS that the server always has, and the health service's own.
func TestSecure(t *testing.T) {
	for source, want := range map[string]string{
		`Server::builder().tls_config(ServerTlsConfig::new().identity(id))?.add_service(s).serve(addr)`:                                           "tls",
		"let mut b = Server::builder();\n    if tls {\n        b = b.tls_config(ServerTlsConfig::new().identity(id))?;\n    }\n    b.serve(addr)": "",
		`HttpServer::new(a).bind_rustls_0_23("0.0.0.0:8443", c)?.run()`:                                                                           "tls",
		`HttpServer::new(a).bind("0.0.0.0:8080")?.bind_rustls_0_23("0.0.0.0:8443", c)?.run()`:                                                     "",
		`let (mut r, health) = tonic_health::server::health_reporter();`:                                                                          "health",
		`r.set_service_status("shop.Cart", ServingStatus::Serving)`:                                                                               "name shop.Cart",
	} {
		s := inspected(t, map[string]string{"src/main.rs": "fn main() {\n    " + source + "\n}\n"}, config.Service{Type: "http", Port: 1})
		got := ""
		switch e := s.evidence; {
		case e.TLS.Found():
			got = "tls"
		case e.HealthName.Found():
			got = "name " + e.HealthName.Text
		case e.HealthServer.Found():
			got = "health"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// TestUses lists variables without a default, and programs that are started.
func TestUses(t *testing.T) {
	s := inspected(t, map[string]string{"src/main.rs": strings.Join([]string{
		`fn main() { let a = env::var("DATABASE_URL").expect("set it"); let b = env::var("ZONE").unwrap_or("UTC".into());`,
		`let c = std::env::var("TOKEN")?; let d = env::var("CACHE").ok(); Command::new("ffmpeg").arg("-i"); Command::new("sh").arg("-c").arg("pg_dump x"); }`,
		"#[arg(long, env = \"API_KEY\")]\nkey: String,\n#[arg(long, env = \"REGION\", default_value = \"eu\")]\nregion: String,\n#[arg(long, env = \"EXTRA\")]\nextra: Option<String>,",
	}, "\n")}, config.Service{})
	p := s.plan(nil)
	var reads, calls []string
	for _, u := range p.Reads {
		reads = append(reads, u.Name)
	}
	for _, u := range p.Calls {
		calls = append(calls, u.Name)
	}
	if got := strings.Join(reads, " "); got != "API_KEY DATABASE_URL TOKEN" {
		t.Errorf("reads %s", got)
	}
	if got := strings.Join(calls, " "); got != "ffmpeg pg_dump sh" {
		t.Errorf("calls %s", got)
	}
}

// TestQueriesWantWhatWasPrepared: SQLx looks at a database while it compiles, or at
// what is committed.
func TestQueriesWantWhatWasPrepared(t *testing.T) {
	const source = "fn main() {\n let u = sqlx::query_as!(User, \"select 1\");\n}\n"
	uses := program + "\n[dependencies]\nsqlx = \"0.8\"\n"
	for what, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"nothing prepared":   {map[string]string{"Cargo.toml": uses, "src/main.rs": source}, true},
		"prepared":           {map[string]string{"Cargo.toml": uses, "src/main.rs": source, ".sqlx/query-1.json": "{}"}, false},
		"an old SQLx's":      {map[string]string{"Cargo.toml": uses, "src/main.rs": source, "sqlx-data.json": "{}"}, false},
		"queries unchecked":  {map[string]string{"Cargo.toml": uses, "src/main.rs": "fn main() { sqlx::query(\"select 1\"); }\n"}, false},
		"another's macro":    {map[string]string{"src/main.rs": source}, false},
		"only tests have it": {map[string]string{"Cargo.toml": uses, "src/main.rs": "fn main() {}\n#[cfg(test)]\nmod tests {\n fn a() { sqlx::query!(\"select 1\"); }\n}\n"}, false},
	} {
		s := inspected(t, c.files, config.Service{Type: "http"})
		if got := slices.ContainsFunc(s.Findings, func(f diag.Finding) bool { return f.Code == codePrepared }); got != c.want {
			t.Errorf("%s: reported %v, want %v: %v", what, got, c.want, s.Findings)
		}
	}
}

// TestStandInsPassTheLintsOfAManifest: no function that nobody calls, no crate
// without a comment.
func TestStandInsPassTheLintsOfAManifest(t *testing.T) {
	s := inspected(t, map[string]string{
		"src/main.rs": "fn main() {}", "macros/src/lib.rs": "", "macros/Cargo.toml": "[package]\nname = \"macros\"\nversion = \"0.1.0\"\n",
		"Cargo.toml": "[workspace]\nmembers = [\"macros\"]\n[package]\nname = \"app\"\nversion = \"0.1.0\"\n[dependencies]\nmacros = { path = \"macros\" }\n",
	}, config.Service{})
	const want = `mkdir -p macros/src src && printf '//! Empty.\nfn main() {}\n' > src/main.rs && echo '//! Empty.' > macros/src/lib.rs`
	if got := strings.Join(strings.Fields(strings.ReplaceAll(s.standIns(), "\\\n", "")), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
