package node

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Evidence in sources.
var (
	portDefault  = ecosystem.NewSign(`PORT['"\])]*\s*(?:\?\?|\|\|)\s*['"]?(\d{2,5})\b`)
	portFallback = ecosystem.NewSign(`['"]PORT['"]\s*(?:,|\)\s*(?:\?\?|\|\|))\s*['"]?(\d{2,5})\b`)
	portSchema   = ecosystem.NewSign(`\bPORT['"]?\s*:\s*[^,\n]*\bdefault(?:\(|\s*:)\s*['"]?(\d{2,5})\b`)
	portUnpacked = ecosystem.NewSign(`\bPORT\s*=\s*['"]?(\d{2,5})['"]?[^}\n]*\}\s*=\s*process\.env\b`)
	portListed   = ecosystem.NewSign(`\bprocess\.env\.PORT\s*,\s*['"]?(\d{4,5})\b`)
	portListen   = ecosystem.NewSign(`\.listen\(\s*(?:\{\s*port:\s*)?(\d{2,5})\b`)
	portAddress  = ecosystem.NewSign(`['"\x60](?:0\.0\.0\.0|\[::\]):(\d{2,5})['"\x60]`)
	portNamed    = ecosystem.NewSign(`\bport\s*[:=]\s*(\d{2,5})\b`)
	portRead     = anyOf{
		ecosystem.NewSign(`\bprocess\.env\.PORT\b`), ecosystem.NewSign(`\bprocess\.env\[['"]PORT['"]\]`), ecosystem.NewSign(`\bPORT\b[^}\n]*\}\s*=\s*process\.env\b`),
		ecosystem.NewSign(`\bget(?:OrThrow)?(?:<\w+>)?\(\s*['"]PORT['"]`), ecosystem.NewSign(`\bPORT['"]?\s*:\s*(?:Joi|joi|z|port|num|str|envalid|Type|t|yup|v)\b`),
		ecosystem.NewSign(`\benv\(\s*['"]PORT['"]`), ecosystem.NewSign(`\benv\.PORT\b`),
	}
	grpcServer = ecosystem.NewSign(`\.bindAsync\(`)
	httpServer = anyOf{
		ecosystem.NewSign(`\bcreateServer\(`), ecosystem.NewSign(`\bcreateSecureServer\(`), ecosystem.NewSign(`\bexpress(?:\.default)?\(\)`), ecosystem.NewSign(`\bfastify(?:\.default)?(?:<[^>\n]*>)?\(`),
		ecosystem.NewSign(`\bFastify(?:\.default)?(?:<[^>\n]*>)?\(`), ecosystem.NewSign(`\brequire\(['"](?:express|fastify|polka|restify|koa)['"]\)\(`), ecosystem.NewSign(`\bpolka\(`),
		ecosystem.NewSign(`\bnew (?:Koa|Hono|Elysia)(?:<[^>\n]*>)?\(`), ecosystem.NewSign(`\bNestFactory\.create(?:<[^>\n]*>)?\(`), ecosystem.NewSign(`\bHapi\.(?:server|Server)\(`),
		ecosystem.NewSign(`\bstartStandaloneServer\(`), ecosystem.NewSign(`\bserve\(\s*\{`),
	}
	healthRoute = ecosystem.NewSign(`['"\x60](/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez))['"\x60]`)

	grpcTLS      = ecosystem.NewSign(`\bServerCredentials\.createSsl\(`)
	grpcPlain    = ecosystem.NewSign(`\bServerCredentials\.createInsecure\(`)
	httpsServer  = ecosystem.NewSign(`\bhttps\.createServer\(|\bhttp2\.createSecureServer\(`)
	plainServer  = ecosystem.NewSign(`\bhttp2?\.createServer\(|\bapp\.listen\(|\bnew http\.Server\(`)
	healthWhole  = ecosystem.NewSign(`['"]{2}\s*:\s*[^,}\n]*\bSERVING\b|\.setStatus\(\s*['"]{2}`)
	healthNamed  = ecosystem.NewSign(`['"]([A-Za-z_]\w*(?:\.\w+)+)['"]\s*:\s*[^,}\n]*\bSERVING\b|\.setStatus\(\s*['"]([A-Za-z_][\w.]*)['"]`)
	healthServer = ecosystem.NewSign(`\bHealthImplementation\b|\bHealthService\b|grpc-health-check`)
)

// anyOf matches where the first of several signs does. Each alone is small, and is
// looked for by its first word.
type anyOf []*ecosystem.Sign

// FindSubmatchIndex is that of the sign that matches first.
func (all anyOf) FindSubmatchIndex(data []byte) []int {
	var first []int
	for _, s := range all {
		if m := s.FindSubmatchIndex(data); m != nil && (first == nil || m[0] < first[0]) {
			first = m
			data = data[:min(len(data), m[1])]
		}
	}
	return first
}

// found is what the sources say.
type found struct {
	ecosystem.Evidence
	portRead   ecosystem.Hit // the program asks for PORT
	portEnv    string        // variable whose default is the port
	listens    []string      // ports that are written where the program listens
	tls, plain ecosystem.Hit
	grpcTLS    ecosystem.Hit
	grpcPlain  ecosystem.Hit
	nest       nestSigns
	local      ecosystem.Hit // it listens on the loopback address
	bunHTTP    ecosystem.Hit // a server of Bun
}

// scan reads the sources once: for signs of the network, for what they ask the
// machine for, and for names of files that would be left out.
func (s *service) scan() found {
	s.readTree()
	f, uses := found{}, newUses(s)
	best := len(portSigns())
	ecosystem.EachSource(s.Dir, s.isSource, func(name string, data []byte) {
		if !toolSettings().MatchString(name) {
			f.GRPC.Seek(grpcServer, name, data)
			f.nest.look(name, data)
			f.HTTP.Seek(httpServer, name, data)
			if s.bun.runs() {
				f.bunHTTP.Seek(bunServer, name, data)
			}
			f.Route.Seek(healthRoute, name, data)
			best = f.ports(name, data, best)
			f.security(name, data)
			f.loopback(name, data)
		}
		s.noteNames(name, data)
		uses.source(name, data)
	})
	uses.done()
	if f.nest.serves() {
		f.GRPC.Keep(f.nest.transport)
	}
	return f
}

// toolSettings are settings of tools, whose servers are those of developers and tests.
var toolSettings = pattern.Lazy(`(?:^|/)(?:vite|vitest|playwright|cypress|jest|karma|wdio|webpack|rspack|rsbuild|rollup|esbuild|tsup|storybook|nodemon|browser-sync|eslint|tailwind|postcss)[\w.-]*\.config(?:\.\w+)*\.[cm]?[jt]s$`)

// portSigns are what names a port, the strongest evidence first; those from
// writtenPorts on are numbers where the program listens.
func portSigns() []*ecosystem.Sign {
	return []*ecosystem.Sign{portDefault, portFallback, portUnpacked, portSchema, portListed, portListen, portAddress, portNamed}
}

const writtenPorts = 5

// ports looks for evidence that is stronger than the best so far, which it returns.
func (f *found) ports(name string, data []byte, best int) int {
	signs, first := portSigns(), 0
	if !ecosystem.Contains(data, "PORT") {
		first = writtenPorts
	} else {
		f.portRead.Seek(portRead, name, data)
	}
	for i := first; i < len(signs); i++ {
		written := i == writtenPorts || i == writtenPorts+1
		if i >= best && !written {
			continue
		}
		hit := ecosystem.Find(signs[i], name, data)
		if !hit.Found() {
			continue
		}
		if written {
			f.listens = append(f.listens, hit.Text)
		}
		if i < best {
			f.Port, f.portEnv, best = hit, "", i
			if i == 0 {
				f.portEnv = wordBefore(data, signs[0])
			}
		}
	}
	return best
}

// security notes certificates and what the health service answers for.
func (f *found) security(name string, data []byte) {
	f.grpcTLS.Seek(grpcTLS, name, data)
	f.grpcPlain.Seek(grpcPlain, name, data)
	f.tls.Seek(httpsServer, name, data)
	f.plain.Seek(plainServer, name, data)
	if healthServer.Match(data) {
		f.HealthWhole.Seek(healthWhole, name, data)
		if hit := findEither(healthNamed, name, data); hit.Found() {
			f.HealthName.Keep(hit)
		}
	}
}

// findEither is Find for a pattern of several alternatives with a group each.
func findEither(re ecosystem.Pattern, name string, data []byte) ecosystem.Hit {
	m := re.FindSubmatchIndex(data)
	for i := 2; i < len(m); i += 2 {
		if m[i] >= 0 {
			return ecosystem.Hit{Text: string(data[m[i]:m[i+1]]), File: name, Line: ecosystem.LineAt(data, int64(m[0]))}
		}
	}
	return ecosystem.Hit{}
}

// wordBefore is the whole name of the variable that a match begins within.
func wordBefore(data []byte, re ecosystem.Pattern) string {
	m := re.FindSubmatchIndex(data)
	if m == nil {
		return ""
	}
	from, to := m[0], m[0]+len("PORT")
	for from > 0 && (data[from-1] == '_' || 'A' <= data[from-1] && data[from-1] <= 'Z' || '0' <= data[from-1] && data[from-1] <= '9') {
		from--
	}
	return string(data[from:to])
}

// evidence is what the sources and the files beside them say of the network.
func (s *service) evidence(f found) ecosystem.Evidence {
	e := f.Evidence
	if s.framework.port != "" {
		s.frameworkEvidence(&e)
	}
	if s.runner.port != "" {
		s.runnerEvidence(&e)
	}
	if f.grpcTLS.Found() && !f.grpcPlain.Found() && e.GRPC.Found() {
		e.TLS = f.grpcTLS
	} else if f.tls.Found() && !f.plain.Found() && !e.GRPC.Found() {
		e.TLS = f.tls
	}
	if p, ok := s.Process(); ok && s.framework.start == nil && len(s.Want.Command) == 0 {
		s.processEvidence(p, &e)
	}
	if _, ok := s.pkg.Dependencies["grpc-health-check"]; ok {
		e.HealthProto = ecosystem.Hit{File: "package.json", Line: s.pkg.line("dependencies")}
	}
	if s.bun.runs() {
		e.HTTP.Keep(f.bunHTTP)
	}
	if (e.GRPC.Found() || e.HTTP.Found()) && !e.Port.Found() {
		s.portElsewhere(f, &e)
	}
	if s.bun.runs() && e.HTTP.Found() && !e.Port.Found() && s.Want.Port == 0 {
		e.Port = e.HTTP
		e.Port.Text, e.Port.Why = bunPort, "default of Bun's server"
	}
	return e
}

// defaultPort and defaultRPC are what a program is told that takes any port.
const (
	defaultPort = 3000
	defaultRPC  = 50051
)

var examplePort = pattern.Lazy(`(?m)^\s*(?:export\s+)?PORT\s*=\s*['"]?(\d{2,5})\b`)

// portElsewhere looks for the port of a program whose sources name none: in an
// example of its variables, else the program is told one that it asks for.
func (s *service) portElsewhere(f found, e *ecosystem.Evidence) {
	for _, name := range []string{".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults", ".env"} {
		if data, err := ecosystem.Read(s.Dir, name); err == nil {
			if hit := ecosystem.Find(examplePort(), name, data); hit.Found() {
				hit.Why = "the example .env file"
				e.Port = hit
				return
			}
		}
	}
	if !f.portRead.Found() || s.Want.Port > 0 {
		return
	}
	port := defaultPort
	if e.GRPC.Found() && (s.Want.Type == "" || s.Want.Type == "grpc") {
		port = defaultRPC
	}
	e.Port = f.portRead
	e.Port.Text, e.Port.Why = strconv.Itoa(port), "default: the program listens on PORT"
	s.Report(diag.Info, codeDefaultPort, f.portRead.File, f.portRead.Line, "write port: for the service in slipway.yaml to change it",
		"no file names a port; the image sets PORT=%d", port)
}

// portVariable decides which variable tells the program its port: PORT where it
// asks for it, another one where slipway.yaml says otherwise than its default. A
// port that is written where the program listens needs none.
func (s *service) portVariable(f found) {
	port := strconv.Itoa(s.Want.Port)
	serves := s.Want.Type == "http" || s.Want.Type == "grpc"
	switch {
	case s.Want.Port == 0 || !serves:
	case s.framework.start != nil, s.runner.port != "":
		s.tellsPort = "PORT"
	case slices.Contains(f.listens, port) && f.Port.Text != port:
	case f.portRead.Found(), s.bun.runs() && f.bunHTTP.Found() && !f.Port.Found():
		s.tellsPort = "PORT"
	case f.portEnv != "" && f.Port.Text != port:
		s.tellsPort = f.portEnv
	}
}

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
		at.Text, at.Why = strconv.Itoa(defaultPort), "default: the web process reads PORT"
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
		switch base := path.Base(name); {
		case base == "node_modules", strings.HasPrefix(base, "."), s.builtAnew(name), name == s.outDir && s.compiles(), name == s.codegen.out, s.Ignore.Excludes(s.in(name)), slices.Contains(s.strangers, name):
			return false
		case slices.Contains([]string{"public", "static", "assets", "www", "docs", "examples", "extra", "contrib", "vendor"}, base) && !slices.ContainsFunc(s.start, func(w string) bool { return strings.HasPrefix(path.Clean(w), name+"/") }):
			return false // what browsers get, and what is no part of the program
		}
		return ecosystem.Needless(name, true) == ""
	}
	if len(s.start) > 1 && path.Ext(name) == "" && path.Clean(s.start[1]) == name {
		return true // as in "node ./bin/www"
	}
	return slices.Contains([]string{".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"}, path.Ext(name)) &&
		!strings.Contains(name, ".test.") && !strings.Contains(name, ".spec.") && !strings.HasSuffix(name, ".d.ts") && !strings.HasSuffix(name, ".min.js")
}
