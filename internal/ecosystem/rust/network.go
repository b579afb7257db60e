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
	httpServer  = pattern.Lazy(`\baxum::serve\(|\baxum::Server::bind\(|\bHttpServer::new\(|\bwarp::serve\(|\brocket::build\(|#\[launch\]|#\[rocket::launch\]|\btide::new\(|\bpoem::Server::new\(|\bsalvo::Server::new\(|\btiny_http::Server\b|\bhttp1::Builder::new\(|\bauto::Builder::new\(|\bServer::bind\(|\bServer::http\(|b?"HTTP/1\.1 `)
	rocketRoot  = pattern.Lazy(`\brocket::build\(|#\[launch\]|#\[rocket::launch\]`)
	healthRoute = pattern.Lazy(`"(/(?:api/)?(?:v1/)?(?:healthz?|health[_-]check|health/(?:ready|live)|readyz?|livez))"`)
	warpHealth  = pattern.Lazy(`\bpath(?:!|::path)?\(\s*"(healthz?|health[_-]check|readyz?|livez)"`)
	tonicHealth = pattern.Lazy(`\btonic_health::`)
	readsPort   = pattern.Lazy(`\bvar\(\s*"PORT"\s*\)|\benv\s*=\s*"PORT"`)
	loopback    = pattern.Lazy(`(?:(?:\bbind|\bServer::http|\bserve)\(\s*&?\(?\s*"(?:127\.0\.0\.1|localhost|\[::1\])|(?:\brun|\bfrom)\(\s*\(?\s*\[\s*127\s*,)()`)
	rocketPort  = pattern.Lazy(`(?m)^\s*port\s*=\s*(\d{2,5})`)
)

func ports() []*ecosystem.Sign {
	return []*ecosystem.Sign{
		ecosystem.NewSign(`\bvar(?:_os)?\(\s*"(?:\w*_)?PORT"\s*\)[^;]*?\bunwrap_or(?:_else)?\([^;\d]*(\d{2,5})\b`),
		ecosystem.NewSign(`\bvar(?:_os)?\(\s*"(?:\w*_)?(?:ADDR|ADDRESS|LISTEN|BIND|HOST)"\s*\)[^;]*?"[\w.\[\]:]*:(\d{2,5})"`),
		ecosystem.NewSign(`#\[(?:arg|clap|structopt)\([^]]*?(?:port|PORT)[^]]*?default_value(?:_t)?\s*=\s*"?(\d{2,5})\b`),
		ecosystem.NewSign(`#\[(?:arg|clap|structopt)\([^]]*?default_value(?:_t)?\s*=\s*"?(?:[\d.]+:)?(\d{2,5})\b[^]]*\]\s*(?:pub\s+)?\w*(?:port|addr|listen|bind)\w*\s*:`),
		ecosystem.NewSign(`\bbind\(\s*&?"[^"\n]*:(\d{2,5})"`),
		ecosystem.NewSign(`\bbind\(\s*&?\(\s*[^,;]+,\s*(\d{2,5})\s*\)`),
		ecosystem.NewSign(`\[\s*\d+\s*,\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\]\s*\)?\s*,\s*(\d{2,5})\b`),
		ecosystem.NewSign(`\b(?:UNSPECIFIED|LOCALHOST|Ipv[46]Addr::new\([^)]*\))\s*\)?\s*,\s*(\d{2,5})\b`),
		ecosystem.NewSign(`(?i)\b(?:const|static|let)\s+(?:mut\s+)?\w*port\w*\s*(?::\s*&?\s*\w+\s*)?=\s*"?(\d{2,5})\b`),
		ecosystem.NewSign(`(?i)\b(?:const|static|let)\s+(?:mut\s+)?\w*(?:addr|listen|bind)\w*\s*(?::[^=;]+)?=\s*"[\w.\[\]:]*:(\d{2,5})"`),
		ecosystem.NewSign(`"(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::1?\]):(\d{2,5})"`),
		ecosystem.NewSign(`\bport:\s*(\d{2,5})\b`),
	}
}

// look takes evidence from a source file of the program.
func (s *service) look(name string, data []byte) {
	e := &s.evidence
	e.GRPC.Seek(grpcServer(), name, data)
	e.HTTP.Seek(httpServer(), name, data)
	e.HealthProto.Seek(tonicHealth(), name, data)
	e.Route.Seek(healthRoute(), name, data)
	if hit := ecosystem.Find(warpHealth(), name, data); hit.Found() && !e.Route.Found() {
		hit.Text = "/" + hit.Text
		e.Route = hit
	}
	s.loopback.Seek(loopback(), name, data)
	s.readsPort = s.readsPort || readsPort().Match(data)
	s.rocket = s.rocket || rocketRoot().Match(data)
	if s.patterns == nil {
		s.patterns = ports()
		s.portRank = len(s.patterns)
	}
	for i, re := range s.patterns[:s.portRank] {
		if found := ecosystem.Find(re, name, data); found.Found() {
			e.Port, s.portRank = found, i
			return
		}
	}
}

// conclude draws from all files together what no file says alone.
func (s *service) conclude() {
	s.framework()
	if s.rocket {
		s.rocketNetwork()
		return
	}
	if hit := s.loopback; hit.Found() && !s.readsPort {
		s.Report(diag.Warning, codeLoopback, hit.File, hit.Line, "listen on 0.0.0.0", "the server listens on its own machine alone: nobody reaches it in a container")
	}
}

// rocketNetwork completes what Rocket decides by itself: it reads Rocket.toml,
// and listens on 127.0.0.1:8000 unless its environment says otherwise
// (rocket.rs/guide/configuration).
func (s *service) rocketNetwork() {
	name := path.Join(s.crate.dir, "Rocket.toml")
	s.evidence.Port = ecosystem.Hit{Text: "8000", File: s.evidence.HTTP.File, Line: s.evidence.HTTP.Line, Why: "Rocket's default"}
	data, err := ecosystem.Read(s.Dir, name)
	if err != nil {
		return
	}
	s.files = append(s.files, "Rocket.toml")
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
	case s.readsPort:
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

var testModule = pattern.Lazy(`(?m)^#\[cfg\(test\)\]\s*(?:pub\s+)?mod\s`)
