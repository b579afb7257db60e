// Package companions starts the servers that a test or a run needs beside it: it makes
// the images of package companion, prepares a fresh database once and clones it for
// every run, starts everything as a group of containers, and says how clients reach
// it. Nothing of a companion survives its run. It decides nothing about tests.
//
//	running, err := companions.Start(ctx, options, needs)
//	defer running.Stop()
//	request.Steps.Companions = running.Settings("integration-tests")
package companions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/secret"
	"github.com/slipway-build/slipway/internal/state"
)

// Options are what companions are made with. All but Builder and Service is required.
type Options struct {
	State   state.Dir
	Root    string // of the fleet: seeds are relative to it
	Store   *image.Store
	Runtime *oci.Runtime
	Sink    event.Sink // hears what is made

	// Builder builds the images that are not assembled from Debian packages, and
	// pulls images by name; nil: what is not stored is an error.
	Builder func() (engine.Builder, error)
	// Service is how a service of the fleet runs, and what it needs itself; nil: services
	// cannot be needed.
	Service func(ctx context.Context, name string) (localrun.Spec, []companion.Need, error)
}

// Running is a group of companions. It is safe for concurrent use.
type Running struct {
	needs []companion.Need
	group *oci.Running
	hosts map[string]netip.Addr
}

// Start starts the companions of needs in a group of their own and waits until all are
// ready. The context ends the start only; Stop ends the group. When it returns an
// error, nothing runs.
func Start(ctx context.Context, o Options, needs []companion.Need) (*Running, error) {
	specs, err := Specs(ctx, o, needs)
	if err != nil {
		return nil, err
	}
	name := "companions-" + strings.ToLower(rand.Text()[:12]) // several run at once
	group, err := o.Runtime.Start(ctx, localrun.Group{Name: name, Services: specs}, false, quiet{o.Sink})
	if err != nil {
		return nil, err
	}
	if err := group.WaitReady(ctx, 0); err != nil {
		if f := (*diag.Failure)(nil); errors.As(err, &f) && error(f) == err {
			plain := *f // with the last lines of its log
			plain.Text = withoutSecrets(needs, f.Text)
			err = &plain
		}
		return nil, errors.Join(err, group.Stop())
	}
	r := &Running{needs: needs, group: group, hosts: map[string]netip.Addr{}}
	for _, s := range group.Statuses() {
		ip, err := netip.ParseAddr(s.IP)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the companion %s has no address: %w", s.Service, err), group.Stop())
		}
		for _, n := range needs {
			if n.Name == s.Service || n.Service == s.Service {
				r.hosts[n.Name] = ip
			}
		}
	}
	return r, nil
}

// Settings are how steps of stages reach the companions.
func (r *Running) Settings(stages ...string) engine.Companions {
	env := map[string]string{}
	for _, v := range companion.Variables(r.needs) {
		env[v.Name] = v.Value
	}
	return engine.Companions{Stages: stages, Hosts: r.hosts, Env: env}
}

// Problem explains why companions that were ready do not serve any more, with their
// last lines; nil while all do.
func (r *Running) Problem() error {
	var dead []string
	for _, s := range r.group.Statuses() {
		if s.Failed() {
			dead = append(dead, withoutSecrets(r.needs, r.group.Explain(s.Service)))
		}
	}
	if len(dead) == 0 {
		return nil
	}
	return diag.Fail(diag.ExitRun, "a companion ended while it was needed\n\n%s", strings.Join(dead, "\n\n")).
		WithHint("its last lines are above; the next run starts fresh companions: slipway test")
}

// withoutSecrets is a text without the values of secret variables that slipway.yaml gives
// companions, which their logs may print.
func withoutSecrets(needs []companion.Need, text string) string {
	var words []string
	for _, n := range needs {
		for name, value := range n.Env {
			words = append(words, secret.Words(name, value)...)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	for _, w := range words {
		if w = strings.TrimSpace(w); len(w) >= shortestSecret {
			text = strings.ReplaceAll(text, w, "[secret]")
		}
	}
	return text
}

// shortestSecret is the shortest word that is hidden, in bytes.
const shortestSecret = 6

// Stop ends the companions and removes everything of them.
func (r *Running) Stop() error { return r.group.Stop() }

// quiet hears of a group what a person should know; logs are kept for explanations.
type quiet struct{ sink event.Sink }

func (quiet) Changed(localrun.Status) {}
func (quiet) Log(string, []byte)      {}
func (q quiet) Note(text string)      { q.sink.Emit(event.Note{Text: text}) }

// Specs makes whatever is missing and returns how the companions run, in the order of
// the needs, each service once.
func Specs(ctx context.Context, o Options, needs []companion.Need) ([]localrun.Spec, error) {
	if len(needs) == 0 {
		return nil, errors.New("no companions are needed")
	}
	if os.Geteuid() != 0 {
		return nil, diag.Fail(diag.ExitRun, "companions are containers, which require root").WithHint("run the command with sudo")
	}
	servers, out, err := o.services(ctx, needs)
	if err != nil {
		return nil, err
	}
	if err := o.images(ctx, servers); err != nil {
		return nil, err
	}
	for _, n := range servers {
		spec, err := o.spec(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, spec)
	}
	return out, nil
}

// services returns how the services among needs run, with the variables of what they
// need themselves, and all needs that are no services, each once.
func (o Options) services(ctx context.Context, needs []companion.Need) ([]companion.Need, []localrun.Spec, error) {
	of, done := map[string][]companion.Need{"": needs}, map[string]bool{}
	var specs []localrun.Spec
	for queue := slices.Clone(needs); len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if n.Service == "" || done[n.Service] {
			continue
		}
		done[n.Service] = true
		if o.Service == nil {
			return nil, nil, diag.Fail(diag.ExitUsage, "%s is the service %s, which cannot be started here", n.Name, n.Service).WithHint("slipway run starts services with what they need")
		}
		spec, more, err := o.Service(ctx, n.Service)
		if err != nil {
			return nil, nil, err
		}
		spec.Env = companion.Over(spec.Env, more)
		specs, of[n.Service], queue = append(specs, spec), more, append(queue, more...)
	}
	servers, err := companion.Union(of)
	return servers, specs, err
}

// images makes the images that are missing: the assembled ones together.
func (o Options) images(ctx context.Context, needs []companion.Need) error {
	var bases []string
	for _, n := range needs {
		if n.Kind == "" {
			continue
		}
		r, err := companion.RecipeOf(n)
		if err != nil {
			return err
		}
		if r.Base != "" && !slices.Contains(bases, r.Base) {
			bases = append(bases, r.Base)
		}
	}
	if _, err := o.assemble(ctx, bases); err != nil {
		return err
	}
	return o.build(ctx, needs)
}

// spec is how one companion runs.
func (o Options) spec(ctx context.Context, n companion.Need) (localrun.Spec, error) {
	if n.Image != "" {
		return localrun.Spec{
			Name: n.Name, Image: n.Image, Platform: plan.Host(), Env: n.Env, Port: n.Port, Beside: true,
			Health: plan.HealthCheck{TCP: n.Port > 0},
		}, nil
	}
	r, err := companion.RecipeOf(n)
	if err != nil {
		return localrun.Spec{}, err
	}
	s := localrun.Spec{
		Name: n.Name, Image: imageOf(r), Platform: plan.Host(), Args: r.Command, User: r.User, Env: environment(n, r),
		Port: r.Port, Protocol: r.Protocol, Beside: true, Health: check(r),
	}
	if r.Prepare != "" {
		layer, err := o.template(ctx, n, r)
		if err != nil {
			return localrun.Spec{}, err
		}
		s.Layers = []string{layer}
	}
	return s, nil
}

// imageOf is the name of a recipe's image in the store.
func imageOf(r companion.Recipe) string {
	if r.Base != "" {
		return r.Base
	}
	return r.Image
}

// environment is that of a companion's server.
func environment(n companion.Need, r companion.Recipe) map[string]string {
	env := map[string]string{"COMPANION_USER": companion.User, "COMPANION_PASSWORD": companion.Password, "COMPANION_DATABASE": n.DatabaseOf(), "LANG": "C.UTF-8"}
	for _, more := range []map[string]string{r.Env, n.Env} {
		for name, value := range more {
			env[name] = value
		}
	}
	return env
}

// check is how the readiness of a recipe's server is asked for.
func check(r companion.Recipe) plan.HealthCheck {
	h := plan.HealthCheck{HTTP: r.Check, TCP: r.Check == ""}
	if r.SlowStart {
		h.StartPeriod = plan.SlowStart
	}
	return h
}
