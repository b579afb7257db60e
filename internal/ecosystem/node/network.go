package node

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Evidence in sources.
var (
	portDefault = ecosystem.NewSign(`PORT\s*(?:\?\?|\|\|)\s*['"]?(\d{2,5})\b`)
	portListen  = ecosystem.NewSign(`\.listen\(\s*(?:\{\s*port:\s*)?(\d{2,5})\b`)
	portAddress = ecosystem.NewSign(`['"\x60](?:0\.0\.0\.0|\[::\]):(\d{2,5})['"\x60]`)
	portNamed   = ecosystem.NewSign(`\bport\s*[:=]\s*(\d{2,5})\b`)
	grpcServer  = ecosystem.NewSign(`\.bindAsync\(`)
	httpServer  = ecosystem.NewSign(`\bcreateServer\(|\bexpress\(\)|\b[fF]astify\(|\brequire\(['"](?:express|fastify|polka|restify)['"]\)\(|\bpolka\(|\bnew Koa\(|\bnew Hono\(|NestFactory\.create\(`)
	healthRoute = ecosystem.NewSign(`['"\x60](/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez))['"\x60]`)
)

// evidence reads the sources for signs of the network.
func (s *service) evidence() ecosystem.Evidence {
	var e ecosystem.Evidence
	ports := []*ecosystem.Sign{portDefault, portListen, portAddress, portNamed}
	best := len(ports)
	ecosystem.EachSource(s.Dir, s.isSource, func(name string, data []byte) {
		e.GRPC.Seek(grpcServer, name, data)
		e.HTTP.Seek(httpServer, name, data)
		e.Route.Seek(healthRoute, name, data)
		for i, re := range ports[:best] {
			if found := ecosystem.Find(re, name, data); found.Found() {
				e.Port, best = found, i
				break
			}
		}
	})
	if s.framework.port != "" {
		s.frameworkEvidence(&e)
	}
	if p, ok := s.Process(); ok && s.framework.start == nil && len(s.Want.Command) == 0 {
		s.processEvidence(p, &e)
	}
	if _, ok := s.pkg.Dependencies["grpc-health-check"]; ok {
		e.HealthProto = ecosystem.Hit{File: "package.json", Line: s.pkg.line("dependencies")}
	}
	return e
}

// defaultPort is the one that a web process is told when nothing names another.
const defaultPort = 3000

// processEvidence is what a process of the Procfile tells: that called web
// serves, on the port that it is told; others serve nobody.
func (s *service) processEvidence(p ecosystem.Process, e *ecosystem.Evidence) {
	if p.Name != "web" {
		*e = ecosystem.Evidence{}
		return
	}
	at := ecosystem.Hit{File: "Procfile", Line: p.Line, Why: "the web process of the Procfile"}
	if !e.GRPC.Found() {
		e.HTTP.Keep(at)
	}
	if !e.Port.Found() || p.WantsPort() {
		at.Text, at.Why = strconv.Itoa(defaultPort), "default: the web process is told by PORT"
		e.Port = at
	}
	port := ecosystem.Or(e.Port.Text, at.Text)
	if s.Want.Port > 0 {
		port = strconv.Itoa(s.Want.Port)
	}
	s.startEnv = append(s.startEnv, "PORT="+port)
}

// isSource tells whether a path may hold evidence.
func (s *service) isSource(name string, dir bool) bool {
	if dir {
		top, _, _ := strings.Cut(name, "/")
		return path.Base(name) != "node_modules" && slices.Contains(s.sources, top) && name != s.codegen.out
	}
	if len(s.start) > 1 && path.Ext(name) == "" && path.Clean(s.start[1]) == name {
		return true // as in "node ./bin/www"
	}
	return slices.Contains([]string{".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"}, path.Ext(name)) &&
		!strings.Contains(name, ".test.") && !strings.Contains(name, ".spec.") && !strings.HasSuffix(name, ".d.ts")
}
