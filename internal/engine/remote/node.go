package remote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/grpcerrors"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/solve"
	"github.com/slipway-build/slipway/internal/event"
)

// oldest is the first BuildKit that can rewrite timestamps on export, as every
// image of Slipway has them: 0.13 (March 2024).
const oldest = 13

// node is one BuildKit.
type node struct {
	at     Address
	dialer *dialer

	// Guarded by the engine's mutex.
	client    *client.Client
	platforms []ocispecs.Platform // of its workers; the first is that of the machine
	running   int                 // builds
	aside     bool                // it did not answer, or was lost
}

// greeting is what a node says of itself.
type greeting struct {
	client    *client.Client
	platforms []ocispecs.Platform
}

// greet connects to a node and asks who it is.
func (n *node) greet(ctx context.Context, silence time.Duration) (greeting, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*dialTime)
	defer cancel()
	c, err := client.New(ctx, "passthrough:///buildkit", client.WithContextDialer(n.dialer.dial), client.WithGRPCDialOption(noticeSilence(silence)))
	if err != nil {
		return greeting{}, n.dialer.unreachable(err)
	}
	g := greeting{client: c}
	if err := n.ask(ctx, &g); err != nil {
		return greeting{}, errors.Join(err, c.Close())
	}
	return g, nil
}

// noticeSilence breaks a connection over which nothing came for a while though
// something runs there: a third of the time it waits, then it asks, which gRPC
// does after ten seconds at the earliest. A kernel acknowledges what it gets for
// a process that was stopped or hangs, so TCP does not find that out. BuildKit's
// gRPC server throws out who asks unasked more than twice in five minutes, but a
// BuildKit that is well is not asked: its session has a health check, which
// comes every five seconds (monitorHealth in BuildKit's session/grpc.go).
func noticeSilence(after time.Duration) grpc.DialOption {
	return grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: after / 3, Timeout: after * 2 / 3})
}

// ask checks version and platforms.
func (n *node) ask(ctx context.Context, g *greeting) error {
	info, err := g.client.Info(ctx)
	switch {
	case grpcerrors.Code(err) == codes.Unimplemented:
		return tooOld(n.at, "older than 0.11")
	case err != nil:
		return n.dialer.unreachable(err)
	case old(info.BuildkitVersion.Version):
		return tooOld(n.at, info.BuildkitVersion.Version)
	}
	workers, err := g.client.ListWorkers(ctx)
	if err != nil {
		return n.dialer.unreachable(err)
	}
	for _, w := range workers {
		g.platforms = append(g.platforms, w.Platforms...)
	}
	if len(g.platforms) == 0 {
		return diag.Fail(diag.ExitUsage, "the builder %s has no worker", n.at).WithHint("read the log of its buildkitd")
	}
	return nil
}

func tooOld(at Address, version string) error {
	return diag.Fail(diag.ExitUsage, "the builder %s runs BuildKit %s, which is too old", at, version).
		WithHint("slipway needs BuildKit 0.%d or newer there", oldest)
}

// old tells a release before the oldest one that will do. What is no release
// (BuildKit compiled without a version calls itself v0.0.0) is taken for a new one.
func old(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major == 0 && minor > 0 && minor < oldest
}

// build runs one build, or the part of one, on the node.
func (n *node) build(ctx context.Context, e *Engine, req engine.Request, part bool, sink event.Sink) (engine.Result, error) {
	req.Args = n.withProxies(req.Args, e.opts.StepEnv)
	return solve.Build(ctx, solve.Target{Client: n.client, Images: e.images, Env: e.opts.StepEnv, Machine: e.machine, Part: part}, req, sink)
}

// proxies are arguments that every Dockerfile knows without declaring them; they
// enter neither layers nor cache keys.
var proxies = [...]string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "FTP_PROXY"}

// withProxies adds the proxies of this machine that the node can reach too: not
// those that listen on this machine only, unless the node is here.
func (n *node) withProxies(args map[string]string, env []string) map[string]string {
	out := maps.Clone(args)
	if out == nil {
		out = map[string]string{}
	}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if !slices.Contains(proxies[:], strings.ToUpper(name)) {
			continue
		}
		if u, err := url.Parse(value); err == nil && loopback(u.Hostname()) && !n.at.here() {
			continue
		}
		if _, set := out[name]; !set {
			out[name] = value
		}
	}
	return out
}

// lost tells whether a build failed because its node is gone: the connection broke
// or the build was stopped there, outside of any step, or nobody answers any more.
func (n *node) lost(ctx context.Context, err error) bool {
	step := (*engine.StepError)(nil)
	if errors.As(err, &step) && step.ExitCode > 0 {
		return false
	}
	if code := grpcerrors.Code(err); step == nil && !errors.As(err, new(*diag.Failure)) && (code == codes.Unavailable || code == codes.Canceled) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = n.client.Info(ctx)
	return err != nil && ctx.Err() != context.Canceled
}
