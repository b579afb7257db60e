package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/acme"
	"github.com/slipway-build/slipway/internal/deploy/proxy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/probe/health"
)

// View is an environment as it is now.
type View struct {
	Services map[string]ServiceView `json:"services"`
	Routes   []Route                `json:"routes,omitempty"`
	Shut     []string               `json:"shut,omitempty"` // why clients do not come in by some of them

	Certificates []acme.Certificate `json:"certificates,omitempty"` // that come from an authority
}

// ServiceView is a service as it is now.
type ServiceView struct {
	Main      string              `json:"main,omitempty"` // as it is, not as it is to be
	Fresh     string              `json:"fresh,omitempty"`
	Share     int                 `json:"share,omitempty"` // of Fresh, in percent
	Autoscale deploy.Autoscale    `json:"autoscale,omitzero"`
	Unknown   bool                `json:"unknown,omitempty"` // the traffic is to go somewhere, and goes nowhere yet
	Sides     map[string]SideView `json:"sides"`
}

// SideView is a side as it is now.
type SideView struct {
	Workload   Workload        `json:"workload"`
	Want       int             `json:"want"`
	Up         int             `json:"up"`
	Healthy    int             `json:"healthy"`
	Short      time.Time       `json:"short,omitzero"`   // since when fewer are healthy than are wanted
	Ill        string          `json:"ill,omitempty"`    // why a container is not healthy yet
	Failed     string          `json:"failed,omitempty"` // why one will never be
	Retired    bool            `json:"retired,omitempty"`
	Containers []ContainerView `json:"containers,omitempty"`
}

// ContainerView is a container as it is now.
type ContainerView struct {
	Group    string          `json:"group"`
	Running  bool            `json:"running"`
	Restarts int             `json:"restarts,omitempty"`
	Problem  string          `json:"problem,omitempty"`
	Status   localrun.Status `json:"status,omitzero"`
}

// View shows an environment; one that nobody deployed to is empty.
func (h *Host) View(environment string) View {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := View{Services: map[string]ServiceView{}}
	env := h.wanted.Environments[environment]
	if env == nil {
		return out
	}
	out.Routes = env.Routes
	for _, r := range env.Routes {
		if why := h.shut[r.Listen]; why != "" && !slices.Contains(out.Shut, why) {
			out.Shut = append(out.Shut, why)
		}
	}
	for _, c := range h.names.Certificates() {
		if slices.ContainsFunc(env.Routes, func(r Route) bool { return r.ACME && r.Host == c.Name }) {
			out.Certificates = append(out.Certificates, c)
		}
	}
	for name, s := range env.Services {
		v := ServiceView{Main: s.Main, Fresh: s.Fresh, Share: s.Share, Sides: map[string]SideView{}}
		l := h.live[place{environment, name}]
		if w, ok := s.speaks(); ok && w.Port != 0 {
			v.Unknown = s.runs(s.Main) && (l == nil || l.applied.main == "")
			if l != nil && l.applied.main != "" {
				v.Main, v.Fresh, v.Share = l.applied.main, l.applied.fresh, l.applied.share
			}
		}
		for key, sd := range s.Sides {
			side := SideView{Workload: sd.Workload, Want: sd.Count, Retired: sd.Retired}
			if l != nil && l.sides[key] != nil {
				l.sides[key].show(&side)
			}
			v.Sides[key] = side
		}
		out.Services[name] = v
	}
	return out
}

// runs reports whether some of a side are to run.
func (s *service) runs(key string) bool { return s.Sides[key] != nil && s.Sides[key].Count > 0 }

// show fills in what is known of a side.
func (ls *liveSide) show(v *SideView) {
	v.Healthy, v.Short = ls.healthy(v.Want), ls.short
	if v.Healthy >= v.Want {
		v.Short = time.Time{} // it was just scaled down
	} else if v.Short.IsZero() {
		v.Short = time.Now() // it was just scaled up
	}
	for _, i := range slices.Sorted(maps.Keys(ls.replicas)) {
		r := ls.replicas[i]
		if r.seen || r.busy || r.running {
			v.Up++
		}
		v.Containers = append(v.Containers, ContainerView{Group: r.group, Running: r.running, Restarts: r.ends, Problem: r.failed, Status: r.status})
		if i < v.Want && !r.up() {
			v.Failed, v.Ill = cmp.Or(v.Failed, r.doomed()), cmp.Or(v.Ill, r.ill())
		}
	}
}

// doomed is why a container will not become healthy, "" when it may.
func (r *replica) doomed() string {
	switch {
	case r.ends >= crashLoop:
		return fmt.Sprintf("%s does not stay up, after %d starts: %s", r.group, r.ends, r.failed)
	case r.running && r.status.State == localrun.Unhealthy && r.status.ReadyMillis == 0 && r.status.Exit == nil:
		return fmt.Sprintf("%s is unhealthy: %s", r.group, r.status.LastProbe)
	}
	return ""
}

// ill is why a container is not healthy, as far as it is known.
func (r *replica) ill() string {
	why := cmp.Or(r.failed, r.status.LastProbe)
	if why == "" {
		return ""
	}
	return r.group + ": " + why
}

// Stats are the requests of a side since a moment.
func (h *Host) Stats(at place, key string, since time.Time) (proxy.Stats, error) {
	return h.proxy.Stats(at.String(), key, since)
}

// Ask asks every healthy container of a side as a health check says.
func (h *Host) Ask(ctx context.Context, at place, key string, check plan.HealthCheck) error {
	h.mu.Lock()
	var addrs []string
	if l := h.live[at]; l != nil && l.sides[key] != nil {
		for _, r := range l.sides[key].replicas {
			if r.up() {
				addrs = append(addrs, netip.AddrPortFrom(parseIP(r.status.IP), uint16(h.portOf(at, key))).String())
			}
		}
	}
	h.mu.Unlock()
	if len(addrs) == 0 {
		return diag.Fail(diag.ExitRun, "no container of %s is healthy", at.service)
	}
	var problems []error
	for _, addr := range addrs {
		problems = append(problems, health.Ask(ctx, check, addr, check.WithDefaults().Timeout))
	}
	return errors.Join(problems...)
}

func (h *Host) portOf(at place, key string) int {
	if env := h.wanted.Environments[at.environment]; env != nil && env.Services[at.service] != nil && env.Services[at.service].Sides[key] != nil {
		return env.Services[at.service].Sides[key].Workload.Port
	}
	return 0
}

// Empty are the environments in which nothing runs or is to run.
func (h *Host) Empty() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for name, env := range h.wanted.Environments {
		sides := 0
		for _, s := range env.Services {
			sides += len(s.Sides)
		}
		if sides == 0 {
			out = append(out, name)
		}
	}
	return out
}

// SetRoutes replaces what clients from outside reach in an environment. An address that
// another environment has with the same host and path is refused.
func (h *Host) SetRoutes(environment string, routes []Route) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range routes {
		if _, err := netip.ParseAddrPort(r.Listen); err != nil {
			return diag.Fail(diag.ExitUsage, "%q is not an address of a route", r.Listen).Because(err).WithHint("write one such as 0.0.0.0:8080")
		}
		if r.ACME {
			if err := acme.Check(r.Host); err != nil {
				return err
			}
		}
		for name, other := range h.wanted.Environments {
			for _, o := range other.Routes {
				if name != environment && o.Listen == r.Listen && o.Host == r.Host && o.Path == r.Path {
					return diag.Fail(diag.ExitUsage, "the environment %s has the route %s%s on %s already", described(name), r.Host, r.Path, r.Listen).
						WithHint("give this one another address, host or path")
				}
			}
		}
	}
	if h.leaving {
		return leaving()
	}
	env := h.wanted.environment(environment)
	for _, r := range routes {
		if err := h.opens(r); err != nil && !slices.Contains(env.Routes, r) {
			return err
		}
	}
	before := env.Routes
	env.Routes = routes
	if err := h.keep(); err != nil {
		env.Routes = before
		return err
	}
	h.wake()
	return nil
}
