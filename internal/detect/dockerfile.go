package detect

import (
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// OwnDockerfile returns the name of the directory's Dockerfile, "" without one.
// "dockerfile" counts where there is no "Dockerfile", as for `docker build`.
func OwnDockerfile(dir fs.FS) string {
	for _, name := range []string{"Dockerfile", "dockerfile", "Containerfile", "containerfile"} {
		if info, err := fs.Stat(dir, name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// inspectOwn describes a service that brings its own Dockerfile. What an
// ecosystem and the files of the deployment know of its network is taken over, but
// their findings are not: the Dockerfile decides how the service is built.
func inspectOwn(root repository, e Ecosystem, dir fs.FS, s config.Service, fleet *config.Fleet, name string) Found {
	own := path.Join(s.Path, name)
	facts := []plan.Fact{{Name: "stages", Value: "as written", Evidence: "the service's own Dockerfile", File: own}}
	language := ""
	var known []plan.Fact // of the network, with evidence
	if e != nil {
		s.Ecosystem, language = e.Name(), e.Name()
		done, all, findings := e.Inspect(dir, s, fleet)
		if s.Name = done.Name; findings.Errors() == nil {
			s.Type, s.Health = done.Type, done.Health
			if !slices.ContainsFunc(all, func(f plan.Fact) bool { return f.Name == "port" && !shown(f) }) {
				s.Port = done.Port // a default is for images that set PORT
			}
			known = slices.DeleteFunc(all, func(f plan.Fact) bool { return !shown(f) || !slices.Contains(networkFacts(), f.Name) })
		}
	}
	if s.Name == "" {
		s.Name = config.Unnamed
	}
	ev := root.evidenceOf(s, language, dir)
	s, notes := ev.fillOwn(s, known)
	return Found{Service: s, Facts: slices.Concat(facts, known, notes), Dockerfile: own}
}

// networkFacts are the facts that hold whatever a service is built from.
func networkFacts() []string { return []string{"type", "port", "health"} }

// fillOwn completes what is known of a service with a Dockerfile of its own: type,
// port, health. A default gives way to what the Dockerfile says.
func (e evidence) fillOwn(s config.Service, known []plan.Fact) (config.Service, []plan.Fact) {
	has := func(name string) bool {
		return slices.ContainsFunc(known, func(f plan.Fact) bool { return f.Name == name })
	}
	if !has("type") && s.Type == "worker" && e.port.Found() {
		s.Type = ""
	}
	if !has("port") && e.port.Found() {
		s.Port = 0
	}
	byDefault := s.Health
	if !has("health") {
		s.Health = config.Health{}
	}
	var notes []plan.Fact
	e.fillNetwork(&s, known, has, func(name, value, why, file string, line int) {
		notes = append(notes, plan.Fact{Name: name, Value: value, Evidence: why, File: file, Line: line})
	})
	if !s.Health.Asks() && !e.asks { // else the image asks by itself
		s.Health = byDefault
	}
	return s, notes
}

// ownPlan is the plan of a service that brings its own Dockerfile: no stages.
func ownPlan(dir fs.FS, f Found, fleet *config.Fleet) plan.Service {
	user := config.DefaultUser()
	if fleet != nil {
		user = fleet.User
	}
	p := plan.Service{
		Name: f.Service.Name, Dir: f.Service.Path, Type: f.Service.Type, Port: f.Service.Port,
		MemoryBytes: f.Service.MemoryBytes, User: fmt.Sprintf("%d:%d", user.UID, user.GID), Facts: f.Facts, Dockerfile: f.Dockerfile,
		Health: f.Service.Health,
	}
	p.DockerIgnore = ownIgnore(dir, path.Base(f.Dockerfile))
	return p
}

// ownIgnore are the patterns that go with a Dockerfile: those of its own
// .dockerignore win over the directory's, as with other builders.
func ownIgnore(dir fs.FS, dockerfile string) []string {
	for _, name := range []string{dockerfile + ".dockerignore", ".dockerignore"} {
		data, err := ecosystem.Read(dir, name)
		if err != nil {
			continue
		}
		if patterns, err := ecosystem.ParseIgnore(data); err == nil {
			return patterns
		}
	}
	return nil
}
