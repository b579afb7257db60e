package java

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Evidence in sources. Ports go from the surest to the vaguest.
var (
	javaMain    = pattern.Lazy(`\bstatic\s+(?:final\s+)?void\s+main\s*\(()`)
	kotlinMain  = pattern.Lazy(`(?m)^(?:suspend\s+)?fun\s+main\s*\(()`)
	javaPackage = pattern.Lazy(`(?m)^\s*package\s+([\w.]+)`)
	springApp   = pattern.Lazy(`@SpringBootApplication\b()`)
	grpcServer  = pattern.Lazy(`\b(?:Netty)?ServerBuilder\s*\.\s*forPort\(|\bGrpc\s*\.\s*newServerBuilderForPort\(`)
	httpServer  = pattern.Lazy(`\bHttpServer\.create\(|\bHttpsServer\.create\(|\bJavalin\.(?:create|start)\s*[({]|\bUndertow\.builder\(|\bnew Server\(|\bcreateHttpServer\(|\bWebServer\.(?:builder|create)\(|\bembeddedServer\(|\bSpark\.(?:get|port)\(|\bimport (?:static )?spark\.(?:Spark|kotlin)\b|\bSimpleServer\b|\bRatpackServer\.|\bnew Tomcat\(`)
	healthRoute = pattern.Lazy(`"(/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez))"`)
	readsPort   = pattern.Lazy(`System\.getenv\(\s*"PORT"|(?:getenv|environment)\(\)\s*(?:\.\s*(?:getOrDefault|get)\(|\[)\s*"PORT"`)
	otherLocale = pattern.Lazy(`\b(?:Locale\.(?:GERMAN|GERMANY|FRENCH|FRANCE|ITALIAN|ITALY|JAPAN\w*|KOREAN?|CHIN\w+|TAIWAN|CANADA_FRENCH|forLanguageTag|of\()|new Locale\()()`)
)

func ports() []*ecosystem.Sign {
	return []*ecosystem.Sign{
		ecosystem.NewSign(`"(?:\w*_)?PORT"\s*,\s*"?(\d{2,5})"?`),
		ecosystem.NewSign(`(?:InetSocketAddress|forPort|newServerBuilderForPort|ServerSocket|\bnew Server|\.start|\.listen|\.port|setPort|addHttpListener)\(\s*(?:"[\d.]*"\s*,\s*)?(\d{2,5})\b`),
		ecosystem.NewSign(`(?i)\b\w*port\s*=\s*(\d{2,5})\b`),
		ecosystem.NewSign(`"PORT"[^;]{0,120}?[:?(]\s*"?(\d{2,5})\b`),
		ecosystem.NewSign(`(?m)^\s*port\(\s*(\d{2,5})\s*\)`), // Spark's, imported
		ecosystem.NewSign(`"PORT"(?s:.{0,300}?)\breturn\s+(\d{2,5})\b`),
	}
}

// portHit is a port in a source, and how vague it is.
type portHit struct {
	rank int
	hit  ecosystem.Hit
}

// portsOf is the surest port that a source names.
func portsOf(all []*ecosystem.Sign, name string, data []byte) []portHit {
	for i, re := range all {
		if h := ecosystem.Find(re, name, data); h.Found() {
			return []portHit{{i, h}}
		}
	}
	return nil
}

// port is the surest port of all sources but those of other programs.
func (s *service) port() ecosystem.Hit {
	others := map[string]bool{}
	for _, h := range s.scan.mains {
		others[h.File] = s.main != "" && h.Text != s.main
	}
	best := portHit{}
	for _, p := range s.scan.ports {
		if !others[p.hit.File] && (!best.hit.Found() || p.rank < best.rank) {
			best = p
		}
	}
	return best.hit
}

// scan is what the sources say.
type scan struct {
	sources  int             // files
	mains    []ecosystem.Hit // Text is the class
	servers  []string        // files that start a server
	ports    []portHit       // in the order of files
	evidence ecosystem.Evidence
	insecure ecosystem.Hit // a server without TLS
	port     bool          // reads $PORT
	locale   ecosystem.Hit // formats for other languages than English
	text     ecosystem.Hit // text that it draws
	images   ecosystem.Hit // files with images that it reads
}

// eachSource calls fn for the sources of a module that are no tests.
func eachSource(tree fs.FS, dir string, fn func(name string, data []byte)) {
	src, err := fs.Sub(tree, path.Join(dir, "src/main"))
	if err != nil {
		return
	}
	// Packages lie deeper than the shared limit looks: each language's folder is a tree of its own.
	for _, lang := range []string{"java", "kotlin", "scala", "groovy"} {
		at := lang
		for { // down to where packages part
			entries, err := fs.ReadDir(src, at)
			if err != nil || len(entries) != 1 || !entries[0].IsDir() {
				break
			}
			at = path.Join(at, entries[0].Name())
		}
		sub, err := fs.Sub(src, at)
		if err != nil || !ecosystem.IsDir(src, at) {
			continue
		}
		ecosystem.EachSource(sub, func(name string, isDir bool) bool {
			return isDir || slices.Contains([]string{".java", ".kt"}, path.Ext(name))
		}, func(name string, data []byte) { fn(path.Join(dir, "src/main", at, name), data) })
	}
}

// mainClass returns the class that a source starts with, "" when it does not.
func mainClass(name string, data []byte) ecosystem.Hit {
	class := strings.TrimSuffix(path.Base(name), path.Ext(name))
	re := javaMain()
	if path.Ext(name) == ".kt" {
		re = kotlinMain()
		class = strings.ToUpper(class[:1]) + class[1:] + "Kt"
	}
	h := ecosystem.Find(re, name, data)
	if !h.Found() {
		return h
	}
	if h.Text = class; javaPackage().Match(data) {
		h.Text = string(javaPackage().FindSubmatch(data)[1]) + "." + class
	}
	return h
}

// starts tells whether a module of a build is a service: a framework packs it,
// or one of its classes starts.
func starts(tree fs.FS, p *pom) bool {
	if p.Packaging == "pom" || p.Packaging == "maven-plugin" {
		return false
	}
	if p.plugin("quarkus-maven-plugin") != nil || p.Packaging == "war" {
		return true
	}
	if g := p.plugin("spring-boot-maven-plugin"); g != nil && g.setting("skip") != "true" {
		return true
	}
	if p.microprofile() {
		return true
	}
	found := false
	eachSource(tree, p.dir(), func(name string, data []byte) {
		found = found || mainClass(name, data).Found() || springApp().Match(data)
	})
	return found
}

// readSources takes evidence from the sources of the module.
func (s *service) readSources(names *ecosystem.Namer) {
	all := ports()
	keys := s.resourceKeys()
	eachSource(s.Dir, s.at, func(name string, data []byte) {
		c := &s.scan
		c.sources++
		keys.Look(&s.Service, name, data)
		s.asks(names, name, data)
		if h := mainClass(name, data); h.Found() {
			c.mains = append(c.mains, h)
		}
		if ecosystem.Find(grpcServer(), name, data).Found() || ecosystem.Find(httpServer(), name, data).Found() {
			c.servers = append(c.servers, name)
		}
		c.evidence.GRPC.Seek(grpcServer(), name, data)
		c.evidence.HTTP.Seek(httpServer(), name, data)
		c.ports = append(c.ports, portsOf(all, name, data)...)
		if h := s.libraryPort(name, data); h.Found() {
			c.ports = append(c.ports, portHit{len(all), h})
		}
		c.evidence.Route.Seek(healthRoute(), name, data)
		c.locale.Seek(otherLocale(), name, data)
		c.text.Seek(drawsText(), name, data)
		c.images.Seek(readsImages(), name, data)
		c.port = c.port || readsPort().Match(data)
	})
}

// network completes type, port and health.
func (s *service) network() {
	e := s.scan.evidence
	e.Port = s.port()
	named := func(names ...string) ecosystem.Hit {
		return s.depends(func(a string) bool { return slices.Contains(names, a) })
	}
	serverName := string(s.kind)
	if s.boots() {
		serverName = string(kindSpring)
	}
	framework := func(server ecosystem.Hit, portKey string, port string, route ecosystem.Hit) {
		if !server.Found() {
			return
		}
		server.Why = server.Text + " serves HTTP"
		e.HTTP = server
		if e.Port = s.settings.get(portKey); !e.Port.Found() {
			e.Port = server
			e.Port.Text, e.Port.Why = port, "default of "+serverName
		}
		e.Route = route
	}
	switch {
	case s.boots():
		health := named("spring-boot-starter-actuator")
		if own := s.settings.get("management.server.port"); own.Found() && own.Text != s.settings.get("server.port").Text {
			health = ecosystem.Hit{}
		}
		health.Text, health.Why = s.settings.get("server.servlet.context-path").Text+ecosystem.Or(s.settings.get("management.endpoints.web.base-path").Text, "/actuator")+"/health", "Spring Boot's actuator"
		e.Route = ecosystem.Hit{}
		framework(named(springServers()...), "server.port", "8080", health)
	case s.kind == kindQuarkus:
		health := named("quarkus-smallrye-health")
		health.Text, health.Why = "/q/health/ready", "Quarkus's health extension"
		framework(s.depends(func(a string) bool {
			return strings.HasPrefix(a, "quarkus-rest") && !strings.Contains(a, "client") || strings.HasPrefix(a, "quarkus-resteasy") && !strings.Contains(a, "client") ||
				slices.Contains([]string{"quarkus-vertx-http", "quarkus-undertow", "quarkus-reactive-routes", "quarkus-smallrye-graphql"}, a)
		}), "quarkus.http.port", "8080", health)
	case s.dropwizard.by.Found():
		e.HTTP, e.Port, e.Route = s.dropwizard.by, s.dropwizard.port, ecosystem.Hit{} // its check is on the port of the administration
		e.HTTP.Why = e.HTTP.Text + " serves HTTP"
	default:
		framework(named("micronaut-http-server-netty", "micronaut-http-server-jetty", "micronaut-http-server-tomcat"), "micronaut.server.port", "8080", ecosystem.Hit{})
		s.helidon(&e)
	}
	s.Network(e, s.manifest())
}

// findKind decides how the service is packed.
func (s *service) findKind() {
	signs := s.mavenKind
	if s.maven == nil {
		signs = s.gradleKind
	}
	kind, h := signs()
	s.kind = kind
	if s.Fact("packaging", string(kind), h.Why, h.File, h.Line); s.kind == kindPlain && len(s.Want.Command) == 0 {
		s.chooseMain()
	}
}

func (s *service) mavenKind() (kind, ecosystem.Hit) {
	m := s.maven.module
	sign := func(artifact string) ecosystem.Hit {
		_, at := s.plugin(artifact)
		if at == nil {
			return ecosystem.Hit{}
		}
		return ecosystem.Hit{File: at.file, Line: at.line("<artifactId>" + artifact + "<"), Why: artifact}
	}
	if h := sign("quarkus-maven-plugin"); h.Found() {
		return kindQuarkus, h
	}
	if h := sign("spring-boot-maven-plugin"); h.Found() {
		s.spring = s.springVersion()
		if s.repackages() {
			return kindSpring, h
		}
		if m.Packaging != "war" {
			h.Why = "no execution of spring-boot-maven-plugin puts the libraries into the jar"
			return kindPlain, h
		}
	}
	if m.Packaging == "war" {
		s.Report(diag.Error, codeNoServer, m.file, m.line("<packaging>"), "add spring-boot-maven-plugin, or a server to the program; a Dockerfile in the directory builds anything else",
			"a war requires a servlet container, and no base has one")
	}
	if h := sign("maven-shade-plugin"); h.Found() {
		return kindFat, h
	}
	// Without an execution, package does not run it: whoever wants its jar calls it by name.
	if g, _ := s.plugin("maven-assembly-plugin"); g != nil && strings.Contains(string(g.Inner), "jar-with-dependencies") && strings.Contains(string(g.Inner), "<execution>") {
		return kindFat, sign("maven-assembly-plugin")
	}
	return kindPlain, ecosystem.Hit{File: m.file, Why: "default: no plugin packs the libraries"}
}

func (s *service) gradleKind() (kind, ecosystem.Hit) {
	for _, k := range []struct {
		plugin string
		kind   kind
	}{{"io.quarkus", kindQuarkus}, {"org.springframework.boot", kindSpring}, {"com.gradleup.shadow", kindFat}, {"com.github.johnrengelman.shadow", kindFat}, {"application", kindPlain}} {
		h := s.grade.applies(k.plugin)
		if !h.Found() {
			continue
		}
		h.Why = "the plugin " + k.plugin
		if k.kind == kindSpring {
			s.spring = s.gradleSpringVersion()
		}
		return k.kind, h
	}
	s.Report(diag.Error, codeNoMain, s.grade.file, 0, "apply the plugin application and name its mainClass; a library needs no service", "no build plugin produces a program")
	return kindPlain, ecosystem.Hit{File: s.grade.file}
}
