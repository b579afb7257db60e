package golang

import (
	"fmt"
	"go/parser"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Evidence in sources. Ports go from the surest to the vaguest.
var (
	grpcServer  = ecosystem.NewSign(`\bgrpc\.NewServer\(`)
	httpServer  = ecosystem.NewSign(`\bhttp\.ListenAndServe(?:TLS)?\(|\bhttp\.Server\{|\bhttp\.Serve\(|\bgin\.(?:Default|New)\(|\becho\.New\(|\bfiber\.New\(|\bchi\.NewRouter\(|\bmux\.NewRouter\(|\bfasthttp\.ListenAndServe\(`)
	healthRoute = ecosystem.NewSign(`"(?:(?:GET|HEAD) )?(/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez))"`)
	healthName  = ecosystem.NewSign(`\.SetServingStatus\(\s*"([\w.]+)"`)
	healthConst = ecosystem.NewSign(`\.SetServingStatus\(\s*[\w.]*ServiceDesc\.ServiceName`)
	serviceName = ecosystem.NewSign(`(?m)^\s*ServiceName:\s*"([\w.]+)"`)
	healthWhole = ecosystem.NewSign(`\.SetServingStatus\(\s*""`)
	// healthServer registers the standard health service: health.NewServer's, or
	// one of the program's own, which the protocol has answer for the whole server.
	healthServer = ecosystem.NewSign(`\bRegisterHealthServer\(`)
	listens      = ecosystem.NewSign(`\.Listen(?:TCP)?\(`)
	dials        = ecosystem.NewSign(`\bDial(?:Context|Timeout|TLS)?\(|\bgrpc\.NewClient\(`)
	readsPort    = ecosystem.NewSign(`\bos\.(?:Getenv|LookupEnv)\(\s*"PORT"\s*\)`)
	ginRun       = ecosystem.NewSign(`\.Run\(\s*\)()`)
)

// vague are signs of a port in a file that listens, surest first, for what cannot
// be followed from the call.
func vague() []*ecosystem.Sign {
	return []*ecosystem.Sign{
		ecosystem.NewSign(`"(?:\w*_)?(?:PORT|ADDR|ADDRESS|LISTEN)"\s*\)?\s*,\s*"(?:[\w.\[\]:]*:)?(\d{2,5})"`),
		ecosystem.NewSign(`(?i)\b\w*(?:port|addr(?:ess)?)\s*(?:int\w*\s*|string\s*)?:?=\s*"?(?:[\w.\[\]:]*:)?(\d{2,5})\b`),
		ecosystem.NewSign(`"(?:0\.0\.0\.0|\[::\])?:(\d{2,5})"`),
	}
}

// look takes evidence from a source file of the program.
func (s *service) look(name string, data []byte) {
	e := &s.evidence
	if !strings.HasSuffix(name, ".pb.go") && !strings.HasPrefix(path.Base(name), "mock") {
		e.GRPC.Seek(grpcServer, name, data)
		e.HTTP.Seek(httpServer, name, data)
		e.Route.Seek(healthRoute, name, data)
		e.HealthName.Seek(healthName, name, data)
		e.HealthWhole.Seek(healthWhole, name, data)
		e.HealthServer.Seek(healthServer, name, data)
		s.lookVague(name, data)
		s.lookAddresses(name, data)
	}
	if healthConst.Match(data) {
		s.namedByCode = true
	}
	s.lookCommands(name, data)
	s.served.Seek(serviceName, name, data)
	s.ginRun.Seek(ginRun, name, data)
	s.readsPort = s.readsPort || readsPort.Match(data)
}

// lookVague keeps the surest of the vague signs, of files that listen and call no
// other server.
func (s *service) lookVague(name string, data []byte) {
	if !(httpServer.Match(data) || grpcServer.Match(data) || listens.Match(data)) || dials.Match(data) {
		return
	}
	for i, re := range vague() {
		if i >= s.vagueRank && s.vaguePort.Found() {
			return
		}
		if found := ecosystem.Find(re, name, data); found.Found() && found.Text != "65535" {
			s.vaguePort, s.vagueRank = found, i
			return
		}
	}
}

// lookAddresses takes what the file says of addresses to listen on.
func (s *service) lookAddresses(name string, data []byte) {
	const maxParsed = 1 << 20
	if len(data) > maxParsed || !tells.Match(data) {
		return
	}
	if s.addresses == nil {
		s.addresses = newAddresses()
	}
	f, err := parser.ParseFile(s.addresses.files, name, data, parser.SkipObjectResolution)
	if err == nil {
		s.addresses.collect(f, name)
	}
}

// findPort decides on the port, and on whether the gRPC server and TLS count.
func (s *service) findPort() {
	e := &s.evidence
	if s.addresses == nil {
		return
	}
	best, off := s.addresses.port(s.mainDir, e.GRPC.Found() && s.Want.Type != "http")
	if off && e.HTTP.Found() && s.Want.Type == "" {
		s.Fact("gRPC server", "off", "its port is 0 unless a setting changes it", e.GRPC.File, e.GRPC.Line)
		e.GRPC = ecosystem.Hit{}
		best, _ = s.addresses.port(s.mainDir, false)
	}
	if e.Port = best.hit(); !e.Port.Found() {
		e.Port = s.vaguePort
	}
	if s.addresses.secure.Found() && !s.addresses.plain.Found() {
		e.TLS = s.addresses.secure
	}
	s.readsPort = s.readsPort || s.addresses.reads["PORT"] || s.addresses.auto && len(s.addresses.keys["port"]) > 0
	s.checkPort(best)
	s.checkHost(best)
}

// checkHost gives a server whose address is the loopback one another by its flag, else
// it warns of it, unless a setting or PORT may do so.
func (s *service) checkHost(best reached) {
	e := &s.evidence
	if f, ok := s.hostFlag(best); ok && len(s.Want.Command) == 0 && (e.HTTP.Found() || e.GRPC.Found()) {
		s.host = f
		return
	}
	if !best.loopback || s.readsPort || len(s.Want.Command) > 1 || len(s.Want.Env) > 0 || !e.HTTP.Found() && !e.GRPC.Found() {
		return
	}
	s.Report(diag.Warning, ecosystem.CodeLoopback, best.file, best.line, fmt.Sprintf("listen on \":%d\", or give the address by command: or env: of the service", best.port),
		"the server listens on localhost only, so nothing outside its container reaches it")
}

// checkPort warns of a port of slipway.yaml that the program is not seen to listen
// on, and that nothing hands to it.
func (s *service) checkPort(best reached) {
	want := s.Want.Port
	if want == 0 || best.port == 0 || best.cost >= costLoopback || s.readsPort || len(s.Want.Command) > 1 || len(s.Want.Env) > 0 || slices.Contains(s.addresses.found, want) {
		return
	}
	s.Report(diag.Warning, codePort, best.file, best.line, fmt.Sprintf("write port: %d, or pass the other port to the program with command: or env:", best.port),
		"slipway.yaml says port %d, but the program listens on %d and does not read PORT", want, best.port)
}

// conclude draws from all files together what no file says alone.
func (s *service) conclude() {
	e := &s.evidence
	s.findPort()
	_, s.gin = s.graph.imports["github.com/gin-gonic/gin"]
	if s.gin && !e.Port.Found() && s.ginRun.Found() { // Run without an address: $PORT, else 8080
		e.Port = ecosystem.Hit{Text: "8080", File: s.ginRun.File, Line: s.ginRun.Line}
		s.readsPort = true
	}
	if s.namedByCode && !e.HealthName.Found() {
		e.HealthName = s.served
	}
	if !e.HealthServer.Found() {
		e.HealthName, e.HealthWhole = ecosystem.Hit{}, ecosystem.Hit{}
	}
	for _, f := range []struct{ name, pkg string }{
		{"Gin", "github.com/gin-gonic/gin"}, {"Echo", "github.com/labstack/echo"}, {"Fiber", "github.com/gofiber/fiber"}, {"Chi", "github.com/go-chi/chi"}, {"gRPC", "google.golang.org/grpc"},
	} {
		for _, name := range s.graph.sorted() {
			if hit := s.graph.imports[name]; name == f.pkg || strings.HasPrefix(name, f.pkg+"/v") {
				s.Fact("framework", f.name, "imports "+name, hit.File, hit.Line)
				break
			}
		}
	}
}
