package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/delivery"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/state"
)

func (a *app) buildCommand() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build [SERVICE… | DIR | URL | -]",
		Short: "Build the services of a fleet, or one directory with a Dockerfile",
		Long: `Build the services of a fleet, each as a multi-stage image, in parallel, on the
embedded engine or on --builder. Names and globs select services. slipway.yaml
describes the fleet; without it, Slipway builds the services that it detects (see
slipway init).

A directory with a Dockerfile and without slipway.yaml builds as with docker build;
Slipway plans a directory without a Dockerfile. The build context may come from
elsewhere: a git repository (https://HOST/REPOSITORY.git#BRANCH:DIRECTORY, ssh, file),
a URL of an archive or Dockerfile, or - for one on standard input.`,
		Example: `  slipway build
  slipway build 'fast-*' --skip fast-mdzmediation-service
  slipway build --registry localhost:5000 --tag v1.2.3 --push
  slipway build --attest --sign --key release.key --registry localhost:5000 --push
  slipway build --load
  slipway build --platform linux/amd64,linux/arm64
  slipway build --builder tcp://one.example:1234 --builder tcp://two.example:1234 --builder-certs DIR
  slipway build -t web:dev --target builder --build-arg A=1 DIR
  slipway build -t web https://git.example/acme/web.git#main:api
  slipway build -t web - < Dockerfile`,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := f.takeAttest(args)
			if err != nil {
				return err
			}
			if _, err := keepFor(a.Getenv); err != nil {
				return err
			}
			if !f.dryRun && !a.elsewhere(f.builder) {
				if err := a.becomeRoot(cmd.Context()); err != nil {
					return err
				}
			}
			return a.build(cmd.Context(), args, f)
		},
	}
	f.register(cmd)
	return cmd
}

// build decides between the two ways to build: one directory from its Dockerfile,
// as with docker build, or services of a fleet.
func (a *app) build(ctx context.Context, args []string, f buildFlags) (err error) {
	if err := a.applyOutputs(&f); err != nil {
		return err
	}
	if err := a.applyProgress(&f); err != nil {
		return err
	}
	for i, p := range f.Platforms {
		if p == "local" { // buildx's word
			f.Platforms[i] = plan.Host()
		}
	}
	src, err := a.source(ctx, args, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if src.OwnDockerfile {
		return a.buildDirectory(ctx, src, f)
	}
	return a.buildFleet(ctx, src, f)
}

// buildFleet builds services of a fleet.
func (a *app) buildFleet(ctx context.Context, src *source, f buildFlags) error {
	if err := f.onlyDirectory(); err != nil {
		return err
	}
	o := f.Overrides
	o.KeepGoing, o.Quality = f.keepGoing, plan.IsQuality(f.target)
	fl, err := src.Load(src.Target, o)
	if len(src.opened) == 0 && a.settles(src.Root, err) {
		fl, err = src.Load(src.Target, o)
	}
	if err != nil {
		return err
	}
	if f.push && fl.Registry == "" && f.Tag == "" {
		return diag.Fail(diag.ExitUsage, "--push requires a registry").
			WithHint("slipway build --registry localhost:5000 --push")
	}
	req, err := a.request(f)
	if err != nil {
		return err
	}
	req.Named, req.Repository = src.named, src.id
	jobs, err := fl.Jobs(req)
	if err != nil {
		return err
	}
	if f.to.word != "" {
		if len(jobs) > 1 {
			return diag.Fail(diag.ExitUsage, "--output applies to one service, not to %d", len(jobs)).
				WithHint("slipway build --output %s SERVICE", f.to.word)
		}
		jobs[0].Request.Output = f.to.Output
		jobs[0].Request.Tag, jobs[0].Image = jobs[0].Image, ""
	}
	if len(fl.Refused) > 0 {
		fmt.Fprintln(a.Stderr, fl.Refused.Error())
	}
	err = a.runJobs(ctx, src, jobs, f)
	if len(fl.Refused) > 0 && ctx.Err() == nil {
		err = errors.Join(err, diag.Fail(diag.ExitBuild, "some services could not be planned: see the errors above").WithHint("fix them, and run slipway build again"))
	}
	return err
}

// buildDirectory builds one directory from its Dockerfile.
func (a *app) buildDirectory(ctx context.Context, src *source, f buildFlags) error {
	recipe, err := a.recipe(src, f)
	if err != nil {
		return err
	}
	req, err := a.request(f)
	if err != nil {
		return err
	}
	req.Output, req.Named, req.GitModes, req.Repository = f.to.Output, src.named, src.git, src.id
	job, err := recipe.Job(req, f.Overrides)
	if err != nil {
		return err
	}
	if job.Names, err = f.names(job.Request.Name); err != nil {
		return err
	}
	if job.Image == "" {
		job.Request.Tag = strings.Join(append([]string{job.Request.Tag}, job.Names...), ",")
	}
	a.warnUnusedArgs(req.Args, recipe.File.Args)
	return a.runJobs(ctx, src, []pipeline.Job{job}, f)
}

// recipe reads the Dockerfile, wherever it comes from.
func (a *app) recipe(src *source, f buildFlags) (fleet.Recipe, error) {
	if src.text != nil {
		return src.DirectoryWith(src.Root, *src.text)
	}
	return src.Directory(src.Root, a.file(src, f.file))
}

// runJobs builds the jobs and prints what came out.
func (a *app) runJobs(ctx context.Context, src *source, jobs []pipeline.Job, f buildFlags) (err error) {
	if err := errors.Join(a.addCaches(src.Root, jobs, f.builder), f.onlyOne(jobs)); err != nil {
		return err
	}
	if f.dryRun {
		return a.printJobs(jobs, f.json)
	}
	screen := a.newScreen(namesOf(jobs))
	defer screen.Close()
	store, err := a.state.Images(screen)
	if err != nil {
		return err
	}
	if err := useStored(ctx, store, screen, src, jobs, f); err != nil {
		return err
	}
	out, err := a.outgoing(ctx, store, screen, src, jobs, f)
	if err != nil {
		return err
	}
	defer out.Close()
	eng, err := a.engine(ctx, src, f, screen)
	if err != nil {
		return err
	}
	defer func() {
		span := a.trace.Start("", "closing the engine")
		err = errors.Join(err, eng.Close())
		span.End(nil)
	}()
	assembler, err := a.state.Assembler(src.Root, store, screen, fleet.CompressionOf(jobs))
	if err != nil {
		return err
	}
	known := a.history(src.history, f.afresh(), f.builder, store, screen)
	run := pipeline.Build{
		Attester: out.attester, Builder: eng, Images: state.Tagger{Store: store, By: a.namedBy(src, jobs, f)}, Bases: state.Bases{Assembler: assembler, Engine: eng}, Sink: screen, History: known, Prover: state.Prover{Store: store}, Pusher: out.pusher,
		Platform: plan.Host(), Elsewhere: a.elsewhere(f.builder), Parallel: a.parallel(f), RAM: a.memoryToBuild(f.builder),
		KeepGoing: f.keepGoing, Now: time.Now,
	}
	began := time.Now()
	built, err := a.trace.Build(run).Run(ctx, jobs)
	if forgotten := known.Close(); forgotten != nil {
		screen.Emit(event.Note{Text: "cannot record this run: " + forgotten.Error(), Warning: true})
	}
	if opened := eng.Opened(); opened != nil {
		span := a.trace.Start("", "collecting garbage")
		err = errors.Join(err, a.state.CollectGarbage(ctx, opened, store))
		span.End(nil)
	}
	screen.Close()
	if err == nil {
		err = a.writeIDs(ctx, store, jobs, built, f)
	}
	if f.quiet {
		return a.showStep(err) // which nobody saw fail
	}
	return errors.Join(a.reportBuild(ctx, store, built, time.Since(began), f.json), err)
}

// useStored lets a directory build on images of the store, unless registries are to
// be asked.
func useStored(ctx context.Context, store *image.Store, sink event.Sink, src *source, jobs []pipeline.Job, f buildFlags) error {
	if !src.OwnDockerfile || f.pull {
		return nil
	}
	for i := range jobs {
		names, err := fleet.UseStored(ctx, store, &jobs[i])
		if err != nil {
			return err
		}
		for _, name := range names {
			sink.Emit(event.Note{Service: jobs[i].Request.Name, Text: "the image " + name + " comes from Slipway's store; --pull asks its registry"})
		}
	}
	return nil
}

// namesOf are the names of the services that jobs build.
func namesOf(jobs []pipeline.Job) []string {
	names := make([]string, len(jobs))
	for i, j := range jobs {
		names[i] = j.Request.Name
	}
	return names
}

// deliveries opens what --load and --push need, before anything is built for them.
func (a *app) deliveries(ctx context.Context, store *image.Store, sink event.Sink, jobs []pipeline.Job, f buildFlags) (*delivery.Delivery, error) {
	if err := delivery.CheckOutput(f.load, f.to.word != ""); err != nil {
		return nil, err
	}
	return delivery.Open(ctx, delivery.Options{Load: f.load, Push: f.push, Registry: a.registry(f.Registry, f.insecure), Store: store, Sink: sink, Trace: a.trace}, jobs)
}

// history opens what is known of earlier builds of a fleet; afresh says why nothing
// is recalled, and the flags where it is built.
func (a *app) history(root, afresh string, where builderFlags, store *image.Store, sink event.Sink) *history.History {
	return history.Open(history.Options{
		StateDir: a.state.Path, Fleet: root, Version: Version, Afresh: afresh, Elsewhere: a.elsewhere(where), Store: store, Sink: sink,
	})
}

// reportBuild prints what a build made, with its times and cached steps.
func (a *app) reportBuild(ctx context.Context, store *image.Store, built []pipeline.Built, took time.Duration, asJSON bool) error {
	if !asJSON {
		var found diag.Findings
		for _, b := range built {
			found = append(found, b.Findings...)
		}
		a.tellFindings(found)
	}
	byService := map[string]pipeline.Built{}
	var images []fleet.Image
	unpacked := map[string]int64{} // what the engine measured already
	for _, b := range built {
		if b.Err == nil && b.Image != "" {
			byService[b.Service] = b
			images = append(images, fleet.Image{Service: b.Service, Name: b.Image})
			maps.Copy(unpacked, b.Result.Unpacked)
		}
	}
	if len(images) == 0 {
		return nil
	}
	span := a.trace.Start("", "measuring images")
	ctx = context.WithoutCancel(ctx)
	err := store.AddSizes(ctx, unpacked)
	var stats report.Stats
	if err == nil {
		stats, err = fleet.Measure(ctx, store, images)
	}
	span.End(err)
	if err != nil {
		return err
	}
	stats.Duration = took
	for i := range stats.Services {
		b := byService[stats.Services[i].Service]
		stats.Services[i].Steps, stats.Services[i].CachedSteps = b.Result.Steps, b.Result.CachedSteps
		stats.Services[i].PeakMemory, stats.Services[i].Findings = b.PeakMemory, b.Findings
		stats.Services[i].Duration, stats.Services[i].Unchanged, stats.Services[i].Reasons = b.Duration, b.Unchanged, b.Reasons
	}
	if asJSON {
		return report.WriteStatsJSON(a.Stdout, stats)
	}
	return report.WriteStats(a.Stdout, stats)
}

// tellFindings prints what an image may lack; what it surely lacks is the error of
// its build.
func (a *app) tellFindings(findings diag.Findings) {
	for _, f := range findings.Joined() {
		if f.Severity != diag.Error {
			fmt.Fprintln(a.Stderr, f)
		}
	}
}

// printJobs says what a build would do.
func (a *app) printJobs(jobs []pipeline.Job, asJSON bool) error {
	type row struct {
		Service   string   `json:"service"`
		Image     string   `json:"image,omitempty"`
		Platforms []string `json:"platforms"`
		Stages    []string `json:"stages"`
		Bases     []string `json:"bases"`
	}
	rows := make([]row, 0, len(jobs))
	for _, j := range jobs {
		file, err := dockerfile.Read("Dockerfile of "+j.Request.Name, j.Request.Dockerfile)
		if err != nil {
			return err
		}
		r := row{Service: j.Request.Name, Image: j.Image, Platforms: j.Request.Platforms, Stages: file.Stages, Bases: []string{}}
		for _, b := range j.Bases {
			r.Bases = append(r.Bases, b.Ref)
		}
		rows = append(rows, r)
	}
	if asJSON {
		return a.printJSON(rows)
	}
	for _, r := range rows {
		fmt.Fprintf(a.Stdout, "would build %s as %s for %s: %s\n", r.Service, r.Image, strings.Join(r.Platforms, ", "), strings.Join(r.Stages, " → "))
	}
	return nil
}

// settles asks a person, once for each service, about what slipway.yaml leaves open
// and an error offers lines for. It reports whether slipway.yaml now has them all.
func (a *app) settles(root string, err error) bool {
	var findings diag.Findings
	if !errors.As(err, &findings) || !a.interactive() {
		return false
	}
	choices := fleet.Choices(findings)
	if len(choices) == 0 {
		return false
	}
	fmt.Fprintln(a.Stderr, findings.Error())
	for _, c := range choices {
		line := fleet.Ask(a.Stdin, a.Stderr, c)
		if line == "" {
			return false
		}
		if _, err := fleet.Find(root); err != nil {
			_ = a.init(root, initFlags{}) // its errors are those that the line settles
		}
		if err := fleet.Settle(root, c.Service, line); err != nil {
			fmt.Fprintln(a.Stderr, err)
			return false
		}
	}
	return true
}
