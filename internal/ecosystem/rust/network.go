package rust

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Evidence in sources. Ports go from the surest to the vaguest.
var (
	grpcServer  = pattern.Lazy(`\btransport::Server\b|\btransport::\{[^}]*\bServer\b`)
	httpServer  = pattern.Lazy(`\baxum::serve\(|\baxum::Server::bind\(|\bHttpServer::new\(|\bwarp::serve\(|\brocket::build\(|#\[launch\]|#\[rocket::launch\]|\btide::new\(|\bpoem::Server::new\(|\bsalvo::Server::new\(|\btiny_http::Server\b|\bhttp1::Builder::new\(|\bauto::Builder::new\(|\bServer::bind\(|\bServer::http\(|\bactix_server::Server\b|\bServer::build\(\)|\baxum::serve\b|b?"HTTP/1\.1 `)
	rocketRoot  = pattern.Lazy(`\brocket::build\(|#\[launch\]|#\[rocket::launch\]`)
	healthRoute = pattern.Lazy(`"(/(?:api/)?(?:v1/)?(?:healthz?|health[_-]check|health/(?:ready|live)|readyz?|livez))"`)
	warpHealth  = pattern.Lazy(`\bpath(?:!|::path)?\(\s*"(healthz?|health[_-]check|readyz?|livez)"`)
	tonicHealth = pattern.Lazy(`\btonic_health::`)
	healthWhole = pattern.Lazy(`\bset_service_status\(\s*""`)
	healthName  = pattern.Lazy(`\bset_service_status\(\s*"([\w.]+)"`)
	tlsServer   = pattern.Lazy(`\bServerTlsConfig::new\(|\bbind_rustls\w*\(|\bbind_openssl\(|\.tls\(\)\s*\.\s*cert_path`)
	plainServer = pattern.Lazy(`\baxum::serve\(|\bTcpListener::bind\(|\.bind\(\s*[^,)]|\bwarp::serve\([^;]*\.run\(`)
	listens     = pattern.Lazy(`\bbind\w*\(|\bserve\w*\(|\bServer::|\.run\(|\.listen\(`)
	listener    = pattern.Lazy(`\bTcpListener::bind\(|\.bind(?:_rustls\w*|_openssl)?\(\s*(?:&?\(|"|&?addr)|\bServer::builder\(`)
	readsPort   = pattern.Lazy(`\bvar\(\s*"PORT"\s*\)|\benv\s*=\s*"PORT"`)
	loopback    = pattern.Lazy(`(?:(?:\bbind|\bServer::http|\bserve)\(\s*&?\(?\s*"(?:127\.0\.0\.1|localhost|\[::1\])|(?:\brun|\bfrom)\(\s*\(?\s*\[\s*127\s*,)()`)
	rocketPort  = pattern.Lazy(`(?m)^\s*port\s*=\s*(\d{2,5})`)
)

// ports are signs of a port, surest first: what listens and what a variable for it
// defaults to, then settings, then strings of files that listen.
func ports() []*ecosystem.Sign {
	return []*ecosystem.Sign{
		ecosystem.NewSign(`\bvar(?:_os)?\(\s*"(?:(?:HTTP|APP|SERVER|LISTEN|API|WEB|SERVICE)_)?PORT"\s*\)[^;]*?\bunwrap_or(?:_else)?\([^;\d]*(\d{2,5})\b`),
		ecosystem.NewSign(`\bbind(?:_rustls\w*|_openssl|_auto_h2c)?\(\s*&?"[^"\n]*:(\d{2,5})"`),
		ecosystem.NewSign(`\bbind(?:_rustls\w*|_openssl|_auto_h2c)?\(\s*&?\(\s*[^,;]+,\s*(\d{2,5})\s*\)`),
		ecosystem.NewSign(`\[\s*\d+\s*,\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\]\s*\)?\s*,\s*(\d{2,5})\b`),
		ecosystem.NewSign(`\b(?:UNSPECIFIED|LOCALHOST|Ipv[46]Addr::new\([^)]*\))\s*\)?\s*,\s*(\d{2,5})\b`),
		ecosystem.NewSign(`\bvar(?:_os)?\(\s*"(?:\w*_)?(?:ADDR|ADDRESS|LISTEN|BIND|HOST)"\s*\)[^;]*?"[\w.\[\]:]*:(\d{2,5})"`),
		ecosystem.NewSign(`\bvar(?:_os)?\(\s*"\w*PORT"\s*\)[^;]*?\bunwrap_or(?:_else)?\([^;\d]*(\d{2,5})\b`),
		ecosystem.NewSign(`#\[(?:arg|clap|structopt|argh|envconfig)\([^]]*?(?:port|PORT)[^]]*?default(?:_value(?:_t)?)?\s*=\s*"?(\d{2,5})\b`),
		ecosystem.NewSign(`#\[(?:arg|clap|structopt|argh|envconfig)\([^]]*?default(?:_value(?:_t)?)?\s*=\s*"?(?:[\d.]+:)?(\d{2,5})\b[^]]*\]\s*(?:pub(?:\([^)]*\))?\s+)?\w*(?:port|addr|listen|bind)\w*\s*:`),
		ecosystem.NewSign(`\b(?:Arg::new|Arg::with_name|opt)\(\s*"(?:port|addr|listen|bind)"\s*\)[^;]*?default_value\(\s*"(?:[\d.]+:)?(\d{2,5})"`),
		ecosystem.NewSign(`#\[(?:builder|serde|conf|config|educe|derivative|default|setting)\b[^]]*?(?:default|value)?[^]\d]*"?(?:[\d.]+:)?(\d{2,5})\b[^]]*\]\s*(?:#\[[^]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:http|server|listen|web|api)_port\s*:`),
		ecosystem.NewSign(`#\[(?:builder|serde|conf|config|educe|derivative|default|setting)\b[^]]*?(?:default|value)?[^]\d]*"?(?:[\d.]+:)?(\d{2,5})\b[^]]*\]\s*(?:#\[[^]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?port\s*:`),
		ecosystem.NewSign(`\bfn\s+\w*port\w*\(\)\s*->\s*\w+\s*\{\s*(\d{2,5})\b`),
		ecosystem.NewSign(`\b(?:set_default|merge|join|with|set_override)\(\s*\(?\s*"(?:[\w.]*\.)?port"\s*,\s*"?(\d{2,5})\b`),
		ecosystem.NewSign(`(?i)\b(?:const|static|let)\s+(?:mut\s+)?\w*port\w*\s*(?::\s*&?(?:'static\s+)?\w+\s*)?=\s*"?(\d{2,5})\b`),
		ecosystem.NewSign(`(?i)\b(?:const|static|let)\s+(?:mut\s+)?\w*(?:addr|listen|bind)\w*\s*(?::[^=;]+)?=\s*"[\w.\[\]:]*:(\d{2,5})"`),
		ecosystem.NewSign(`\bport:\s*(\d{2,5})\b`),
		ecosystem.NewSign(`"(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::1?\]):(\d{2,5})"`),
	}
}

// strongSigns is how many of the signs are stronger than a settings file.
const strongSigns = 14

// look takes evidence from a source file of the program.
func (s *service) look(name string, data []byte) {
	e := &s.evidence
	e.GRPC.Seek(grpcServer(), name, data)
	e.HTTP.Seek(httpServer(), name, data)
	e.HealthServer.Seek(tonicHealth(), name, data)
	e.Route.Seek(healthRoute(), name, data)
	if hit := ecosystem.Find(warpHealth(), name, data); hit.Found() && !e.Route.Found() {
		hit.Text = "/" + hit.Text
		e.Route = hit
	}
	s.loopback.Seek(loopback(), name, data)
	s.readsPort = s.readsPort || readsPort().Match(data)
	s.rocket = s.rocket || rocketRoot().Match(data)
	if s.ports == nil {
		s.ports = ecosystem.NewPorts(ports())
	}
	limit := len(ports())
	if !listens().Match(data) { // a string of a file that does not listen says nothing
		limit--
	}
	s.ports.Look(name, data, limit)
	e.Port, s.strongPort = s.ports.Hit, s.ports.Rank() < strongSigns
	e.HealthWhole.Seek(healthWhole(), name, data)
	e.HealthName.Seek(healthName(), name, data)
	if hit := ecosystem.Find(tlsServer(), name, data); hit.Found() && !branched(data, hit.Line) {
		hit.Why = "the server has a certificate"
		s.secure.Keep(hit)
	} else if hit.Found() {
		s.plain = true
	}
	s.plain = s.plain || plainServer().Match(data)
	s.query.Seek(checkedQuery, name, data)
}

// checkedQuery is a query that SQLx checks against a database while it compiles,
// or against what `cargo sqlx prepare` has written.
var checkedQuery = ecosystem.NewSign(`\b(?:sqlx::)?query(?:_file)?(?:_as|_scalar)?(?:_unchecked)?!\s*[({\[]`)

// needsPrepared reports such queries without what was prepared: no database is
// within reach of a build.
func (s *service) needsPrepared() {
	if !s.query.Found() || !slices.ContainsFunc(s.crates, func(c *crate) bool { _, ok := c.file.Normal["sqlx"]; return ok }) {
		return
	}
	for _, dir := range []string{s.top, s.crate.dir} {
		if ecosystem.IsDir(s.Dir, path.Join(dir, ".sqlx")) || ecosystem.Exists(s.Dir, path.Join(dir, "sqlx-data.json")) {
			return
		}
	}
	s.Report(diag.Warning, codePrepared, s.query.File, s.query.Line, "run cargo sqlx prepare --workspace beside a database, and commit .sqlx",
		"SQLx checks this query against a database while it compiles; the repository has no .sqlx")
}

// branched tells whether a line lies in a block under a condition.
func branched(data []byte, line int) bool {
	lines := strings.Split(string(data), "\n")
	indent := func(l string) int { return len(l) - len(strings.TrimLeft(l, " \t")) }
	at := indent(lines[line-1])
	for i := line - 2; i >= 0; i-- {
		l := strings.TrimSpace(lines[i])
		if l == "" || indent(lines[i]) >= at {
			continue
		}
		at = indent(lines[i])
		if strings.HasPrefix(l, "if ") || strings.HasPrefix(l, "} else") || strings.HasPrefix(l, "match ") || strings.Contains(l, "= if ") || strings.Contains(l, "=> {") {
			return true
		}
		if strings.Contains(l, "fn ") {
			return false
		}
	}
	return false
}

// conclude draws from all files together what no file says alone.
func (s *service) conclude() {
	s.framework()
	s.needsPrepared()
	if s.secure.Found() && !s.plain {
		s.evidence.TLS = s.secure
	}
	if s.rocket {
		s.rocketNetwork()
		return
	}
	if hit := s.loopback; hit.Found() && !s.readsPort {
		s.Report(diag.Warning, ecosystem.CodeLoopback, hit.File, hit.Line, "listen on 0.0.0.0", "the server listens on localhost only, so nothing outside its container reaches it")
	}
}

// rocketNetwork completes what Rocket decides by itself: it reads Rocket.toml,
// and listens on 127.0.0.1:8000 unless its environment says otherwise
// (rocket.rs/guide/configuration).
func (s *service) rocketNetwork() {
	name := path.Join(s.crate.dir, "Rocket.toml")
	s.strongPort = true
	s.evidence.Port = ecosystem.Hit{Text: "8000", File: s.evidence.HTTP.File, Line: s.evidence.HTTP.Line, Why: "Rocket's default"}
	data, err := ecosystem.Read(s.Dir, name)
	if err != nil {
		return
	}
	s.files, s.strongPort = append(s.files, "Rocket.toml"), true
	if hit := ecosystem.Find(rocketPort(), name, data); hit.Found() {
		hit.Why = "Rocket's configuration"
		s.evidence.Port = hit
	}
}

// framework names what the program's packages serve with.
func (s *service) framework() {
	for _, f := range []struct{ name, pkg string }{
		{"Axum", "axum"}, {"Actix Web", "actix-web"}, {"Rocket", "rocket"}, {"Warp", "warp"}, {"Poem", "poem"}, {"Salvo", "salvo"}, {"Tide", "tide"}, {"Tonic", "tonic"},
	} {
		for _, c := range s.crates {
			names := c.names(s.rootFile)
			for _, key := range slices.Sorted(maps.Keys(names)) {
				if c.needed && names[key] == f.pkg {
					s.Fact("framework", f.name, "depends on "+f.pkg, c.manifestFile(), c.file.line(key))
					return
				}
			}
		}
	}
}

// env is what the program's environment needs for the port to be that of the
// service.
func (s *service) env(port string) map[string]string {
	env := map[string]string{}
	switch {
	case port == "0":
	case s.rocket:
		env["ROCKET_ADDRESS"], env["ROCKET_PORT"] = "0.0.0.0", port
	case s.readsPort || !s.evidence.Port.Found(): // also when nothing shows that it reads none
		env["PORT"] = port
	}
	return env
}

// codeOnly blanks comments that fill lines, and everything from the tests that
// end a file; lines stay where they are.
func codeOnly(data []byte) []byte {
	text := string(data)
	if i := testModule().FindStringIndex(text); i != nil {
		text = text[:i[0]]
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			line = "\n"
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

var testModule = pattern.Lazy(`(?m)^#\[cfg\(test\)\]\s*(?:pub\s+)?mod\s+\w+\s*\{`)
