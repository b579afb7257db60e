package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/names"
	"github.com/slipway-build/slipway/internal/pattern"
)

// startsAtOnce bounds how many containers are set up side by side.
const startsAtOnce = 4

// Running is a group that was started. It is safe for concurrent use.
type Running struct {
	rt         *Runtime
	group      localrun.Group
	detached   bool
	startedAt  time.Time
	dir        string
	lock       *flock.Flock
	runc       runc
	watcher    localrun.Watcher
	network    *network
	containers []*container
	cancel     context.CancelFunc // of health checks and requests
	background sync.WaitGroup

	mu        sync.Mutex
	news      chan struct{} // closed and replaced at each change
	requested bool          // another slipway asked the group to stop
	stopOnce  sync.Once
	stopErr   error
	stateMu   sync.Mutex
}

// validName is a name that can be a directory, a host and a container.
var validName = pattern.Lazy(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

// Start starts every service of a group. When it returns an error, nothing runs.
// The context ends the start only; Stop ends the group.
func (rt *Runtime) Start(ctx context.Context, group localrun.Group, detached bool, w localrun.Watcher) (_ *Running, err error) {
	if err := checkNames(group); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, diag.Fail(diag.ExitRun, "running containers needs root").WithHint("sudo slipway run …")
	}
	if err := Repair(rt.StateDir, rt.Runc, w.Note); err != nil {
		w.Note("leftovers of an earlier run could not be removed: " + err.Error())
	}
	run, err := rt.claim(group, detached, w)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = withCleanup(err, run.Stop())
		}
	}()
	// The first process of a container becomes a child of this process when the
	// runc that created it ends.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming the parent of containers: %w", err)
	}
	if err := run.publish(ctx); err != nil {
		return nil, err
	}
	for _, c := range run.containers {
		if err := c.load(ctx, rt); err != nil {
			return nil, err
		}
	}
	if err := pruneLayers(rt.StateDir, time.Now()); err != nil {
		w.Note("old layers could not be removed: " + err.Error())
	}
	if run.network, err = createNetwork(ctx, rt.StateDir, group.Name, w.Note); err != nil {
		return nil, err
	}
	run.number()
	return run, run.startAll(ctx)
}

// withCleanup keeps the failure that matters and mentions a failed cleanup.
func withCleanup(err, cleanup error) error {
	if cleanup == nil {
		return err
	}
	return fmt.Errorf("%w (and cleaning up: %v)", err, cleanup)
}

// publish takes the ports of the machine before anything else is done, because
// a port in use is the most usual problem.
func (run *Running) publish(ctx context.Context) error {
	for _, spec := range run.group.Services {
		c := newContainer(run, spec)
		run.containers = append(run.containers, c)
		for _, p := range spec.Publish {
			x, err := publish(ctx, spec.Name, p)
			if err != nil {
				return err
			}
			c.proxies = append(c.proxies, x)
			c.status.Ports = append(c.status.Ports, x.publish)
		}
	}
	return nil
}

// number gives every service its address, in the order of the group.
func (run *Running) number() {
	ip := run.network.gateway
	for _, c := range run.containers {
		ip = ip.Next()
		c.ip, c.status.IP = ip, ip.String()
	}
}

// startAll starts the containers and what watches them.
func (run *Running) startAll(ctx context.Context) error {
	hosts, resolver := run.hosts(), run.resolver()
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	run.cancel = cancel
	for _, beside := range []bool{true, false} {
		if err := run.startThose(ctx, beside, func(ctx context.Context, c *container) error {
			if err := c.start(ctx, run.network, hosts, run.watcher.Log); err != nil {
				return err
			}
			run.background.Go(func() { c.dns.serve(context.WithoutCancel(watchCtx), resolver) }) // services that end ask for names too
			run.background.Go(func() { c.watch(watchCtx) })
			return nil
		}); err != nil {
			return err
		}
	}
	run.background.Go(func() { run.obey(watchCtx) })
	return nil
}

// startThose starts either the companions (beside) or the other containers. It waits
// until companions are ready, because the others need them.
func (run *Running) startThose(ctx context.Context, beside bool, start func(context.Context, *container) error) error {
	starts, startCtx := errgroup.WithContext(ctx)
	starts.SetLimit(startsAtOnce)
	var chosen []*container
	for _, c := range run.containers {
		if c.spec.Beside != beside {
			continue
		}
		chosen = append(chosen, c)
		starts.Go(func() error {
			if err := startCtx.Err(); err != nil {
				return err
			}
			return start(startCtx, c)
		})
	}
	if err := starts.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	if !beside || len(chosen) == 0 {
		return nil
	}
	return run.waitReady(ctx, chosen, "companions", 0)
}

// hosts is the hosts file that all services of the group share.
func (run *Running) hosts() string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	fmt.Fprintf(&b, "%s\thost.slipway.internal\n", run.network.gateway)
	for _, c := range run.containers {
		fmt.Fprintf(&b, "%s\t%s\n", c.ip, strings.Join(append([]string{c.spec.Name}, c.spec.Aliases...), " "))
	}
	for _, name := range run.elsewhere() {
		fmt.Fprintf(&b, "%s\t%s\n", run.group.Hosts[name], name)
	}
	return b.String()
}

// resolver answers the DNS questions of all services of the group. Like Docker's
// it knows each service by its name, and by that with the group's behind it.
func (run *Running) resolver() *names.Resolver {
	r := &names.Resolver{Servers: run.rt.servers}
	if r.Servers == nil {
		r.Servers = names.System()
	}
	for _, c := range run.containers {
		r.Zone.Add(c.ip, append([]string{c.spec.Name + "." + run.group.Name, c.spec.Name}, c.spec.Aliases...)...)
	}
	for _, name := range run.elsewhere() {
		r.Zone.Add(run.group.Hosts[name], name)
	}
	r.Zone.Add(run.network.gateway, "host.slipway.internal")
	return r
}

// elsewhere are the names that other groups have, sorted. A service of this one keeps
// its own.
func (run *Running) elsewhere() []string {
	own := map[string]bool{}
	for _, c := range run.containers {
		for _, name := range append([]string{c.spec.Name}, c.spec.Aliases...) {
			own[name] = true
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(run.group.Hosts)), func(name string) bool { return own[name] })
}

// changed records and tells a service's new status.
func (run *Running) changed(s localrun.Status) {
	run.mu.Lock()
	close(run.news)
	run.news = make(chan struct{})
	run.mu.Unlock()
	run.writeState()
	run.watcher.Changed(s)
}

// Statuses returns the services in the order of the group.
func (run *Running) Statuses() []localrun.Status {
	out := make([]localrun.Status, 0, len(run.containers))
	for _, c := range run.containers {
		s := c.snapshot()
		if s.PID != 0 {
			s.MemoryBytes = c.cgroup.memory()
		}
		out = append(out, s)
	}
	return out
}

// Network returns the address of the machine in the group's network.
func (run *Running) Network() string { return run.network.gateway.String() }

// Stop ends every service and removes everything that Start made; the logs of
// a detached group stay. Further calls return what the first one did.
func (run *Running) Stop() error {
	run.stopOnce.Do(func() { run.stopErr = run.stopAll() })
	return run.stopErr
}

func (run *Running) stopAll() error {
	run.cancel()
	var stops errgroup.Group
	problems := make([]error, len(run.containers))
	for i, c := range run.containers {
		stops.Go(func() error {
			problems[i] = c.stop(run.rt.grace())
			return nil
		})
	}
	_ = stops.Wait()
	run.background.Wait()
	err := errors.Join(problems...)
	err = errors.Join(err, removeNetwork(networkName(run.rt.StateDir, run.group.Name)), putBack(run.rt.StateDir, run.watcher.Note))
	if err == nil {
		err = finish(run.dir, run.detached)
	}
	return errors.Join(err, run.lock.Unlock())
}

// writeState puts what is known of the group where other processes read it.
func (run *Running) writeState() {
	run.stateMu.Lock()
	defer run.stateMu.Unlock()
	state := GroupStatus{Name: run.group.Name, PID: os.Getpid(), Detached: run.detached, StartedAt: run.startedAt, Services: run.Statuses()}
	data, err := json.Marshal(state)
	if err != nil {
		return
	}
	_ = atomicfile.Write(filepath.Join(run.dir, "state.json"), data, atomicfile.Options{Mode: 0o600})
}
