package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/localrun"
)

// live is a service as it is; it is made again by looking.
type live struct {
	sides   map[string]*liveSide
	known   bool     // the proxy has the service
	applied division // of its traffic, as the proxy does it
	preview string   // the side that the proxy shows to routes with Preview
}

// liveSide is a side as it is.
type liveSide struct {
	replicas map[int]*replica
	short    time.Time // since when fewer are healthy than are wanted
	draining bool
	drained  bool
}

// replica is a container of a side.
type replica struct {
	group    string
	busy     bool      // it is being started or stopped
	changed  time.Time // when that was over; what was seen before does not count
	seen     bool      // the machine has the group
	running  bool
	over     bool // its end was noted
	status   localrun.Status
	upstream string // the proxy has it
	ends     int    // in a row
	healthy  time.Time
	next     time.Time // not to be started before
	failed   string    // why it ended, or does not start
	unwell   time.Time // since when it is unhealthy
}

// The times of restarts: each pause is twice the one before. A container that was healthy
// for long begins anew.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
	forgiven   = time.Minute
	crashLoop  = 3                // ends in a row
	patience   = 30 * time.Second // with what is unhealthy; then it is started anew
)

// groupName names the group of a replica; see groupPrefix.
func groupName(at place, key string, index int) string {
	return fmt.Sprintf("%s%d", groupPrefix(at, key), index)
}

// reconcile looks at the containers and does what is missing, without waiting for it.
func (h *Host) reconcile(ctx context.Context) error {
	listed := time.Now()
	groups, err := h.opts.Containers.List(ctx)
	if err != nil {
		return fmt.Errorf("looking at the containers: %w", err)
	}
	by := make(map[string]Group, len(groups))
	for _, g := range groups {
		by[g.Name] = g
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leaving {
		return nil
	}
	now := time.Now()
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(h.wanted.Environments)) {
		env := h.wanted.Environments[name]
		hosts, err := h.addresses(ctx, name, env)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		for _, service := range slices.Sorted(maps.Keys(env.Services)) {
			at := place{name, service}
			h.look(at, env.Services[service], by, listed)
			h.act(ctx, at, env.Services[service], hosts, now)
			problems = append(problems, h.traffic(ctx, at, env.Services[service], hosts))
		}
	}
	return errors.Join(errors.Join(problems...), h.routes(ctx))
}

// addresses are where the services of an environment are reached, by name.
func (h *Host) addresses(ctx context.Context, name string, env *environment) (map[string]netip.Addr, error) {
	ip, err := h.opts.Network.Front(ctx, name, len(env.Order))
	if err != nil {
		return nil, err
	}
	out := make(map[string]netip.Addr, len(env.Order))
	for _, s := range env.Order {
		out[s] = ip
		ip = ip.Next()
	}
	for other, s := range env.Names {
		if _, taken := out[other]; !taken {
			out[other] = out[s]
		}
	}
	return out, nil
}

// look takes down what there is of a service.
func (h *Host) look(at place, s *service, groups map[string]Group, now time.Time) {
	l := h.live[at]
	if l == nil {
		l = &live{sides: map[string]*liveSide{}}
		h.live[at] = l
	}
	for key, sd := range s.Sides {
		ls := l.sides[key]
		if ls == nil {
			ls = &liveSide{replicas: map[int]*replica{}, short: now}
			l.sides[key] = ls
		}
		prefix := groupPrefix(at, key)
		for name := range groups {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				index := 0
				if _, err := fmt.Sscanf(rest, "%d", &index); err == nil && ls.replicas[index] == nil {
					ls.replicas[index] = &replica{group: name}
				}
			}
		}
		for i := range sd.Count {
			if ls.replicas[i] == nil {
				ls.replicas[i] = &replica{group: groupName(at, key, i)}
			}
		}
		for _, r := range ls.replicas {
			g, seen := groups[r.group]
			r.look(h.opts.Containers, g, seen, now)
		}
		if healthy := ls.healthy(sd.Count); healthy >= sd.Count {
			ls.short = time.Time{}
		} else if ls.short.IsZero() {
			ls.short = now
		}
	}
}

// look takes down how a container is.
func (r *replica) look(c Containers, g Group, seen bool, now time.Time) {
	if r.busy || r.changed.After(now) {
		return
	}
	was := r.running
	r.seen, r.running = seen, seen && g.Running
	if r.running {
		r.status = g.Service
	}
	alive := r.running && r.status.Exit == nil
	switch {
	case alive && r.status.Ready():
		if r.healthy.IsZero() {
			r.healthy = now
		}
		if now.Sub(r.healthy) > forgiven {
			r.ends, r.failed = 0, ""
		}
		r.unwell = time.Time{}
		return
	case alive:
		r.healthy = time.Time{}
		if r.status.State != localrun.Unhealthy {
			r.unwell = time.Time{}
		} else if r.unwell.IsZero() {
			r.unwell = now
		}
		return
	}
	r.healthy, r.unwell = time.Time{}, time.Time{}
	if was && !r.over {
		r.over = true
		if seen && g.Service.Exit != nil {
			r.status = g.Service
		}
		r.ended(c, now)
	}
}

// ended notes that a container is gone that nobody had stopped.
func (r *replica) ended(c Containers, now time.Time) {
	why := "it ended"
	if e := r.status.Exit; e != nil {
		why = fmt.Sprintf("it ended with exit code %d", e.Code)
		if e.OOMKilled {
			why = fmt.Sprintf("it needed more than its %s of memory", localrun.Megabytes(r.status.MemoryLimitBytes))
		}
	}
	if lines := c.LastLines(r.group, r.status.Service, 5); len(lines) > 0 {
		why += ": " + strings.Join(lines, " | ")
	}
	r.fail(why, now)
}

// fail notes why a container does not run, and when it is tried again.
func (r *replica) fail(why string, now time.Time) {
	r.ends++
	r.failed = why
	pause := min(firstPause<<min(r.ends-1, 10), lastPause)
	r.next = now.Add(pause)
}

// up reports a container that takes requests.
func (r *replica) up() bool {
	return r.running && !r.busy && r.status.Exit == nil && r.status.Ready()
}

// healthy counts the wanted containers that take requests.
func (ls *liveSide) healthy(count int) (n int) {
	for i := range count {
		if r := ls.replicas[i]; r != nil && r.up() {
			n++
		}
	}
	return n
}

// act starts what is missing and stops what is too much.
func (h *Host) act(ctx context.Context, at place, s *service, hosts map[string]netip.Addr, now time.Time) {
	l := h.live[at]
	for key, sd := range s.Sides {
		ls := l.sides[key]
		switch {
		case !sd.Retired:
			ls.drained = false // or no longer: it is to run again
		case !ls.drained:
			h.drain(ctx, at, key, ls)
			continue
		}
		for index, r := range ls.replicas {
			switch {
			case r.busy:
			case index >= sd.Count && !r.seen:
				delete(ls.replicas, index)
			case index >= sd.Count:
				h.stop(ctx, at, key, r)
			case !r.running && !now.Before(r.next):
				h.start(ctx, at, key, sd.Workload, r, hosts)
			case r.running && !r.unwell.IsZero() && now.Sub(r.unwell) > patience:
				r.fail("it stayed unhealthy: "+r.status.LastProbe, now)
				h.stop(ctx, at, key, r)
			}
		}
		if sd.Retired && len(ls.replicas) == 0 {
			h.forget(at, s, key)
		}
	}
}

// drain lets a side end its requests.
func (h *Host) drain(ctx context.Context, at place, key string, ls *liveSide) {
	if ls.draining {
		return
	}
	ls.draining = true
	l := h.live[at]
	known := l.known && h.hasUpstream(ls)
	if key == l.applied.main || key == l.applied.fresh {
		l.applied = division{} // when it comes back, the proxy is to know
	}
	h.work.Go(func() {
		if known {
			_, err := h.proxy.Drain(context.WithoutCancel(ctx), at.String(), key, h.opts.Drain)
			if err != nil {
				h.opts.Note(err.Error())
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		ls.draining, ls.drained = false, true
		h.wake()
	})
}

func (h *Host) hasUpstream(ls *liveSide) bool {
	for _, r := range ls.replicas {
		if r.upstream != "" {
			return true
		}
	}
	return false
}

// forget removes a side of which nothing is left; h.mu is held. The main one keeps the
// traffic, lest a rollout that goes back to it leaves the service without.
func (h *Host) forget(at place, s *service, key string) {
	if s.Fresh == key {
		s.Fresh, s.Share = "", 0
	}
	delete(s.Sides, key)
	delete(h.live[at].sides, key)
	_ = h.proxy.RemoveSide(at.String(), key) // that it is still in use is its own answer: it stays, empty
	h.removeFiles(at, key)
	if err := h.keep(); err != nil {
		h.opts.Note(err.Error())
	}
}

// start starts a container in the background.
func (h *Host) start(ctx context.Context, at place, key string, w Workload, r *replica, hosts map[string]netip.Addr) {
	r.busy = true
	h.noteCores(at, w)
	h.work.Go(func() {
		g, err := h.group(at, key, w, r.group, hosts)
		if err == nil {
			err = h.opts.Containers.Start(context.WithoutCancel(ctx), g)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		r.busy, r.changed = false, time.Now()
		if err != nil {
			r.fail("it does not start: "+err.Error(), r.changed)
			r.ends = max(r.ends, crashLoop-1) // one more time decides
		} else {
			r.running, r.over = true, false // the next look sees how it is, or that it ended
		}
		h.wake()
	})
}

// group is a container as it is to run.
func (h *Host) group(at place, key string, w Workload, name string, hosts map[string]netip.Addr) (localrun.Group, error) {
	spec := localrun.Spec{Name: at.service, Type: w.Type, Image: w.Image, Env: w.Env, MemoryBytes: w.MemoryBytes, CPU: w.CPU, Port: w.Port, Health: w.Health}
	dir := h.filesDir(at, key)
	for i, f := range w.Files {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return localrun.Group{}, err
		}
		if err := os.WriteFile(path, f.Content, 0o600); err != nil {
			return localrun.Group{}, err
		}
		spec.Secrets = append(spec.Secrets, localrun.Secret{Target: f.Target, File: path})
	}
	environment, _ := unscoped(at.environment)
	others := make(map[string]netip.Addr, 2*len(hosts)) // a container finds itself under its own name
	for service, ip := range hosts {
		others[service], others[service+"."+environment] = ip, ip
	}
	return localrun.Group{Name: name, Services: []localrun.Spec{spec}, Hosts: others}, nil
}

func (h *Host) removeFiles(at place, key string) {
	if err := os.RemoveAll(h.filesDir(at, key)); err != nil {
		h.opts.Note(err.Error())
	}
}

func (h *Host) filesDir(at place, key string) string {
	return filepath.Join(h.opts.Dir, "files", strings.TrimSuffix(groupPrefix(at, key), "."))
}

// stop stops a container in the background, after its requests.
func (h *Host) stop(ctx context.Context, at place, key string, r *replica) {
	r.busy = true
	address := r.upstream
	if address != "" {
		_ = h.proxy.RemoveUpstream(at.String(), key, address) // not there: nothing to remove
		r.upstream = ""
	}
	h.work.Go(func() {
		for until := time.Now().Add(h.opts.Drain); address != "" && time.Now().Before(until) && h.proxy.Open(at.String(), key, address) > 0; {
			time.Sleep(look / 4)
		}
		err := h.opts.Containers.Stop(context.WithoutCancel(ctx), r.group)
		h.mu.Lock()
		defer h.mu.Unlock()
		r.busy, r.running, r.changed = false, false, time.Now()
		if err != nil {
			h.opts.Note(fmt.Sprintf("stopping %s: %v", r.group, err))
		}
		h.wake()
	})
}
