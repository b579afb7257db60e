package detect

import (
	"fmt"
	"io/fs"
	"path"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// ownDockerfile returns the name of the directory's Dockerfile, "" without one.
// "dockerfile" counts where there is no "Dockerfile", as for `docker build`.
func ownDockerfile(dir fs.FS) string {
	for _, name := range []string{"Dockerfile", "dockerfile", "Containerfile", "containerfile"} {
		if info, err := fs.Stat(dir, name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// inspectOwn describes a service that brings its own Dockerfile. What an
// ecosystem knows is taken over where it knows something, but its findings are
// not: the Dockerfile decides how the service is built.
func inspectOwn(e Ecosystem, dir fs.FS, s config.Service, fleet *config.Fleet, name string) Found {
	own := path.Join(s.Path, name)
	facts := []plan.Fact{{Name: "stages", Value: "as written", Evidence: "the service's own Dockerfile", File: own}}
	if e != nil {
		s.Ecosystem = e.Name()
		if done, _, findings := e.Inspect(dir, s, fleet); findings.Errors() == nil {
			s.Name, s.Type, s.Port, s.Health = done.Name, done.Type, done.Port, done.Health
		}
	}
	if s.Name == "" {
		s.Name = config.Unnamed
	}
	return Found{Service: s, Facts: facts, Dockerfile: own}
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
