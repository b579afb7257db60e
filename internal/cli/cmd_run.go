package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/localrun/view"
	"github.com/slipway-build/slipway/internal/plan"
)

// runFlags are the flags of `slipway run`.
type runFlags struct {
	fleetFlags
	publish      []string
	env          []string
	memory       string
	name         string
	untilHealthy bool
	detach       bool
	timeout      time.Duration
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [SERVICE… | IMAGE…]",
		Short: "Start built images on this machine, without Docker",
		Long: `Start the fleet's services, or images by name, as containers on a shared network,
on which each service is reachable under its name. Memory limits and health checks
come from slipway.yaml, else from the image.

Published ports listen on 127.0.0.1; put an address before the port for another:
-p 0.0.0.0:8080:3004. Port 0 selects a free port. If several services listen on the
same container port, specify one: -p SERVICE=8080:3004.

--until-healthy alone is a test: start, wait until all services are healthy, stop. A
service without a health check must keep running for two seconds; a service of type
job must end with exit code 0. With --detach, the services keep running in the
background: see slipway ps, logs and stop.`,
		Example: `  slipway run
  slipway run -p 3004:3004 --detach --until-healthy
  slipway run fast-orchestrator-service --env LOG_LEVEL=debug
  slipway run registry.example/shop/web:v1 -p 8080:80`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args, f) },
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.publish, "publish", "p", nil, "publish a port, [SERVICE=][IP:]HOST:CONTAINER; may be repeated")
	fl.StringArrayVarP(&f.env, "env", "e", nil, "set a variable, NAME=VALUE, or NAME for this shell's value; may be repeated")
	fl.StringVar(&f.memory, "memory", "", "memory limit per service, such as 512Mi; overrides slipway.yaml")
	fl.StringVar(&f.name, "name", "", "group name (default: the fleet's or the first image's)")
	fl.BoolVar(&f.untilHealthy, "until-healthy", false, "wait until every service is healthy")
	fl.BoolVarP(&f.detach, "detach", "d", false, "run in the background")
	fl.DurationVar(&f.timeout, "timeout", time.Minute, "maximum wait of --until-healthy")
	return cmd
}

func (a *app) run(ctx context.Context, args []string, f runFlags) error {
	group, err := a.group(ctx, args, f)
	if err != nil {
		return err
	}
	if f.detach {
		return a.runDetached(ctx, supervised{Group: group, UntilHealthy: f.untilHealthy, Timeout: f.timeout})
	}
	rt, err := a.state.Containers()
	if err != nil {
		return err
	}
	shown := a.runView(group, !f.untilHealthy)
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
	return fmt.Errorf("%w (and cleaning up: %v)", err, cleanup)
}

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
	if f.name != "" {
		g.Name = f.name
	}
	return g, a.applyRunFlags(ctx, store, g, f)
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
	cfg, _ := fleet.Detected(a.Dir, fleet.Overrides{})
	return cfg == nil || !slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return s.Name == args[0] })
}

func (a *app) fleetGroup(ctx context.Context, store *image.Store, names []string, o fleet.Overrides) (localrun.Group, error) {
	fl, chosen, err := a.fleets().Choose(a.Dir, names, o)
	if err != nil {
		return localrun.Group{}, err
	}
	g := localrun.Group{Name: fl.Name}
	var images []fleet.Image
	for _, s := range fl.Only(chosen).Services {
		images = append(images, fleet.Image{Service: s.Name, Name: fl.Image(s.Name)})
		g.Services = append(g.Services, localrun.Spec{
			Name: s.Name, Type: s.Type, Image: fl.Image(s.Name), Env: s.Env, MemoryBytes: s.MemoryBytes, Port: s.Port, Health: healthCheck(s.Health),
		})
	}
	return g, fleet.CheckBuilt(ctx, store, images)
}

func healthCheck(h config.Health) plan.HealthCheck {
	return plan.HealthCheck{GRPC: h.GRPC, HTTP: h.HTTP, TCP: h.TCP, Command: h.Command,
		Health: plan.Health{Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}}
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
	env, err := a.runEnv(f.env)
	if err != nil {
		return err
	}
	memory := int64(0)
	if f.memory != "" {
		if memory, err = config.ParseMemory(f.memory); err != nil {
			return diag.Fail(diag.ExitUsage, "--memory").Because(err)
		}
	}
	if len(f.Platforms) > 1 {
		return diag.Fail(diag.ExitUsage, "a run takes one platform, not %d", len(f.Platforms)).WithHint("--platform %s", f.Platforms[0])
	}
	for i := range g.Services {
		s := &g.Services[i]
		s.Platform = strings.Join(f.Platforms, "")
		s.Env = merged(s.Env, env)
		if memory > 0 {
			s.MemoryBytes = memory
		}
		if s.Port == 0 {
			s.Port = portOf(ctx, store, s.Image, s.Platform)
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

// portOf is the port that an image exposes; 0 when there is none or several.
func portOf(ctx context.Context, store *image.Store, name, platform string) int {
	img, err := store.Image(ctx, name, platform)
	if err != nil {
		return 0 // starting it will say why
	}
	file, err := img.ConfigFile()
	if err != nil || file == nil {
		file = &v1.ConfigFile{}
	}
	return localrun.OnlyPort(file.Config.ExposedPorts)
}

// runEnv reads --env flags.
func (a *app) runEnv(flags []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range flags {
		name, value, ok := strings.Cut(text, "=")
		if name == "" {
			return nil, diag.Fail(diag.ExitUsage, "--env %q lacks a name", text).WithHint("--env NAME=VALUE")
		}
		if !ok {
			value = a.Getenv(name)
		}
		out[name] = value
	}
	return out, nil
}

func merged(under, over map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{under, over} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// needsRoot refuses commands about containers for others than root.
func needsRoot(command string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return diag.Fail(diag.ExitRun, "containers require root").WithHint("sudo slipway %s", command)
}
