// Package remote builds on BuildKit over the wire: on one, or on a pool of them.
// A service goes to the node that the hash of its name says, so that its caches
// stay warm, and to the next one when that node dies in mid-build. Images and
// bases travel between the local image store and the node in the build's session.
// It starts no BuildKit, keeps no state but a name for this machine, and never
// repeats a build whose own step failed.
//
//	e, err := remote.Open(ctx, remote.Options{Addresses: []string{"tcp://builder.example:1234"}, Certs: dir, StateDir: state, ImageDir: images}, sink)
//	defer e.Close()
//	res, err := e.Build(ctx, req, sink)
package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/sirupsen/logrus"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// Options configure an engine.
type Options struct {
	Addresses []string // see ParseAddress
	Certs     string   // directory of certificates for tcp addresses that name none; empty: no TLS
	StateDir  string   // holds the name of this machine
	ImageDir  string   // OCI layout that bases are read from and images written to
	// StepEnv is what steps get from this machine, "NAME=value". Proxies reach them
	// as build arguments, which enter neither layers nor cache keys. Of the rest
	// only the passwords are looked at, to hide them in logs.
	StepEnv []string
	// Silence is how long a node may say nothing before it counts as lost; zero is
	// 45 seconds. BuildKit says something every five.
	Silence time.Duration
}

// Engine is a pool of nodes. Close it.
type Engine struct {
	opts    Options
	machine string // a name for this machine that no other one has
	images  content.Store

	mu    sync.Mutex // guards what builds change in nodes
	nodes []*node
}

// Open connects to every node. Those that do not answer are set aside with a
// warning; it fails when no node is left.
func Open(ctx context.Context, o Options, sink event.Sink) (*Engine, error) {
	if len(o.Addresses) == 0 {
		return nil, diag.Fail(diag.ExitUsage, "no builder is named").WithHint("--builder unix:///run/buildkit/buildkitd.sock")
	}
	if o.Silence == 0 {
		o.Silence = 45 * time.Second
	}
	e := &Engine{opts: o}
	for _, text := range o.Addresses {
		at, err := ParseAddress(text, o.Certs)
		if err != nil {
			return nil, err
		}
		dial, err := newDialer(at)
		if err != nil {
			return nil, err
		}
		e.nodes = append(e.nodes, &node{at: at, dialer: dial, aside: true})
	}
	var err error
	if e.machine, err = machineName(o.StateDir); err != nil {
		return nil, err
	}
	logrus.SetOutput(io.Discard) // containerd and BuildKit log there, and nobody else does
	if e.images, err = local.NewStore(o.ImageDir); err != nil {
		return nil, fmt.Errorf("opening the image store: %w", err)
	}
	errs := e.revive(ctx)
	for _, err := range errs {
		if len(errs) == len(e.nodes) {
			return nil, errors.Join(oneOf(errs), e.Close())
		}
		sink.Emit(event.Note{Text: err.Error() + ": building without it", Warning: true})
	}
	for _, n := range e.nodes {
		if n.at.url.Scheme == "tcp" && n.at.certs == "" && !n.at.here() {
			sink.Emit(event.Note{Text: fmt.Sprintf("the connection to the builder %s is neither encrypted nor checked; --builder-certs DIR turns TLS on", n.at), Warning: true})
		}
	}
	return e, nil
}

// oneOf returns a single failure as it is, with its hint, and several as a list.
func oneOf(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	list := ""
	for _, err := range errs {
		list += "\n  " + err.Error()
	}
	return diag.Fail(diag.ExitUsage, "no builder can be reached").Because(errors.New(list)).WithHint("%s", diag.HintOf(errs[0]))
}

// machineName returns what this machine is called towards BuildKit, which takes a
// file of the same path, size and time under the same name for the same file.
// Two checkouts in CI have those in common.
func machineName(dir string) (string, error) {
	path := filepath.Join(dir, "machine")
	data, err := os.ReadFile(path)
	if err == nil && len(data) > 0 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the name of this machine: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", diag.Fail(diag.ExitUsage, "the state directory cannot be used").Because(err).
			WithHint("set SLIPWAY_STATE_DIR to a directory that you can write to")
	}
	name := rand.Text()
	if err := os.WriteFile(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keeping the name of this machine: %w", err)
	}
	return name, nil
}

// Build runs a build on the node of its service; one for several platforms on more
// than one when the pool has better nodes for some of them (see split).
func (e *Engine) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	if req.Steps.Companions.Some() {
		return engine.Result{}, diag.Fail(diag.ExitUsage, "%s needs companions, which a builder elsewhere cannot reach", req.Name).WithHint("run the tests on this machine, without --builder")
	}
	parts, err := e.split(req, sink)
	if err != nil {
		return engine.Result{}, err
	}
	if parts == nil {
		return e.buildOnOne(ctx, req, false, sink)
	}
	return e.buildParts(ctx, req, parts, sink)
}

// buildOnOne runs a build, or the part of one, on one node. When the node is lost
// before the build has ended, the build is repeated on the next one; what a step did
// wrong is not.
func (e *Engine) buildOnOne(ctx context.Context, req engine.Request, part bool, sink event.Sink) (engine.Result, error) {
	lost := map[*node]bool{}
	for {
		n, err := e.take(ctx, req, lost)
		if err != nil {
			return engine.Result{}, err
		}
		res, err := n.build(ctx, e, req, part, sink)
		gone := err != nil && ctx.Err() == nil && n.lost(ctx, err)
		e.release(n, gone)
		if !gone {
			return res, err
		}
		lost[n] = true
		text := fmt.Sprintf("the builder %s was lost while it built %s", n.at, req.Name)
		if len(lost) == len(e.nodes) {
			return engine.Result{}, diag.Fail(diag.ExitBuild, "%s", text).Because(err).WithHint("build again when it is back; a second --builder takes over in such a case")
		}
		sink.Emit(event.Note{Service: req.Name, Text: text + ": building it on another", Warning: true})
	}
}

// Collect does nothing: a BuildKit of its own keeps to its own limits.
func (e *Engine) Collect(context.Context) error { return nil }

// Close ends the connections.
func (e *Engine) Close() error {
	logrus.SetOutput(os.Stderr)
	var errs []error
	for _, n := range e.nodes {
		if n.client != nil {
			errs = append(errs, n.client.Close())
		}
	}
	return errors.Join(errs...)
}
