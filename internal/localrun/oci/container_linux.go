package oci

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/probe"
	"github.com/slipway-build/slipway/internal/probe/greeting"
	"github.com/slipway-build/slipway/internal/probe/health"
	"github.com/slipway-build/slipway/internal/quota"
	"github.com/slipway-build/slipway/internal/ram"
)

// keepProbes is how many probe results are kept for an explanation.
const keepProbes = 5

// container is one service of a running group.
type container struct {
	spec    localrun.Spec
	id      string
	dir     string
	runc    runc
	cgroup  cgroup
	ip      netip.Addr
	image   v1.Config
	layers  []string
	env     []string // NAME=VALUE, complete
	check   plan.HealthCheck
	changed func(localrun.Status)
	kept    func() // writes the status where other processes read it

	proxies []*proxy
	ns      *os.File
	link    string
	dns     *dns
	log     *serviceLog
	pidfd   int         // of the first process; -1 when there is none
	begun   atomic.Bool // the program may run
	ended   chan struct{}

	stopOnce sync.Once
	stopErr  error
	mu       sync.Mutex
	stopping bool
	status   localrun.Status
	probes   []string
	settled  bool // it ran for a while, without a health check
	peerTLS  bool // the last probe asked in plain text what speaks TLS
}

func newContainer(run *Running, spec localrun.Spec) *container {
	group := newCgroup(networkName(run.rt.StateDir, run.group.Name) + "-" + spec.Name)
	spec = withLimits(spec, group.can, ram.Total(os.DirFS("/")))
	c := &container{
		spec:    spec,
		id:      spec.Name,
		dir:     serviceDir(run.dir, spec.Name),
		runc:    run.runc,
		cgroup:  group,
		changed: run.changed,
		kept:    run.writeState,
		pidfd:   -1,
		ended:   make(chan struct{}),
	}
	c.status = localrun.Status{Service: spec.Name, Type: spec.Type, Image: spec.Image, State: localrun.Waiting, MemoryLimitBytes: spec.MemoryBytes}
	return c
}

// load reads the image and makes its layers ready.
func (c *container) load(ctx context.Context, rt *Runtime) error {
	err := c.read(ctx, rt)
	if err != nil && rt.Blame != nil {
		return rt.Blame(ctx, c.spec.Image, err)
	}
	return err
}

func (c *container) read(ctx context.Context, rt *Runtime) error {
	img, err := rt.Images(ctx, c.spec.Image, c.spec.Platform)
	if err != nil {
		return err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading the configuration of %s: %w", c.spec.Image, err)
	}
	c.image = file.Config
	if c.layers, err = unpack(ctx, layersDir(rt.StateDir), img, file.RootFS.DiffIDs, quota.New(rt.MaxBytes)); err != nil {
		return fmt.Errorf("%s: %w", c.spec.Image, err)
	}
	if c.spec.Port == 0 {
		c.spec.Port = localrun.OnlyPort(c.image.ExposedPorts)
	}
	c.check = c.spec.Health
	if of := imageCheck(c.image); !c.check.Asks() {
		c.check = of
	} else {
		c.check.Health = c.check.Over(of.Health)
	}
	c.status.Check = c.check.Describe()
	return nil
}

// The timing that Docker gives a HEALTHCHECK that does not say it. The start
// period is slipway's own: Docker has none, and asks for the first time after an
// interval.
const (
	dockerInterval = 30 * time.Second
	dockerTimeout  = 30 * time.Second
)

// imageCheck is the HEALTHCHECK of an image.
func imageCheck(c v1.Config) plan.HealthCheck {
	h := c.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return plan.HealthCheck{}
	}
	check := plan.HealthCheck{Health: plan.Health{Interval: cmp.Or(h.Interval, dockerInterval), Timeout: cmp.Or(h.Timeout, dockerTimeout),
		StartPeriod: h.StartPeriod, Retries: h.Retries}}
	switch h.Test[0] {
	case "CMD":
		check.Command = h.Test[1:]
	case "CMD-SHELL":
		shell := c.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		check.Command = append(append([]string(nil), shell...), h.Test[1])
	}
	return check
}

// start makes the container run. What it set up before an error, stop removes.
func (c *container) start(ctx context.Context, n *network, hosts string, logLine func(string, []byte)) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("preparing %s: %w", c.id, err)
	}
	if _, err := mountRootfs(c.dir, slices.Concat(c.layers, c.spec.Layers)); err != nil {
		return err
	}
	var err error
	c.link = linkName(n.name, c.ip)
	if c.ns, err = n.join(c.ip); err != nil {
		return err
	}
	if err := writeNetworkFiles(c.dir, c.spec.Name, hosts); err != nil {
		return err
	}
	if c.dns, err = listenDNS(ctx, c.ns); err != nil {
		return err
	}
	b := bundle{dir: c.dir, image: c.image, spec: c.spec, cgroup: c.cgroup.path, limitSwp: c.cgroup.limitsSwap(),
		netns: fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), c.ns.Fd())}
	if c.env, err = b.write(); err != nil {
		return fmt.Errorf("starting %s: %w", c.id, err)
	}
	log, out, err := openLog(c.dir, func(line []byte) { logLine(c.id, line) })
	if err != nil {
		return err
	}
	c.log = log
	pid, err := c.runc.create(c.dir, c.id, out)
	_ = out.Close()
	if err != nil {
		return err
	}
	if c.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
		return fmt.Errorf("starting %s: %w", c.id, err)
	}
	go c.wait(pid)
	began := time.Now()
	c.begun.Store(true)
	if err := c.runc.start(c.dir, c.id); err != nil {
		return err
	}
	for _, p := range c.proxies {
		p.serve(c.ip)
	}
	c.update(func(s *localrun.Status) {
		s.PID, s.StartedAt = pid, began
		if s.State == localrun.Waiting {
			s.State = localrun.Starting
			if s.Check == "" && s.Type == "job" {
				s.State = localrun.Running // until it ends
			}
		}
	})
	return nil
}

// wait waits for the first process, which is a child of this process because
// that is the subreaper of runc's.
func (c *container) wait(pid int) {
	var ws unix.WaitStatus
	var err error
	for {
		if _, err = unix.Wait4(pid, &ws, 0, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	exit := &localrun.Exit{Code: ws.ExitStatus(), OOMKilled: c.cgroup.oomKilled()}
	if ws.Signaled() {
		exit.Code, exit.Signal = 128+int(ws.Signal()), unix.SignalName(ws.Signal())
	}
	if err != nil {
		exit.Code, exit.Signal = -1, err.Error()
	}
	select { // what it wrote last belongs to the explanation
	case <-c.log.done:
	case <-time.After(time.Second):
	}
	c.update(func(s *localrun.Status) {
		exit.Stopped = c.stopping
		exit.OOMKilled = exit.OOMKilled && !(exit.Stopped && exit.Code == 0)
		s.State, s.Exit, s.PID = localrun.Exited, exit, 0
	})
	close(c.ended)
}

// update changes the status and tells about it.
func (c *container) update(change func(*localrun.Status)) {
	c.mu.Lock()
	before := c.status
	change(&c.status)
	now := c.status
	c.mu.Unlock()
	if before.State != now.State || before.PID != now.PID {
		c.changed(now)
	} else if before.LastProbe != now.LastProbe {
		c.kept()
	}
}

func (c *container) snapshot() localrun.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// watch probes the service until ctx or the service ends.
func (c *container) watch(ctx context.Context) {
	if !c.check.Asks() {
		c.settle(ctx)
		return
	}
	timing := c.check.WithDefaults()
	started := c.snapshot().StartedAt
	tracker := localrun.NewTracker(timing, started)
	for {
		err := c.probe(ctx, timing.Timeout)
		select {
		case <-ctx.Done():
			return
		case <-c.ended:
			return
		default:
		}
		now := time.Now()
		state := tracker.Observe(now, err)
		c.update(func(s *localrun.Status) {
			if s.State == localrun.Exited {
				return
			}
			if state == localrun.Healthy && s.ReadyMillis == 0 {
				s.ReadyMillis = max(now.Sub(started).Milliseconds(), 1)
			}
			s.State, s.Failures, s.LastProbe = state, tracker.Failures(), ""
			if err != nil {
				s.LastProbe = err.Error()
			}
			c.noteProbe(s.LastProbe)
			failure := (*probe.Failure)(nil)
			c.peerTLS = errors.As(err, &failure) && failure.TLS
		})
		pause := tracker.Pause()
		if len(c.check.Command) > 0 {
			pause = max(pause, time.Second/2) // each is a process
		}
		select {
		case <-ctx.Done():
			return
		case <-c.ended:
			return
		case <-time.After(pause):
		}
	}
}

// settle waits until a service that cannot be asked has run for a while.
func (c *container) settle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-c.ended:
	case <-time.After(localrun.Settle):
		c.update(func(s *localrun.Status) {
			if s.State == localrun.Starting {
				s.State, c.settled = localrun.Running, true
			}
		})
	}
}

// noteProbe keeps a result for explanations; c.mu is held.
func (c *container) noteProbe(problem string) {
	if problem == "" {
		problem = "ready"
	}
	c.probes = append(c.probes, problem)
	if len(c.probes) > keepProbes {
		c.probes = c.probes[1:]
	}
}

// probe asks once.
func (c *container) probe(ctx context.Context, timeout time.Duration) error {
	if len(c.check.Command) == 0 {
		return c.ask(ctx, c.check, c.spec.Port, timeout)
	}
	run := func(ctx context.Context, argv []string) (int, string, error) {
		return c.runc.exec(ctx, c.dir, c.id, argv)
	}
	return probe.Command(ctx, run, c.check.Command, timeout)
}

// ask asks over the network.
func (c *container) ask(ctx context.Context, check plan.HealthCheck, port int, timeout time.Duration) error {
	addr := netip.AddrPortFrom(c.ip, uint16(port)).String()
	if c.spec.Protocol != "" {
		return greeting.Ask(ctx, c.spec.Protocol, addr, timeout)
	}
	return health.Ask(ctx, check, addr, timeout)
}

// evidence gathers what explains why the service is not ready.
func (c *container) evidence() localrun.Evidence {
	status := c.snapshot()
	e := localrun.Evidence{Status: status, Check: c.check, Connects: c.spec.Connects}
	if len(c.check.Command) == 0 {
		e.Port = c.spec.Port
	}
	own, port, ok := localrun.OwnProbe(c.check.Command)
	if ok { // it says only in words that its peer speaks TLS
		e.Check, e.Port = own, port
		e.Check.Health = c.check.Health
	}
	if status.PID != 0 {
		e.Listening = listening(status.PID)
	}
	if c.log != nil {
		e.LastLines = c.log.lastLines(keepLines)
	}
	for _, use := range c.spec.Reads {
		if !slices.ContainsFunc(c.env, func(v string) bool { return strings.HasPrefix(v, use.Name+"=") }) {
			e.Missing = append(e.Missing, use)
		}
	}
	c.mu.Lock()
	e.Probes, e.PeerTLS, e.Settled = append(e.Probes, c.probes...), c.peerTLS, c.settled
	c.mu.Unlock()
	if ok && status.PID != 0 {
		e.PeerTLS = c.peerOf(own, port)
	}
	return e
}

// peerOf reports whether a check in plain text asks what speaks TLS.
func (c *container) peerOf(check plan.HealthCheck, port int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // for an explanation, which nothing interrupts
	defer cancel()
	failure := (*probe.Failure)(nil)
	return errors.As(c.ask(ctx, check, port, time.Second), &failure) && failure.TLS
}
