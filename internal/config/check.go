package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Forms of names. A fleet's and a service's name become components of an image
// name: distribution/reference v0.6, "path-component".
const namePattern = `^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`

var (
	nameForm     = pattern.Lazy(namePattern)
	tagForm      = pattern.Lazy(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	registryForm = pattern.Lazy(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	imageForm    = pattern.Lazy(`^[A-Za-z0-9][A-Za-z0-9._/:-]*(@sha256:[a-f0-9]{64})?$`)
	userForm     = pattern.Lazy(`^[a-z_][a-z0-9_-]{0,30}$`)
	envForm      = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*$`)
	secretForm   = pattern.Lazy(`(?i)(^|_)(password|passwd|secret|token|apikey|api_key|private_key|credentials?)$`)
	grpcForm     = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	httpForm     = pattern.Lazy(`^/[!-~]*$`)
)

// check reports what the types of the document cannot say.
func (d *decoder) check(doc *document) {
	d.checkVersion(doc)
	d.checkName("fleet", "fleet", "fleet", doc.Fleet)
	if doc.Registry != "" && !registryForm().MatchString(doc.Registry) {
		d.report(codeReference, "registry", "such as localhost:5000 or registry.example/team, without a scheme", "%q is not a registry", doc.Registry)
	}
	if doc.Tag != "" && !tagForm().MatchString(doc.Tag) {
		d.report(codeReference, "tag", "use letters, digits, dots, dashes and underscores, at most 128 characters", "%q cannot be a tag", doc.Tag)
	}
	for i, p := range doc.Platforms {
		if p != "" && slices.Index(doc.Platforms, p) < i {
			d.report(codeDuplicate, fmt.Sprintf("platforms/%d", i), "delete one", "the platform %s is listed twice", p)
		}
	}
	if _, written := d.at["signatures"]; written {
		d.checkSignatures(doc.Signatures)
	}
	d.checkUser(doc.Defaults.User)
	d.checkSettings("defaults", doc.Defaults.settings)
	d.checkStageNeeds("defaults", "", doc.Defaults.Quality, doc)
	d.checkGates("gates", doc.Gates)
	for t, s := range doc.Types {
		d.checkSettings("types/"+string(t), s)
		d.checkFit("types/"+string(t), t, s.Health)
		d.checkStageNeeds("types/"+string(t), "", s.Quality, doc)
	}
	if _, written := d.at["services"]; !written || len(doc.Services) == 0 && !d.hasFindingIn("services") {
		d.report(codeNoServices, "services", "add services: with a key for each directory that holds one", "the fleet has no services")
	}
	for name, s := range doc.Services {
		d.checkService(name, s, doc)
	}
	d.checkPorts(doc.Services)
	d.checkPaths(doc.Services)
	d.checkEnvironments(doc)
}

func (d *decoder) checkVersion(doc *document) {
	_, written := d.at["version"]
	switch {
	case !written:
		d.report(codeVersion, "", "write version: 1 at the top", "the version of the format is missing")
	case doc.Version != 1 && !d.hasFindingIn("version"):
		d.report(codeVersion, "version", "write version: 1, or install a newer slipway", "this slipway supports version 1 of the format, not %d", doc.Version)
	}
}

// hasFindingIn tells whether something is already wrong at a path.
func (d *decoder) hasFindingIn(path string) bool {
	from, ok := d.at[path]
	return ok && slices.ContainsFunc(d.findings, func(f diag.Finding) bool {
		return f.Place.Line >= from.Line && (f.Place.Line > from.Line || f.Place.Column >= from.Column) && path == "services" ||
			f.Place.Line == from.Line && f.Place.Column == from.Column
	})
}

func (d *decoder) checkName(what, at, placeless, name string) {
	if name == "" {
		if !d.hasFindingIn(at) {
			d.report(codeName, at, placeless+": my-"+placeless, "the %s has no name", what)
		}
		return
	}
	if ValidName(name) {
		return
	}
	hint := "use lower-case letters and digits, joined by dashes, at most 63 characters"
	if better := nameLike(name); better != "" {
		hint = fmt.Sprintf("did you mean %q? (%s)", better, hint)
	}
	d.report(codeName, at, hint, "%q cannot be part of an image name", clip(name))
}

// ValidName tells whether a fleet or service can have a name: whether it can be
// a component of an image name and of a host name.
func ValidName(name string) bool { return nameForm().MatchString(name) && len(name) <= 63 }

// IsSecretName tells whether a variable of that name holds a secret.
func IsSecretName(name string) bool { return secretForm().MatchString(name) }

// Unnamed is the name of what nothing names.
const Unnamed = "app"

// NameOf makes a valid name of any text, such as that of a directory; Unnamed
// when nothing of it can stay.
func NameOf(text string) string {
	if ValidName(text) {
		return text
	}
	return or(nameLike(text), Unnamed)
}

// nameLike returns the valid name that a wrong one most likely stands for.
func nameLike(name string) string {
	better := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name)), "-")
	if len(better) > 63 || !nameForm().MatchString(better) {
		return ""
	}
	return better
}

func (d *decoder) checkUser(u user) {
	if u.Name != "" && (!userForm().MatchString(u.Name) || u.Name == "root") {
		d.report(codeUser, "defaults/user/name", "such as app", "%q cannot be the user of production images", clip(u.Name))
	}
	for _, id := range []struct {
		key   string
		value *int
	}{{"uid", u.UID}, {"gid", u.GID}} {
		switch at := "defaults/user/" + id.key; {
		case id.value == nil:
		case *id.value == 0:
			d.report(codeUser, at, id.key+": 1001", "production images do not run as root")
		case *id.value < 0 || *id.value > 65533:
			d.report(codeUser, at, "use a number between 1 and 65533", "the %s is out of range", id.key)
		}
	}
}

// checkSettings checks what defaults, types and services share.
func (d *decoder) checkSettings(at string, s settings) {
	if s.Port != nil && (*s.Port < 1 || *s.Port > 65535) {
		d.report(codePort, at+"/port", "use a port between 1 and 65535; ports under 1024 need rights that the image's user lacks", "the port is out of range")
	}
	d.checkEnv(at, s.Env, "delete it here and set it where the service is started", "anyone with the image can read it")
	d.checkEnvFiles(at, s.EnvFile, "; slipway run --env-file takes any path")
	d.checkGates(at+"/gates", s.Gates)
	d.checkPackages(at+"/packages/build", s.Packages.Build)
	d.checkPackages(at+"/packages/runtime", s.Packages.Runtime)
	h := s.Health
	if h == nil {
		return
	}
	if ks := h.kinds(); len(ks) > 1 {
		d.report(codeTwoHealths, at+"/health/"+ks[1], "keep one of "+strings.Join(ks, ", "), "a service takes one health check, not %d", len(ks))
	}
	if h.GRPC != nil && *h.GRPC != "" && !grpcForm().MatchString(*h.GRPC) {
		d.report(codeHealthValue, at+"/health/grpc", `such as my.pkg.Greeter, or "" for the whole server`, "%q is not a gRPC service name", clip(*h.GRPC))
	}
	if h.HTTP != "" && !httpForm().MatchString(h.HTTP) {
		hint := "such as /health"
		if httpForm().MatchString("/" + h.HTTP) {
			hint = fmt.Sprintf("did you mean /%s?", strings.TrimPrefix(h.HTTP, "/"))
		}
		d.report(codeHealthValue, at+"/health/http", hint, "%q is not a path", clip(h.HTTP))
	}
	if k := h.kinds(); h.TLS != nil && *h.TLS && len(k) == 1 && k[0] != "grpc" && k[0] != "http" {
		d.report(codeImpossible, at+"/health/tls", "delete tls:, or write grpc: or http:", "a health check by %s does not use TLS", k[0])
	}
	if h.Retries != nil && (*h.Retries < 1 || *h.Retries > 100) {
		d.report(codeHealthValue, at+"/health/retries", "use a number between 1 and 100", "%d retries are out of range", *h.Retries)
	}
}

// checkEnv reports variables that cannot be, and warns of those that look like secrets:
// who says who can read them.
func (d *decoder) checkEnv(at string, env map[string]scalar, hint, who string) {
	for _, key := range sortedKeys(env) {
		if !envForm().MatchString(key) {
			d.report(codeEnv, "key:"+at+"/env/"+key, "use letters, digits and underscores", "%q cannot be the name of a variable", clip(key))
		}
		if strings.ContainsAny(string(env[key]), "\n\x00") {
			d.report(codeEnv, at+"/env/"+key, "mount a file instead", "the value of %s spans lines", key)
		}
		if IsSecretName(key) && env[key] != "" {
			d.report(codeSecret, "key:"+at+"/env/"+key, hint, "%s looks like a secret, and %s", clip(key), who)
			d.findings[len(d.findings)-1].Severity = diag.Warning
			d.hide(d.findings[len(d.findings)-1])
		}
	}
}

// checkEnvFiles reports files of variables that are not inside the repository; more is
// added to the hints.
func (d *decoder) checkEnvFiles(at string, files oneOrMore, more string) {
	for i, file := range files {
		at := at + "/env_file"
		if _, listed := d.at[item(at, i)]; listed {
			at = item(at, i)
		}
		if file == "" && !d.hasFindingIn(at) {
			d.report(codePath, at, "such as .env", "the path of the file is empty")
		}
		d.checkPath(at, file, "write it relative to slipway.yaml"+more, "move it into the repository"+more)
	}
}

// checkPackages reports what cannot be the name of a Debian package.
func (d *decoder) checkPackages(at string, names []debian) {
	for i, name := range names {
		if !plan.IsPackage(string(name)) {
			d.report(codePackage, fmt.Sprintf("%s/%d", at, i), "lower case letters, digits, plus, minus and dots, without a version", "%q cannot be a Debian package", clip(string(name)))
		}
	}
}

// checkFit reports ways to ask for health that a type of service cannot answer.
func (d *decoder) checkFit(at string, t serviceType, h *health) {
	for _, kind := range h.kinds() {
		at := at + "/health/" + kind
		switch {
		case t == "job":
			d.report(codeImpossible, at, "delete health: a job ends by itself, and its exit code is the result", "a job has no health check")
		case kind == "grpc" && (t == "http" || t == "static"):
			d.report(codeImpossible, at, "write http: /health, or make it type: grpc", "a service of type %s does not answer gRPC health checks", t)
		case kind == "http" && t == "grpc":
			d.report(codeImpossible, at, "write grpc: <package.Service>, or make it type: http", "a service of type grpc does not answer HTTP health checks")
		}
	}
}

func (d *decoder) checkService(name string, s service, doc *document) {
	at := "services/" + name
	d.checkName("service", "key:"+at, "service", name)
	d.checkSettings(at, s.settings)
	d.checkFit(at, s.Type, s.Health)
	d.checkPath(at+"/path", s.Path, "write it relative to slipway.yaml", "move slipway.yaml up to a directory that holds all services")
	d.checkPath(at+"/output", s.Output, "write it relative to the service's directory", "output: must be inside the service's directory")
	d.checkFiles(at, name, s, doc)
	d.checkWaivers(at, s.Waivers)
	d.checkNeeds(at+"/needs", name, s.Needs, doc)
	d.checkStageNeeds(at, name, s.Quality, doc)
	if s.Type == "job" && s.Port != nil {
		d.report(codeImpossible, at+"/port", "delete the port, or make it type: worker", "a job does not listen")
	}
	effective := merge(doc.settingsFor(s.Type), s.settings)
	if ks := s.Health.kinds(); len(ks) == 1 && ks[0] != "command" && effective.Port == nil && s.Type == "worker" {
		d.report(codeImpossible, at+"/health/"+ks[0], "add port:, or write a health check with command:", "a service without a port cannot have a health check over the network")
	}
}

// checkFiles reports paths of files: and exclude: that cannot be meant.
func (d *decoder) checkFiles(at, name string, s service, doc *document) {
	for i, f := range s.Files {
		at := fmt.Sprintf("%s/files/%d", at, i)
		_, known := doc.Services[f.From]
		switch {
		case f.Path == "" && f.From == "" && !d.hasFindingIn(at):
			d.report(codePath, at, "write a path relative to the service's directory", "the entry has no path")
		case f.From == name:
			d.report(codeImpossible, at, "delete from:", "a service needs no from: for its own files")
		case f.From != "" && !known:
			d.unknownService(at, f.From, "from", doc)
		}
		d.checkPath(at, f.Path, "write it relative to the service's directory", "move slipway.yaml's path: of the service up to a directory that holds the file")
		d.checkPath(at, f.To, "write it relative to the service's directory", "to: must be inside the service's directory in the image")
	}
	for i, dir := range s.Writable {
		at := fmt.Sprintf("%s/writable/%d", at, i)
		switch {
		case strings.TrimSpace(dir) == "":
			d.report(codePath, at, "write a directory, such as data", "the entry names no directory")
		case !path.IsAbs(dir):
			d.checkPath(at, dir, "write it relative to the working directory, or absolute", "write it absolute: a directory outside of the working directory has its own path")
		}
	}
	for i, pattern := range s.Exclude {
		if _, err := patternmatcher.New([]string{pattern}); err != nil || strings.TrimSpace(pattern) == "" {
			d.report(codePath, fmt.Sprintf("%s/exclude/%d", at, i), "use the pattern syntax of .dockerignore", "%q is not a pattern", clip(pattern))
		}
	}
}

// checkPath reports a path that does not stay where it belongs.
func (d *decoder) checkPath(at, p, absolute, leaves string) {
	clean := path.Clean(p)
	switch {
	case strings.HasPrefix(p, "/"), strings.HasPrefix(p, "~"), len(p) > 1 && p[1] == ':':
		d.report(codePath, at, absolute, "%q is not a path inside the repository", clip(p))
	case strings.Contains(p, `\`):
		d.report(codePath, at, "write "+strings.ReplaceAll(p, `\`, "/"), "write the path with forward slashes")
	case clean == ".." || strings.HasPrefix(clean, "../"):
		d.report(codePath, at, leaves, "%q leaves the repository", clip(p))
	}
}

// checkPorts reports a port that two services write. All services of a fleet
// start as one run group and a port is how people and scripts tell them apart,
// so the same number twice is nearly always a slip. A fleet whose services do
// share a container port says so once, under types or defaults.
func (d *decoder) checkPorts(services map[string]service) {
	owner := map[int]string{}
	for _, name := range written(d, "services", services) {
		p := services[name].Port
		if p == nil || *p < 1 || *p > 65535 {
			continue
		}
		if other, taken := owner[*p]; taken {
			d.report(codeSamePort, "services/"+name+"/port", "give it a different port; when all services share a container port, write it once under types or defaults", "port %d is taken by %s (line %d)", *p, other, d.at["services/"+other+"/port"].Line)
			continue
		}
		owner[*p] = name
	}
}

// checkPaths reports two services that are the same directory and command.
func (d *decoder) checkPaths(services map[string]service) {
	owner := map[string]string{}
	for _, name := range written(d, "services", services) {
		s := services[name]
		key := strings.Join(append([]string{s.path(name)}, s.Command...), "\x00")
		if other, taken := owner[key]; taken {
			d.report(codeSamePath, "services/"+name+"/path", "give each its own path or its own command", "%s and %s are the same directory %q with the same command", other, name, s.path(name))
			continue
		}
		owner[key] = name
	}
}

// path returns the service's directory: what is written, else its name.
func (s service) path(name string) string {
	if s.Path == "" {
		return name
	}
	return path.Clean(s.Path)
}
