package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/companions"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gauge"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/state"
	"github.com/slipway-build/slipway/internal/testreport"
)

func (a *app) proveCommand() *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "test [SERVICE… | DIR]",
		Short: "Run the quality stages of services side by side, and build their images",
		Long: `Run the quality stages of each service side by side: lint, unit-tests,
integration-tests, e2e-tests and security-scan; and build its image. A service's own
Dockerfile has them as stages of these names. Each stage leaves its reports in
/reports/STAGE; they come out into .slipway/reports/SERVICE/STAGE, also when the
stage fails. A stage whose inputs did not change since it passed does not run again.

Then the gates of slipway.yaml decide whether each image may leave, as slipway gate
does. Slipway stores the results of the stages and the scan with the image as
statements (see slipway evidence); slipway push uploads them. --sign signs each image
that passed, and its statements. The exit code is 3 when a stage fails, and 4 when a gate fails.`,
		Example: `  slipway test
  slipway test web --only lint,unit-tests
  slipway test --rerun-failed 2 --json
  slipway test --sign --key release.key`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !a.elsewhere(f.builder) {
				if err := a.becomeRoot(cmd.Context()); err != nil {
					return err
				}
			}
			return a.prove(cmd.Context(), args, f)
		},
	}
	f.register(cmd)
	return cmd
}

// prove runs the quality stages of what the words mean.
func (a *app) prove(ctx context.Context, args []string, f proveFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	signer, err := a.signer("test", f.sign, f.key, f.keyless) // before anything runs
	if err != nil {
		return err
	}
	if len(args) == 1 && a.isAddress(args[0]) {
		return diag.Fail(diag.ExitUsage, "slipway test tests services and directories of this machine, not an address").WithHint("git clone %s, and run slipway test there", args[0])
	}
	src, err := a.source(ctx, args, f.buildFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	what, err := a.proveJobs(src, f)
	if err != nil {
		return err
	}
	what.signer = signer
	if f.sign && len(what.untested) > 0 {
		return diag.Fail(diag.ExitUsage, "--sign signs what passed its tests, and there are none to run of %s", strings.Join(what.untested, ", ")).
			WithHint("name the services to test and sign; slipway sign signs an image without tests")
	}
	if f.since != "" { // asked first: a base that does not exist is no reason to run everything
		if what.changed, err = a.origins(f.buildFlags).Changes(ctx, what.root, f.since); err != nil {
			return err
		}
	}
	if len(what.jobs) == 0 {
		for _, target := range what.targets {
			for _, l := range what.leftOut[target.Service] {
				fmt.Fprintf(a.Stderr, "%s %s left out: %s\n", target.Service, l.Name, l.Why)
			}
		}
		fmt.Fprintln(a.Stderr, "there is nothing to test: no service has a quality stage; a Dockerfile has them by name: "+strings.Join(plan.QualityStages(), ", "))
		if f.json {
			return report.WriteTestsJSON(a.Stdout, report.Tests{})
		}
		return nil
	}
	return a.runTested(ctx, src, what, f)
}

// proveJobs are the stages and images of services.
func (a *app) proveJobs(src *source, f proveFlags) (*tested, error) {
	req, err := a.request(f.buildFlags)
	if err != nil {
		return nil, err
	}
	t := &tested{root: src.Root, sources: map[string]testreport.Roots{}, made: map[string]engine.Result{}, needs: map[string][]companion.Need{}, leftOut: map[string][]plan.LeftOutStage{}}
	var fl *fleet.Fleet
	var whole []pipeline.Job
	if src.OwnDockerfile {
		recipe, err := a.recipe(src, f.buildFlags)
		if err != nil {
			return nil, err
		}
		job, err := recipe.Job(req, f.Overrides)
		if err != nil {
			return nil, err
		}
		whole, t.targets = append(whole, job), gauge.Images([]string{job.Image})
		t.targets[0].Service, t.targets[0].Root, t.targets[0].Dir = job.Service.Name, src.Root, "."
		t.targets[0].Dockerfile, t.targets[0].Text = recipe.Name, recipe.Text
	} else {
		o := f.Overrides
		o.Quality = true
		if fl, err = src.Load(src.Target, o); err != nil {
			return nil, err
		}
		t.root = fl.Root
		if whole, err = fl.Jobs(req); err != nil {
			return nil, err
		}
		if t.targets, err = gauge.Services(fl); err != nil {
			return nil, err
		}
	}
	for _, job := range whole {
		proving, err := fleet.Quality(job)
		if err != nil {
			return nil, err
		}
		stages := slices.DeleteFunc(proving.Stages, func(s pipeline.Job) bool { return len(f.only) > 0 && !slices.Contains(f.only, s.Stage) })
		for i, s := range stages {
			if f.again {
				fleet.Afresh(&stages[i])
			}
			if needs := s.Needs[s.Stage]; len(needs) > 0 {
				t.needs[s.Request.Name] = needs
			}
		}
		if len(stages) == 0 {
			t.untested = append(t.untested, job.Service.Name)
		}
		if t.jobs = append(t.jobs, stages...); len(stages) > 0 && f.gated() {
			t.jobs = append(t.jobs, proving.Image)
		}
		if len(f.only) == 0 {
			t.leftOut[job.Service.Name] = proving.LeftOut
		}
	}
	t.fleet = fl
	return t, nil
}

// runTested runs the jobs, delivers their reports, asks the gates and prints what came
// out.
func (a *app) runTested(ctx context.Context, src *source, what *tested, f proveFlags) (err error) {
	if err := a.addCaches(src.Root, what.jobs, f.builder); err != nil {
		return err
	}
	screen := a.newScreen(namesOf(what.jobs))
	defer screen.Close()
	store, err := a.state.Images(screen)
	if err != nil {
		return err
	}
	if err := a.nameNeeds(ctx, store, what); err != nil {
		return err
	}
	known := &history.Stages{History: a.history(src.history, f.afresh(), f.builder, store, screen), Shelf: a.state.Tests()}
	if f.again {
		known.Again = "--again"
	}
	began := time.Now()
	eng, err := a.engine(ctx, src, f.buildFlags, screen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	built, err := a.runStages(ctx, src, what, f, proving{screen, store, known, eng})
	screen.Close()
	if ctx.Err() != nil || built == nil || slices.ContainsFunc(built, func(b pipeline.Built) bool { return errors.As(b.Err, new(*pipeline.CommonError)) }) {
		return err
	}
	tests := report.Tests{Wall: time.Since(began), Now: time.Now()}
	to, delivered := a.reportsDir(what.root, f), error(nil)
	for i, b := range built {
		stage, err := what.stage(i, b, known, to)
		if delivered == nil {
			delivered = err // the others are the same
		}
		tests.Stages = append(tests.Stages, stage)
		a.tellFindings(b.Findings)
	}
	tests.Stages = what.addLeftOut(tests.Stages)
	outcomes, gated := a.askGates(ctx, store, eng, what, tests, f)
	return errors.Join(a.tellTests(tests, outcomes, f), delivered, gated)
}

// proving is what a run of stages uses.
type proving struct {
	screen *screen
	store  *image.Store
	known  *history.Stages
	engine *state.LazyEngine
}

// runStages runs the jobs; how each ended is in what it returns.
func (a *app) runStages(ctx context.Context, src *source, what *tested, f proveFlags, with proving) ([]pipeline.Built, error) {
	if err := useStored(ctx, with.store, with.screen, src, what.jobs, f.buildFlags); err != nil {
		return nil, err
	}
	eng := with.engine
	assembler, err := a.state.Assembler(src.Root, with.store, with.screen, fleet.CompressionOf(what.jobs))
	if err != nil {
		return nil, err
	}
	run := pipeline.Build{
		Builder: a.besideBuilds(ctx, with.store, what, eng, f, with.screen), Images: state.Tagger{Store: with.store, By: a.namedBy(src, what.jobs, f.buildFlags)}, Bases: state.Bases{Assembler: assembler, Engine: eng}, Sink: with.screen, History: with.known, Prover: state.Prover{Store: with.store},
		Platform: plan.Host(), Elsewhere: a.elsewhere(f.builder), Parallel: a.parallel(f.buildFlags), RAM: a.memoryToBuild(f.builder),
		KeepGoing: true, Rerun: f.rerun, Reports: with.known, Now: time.Now,
	}
	built, err := a.trace.Build(run).Run(ctx, what.jobs)
	if forgotten := with.known.Close(); forgotten != nil {
		with.screen.Emit(event.Note{Text: "cannot record this run: " + forgotten.Error(), Warning: true})
	}
	if opened := eng.Opened(); opened != nil {
		err = errors.Join(err, a.state.CollectGarbage(ctx, opened, with.store), a.state.Tests().Collect(time.Now()))
	}
	return built, err
}

// nameNeeds makes what runs beside stages part of what their runs are recognised by.
func (a *app) nameNeeds(ctx context.Context, store *image.Store, what *tested) error {
	for i := range what.jobs {
		job := &what.jobs[i]
		needs := what.needs[job.Request.Name]
		if len(needs) == 0 {
			continue
		}
		recipe, err := companions.Recipe(ctx, companions.Options{Root: what.root, Store: store}, what.fleet.Image, needs)
		if err != nil {
			return err
		}
		fleet.Beside(job, recipe)
	}
	return nil
}

// besideBuilds is the engine, with companions beside the stages that need some.
func (a *app) besideBuilds(ctx context.Context, store *image.Store, what *tested, eng *state.LazyEngine, f proveFlags, sink event.Sink) engine.Builder {
	builder := engine.Builder(eng)
	if len(what.against.Hosts) > 0 {
		builder = against{eng, what.against}
	}
	if len(what.needs) == 0 {
		return builder
	}
	return companions.Builder{Builder: builder, Needs: what.needs, Options: func() (companions.Options, error) {
		rt, err := a.state.Containers("")
		return companions.Options{
			State: a.state, Root: what.root, Store: store, Runtime: rt, Sink: sink, Builder: func() (engine.Builder, error) { return eng, nil },
			Service: a.neededService(store, what.root),
		}, err
	}}
}

// askGates holds the images that were built against their gates, and keeps beside them
// what was found.
func (a *app) askGates(ctx context.Context, store *image.Store, eng engine.Builder, what *tested, tests report.Tests, f proveFlags) ([]gate.Outcome, error) {
	if !f.gated() {
		return nil, nil
	}
	g := a.gauge(store, eng, f.fleetFlags, f.gates)
	keeper := evidence.Keeper{Store: store, Signer: what.signer, Version: Version}
	var outcomes []gate.Outcome
	for _, t := range what.targets {
		if !slices.ContainsFunc(tests.Stages, func(s report.TestStage) bool {
			return s.Service == t.Service && s.Stage == plan.StageProduction && s.Image != "" && !s.Failed()
		}) {
			continue
		}
		var seen gate.Subject
		o, err := gated(ctx, g, t, func(s *gate.Subject) { what.tell(s, tests); seen = *s })
		if err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, o)
		failed := slices.ContainsFunc(tests.Failed(), func(s report.TestStage) bool { return s.Service == t.Service })
		if err := keeper.Tested(ctx, t.Image, what.made[t.Service], seen, !failed && !o.Failed()); err != nil {
			return outcomes, err
		}
	}
	return outcomes, a.writeGateFiles(outcomes, f.gates)
}

// tellTests prints a run. A stage that failed is the command's failure, before a gate.
func (a *app) tellTests(t report.Tests, outcomes []gate.Outcome, f proveFlags) error {
	if f.json {
		if outcomes != nil {
			t.Gates = outcomes
		}
		if err := report.WriteTestsJSON(a.Stdout, t); err != nil {
			return err
		}
	} else if err := report.WriteTests(a.Stdout, t); err != nil {
		return err
	} else if len(outcomes) > 0 {
		fmt.Fprintln(a.Stdout)
		if err := gate.Write(a.Stdout, outcomes); err != nil {
			return err
		}
	}
	failed := t.Failed()
	if len(failed) == 0 {
		return gateFailure(outcomes)
	}
	var names, services []string
	for _, s := range failed {
		names = append(names, s.Service+" "+s.Stage)
		if !slices.Contains(services, s.Service) {
			services = append(services, s.Service)
		}
	}
	of := "the stage"
	if len(t.Stages) > 1 {
		of = fmt.Sprintf("%d of %d stages", len(failed), len(t.Stages))
	}
	return diag.Fail(diag.ExitBuild, "%s failed: %s", of, strings.Join(names, ", ")).
		WithHint("the failures and the directories of their reports are above; after the fix: slipway test %s", strings.Join(services, " "))
}
