package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gauge"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/scan"
	"github.com/slipway-build/slipway/internal/state"
)

// gateFlags are where results of gates go, and what is measured for them.
type gateFlags struct {
	json         bool
	sarif, junit string
	noStart      bool
	timeout      time.Duration
}

func (a *app) gateCommand() *cobra.Command {
	var f fleetFlags
	var g gateFlags
	cmd := &cobra.Command{
		Use:   "gate [SERVICE… | IMAGE…]",
		Short: "Check built images against limits, before they leave",
		Long: `Check built images against the limits of gates: in slipway.yaml: vulnerabilities,
secrets, licences, size, growth, waste, layers, user, setuid programs, shells, health
check, age of the base, structure tests and policies. Without gates:, defaults apply. Rules of a .dive-ci file count too.

Growth is measured against the last image that passed its gates. A finding names the
file or package, the layer and the line of the Dockerfile that caused it. What is not
known is reported, and fails only with strict: true. Limits of start_up and memory
start the image, which requires root.

Waivers in slipway.yaml accept findings, with a reason and an end. The exit code is 4
when a gate fails.`,
		Example: `  slipway gate
  slipway gate web --sarif gates.sarif --junit gates.xml
  slipway gate registry.example/shop/web:v1 --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.gate(cmd.Context(), args, f, g) },
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&g.json, "json", false, "print JSON")
	fl.StringVar(&g.sarif, "sarif", "", "write the findings to `FILE` as SARIF 2.1.0")
	fl.StringVar(&g.junit, "junit", "", "write the verdicts to `FILE` as JUnit XML")
	fl.BoolVar(&g.noStart, "no-start", false, "start no image; its start-up time and memory are not known, and command tests do not run")
	fl.DurationVar(&g.timeout, "timeout", 2*time.Minute, "maximum time until a started image is healthy")
	return cmd
}

func (a *app) gate(ctx context.Context, args []string, f fleetFlags, flags gateFlags) (err error) {
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return err
	}
	targets, err := a.gateTargets(ctx, store, args, f)
	if err != nil {
		return err
	}
	screen := a.newScreen(nil)
	defer screen.Close()
	eng := &state.LazyEngine{Open: func() (state.Engine, error) { return a.state.Open(ctx, state.Builders{}, screen) }}
	defer func() { err = errors.Join(err, eng.Close()) }()
	g := a.gauge(store, eng, f, flags)
	var outcomes []gate.Outcome
	for _, t := range targets {
		o, err := gated(ctx, g, t, func(*gate.Subject) {})
		if err != nil {
			return err
		}
		outcomes = append(outcomes, o)
	}
	screen.Close()
	return a.writeGates(outcomes, flags)
}

// gauge collects what gates look at.
func (a *app) gauge(store *image.Store, eng engine.Builder, f fleetFlags, flags gateFlags) gauge.Gauge {
	g := gauge.Gauge{Store: store, Ledger: history.Ledger(a.state.Path, event.Discard{}), Now: time.Now, Tools: a.tools()}
	g.Scan = func(ctx context.Context, t gauge.Target) (gauge.Scanned, error) { return a.scanned(ctx, store, t) }
	if flags.noStart {
		return g
	}
	g.Engine = eng
	if os.Geteuid() == 0 {
		g.Start = func(ctx context.Context, t gauge.Target) (gate.Running, error) {
			return a.measured(ctx, store, t, f, flags.timeout)
		}
	}
	return g
}

// tools is the second program, with what holds libraries that are heavy.
func (a *app) tools() annex.Tools { return annex.Tools{Program: a.state.Tools, Getenv: a.Getenv} }

// gated gauges and judges one target, and remembers it when it passed; add completes
// what is known of it.
func gated(ctx context.Context, g gauge.Gauge, t gauge.Target, add func(*gate.Subject)) (gate.Outcome, error) {
	limits, err := g.Limits(t)
	if err != nil {
		return gate.Outcome{}, err
	}
	subject, err := g.Subject(ctx, t, limits)
	if err != nil {
		return gate.Outcome{}, err
	}
	add(&subject)
	o := pipeline.Gate(limits, subject, t.Waivers, g.Now())
	return o, g.Keep(t, subject, o)
}

// gateTargets decides what is checked: services of the fleet here, or images by name.
func (a *app) gateTargets(ctx context.Context, store *image.Store, args []string, f fleetFlags) ([]gauge.Target, error) {
	if a.meansImages(ctx, store, args) && !strings.HasPrefix(args[0], ".") && !strings.HasPrefix(args[0], "/") {
		if _, err := fleet.Stored(ctx, store, args); err != nil {
			return nil, a.fleets().NoFile(args, err)
		}
		targets := gauge.Images(args)
		for i := range targets {
			targets[i].Root = a.Dir // as dive looks for its rules
		}
		return targets, nil
	}
	t, err := a.fleets().Resolve(args)
	if err != nil {
		return nil, err
	}
	if t.OwnDockerfile {
		return nil, diag.Fail(diag.ExitUsage, "%s has a Dockerfile and no slipway.yaml, so its image has the name that its build gave it", t.Root).
			WithHint("slipway gate IMAGE:TAG")
	}
	fl, err := a.fleets().Load(t, f.Overrides)
	if err != nil {
		return nil, err
	}
	targets, err := gauge.Services(fl)
	if err != nil {
		return nil, err
	}
	var images []fleet.Image
	for i, t := range targets {
		images = append(images, fleet.Image{Service: t.Service, Name: t.Image})
		if len(f.Platforms) > 0 {
			targets[i].Platform = f.Platforms[0]
		}
	}
	return targets, fleet.CheckBuilt(ctx, store, fl.Root, images)
}

// scanned looks into the image of a target as slipway scan would.
func (a *app) scanned(ctx context.Context, store *image.Store, t gauge.Target) (gauge.Scanned, error) {
	subject, err := scan.Open(ctx, store, t.Image, t.Platform)
	if err != nil {
		return gauge.Scanned{}, err
	}
	var crates []inventory.Package
	if t.Service != "" {
		crates = inventory.Crates(repository.FS(t.Root), t.Dir)
	}
	var r scan.Result
	if by := cmp.Or(a.Getenv("SLIPWAY_SCANNER"), t.Scanner); by != "" {
		r, err = scan.External(ctx, store, subject, by, nil)
	} else {
		r, err = scan.Image(subject, crates, scan.Options{Database: a.advisories()})
	}
	return gauge.Scanned{By: r.Scanner, Packages: subject.Inventory(crates), Vulnerabilities: r.Vulnerabilities, Database: r.Database, Secrets: r.Secrets, Unsearched: r.Unsearched}, err
}

// measured starts the image of a target as slipway run would.
func (a *app) measured(ctx context.Context, store *image.Store, t gauge.Target, f fleetFlags, timeout time.Duration) (gate.Running, error) {
	var group localrun.Group
	var err error
	if t.Service == "" {
		group, err = imageGroup(ctx, store, []string{t.Image})
	} else {
		group, err = a.fleetGroup(ctx, store, []string{t.Service}, f.Overrides)
	}
	if err != nil {
		return gate.Running{}, err
	}
	group.Name = "gate-" + config.NameOf(group.Services[0].Name) + "-" + strconv.Itoa(os.Getpid()) // others may measure too
	if s := &group.Services[0]; s.Port == 0 {
		s.Port = localrun.OnlyPort(imageConfig(ctx, store, s.Image, s.Platform).ExposedPorts)
	}
	ready, memory, err := a.state.Started(ctx, group, timeout)
	return gate.Running{StartUp: ready, MemoryBytes: memory}, err
}

// writeGates prints outcomes and writes their files. The error has exit code 4 when a
// gate failed.
func (a *app) writeGates(outcomes []gate.Outcome, f gateFlags) error {
	if err := a.writeGateFiles(outcomes, f); err != nil {
		return err
	}
	write := gate.Write
	if f.json {
		write = gate.WriteJSON
	}
	if err := write(a.Stdout, outcomes); err != nil {
		return err
	}
	return gateFailure(outcomes)
}

// writeGateFiles writes the files that the flags ask for.
func (a *app) writeGateFiles(outcomes []gate.Outcome, f gateFlags) error {
	for _, file := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{f.sarif, func(w io.Writer) error { return gate.WriteSARIF(w, outcomes, Version, config.FileName) }},
		{f.junit, func(w io.Writer) error { return gate.WriteJUnit(w, outcomes) }},
	} {
		if file.path == "" {
			continue
		}
		var text bytes.Buffer
		err := file.write(&text)
		if err == nil {
			err = atomicfile.Write(a.path(file.path), text.Bytes(), atomicfile.Options{})
		}
		if err != nil {
			return diag.Fail(diag.ExitUsage, "the results cannot be written to %s", file.path).Because(err)
		}
	}
	return nil
}

// gateFailure is the error of gates that failed, nil when none did.
func gateFailure(outcomes []gate.Outcome) error {
	var failed []string
	for _, o := range outcomes {
		if o.Failed() {
			name := o.Service
			if name == "" {
				name = o.Image
			}
			failed = append(failed, name)
		}
	}
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return diag.Fail(diag.ExitGate, "%s does not pass its gates", failed[0]).WithHint("fix the findings above, or accept them with a waiver")
	}
	return diag.Fail(diag.ExitGate, "%d of %d images do not pass their gates: %s", len(failed), len(outcomes), strings.Join(failed, ", ")).
		WithHint("fix the findings above, or accept them with a waiver")
}
