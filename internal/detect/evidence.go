package detect

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// evidence is what a repository says of a service beside its sources: in a
// Dockerfile, a compose file, Kubernetes manifests. It is weaker than what the
// sources say and stronger than a default. The zero value says nothing.
type evidence struct {
	version ecosystem.Hit // of the runtime
	start   ecosystem.Hit // Text is the command, words quoted where they have to be
	words   []string      // of start
	port    ecosystem.Hit
	grpc    ecosystem.Hit // a probe that asks for gRPC health; Text is the name it asks for
	route   ecosystem.Hit // of an HTTP health check
	env     []ecosystem.Hit
	depends ecosystem.Hit
	gpu     ecosystem.Hit // what reserves one
	asks    bool          // the Dockerfile has a HEALTHCHECK
}

// files of a repository that say something of several services, read once.
type deployFiles struct {
	compose map[string][]composed // by directory
	pods    map[string][]podded
}

// newDeployFiles returns an empty memory.
func newDeployFiles() *deployFiles {
	return &deployFiles{map[string][]composed{}, map[string][]podded{}}
}

// evidenceOf collects what is said of a service. planned is the service's own
// Dockerfile when the service is not built from it.
func (r repository) evidenceOf(s config.Service, language string, dir fs.FS) evidence {
	var e evidence
	if name := OwnDockerfile(dir); name != "" {
		e.fromDockerfile(r.parsed, dir, name, s.Path, language)
	}
	for up := path.Clean(s.Path); ; up = path.Dir(up) {
		for _, p := range r.podsIn(up) {
			if isOf(p.names, s) {
				e.fromPod(p)
			}
		}
		for _, c := range r.composeIn(up) {
			if c.dir == path.Clean(s.Path) {
				e.fromCompose(c)
			}
		}
		if up == "." {
			break
		}
	}
	if p, _ := portOf(e.env); p.Found() {
		e.port.Keep(p)
	}
	return e
}

func (r repository) podsIn(dir string) []podded {
	if _, read := r.deploy.pods[dir]; !read {
		r.deploy.pods[dir] = readManifests(r.tree, dir)
	}
	return r.deploy.pods[dir]
}

func (r repository) composeIn(dir string) []composed {
	if _, read := r.deploy.compose[dir]; !read {
		r.deploy.compose[dir] = readCompose(r.tree, dir)
	}
	return r.deploy.compose[dir]
}

// isOf tells whether one of the names of a container is that of a service.
func isOf(names []string, s config.Service) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return n != "" && (n == s.Name || s.Path != "." && n == path.Base(s.Path))
	})
}

// fromDockerfile takes what the last stage of a Dockerfile says, and keeps that.
func (e *evidence) fromDockerfile(keep *dockerfile.Parsed, dir fs.FS, name, at, language string) {
	file := path.Join(at, name)
	data, err := ecosystem.Read(dir, name)
	if err != nil {
		return
	}
	parsed, err := dockerfile.Read(file, data)
	if err != nil {
		return // the person's file is not what is built
	}
	defer keep.Keep(file, data, parsed)
	runs := parsed.Runs(nil)
	hit := func(s dockerfile.Said, text, why string) ecosystem.Hit {
		return ecosystem.Hit{Text: text, File: file, Line: s.Line, Why: why}
	}
	for _, image := range runs.Images {
		if cudaImage().MatchString(image.Value) {
			e.gpu.Keep(hit(image, "", "FROM "+image.Value))
		}
		if v := runtimeOf(language, image.Value); v != "" {
			name, _, _ := strings.Cut(image.Value, "@")
			e.version.Keep(hit(image, v, "FROM "+name))
		}
	}
	for _, set := range runs.Env {
		if isSetting(set) {
			e.env = append(e.env, hit(set, set.Name+"="+set.Value, "ENV"))
		}
	}
	if p, _ := portOf(e.env); p.Found() {
		e.port.Keep(p)
	}
	for _, p := range runs.Ports {
		e.port.Keep(hit(p, p.Value, "EXPOSE"))
	}
	for _, h := range runs.Health {
		e.asks = true
		e.health(hit(h, h.Value, "HEALTHCHECK"))
	}
	if e.words = commandOf(runs, language, dir); e.words != nil {
		e.start = hit(dockerfile.Said{Line: runs.Line}, strings.Join(e.words, " "), "ENTRYPOINT and CMD")
	}
}

// fromPod takes what a manifest says. Its variables are those of one cluster, so
// that they tell the port and are no part of the image.
func (e *evidence) fromPod(p podded) {
	for _, port := range p.ports {
		e.port.Keep(port)
	}
	if port, _ := portOf(p.env); port.Found() {
		e.port.Keep(port)
	}
	e.gpu.Keep(p.gpu)
	e.grpc.Keep(p.grpc)
	e.route.Keep(p.route)
	if p.health.Found() {
		e.health(p.health)
	}
}

// fromCompose takes what a compose file says, its variables as those of a
// manifest.
func (e *evidence) fromCompose(c composed) {
	for _, port := range c.ports {
		e.port.Keep(port)
	}
	if port, _ := portOf(c.env); port.Found() {
		port.Why = "environment of the compose file"
		e.port.Keep(port)
	}
	if c.health.Found() {
		e.health(c.health)
	}
	e.depends.Keep(c.depends)
	e.gpu.Keep(c.gpu)
}

var (
	healthURL  = pattern.Lazy(`\bhttps?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[\d${}A-Za-z_:-]+)?(/[^\s'"|&;)]*)`)
	healthGRPC = pattern.Lazy(`\bgrpc_health_probe\b(?:.*-service[= ]([\w.]+))?`)
)

// health takes the command of a health check apart.
func (e *evidence) health(h ecosystem.Hit) {
	if m := healthGRPC().FindStringSubmatch(h.Text); m != nil {
		h.Text = m[1]
		e.grpc.Keep(h)
		return
	}
	if m := healthURL().FindStringSubmatch(h.Text); m != nil {
		h.Text = m[1]
		e.route.Keep(h)
	}
}

// portOf is the value of PORT among variables.
func portOf(env []ecosystem.Hit) (ecosystem.Hit, bool) {
	for _, h := range env {
		if value, ok := strings.CutPrefix(h.Text, "PORT="); ok && containerPort(value) == value && value != "" {
			h.Text, h.Why = value, "PORT"
			return h, true
		}
	}
	return ecosystem.Hit{}, false
}

// isSetting tells whether a variable of a Dockerfile is one of the program rather
// than of the image's tools, and holds no secret.
func isSetting(s dockerfile.Said) bool {
	tools := []string{"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TERM", "NODE_ENV", "JAVA_HOME", "GOPATH", "GOROOT", "GOFLAGS", "CGO_ENABLED", "GOOS", "GOARCH", "DEBIAN_FRONTEND", "VIRTUAL_ENV", "CARGO_HOME", "RUSTUP_HOME", "JAVA_OPTS", "JAVA_TOOL_OPTIONS"}
	return !slices.Contains(tools, s.Name) && !ofTools().MatchString(s.Name) && !config.IsSecretName(s.Name) && !strings.Contains(s.Value, "$")
}

var ofTools = pattern.Lazy(`^(?:PYTHON|PIP_|POETRY_|UV_|NPM_|YARN_|PNPM_|MAVEN_|GRADLE_)|_VERSION$`)

// Images of languages, and the version in their tags.
var (
	nodeImage   = pattern.Lazy(`(?:^|/)(?:node|nodejs|bitnami/node)[^:]*:(?:v?(\d+(?:\.\d+){0,2})|(hydrogen|iron|jod|krypton|lithium)\b)`)
	denoImage   = pattern.Lazy(`(?:^|/)deno[^:]*:(?:[a-z]+-)?v?(\d+(?:\.\d+){0,2})`)
	cudaImage   = pattern.Lazy(`(?:^|/)nvidia/|(?:^|/)(?:pytorch|tensorflow|cuda)[^:]*:[^@]*(?:cuda|gpu|cu\d+)`)
	pythonImage = pattern.Lazy(`(?:^|/)(?:python|uv)[^:]*:(?:python)?(\d+\.\d+)`)
	goImage     = pattern.Lazy(`(?:^|/)golang[^:]*:(\d+\.\d+)`)
	rustImage   = pattern.Lazy(`(?:^|/)rust[^:]*:(\d+\.\d+)`)
	javaImage   = pattern.Lazy(`(?:temurin|openjdk|corretto|zulu|liberica)[^:]*:(?:[\d.]+-)?(?:\w+-)*?(\d+)|(?:^|/)(?:maven|gradle)[^:]*:[^:]*?(?:jdk|jre|temurin|openjdk|corretto)-?(\d+)`)
)

// runtimeOf is the version of a language's runtime that the name of an image
// tells, as slipway.yaml writes it.
func runtimeOf(language, image string) string {
	re := map[string]func() ecosystem.Pattern{
		"deno":   func() ecosystem.Pattern { return denoImage() },
		"node":   func() ecosystem.Pattern { return nodeImage() },
		"python": func() ecosystem.Pattern { return pythonImage() },
		"go":     func() ecosystem.Pattern { return goImage() },
		"rust":   func() ecosystem.Pattern { return rustImage() },
		"java":   func() ecosystem.Pattern { return javaImage() },
	}[language]
	if re == nil {
		return ""
	}
	m := re().FindSubmatchIndex([]byte(image))
	for i := 2; i+1 < len(m); i += 2 {
		if m[i] >= 0 {
			return image[m[i]:m[i+1]]
		}
	}
	return ""
}

// listening is the number of the port, 0 without one.
func (e evidence) listening() int {
	n, _ := strconv.Atoi(e.port.Text) // it is one
	return n
}
