package golang

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Evidence in sources. Ports go from the surest to the vaguest.
var (
	grpcServer  = ecosystem.NewSign(`\bgrpc\.NewServer\(`)
	httpServer  = ecosystem.NewSign(`\bhttp\.ListenAndServe(?:TLS)?\(|\bhttp\.Server\{|\bhttp\.Serve\(|\bgin\.(?:Default|New)\(|\becho\.New\(|\bfiber\.New\(|\bchi\.NewRouter\(|\bmux\.NewRouter\(|\bfasthttp\.ListenAndServe\(`)
	healthRoute = ecosystem.NewSign(`"(?:(?:GET|HEAD) )?(/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez))"`)
	healthName  = ecosystem.NewSign(`\.SetServingStatus\(\s*"([\w.]+)"`)
	healthConst = ecosystem.NewSign(`\.SetServingStatus\(\s*[\w.]*ServiceDesc\.ServiceName`)
	serviceName = ecosystem.NewSign(`(?m)^\s*ServiceName:\s*"([\w.]+)"`)
	readsPort   = ecosystem.NewSign(`\bos\.(?:Getenv|LookupEnv)\(\s*"PORT"\s*\)`)
	ginRun      = ecosystem.NewSign(`\.Run\(\s*\)()`)
)

func ports() []*ecosystem.Sign {
	return []*ecosystem.Sign{
		ecosystem.NewSign(`"(?:\w*_)?(?:PORT|ADDR|ADDRESS|LISTEN)"\s*\)?\s*,\s*"(?:[\w.\[\]:]*:)?(\d{2,5})"`),
		ecosystem.NewSign(`(?i)\b(?:\w*port|\w*addr(?:ess)?)\s*:?=\s*"(?:[\w.\[\]:]*:)?(\d{2,5})"`),
		ecosystem.NewSign(`\bflag\.\w+\([^)\n]*"(?:\w*[-_])?(?:port|addr|address|listen)",\s*"?(?:[\w.\[\]]*:)?(\d{2,5})\b`),
		ecosystem.NewSign(`\b(?:ListenAndServe(?:TLS)?|Run|Start|Listen)\(\s*(?:"tcp",\s*)?"[\w.\[\]]*:(\d{2,5})"`),
		ecosystem.NewSign(`\bAddr:\s*"[\w.\[\]]*:(\d{2,5})"`),
		ecosystem.NewSign(`(?i)\b\w*port\s*(?:int\w*\s*)?:?=\s*(\d{2,5})\b`),
		ecosystem.NewSign(`"(?:0\.0\.0\.0|\[::\])?:(\d{2,5})"`),
	}
}

// look takes evidence from a source file of the program.
func (s *service) look(name string, data []byte) {
	e := &s.evidence
	if !strings.HasSuffix(name, ".pb.go") {
		e.GRPC.Seek(grpcServer, name, data)
		e.HTTP.Seek(httpServer, name, data)
		e.Route.Seek(healthRoute, name, data)
		e.HealthName.Seek(healthName, name, data)
		s.lookPort(name, data)
		s.lookOpened(name, data)
	}
	if healthConst.Match(data) {
		s.namedByCode = true
	}
	s.served.Seek(serviceName, name, data)
	s.ginRun.Seek(ginRun, name, data)
	s.readsPort = s.readsPort || readsPort.Match(data)
}

// lookPort keeps the surest sign of a port.
func (s *service) lookPort(name string, data []byte) {
	for i, re := range s.portSigns() {
		if found := ecosystem.Find(re, name, data); found.Found() {
			s.evidence.Port, s.portRank = found, i
			return
		}
	}
}

// portSigns are those that are surer than what was found so far.
func (s *service) portSigns() []*ecosystem.Sign {
	if s.patterns == nil {
		s.patterns = ports()
		s.portRank = len(s.patterns)
	}
	return s.patterns[:s.portRank]
}

// conclude draws from all files together what no file says alone.
func (s *service) conclude() {
	e := &s.evidence
	_, s.gin = s.graph.imports["github.com/gin-gonic/gin"]
	if s.gin && !e.Port.Found() && s.ginRun.Found() { // Run without an address: $PORT, else 8080
		e.Port = ecosystem.Hit{Text: "8080", File: s.ginRun.File, Line: s.ginRun.Line}
		s.readsPort = true
	}
	if s.namedByCode && !e.HealthName.Found() {
		e.HealthName = s.served
	}
	if hit, ok := s.graph.imports["google.golang.org/grpc/health"]; ok {
		e.HealthProto = hit
	} else {
		e.HealthName = ecosystem.Hit{}
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

// runtimeDirs are directories that programs read while they run.
func runtimeDirs() []string {
	return []string{"templates", "views", "static", "public", "assets", "config", "configs", "locales", "migrations", "web"}
}

// runtimeFiles finds directories of the module that the program opens by name.
func (s *service) runtimeFiles() {
	for _, name := range runtimeDirs() {
		at := path.Join(s.module.dir, name)
		hit := s.opened[name]
		if !hit.Found() || !ecosystem.IsDir(s.Dir, at) || slices.Contains(s.graph.embeds, at) || s.Ignore.Excludes(at) {
			continue
		}
		s.files = append(s.files, name)
		s.Fact("runtime files", name, "the program names the directory", hit.File, hit.Line)
	}
}

var openedDir = pattern.Lazy(`["\x60](?:\./)?(templates|views|static|public|assets|configs?|locales|migrations|web)(?:/[^"\x60\n]*)?["\x60]`)

// lookOpened notes the directories that a source names outside of go:embed.
func (s *service) lookOpened(name string, data []byte) {
	for _, m := range openedDir().FindAllSubmatchIndex(data, -1) {
		dir := string(data[m[2]:m[3]])
		if _, have := s.opened[dir]; !have {
			if s.opened == nil {
				s.opened = map[string]ecosystem.Hit{}
			}
			s.opened[dir] = ecosystem.Hit{Text: dir, File: name, Line: ecosystem.LineAt(data, int64(m[0]))}
		}
	}
}
