package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
)

// yard is a fleet of two services on a host with a state directory of its own: web speaks
// HTTP and WebSocket, rpc speaks gRPC. Both are test/cluster/app.
type yard struct {
	b          *bench
	dir, state string
	web, rpc   string // addresses of their routes
	client     *host.Client
}

// setting is what slipway.yaml says of the environment.
type setting struct {
	strategy string
	replicas int
	web, rpc served
	more     string // further lines of the environment
}

// served is what a service does; see test/cluster/app.
type served struct{ version, mode string }

func (s served) yaml() string {
	return fmt.Sprintf("{env: {VERSION: %s, MODE: %q}}", s.version, s.mode)
}

// openYard builds the fleet and makes its release v1. Close it.
func (b *bench) openYard(ctx context.Context) (*yard, error) {
	quietRPC()
	dir, err := b.scratch("yard")
	if err != nil {
		return nil, err
	}
	y := &yard{b: b, dir: filepath.Join(dir, "fleet"), state: filepath.Join(dir, "state")}
	y.client = host.NewClient("the host", func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(y.state, "hosting", "host.sock"))
	}).Of("yard")
	if y.web, err = freeAddress(); err != nil {
		return nil, err
	}
	if y.rpc, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := y.writeServices(ctx); err != nil {
		return nil, err
	}
	first := served{version: "v0"}
	if err := y.set(setting{strategy: "rolling", replicas: 1, web: first, rpc: first}); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"build"}, {"release", "v1"}, {"host", "start"}} {
		if _, err := y.slipway(ctx, args...); err != nil {
			return nil, err
		}
	}
	return y, nil
}

// writeServices compiles the program of both services.
func (y *yard) writeServices(ctx context.Context) error {
	program := filepath.Join(y.dir, "web", "app")
	for _, service := range []string{"web", "rpc"} {
		if err := os.MkdirAll(filepath.Join(y.dir, service), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(y.dir, service, "Dockerfile"), []byte("FROM scratch\nCOPY app /app\nCMD [\"/app\"]\n"), 0o644); err != nil {
			return err
		}
	}
	_, err := peer.Execute(ctx, peer.Command{Argv: []string{"go", "build", "-ldflags", "-s -w", "-o", program, "./test/cluster/app"}, Env: []string{"CGO_ENABLED=0"}})
	if err != nil {
		return err
	}
	return os.Link(program, filepath.Join(y.dir, "rpc", "app"))
}

// close ends the host and all that runs there, also when the benchmark was interrupted.
func (y *yard) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	_, _ = y.slipway(ctx, "deploy", "abort", "here") // mostly, nothing goes on
	for _, args := range [][]string{{"deploy", "remove", "here"}, {"host", "stop"}} {
		if _, err := y.slipway(ctx, args...); err != nil {
			y.b.say("%v", err)
		}
	}
	y.client.Close()
	if err := os.RemoveAll(filepath.Dir(y.dir)); err != nil {
		y.b.say("removing the fleet: %v", err)
	}
}

// freeAddress is one on loopback that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// set writes slipway.yaml.
func (y *yard) set(s setting) error {
	text := `version: 1
fleet: yard
services:
  web: {type: http, port: 8080, memory: 128Mi, health: {http: /health}}
  rpc: {type: grpc, port: 50051, memory: 128Mi, health: {grpc: ""}}
environments:
  here:
    target: host
    deadline: 30s
    strategy: ` + s.strategy + `
    replicas: ` + fmt.Sprint(s.replicas) + `
    routes: [{listen: "` + y.web + `", service: web}, {listen: "` + y.rpc + `", service: rpc}]
    services: {web: ` + s.web.yaml() + `, rpc: ` + s.rpc.yaml() + `}
` + s.more
	return os.WriteFile(filepath.Join(y.dir, "slipway.yaml"), []byte(text), 0o644)
}

// slipway runs a command in the fleet.
func (y *yard) slipway(ctx context.Context, args ...string) (peer.Outcome, error) {
	return peer.Execute(ctx, y.b.slipwayCommand(y.dir, y.state, args...))
}

// deploy deploys v1 with settings, and returns how long that took.
func (y *yard) deploy(ctx context.Context, s setting) (seconds float64, err error) {
	if err := y.set(s); err != nil {
		return 0, err
	}
	out, err := y.slipway(ctx, "deploy", "here", "v1")
	return out.Seconds, err
}

// rolledBack is the exit code of a deploy that went back.
const rolledBack = 6

// goesBack deploys a bad release, and fails when it does not go back.
func (y *yard) goesBack(ctx context.Context, s setting) error {
	_, err := y.deploy(ctx, s)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == rolledBack {
		return nil
	}
	if err == nil {
		err = errors.New("a bad release was deployed, and nobody noticed")
	}
	return err
}

// journal is what the last rollout did with a service.
func (y *yard) journal(ctx context.Context, service string) ([]deploy.Entry, error) {
	all, err := y.client.Rollouts(ctx, "here")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("the host has no rollout")
	}
	return host.Journal{Client: y.client, Environment: "here", ID: all[0].ID, Service: service}.Entries(ctx)
}

// firstOf is when a journal has the first entry of its kind; zero: it has none.
func firstOf(entries []deploy.Entry, is func(deploy.Entry) bool) time.Time {
	if i := slices.IndexFunc(entries, is); i >= 0 {
		return entries[i].At
	}
	return time.Time{}
}

// drains is what begins to end the containers of what ran before.
func drains(e deploy.Entry) bool {
	return e.Action.Side == deploy.Old && (e.Action.Kind == deploy.Scale || e.Action.Kind == deploy.Retire)
}

// container is the only one of a service.
func (y *yard) container(ctx context.Context, service string) (host.ContainerView, error) {
	view, err := y.client.View(ctx, "here")
	if err != nil {
		return host.ContainerView{}, err
	}
	v := view.Services[service]
	if all := v.Sides[v.Main].Containers; len(all) == 1 && len(v.Sides) == 1 {
		return all[0], nil
	}
	return host.ContainerView{}, fmt.Errorf("%s does not have exactly one container", service)
}

// containers names all containers with their starts.
func (y *yard) containers(ctx context.Context) (string, error) {
	view, err := y.client.View(ctx, "here")
	if err != nil {
		return "", err
	}
	var out []string
	for _, v := range view.Services {
		for _, side := range v.Sides {
			for _, c := range side.Containers {
				out = append(out, fmt.Sprintf("%s since %s", c.Group, c.Status.StartedAt))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", "), nil
}
