//go:build linux

package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/gofrs/flock"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/solve"
	"github.com/slipway-build/slipway/internal/event"
)

// Engine is an open embedded engine. Close it; until then no other process can
// open the same state directory.
type Engine struct {
	opts       Options
	asked      Options // as the command that opened it has them
	path       string  // $PATH then
	tenant     atomic.Pointer[tenant]
	lock       *flock.Flock
	log        *engineLog
	controller *control.Controller
	server     *grpc.Server
	client     *client.Client
	images     content.Store
	stop       context.CancelFunc
	restore    func() error // $TMPDIR
	builds     sync.WaitGroup
	broken     atomic.Bool  // something panicked
	unreadable atomic.Bool  // a database did
	beside     atomic.Int32 // builds that have companions
	keeping    atomic.Int32 // builds that keep cache mounts
	steps      atomic.Int32 // steps that run
	contexts   contexts
}

// Open takes the state directory, repairs what an interrupted run left there
// and starts the engine. It waits while another process has the directory.
func Open(ctx context.Context, o Options, sink event.Sink) (*Engine, error) {
	asked := o
	if o.Owner == "" {
		o.Owner = "slipway"
	}
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the engine cannot use its state directory").Because(err).
			WithHint("set SLIPWAY_STATE_DIR to a directory that you can write to")
	}
	// The mount table, which Close and the next Open clear, has the real path.
	dir, err := filepath.EvalSymlinks(o.StateDir)
	if err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	if o.StateDir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	lock, last, err := lockState(ctx, o, sink)
	if err != nil {
		return nil, err
	}
	o.abandoned, o.released = last.killed, last.ended
	e := &Engine{asked: asked, path: os.Getenv("PATH"), lock: lock}
	e.opts = e.throughTenant(o)
	e.let(o, sink)
	if err = e.start(ctx, sink); err == nil && o.abandoned {
		err = e.forgetContexts(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// forgetContexts drops the copies of build contexts. BuildKit notes the digests
// of their files when a transfer has ended, so one that was killed leaves files
// under the digests of earlier ones, and the next image would be made of those.
func (e *Engine) forgetContexts(ctx context.Context) error {
	if err := e.client.Prune(ctx, nil, client.WithFilter([]string{"type==" + string(client.UsageRecordTypeLocalSource)})); err != nil {
		return fmt.Errorf("dropping the build contexts of a killed build: %w", err)
	}
	return nil
}

// start brings the parts up in order; Close takes down whatever there is.
func (e *Engine) start(ctx context.Context, sink event.Sink) error {
	if err := repair(ctx, e.opts, sink); err != nil {
		return err
	}
	e.opts.opened, e.opts.broken, e.opts.beside, e.opts.keeping, e.opts.steps, e.opts.contexts = time.Now(), &e.unreadable, &e.beside, &e.keeping, &e.steps, &e.contexts
	err := unseal(e.opts.StateDir, e.opts.released)
	if err == nil {
		err = checkContent(ctx, e.opts.StateDir)
	}
	if damage(err) {
		err = setAside(e.opts.StateDir, err, sink)
	}
	if err != nil {
		return err
	}
	if err := e.mountInside(); err != nil {
		return fmt.Errorf("making a place for mounts: %w", err)
	}
	if e.log, err = openLog(e.opts.StateDir); err != nil {
		return fmt.Errorf("opening the engine's log: %w", err)
	}
	logrus.SetOutput(e.log)
	// The build's whole output is kept; BuildKit reads these when a step starts.
	for _, name := range []string{"BUILDKIT_STEP_LOG_MAX_SIZE", "BUILDKIT_STEP_LOG_MAX_SPEED"} {
		if err := os.Setenv(name, "-1"); err != nil {
			return err
		}
	}
	if e.images, err = local.NewStore(e.opts.ImageDir); err != nil {
		return fmt.Errorf("opening the image store: %w", err)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	if err := e.control(life, sink); err != nil {
		return diag.Fail(diag.ExitUnexpected, "the engine does not start").Because(err).
			WithHint("slipway doctor")
	}
	return e.serve(life)
}

// control wires BuildKit, on empty databases when it cannot read those that are there.
func (e *Engine) control(ctx context.Context, sink event.Sink) error {
	open := func() (err error) {
		e.opts.files, e.opts.unsynced = &openFiles{}, noteBoot(e.opts.StateDir)
		e.controller, err = newController(ctx, e.opts)
		return err
	}
	err := caught(open)
	if !damage(err) {
		return err
	}
	e.opts.files.close(time.Second)
	if err := setAside(e.opts.StateDir, err, sink); err != nil {
		return err
	}
	return caught(open)
}

// mountInside makes containerd and BuildKit mount layers below the state
// directory while they read them, where a mount that a killed process left is
// found again. Both would take $TMPDIR, and BuildKit knows no other way.
func (e *Engine) mountInside() error {
	dir := filepath.Join(e.opts.StateDir, tempMounts)
	if err := mount.SetTempMountLocation(dir); err != nil {
		return err
	}
	before, was := os.LookupEnv("TMPDIR")
	e.restore = func() error {
		if was {
			return os.Setenv("TMPDIR", before)
		}
		return os.Unsetenv("TMPDIR")
	}
	return os.Setenv("TMPDIR", dir)
}

// serve connects the client to the controller through memory.
func (e *Engine) serve(ctx context.Context) error {
	listener := bufconn.Listen(1 << 20)
	e.server = grpc.NewServer(
		grpc.ChainUnaryInterceptor(grpcerrors.UnaryServerInterceptor, e.guardUnary),
		grpc.ChainStreamInterceptor(grpcerrors.StreamServerInterceptor, e.guardStream),
		grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20),
	)
	e.controller.Register(e.server)
	go func() { _ = e.server.Serve(listener) }()
	var err error
	e.client, err = client.New(ctx, "passthrough:///slipway", client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}))
	if err != nil {
		return fmt.Errorf("connecting to the engine: %w", err)
	}
	return nil
}

// Build runs one build. It is safe for concurrent use.
func (e *Engine) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	e.builds.Add(1)
	defer e.builds.Done()
	if req.Steps.Companions.Some() {
		e.beside.Add(1)
		defer e.beside.Add(-1)
	}
	if req.KeepMounts && !req.NoCache {
		e.keeping.Add(1)
		defer e.keeping.Add(-1)
	}
	var result engine.Result
	err := e.guard(func() (err error) {
		result, err = solve.Build(ctx, solve.Target{Client: e.client, Images: e.images, Env: e.opts.StepEnv, Hidden: e.opts.Hidden, Hide: e.log.hide, Share: e.contexts.share}, req, sink)
		return err
	})
	return result, err
}

// Close waits for running builds, stops the engine and gives the directory
// back. It is safe to call on an engine that did not start.
func (e *Engine) Close() error {
	e.builds.Wait()
	var errs []error
	if e.client != nil {
		errs = append(errs, e.client.Close())
	}
	if e.server != nil {
		e.server.Stop()
	}
	if e.controller != nil {
		errs = append(errs, e.controller.Close())
	}
	e.waitForSteps(10 * time.Second)
	if e.stop != nil {
		e.stop()
	}
	if e.restore != nil {
		errs = append(errs, e.restore())
	}
	errs = append(errs, unmountBelow(e.opts.StateDir))
	if e.unreadable.Load() {
		errs = append(errs, os.WriteFile(filepath.Join(e.opts.StateDir, unreadableFile), nil, 0o600))
	} else if e.controller != nil && e.opts.files.close(5*time.Second) && !e.broken.Load() {
		errs = append(errs, sealContent(e.opts.StateDir, e.opts.opened), sealDatabases(e.opts.StateDir))
	}
	if e.controller != nil {
		// An export that was cancelled leaves the layer that it was writing.
		_, err := removeUnfinished(e.opts)
		errs = append(errs, err)
	}
	if e.log != nil {
		logrus.SetOutput(os.Stderr)
		errs = append(errs, e.log.Close())
	}
	if e.lock != nil {
		errs = append(errs, unlockState(e.lock))
	}
	return errors.Join(errs...)
}

// waitForSteps waits at most limit. A build that was cancelled returns at once, and
// its steps take down what they had put up after that.
func (e *Engine) waitForSteps(limit time.Duration) {
	for end := time.Now().Add(limit); e.steps.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// Collect keeps the cache within its size limit: what was not used for longest
// goes first.
func (e *Engine) Collect(ctx context.Context) error {
	return e.client.Prune(ctx, nil, client.PruneAll, client.WithKeepOpt(0, 0, e.opts.maxCacheSize(), 0))
}
