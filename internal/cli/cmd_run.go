package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/companions"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/localrun/view"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/state"
)

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [SERVICE… | IMAGE…]",
		Short: "Start built images on this machine, without Docker",
		Long: `Start the fleet's services, or images by name, as containers on a shared network.
Each service is reachable there under its name, through DNS too (127.0.0.11, as in
Docker). Memory limits and health checks come from slipway.yaml, else from the image.
Each service has a memory limit and may run at most 4096 processes and threads.

Variables come from the image, from env_file: and env: of slipway.yaml, from
--env-file and from --env; later ones win. Slipway warns of variables that name a
host which does not exist.

What needs: of slipway.yaml names, such as postgres or redis, starts first, fresh for
each run, and its address is in variables such as DATABASE_URL.

Published ports listen on 127.0.0.1; put an address before the port for another:
-p 0.0.0.0:8080:3004. Port 0 selects a free port. If several services listen on the
same container port, specify one: -p SERVICE=8080:3004.

--until-healthy alone is a test: start, wait until all services are healthy, stop. A
service without a health check must keep running for two seconds; a service of type
job must end with exit code 0. The wait ends early when a service ends or is
unhealthy; failures in the start period (health: {start_period: 2m}) do not count.
--timeout limits the wait.

With --detach, the services keep running in the background: see slipway ps, logs
and stop.`,
		Example: `  slipway run
  slipway run -p 3004:3004 --detach --until-healthy
  slipway run fast-orchestrator-service --env LOG_LEVEL=debug
  slipway run -e web:DATABASE_URL --env-file worker:worker.env
  slipway run registry.example/shop/web:v1 -p 8080:80`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args, f) },
	}
	f.register(cmd)
	return cmd
}

func (a *app) run(ctx context.Context, args []string, f runFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	group, err := a.group(ctx, args, f)
	if err != nil {
		return err
	}
	if f.detach {
		return a.runDetached(ctx, supervised{Group: group, MaxUnpacked: f.maxUnpacked, UntilHealthy: f.untilHealthy, Timeout: f.timeout})
	}
	rt, err := a.state.Containers(f.maxUnpacked)
	if err != nil {
		return err
	}
	shown := a.runView(group, !f.untilHealthy, f.raw)
	defer shown.Close()
	running, err := rt.Start(ctx, group, false, shown)
	if err != nil {
		return err
	}
	shown.Follow(running, !f.untilHealthy)
	if f.untilHealthy {
		return a.provenHealthy(ctx, running, shown, f.timeout)
	}
	waited := running.Wait(ctx)
	last := running.Statuses()
	stopped := running.Stop()
	shown.Close()
	if waited != nil || stopped != nil {
		return withCleanup(waited, stopped)
	}
	return failedServices(last)
}

// provenHealthy waits, prints what was proven, and stops the services.
func (a *app) provenHealthy(ctx context.Context, running *oci.Running, shown *view.View, timeout time.Duration) error {
	waited := running.WaitReady(ctx, timeout)
	last := running.Statuses()
	stopped := running.Stop()
	shown.Close()
	if waited != nil || stopped != nil {
		return withCleanup(waited, stopped)
	}
	if err := view.WriteStatuses(a.Stdout, last, time.Now()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.Stderr, "all %d services became healthy and were stopped\n", len(last))
	return err
}

// withCleanup is what went wrong, and what went wrong in cleaning up after it.
func withCleanup(err, cleanup error) error {
	switch {
	case err == nil:
		return cleanup
	case cleanup == nil:
		return err
	}
	return &uncleanError{err, cleanup}
}

// uncleanError is a failure after which something is left.
type uncleanError struct{ err, cleanup error }

func (e *uncleanError) Error() string {
	return fmt.Sprintf("%v (and cleaning up: %v)", e.err, e.cleanup)
}
func (e *uncleanError) Unwrap() error { return e.err }

// failedServices is the failure of services that ended badly by themselves.
func failedServices(last []localrun.Status) error {
	var bad []string
	for _, s := range last {
		if e := s.Exit; e != nil && e.Code != 0 && !e.Stopped {
			why := fmt.Sprintf("%s (exit code %d)", s.Service, e.Code)
			if e.OOMKilled {
				why = fmt.Sprintf("%s (out of memory, limit %s)", s.Service, localrun.Megabytes(s.MemoryLimitBytes))
			}
			bad = append(bad, why)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return diag.Fail(diag.ExitRun, "services failed: %s", strings.Join(bad, ", "))
}

// group decides what runs: services of the fleet here, or images by name.
func (a *app) group(ctx context.Context, args []string, f runFlags) (localrun.Group, error) {
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return localrun.Group{}, err
	}
	var g localrun.Group
	if a.meansImages(ctx, store, args) {
		g, err = imageGroup(ctx, store, args)
	} else {
		g, err = a.fleetGroup(ctx, store, args, f.Overrides)
	}
	if err != nil {
		return g, err
	}
	var names []string
	for _, s := range g.Services {
		names = append(names, s.Image)
	}
	if err := a.enforce(ctx, store, "run", names); err != nil {
		return g, err
	}
	if f.name != "" {
		g.Name = f.name
	}
	if err := a.applyRunFlags(ctx, store, g, f); err != nil {
		return g, err
	}
	a.warnUnserved(ctx, store, g)
	return g, nil
}

// meansImages tells names of images from names of services. Without slipway.yaml,
// what is no image may be a service that detection finds.
func (a *app) meansImages(ctx context.Context, store *image.Store, args []string) bool {
	if len(args) == 0 {
		return false
	}
	if strings.ContainsAny(strings.Join(args, ""), "/:@") {
		return true
	}
	if _, err := fleet.Find(a.Dir); err == nil {
		return false
	}
	for _, arg := range args {
		if _, err := store.Resolve(ctx, arg); err == nil {
			return true
		}
	}
	cfg, _ := a.fleets().Detected(a.Dir, fleet.Overrides{})
	return cfg == nil || !slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return s.Name == args[0] })
}

func (a *app) fleetGroup(ctx context.Context, store *image.Store, names []string, o fleet.Overrides) (localrun.Group, error) {
	fl, chosen, err := a.fleets().Choose(a.Dir, names, o)
	if err != nil {
		return localrun.Group{}, err
	}
	chosen = fl.WithNeeded(chosen)
	g := localrun.Group{Name: fl.Name}
	var images []fleet.Image
	services := fl.Only(chosen).Services
	for _, s := range services {
		images = append(images, fleet.Image{Service: s.Name, Name: fl.Image(s.Name)})
	}
	if err := fleet.CheckBuilt(ctx, store, fl.Root, images); err != nil {
		return g, err
	}
	plans := fl.Plans(chosen)
	var problems []error
	for _, s := range services {
		spec, err := a.serviceSpec(fl, s, plans[s.Name])
		problems = append(problems, err)
		spec.Env, spec.Aliases = companion.Over(spec.Env, fl.Needs(s)), fleet.Aliases(services, s.Name)
		g.Services = append(g.Services, spec)
	}
	if err := errors.Join(problems...); err != nil {
		return g, err
	}
	beside, err := a.beside(ctx, store, fl.Root, services)
	g.Services = append(beside, g.Services...)
	return g, err
}

// serviceSpec is how a service runs.
func (a *app) serviceSpec(fl *fleet.Fleet, s config.Service, p plan.Service) (localrun.Spec, error) {
	env, err := fl.Variables(s, a.lookup)
	return localrun.Spec{
		Name: s.Name, Type: s.Type, Image: fl.Image(s.Name), Env: env, Reads: p.Reads, Connects: p.Connects, Secrets: fl.Secrets(p), MemoryBytes: s.MemoryBytes, Port: s.Port, Health: s.Health,
	}, err
}

// neededService is how a service of the fleet at root runs beside the stage of another,
// from its built image.
func (a *app) neededService(store *image.Store, root string) func(context.Context, string) (localrun.Spec, []companion.Need, error) {
	return func(ctx context.Context, name string) (localrun.Spec, []companion.Need, error) {
		fl, _, err := a.fleets().Choose(root, nil, fleet.Overrides{})
		if err != nil {
			return localrun.Spec{}, nil, err
		}
		s, _ := fl.Fleet.Named(name)
		if err := fleet.CheckBuilt(ctx, store, fl.Root, []fleet.Image{{Service: name, Name: fl.Image(name)}}); err != nil {
			return localrun.Spec{}, nil, err
		}
		spec, err := a.serviceSpec(fl, s, fl.Plans([]string{name})[name])
		return spec, fl.Needs(s), err
	}
}

// beside makes the companions of services ready to start.
func (a *app) beside(ctx context.Context, store *image.Store, root string, services []config.Service) (_ []localrun.Spec, err error) {
	of := map[string][]companion.Need{}
	for _, s := range services {
		of[s.Name] = s.Needs
	}
	needs, err := companion.Union(of)
	if err != nil || len(needs) == 0 {
		return nil, err
	}
	screen := a.newScreen(nil)
	defer screen.Close()
	eng := &state.LazyEngine{Open: func() (state.Engine, error) { return a.state.Open(ctx, state.Builders{}, screen) }}
	defer func() { err = errors.Join(err, eng.Close()) }()
	o, err := a.companions(store, root, eng, screen)
	if err != nil {
		return nil, err
	}
	return companions.Specs(ctx, o, needs)
}

// companions are the options for companions of a fleet, whose images an engine makes.
func (a *app) companions(store *image.Store, root string, eng engine.Builder, sink event.Sink) (companions.Options, error) {
	rt, err := a.state.Containers("")
	return companions.Options{
		State: a.state, Root: root, Store: store, Runtime: rt, Sink: sink, Builder: func() (engine.Builder, error) { return eng, nil },
	}, err
}

func imageGroup(ctx context.Context, store *image.Store, args []string) (localrun.Group, error) {
	var g localrun.Group
	for _, arg := range args {
		if _, err := store.Resolve(ctx, arg); err != nil {
			return g, err
		}
		g.Services = append(g.Services, localrun.Spec{Name: image.Name(arg).Short(), Image: arg})
	}
	g.Name = g.Services[0].Name
	return g, nil
}

// applyRunFlags completes the services in place: what the image says of its
// port, then the flags.
func (a *app) applyRunFlags(ctx context.Context, store *image.Store, g localrun.Group, f runFlags) error {
	variables, err := a.variables(f, g.Services)
	if err != nil {
		return err
	}
	if err := localrun.SetVariables(g.Services, variables); err != nil {
		return err
	}
	memory := int64(0)
	if f.memory != "" {
		if memory, err = config.ParseMemory(f.memory); err != nil {
			return diag.Fail(diag.ExitUsage, "--memory").Because(err)
		}
	}
	for i := range g.Services {
		s := &g.Services[i]
		if s.Beside {
			continue
		}
		s.Platform = strings.Join(f.Platforms, "")
		if memory > 0 {
			s.MemoryBytes = memory
		}
		s.PIDs, s.RawSockets = f.pids, f.rawSockets
		if s.Port == 0 {
			s.Port = localrun.OnlyPort(imageConfig(ctx, store, s.Image, s.Platform).ExposedPorts)
		}
	}
	var ports []localrun.Publish
	for _, text := range f.publish {
		p, err := localrun.ParsePublish(text)
		if err != nil {
			return diag.Fail(diag.ExitUsage, "-p").Because(err).WithHint("slipway run --help")
		}
		ports = append(ports, p)
	}
	return localrun.Assign(g.Services, ports)
}

// needsRoot refuses commands about containers for others than root.
func needsRoot(command string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return diag.Fail(diag.ExitRun, "containers require root").WithHint("sudo slipway %s", command)
}
