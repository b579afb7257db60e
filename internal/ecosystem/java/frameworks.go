package java

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// library is a server that a program starts without naming a port.
type library struct {
	sign *ecosystem.Sign
	name string
	port string
}

// libraries have a default port of their own (their documentation, 2026-11).
func libraries() []library {
	return []library{
		{ecosystem.NewSign(`\bJavalin\.(?:create|start)\s*[({]()`), "Javalin", "8080"},
		{ecosystem.NewSign(`\bimport (?:static )?spark\.(?:Spark|kotlin)\b()`), "Spark", "4567"},
		{ecosystem.NewSign(`\bRatpackServer\.()`), "Ratpack", "5050"},
	}
}

// libraryPort is the port on which a library listens when the program names none.
func (s *service) libraryPort(name string, data []byte) ecosystem.Hit {
	for _, l := range libraries() {
		h := ecosystem.Find(l.sign, name, data)
		if !h.Found() {
			continue
		}
		h.Text, h.Why = l.port, "default of "+l.name
		if v := s.versionOf("javalin", "javalin-bundle"); l.name == "Javalin" && v[0] > 0 && v[0] < 4 {
			h.Text = "7000"
		}
		return h
	}
	return ecosystem.Hit{}
}

// springServers are the libraries with which Spring Boot starts a server.
func springServers() []string {
	return []string{
		"spring-boot-starter-web", "spring-boot-starter-webmvc", "spring-boot-starter-webflux", "spring-boot-starter-jersey", "spring-boot-starter-web-services", "spring-boot-starter-webservices", "spring-boot-starter-data-rest", "spring-boot-starter-graphql", "spring-boot-starter-hateoas", "spring-boot-starter-websocket",
		"spring-cloud-starter-netflix-eureka-server", "spring-cloud-config-server", "spring-cloud-starter-gateway", "spring-cloud-starter-gateway-mvc", "spring-cloud-starter-gateway-server-webflux", "spring-cloud-starter-gateway-server-webmvc", "spring-boot-admin-starter-server", "spring-boot-starter-oauth2-authorization-server", "vaadin-spring-boot-starter",
		"springdoc-openapi-starter-webmvc-ui", "springdoc-openapi-starter-webflux-ui",
	}
}

// microprofileMain starts services of Helidon MP, which have no class of their own
// that does (https://helidon.io/docs/v4/mp/introduction, "Main class").
const microprofileMain = "io.helidon.microprofile.cdi.Main"

// microprofile reports a module of Helidon MP.
func (p *pom) microprofile() bool {
	return slices.ContainsFunc(p.Dependencies, func(d dependency) bool {
		a := strings.TrimSpace(d.ArtifactID)
		return d.Scope != "test" && (a == "helidon-microprofile" || a == "helidon-microprofile-core" || a == "helidon-microprofile-server" || a == "helidon-microprofile-bundle")
	})
}

// helidon completes the evidence of a service of Helidon, whose port is in its
// settings; without one that of SE is any, and that of MP 7001.
func (s *service) helidon(e *ecosystem.Evidence) {
	mp := s.depends(func(a string) bool { return strings.HasPrefix(a, "helidon-microprofile") })
	se := s.depends(func(a string) bool { return a == "helidon-webserver" })
	if !mp.Found() && !se.Found() {
		return
	}
	if port := s.settings.get("server.port"); port.Found() {
		e.Port = port
	} else if mp.Found() && !e.Port.Found() {
		e.Port = mp
		e.Port.Text, e.Port.Why = "7001", "default of Helidon MP"
	}
	if mp.Found() && !e.HTTP.Found() {
		e.HTTP = mp
		e.HTTP.Why = mp.Text + " serves HTTP"
	}
}

// versionOf is the version of the first of some libraries that Maven's build
// files name.
func (s *service) versionOf(artifacts ...string) [2]int {
	if s.maven == nil {
		return [2]int{}
	}
	for _, p := range s.maven.chain {
		for _, d := range slices.Concat(p.Dependencies, p.Managed) {
			if slices.Contains(artifacts, strings.TrimSpace(d.ArtifactID)) && d.Version != "" {
				return majorMinor(s.expand(d.Version))
			}
		}
	}
	return [2]int{}
}

// dropwizard is what a service of Dropwizard is started with. Its program takes a
// command and a file of settings from its command line
// (https://www.dropwizard.io/en/stable/getting-started.html, "Running Your Application").
type dropwizard struct {
	by   ecosystem.Hit // the dependency; not found: the service is another one
	file string        // relative to the module, "" without one
	port ecosystem.Hit
}

// Parts of Dropwizard's settings.
var (
	dropwizardKey  = pattern.Lazy(`(?m)^(?:server|logging|metrics|database)\s*:`)
	dropwizardPort = pattern.Lazy(`(?m)^\s+(?:applicationConnectors|connector)\s*:\s*(?:\n\s*(?:#.*|(?:-\s*)?(?:type\s*:\s*["']?http["']?|bindHost\s*:.*)))*\n\s*(?:-\s*)?port\s*:\s*["']?(?:\$\{\w+:-)?(\d{2,5})`)
)

// readDropwizard finds it.
func (s *service) readDropwizard() {
	d := &s.dropwizard
	if d.by = s.depends(func(a string) bool { return a == "dropwizard-core" }); !d.by.Found() {
		return
	}
	d.port = d.by
	d.port.Text, d.port.Why = "8080", "default of Dropwizard"
	if d.file = s.dropwizardFile(); d.file == "" {
		return
	}
	file := path.Join(s.at, d.file)
	data, err := ecosystem.Read(s.Dir, file)
	if err != nil {
		return
	}
	if h := ecosystem.Find(dropwizardPort(), file, data); h.Found() {
		d.port = h
		d.port.Why = "the settings that it starts with"
	}
}

// dropwizardFile is the file of settings: beside the build file or in a directory
// for such files.
func (s *service) dropwizardFile() string {
	var found []string
	for _, dir := range []string{".", "config", "conf", "etc"} {
		entries, _ := fs.ReadDir(s.Dir, path.Join(s.at, dir))
		for _, e := range entries {
			if e.IsDir() || path.Ext(e.Name()) != ".yml" && path.Ext(e.Name()) != ".yaml" || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if data, err := ecosystem.Read(s.Dir, path.Join(s.at, dir, e.Name())); err == nil && dropwizardKey().Match(data) {
				found = append(found, path.Join(dir, e.Name()))
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.MinFunc(found, func(a, b string) int { return settingsRank(a) - settingsRank(b) })
}

// settingsRank orders files of settings: the usual name, those of production, any
// other, those of tests.
func settingsRank(file string) int {
	base := strings.TrimSuffix(path.Base(file), path.Ext(file))
	switch {
	case base == "config" || base == "configuration":
		return 0
	case strings.Contains(base, "prod"):
		return 1
	case strings.Contains(base, "test") || strings.Contains(base, "dev") || strings.Contains(base, "local"):
		return 3
	}
	return 2
}

// dropwizardStart is the end of its start command.
func (s *service) dropwizardStart() []string {
	switch d := s.dropwizard; {
	case !d.by.Found() || s.kind != kindFat && s.kind != kindPlain:
		return nil
	case d.file == "":
		return []string{"server"}
	default:
		return []string{"server", d.file}
	}
}
