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
		{ecosystem.NewSign(`\bJavalin\.(?:create|start)\(()`), "Javalin", "8080"},
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
