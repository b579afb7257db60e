package detect

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"

	"github.com/moby/patternmatcher/ignorefile"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// ownDockerfile returns the name of the directory's Dockerfile, "" without one.
func ownDockerfile(dir fs.FS) string {
	for _, name := range []string{"Dockerfile", "Containerfile"} {
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
	if data, err := fs.ReadFile(dir, ".dockerignore"); err == nil {
		if patterns, err := ignorefile.ReadAll(bytes.NewReader(data)); err == nil {
			p.DockerIgnore = patterns
		}
	}
	return p
}
