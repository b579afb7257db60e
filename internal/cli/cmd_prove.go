package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/state"
	"github.com/slipway-build/slipway/internal/testreport"
	"github.com/slipway-build/slipway/internal/testrun"
)

// proveFlags are the flags of `slipway test`, whose file cannot have its name: Go
// takes cmd_test.go for a test.
type proveFlags struct {
	buildFlags
	only    []string
	reports string
	since   string
	rerun   int
	again   bool
	noImage bool
}

func (a *app) proveCommand() *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "test [SERVICE… | DIR]",
		Short: "Run the quality stages of services side by side, and build their images",
		Long: `Run the quality stages of each service side by side: lint, unit-tests,
integration-tests, e2e-tests and security-scan; and build its image. A service's own
Dockerfile has them as stages of these names. Each stage leaves its reports in
/reports/STAGE; they come out into .slipway/reports/SERVICE/STAGE, also when the
stage fails. A stage whose inputs did not change since it passed does not run again.`,
		Example: `  slipway test
  slipway test web --only lint,unit-tests
  slipway test --rerun-failed 2 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			debug.SetGCPercent(state.BeforeEngine)
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

func (f *proveFlags) register(cmd *cobra.Command) {
	f.fleetFlags.register(cmd)
	f.builder.register(cmd)
	fl := cmd.Flags()
	fl.StringSliceVar(&f.only, "only", nil, "run only these stages, such as lint,unit-tests")
	fl.StringVar(&f.reports, "reports", "", "directory for the reports (default: .slipway/reports beside slipway.yaml)")
	fl.StringVar(&f.since, "since", "", "report the coverage of the lines that changed since the branch left this one, such as main")
	fl.IntVar(&f.rerun, "rerun-failed", 0, "run a stage that failed up to N times again; one that then passes is reported as flaky")
	fl.BoolVar(&f.again, "again", false, "run every stage, also those that passed with the same inputs")
	fl.BoolVar(&f.noImage, "no-image", false, "do not build the images")
	fl.BoolVar(&f.noCache, "no-cache", false, "run every step, ignoring cached results")
	fl.IntVar(&f.parallel, "parallel", 0, "maximum stages run at once; fewer when their recorded memory would not fit (default: the number of cores, at least 2)")
	fl.StringArrayVar(&f.args, "build-arg", nil, "build argument NAME=VALUE; NAME alone takes the environment's value, else the default of its ARG")
	fl.StringArrayVar(&f.secrets, "secret", nil, "secret for steps that mount it: id=NAME,src=FILE or id=NAME,env=VARIABLE; id=NAME alone takes the variable NAME, else the file NAME")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
}

// check refuses flags that make no sense.
func (f proveFlags) check() error {
	if f.rerun < 0 {
		return diag.Fail(diag.ExitUsage, "invalid --rerun-failed %d", f.rerun).WithHint("--rerun-failed 2 runs a stage up to three times")
	}
	return fleet.CheckStages(f.only)
}

// prove runs the quality stages of what the words mean.
func (a *app) prove(ctx context.Context, args []string, f proveFlags) (err error) {
	if err := f.check(); err != nil {
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
	jobs, root, err := a.proveJobs(src, f)
	if err != nil {
		return err
	}
	var changed map[string][]int
	if f.since != "" { // asked first: a base that does not exist is no reason to run everything
		if changed, err = a.origins(f.buildFlags).Changes(ctx, root, f.since); err != nil {
			return err
		}
	}
	if len(jobs) == 0 {
		fmt.Fprintln(a.Stderr, "there is nothing to test: no service has a quality stage; a Dockerfile has them by name: "+strings.Join(plan.QualityStages(), ", "))
		if f.json {
			return report.WriteTestsJSON(a.Stdout, report.Tests{})
		}
		return nil
	}
	return a.runStages(ctx, src, tested{root, jobs, changed, map[string]testreport.Roots{}}, f)
}

// tested is what a command tests.
type tested struct {
	root    string // that reports go below
	jobs    []pipeline.Job
	changed map[string][]int            // numbers of lines by path below the root; nil: nobody asked
	sources map[string]testreport.Roots // of contexts that were looked at
}

// relocated makes the paths in the reports of a job relative to the root.
func (t tested) relocated(job pipeline.Job, r testreport.Report) testreport.Report {
	if len(r.Cases)+len(r.Coverage)+len(r.Findings) == 0 {
		return r
	}
	roots, ok := t.sources[job.Request.Context]
	if !ok {
		roots = fleet.Sources(t.root, job)
		t.sources[job.Request.Context] = roots
	}
	return r.Relocate(roots)
}

// proveJobs are the stages and images of services, and the directory that their reports
// go below.
func (a *app) proveJobs(src *source, f proveFlags) ([]pipeline.Job, string, error) {
	req, err := a.request(f.buildFlags)
	if err != nil {
		return nil, "", err
	}
	var whole []pipeline.Job
	root := src.Root
	if src.OwnDockerfile {
		recipe, err := a.recipe(src, f.buildFlags)
		if err != nil {
			return nil, "", err
		}
		job, err := recipe.Job(req, f.Overrides)
		if err != nil {
			return nil, "", err
		}
		whole = append(whole, job)
	} else {
		fl, err := src.Load(src.Target, f.Overrides)
		if err != nil {
			return nil, "", err
		}
		root = fl.Root
		if whole, err = fl.Jobs(req); err != nil {
			return nil, "", err
		}
	}
	var jobs []pipeline.Job
	for _, job := range whole {
		stages, image, err := fleet.Quality(job)
		if err != nil {
			return nil, "", err
		}
		stages = slices.DeleteFunc(stages, func(s pipeline.Job) bool { return len(f.only) > 0 && !slices.Contains(f.only, s.Stage) })
		if jobs = append(jobs, stages...); len(stages) > 0 && len(f.only) == 0 && !f.noImage {
			jobs = append(jobs, image)
		}
	}
	return jobs, root, nil
}

// runStages runs the jobs, delivers their reports and prints what came out.
func (a *app) runStages(ctx context.Context, src *source, what tested, f proveFlags) (err error) {
	jobs := what.jobs
	if err := a.addCaches(src.Root, jobs, f.builder); err != nil {
		return err
	}
	screen := a.newScreen(namesOf(jobs))
	defer screen.Close()
	store, err := a.state.Images(screen)
	if err != nil {
		return err
	}
	if err := useStored(ctx, store, screen, src, jobs, f.buildFlags); err != nil {
		return err
	}
	eng, err := a.engine(ctx, src, f.buildFlags, screen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	assembler, err := a.state.Assembler(src.Root, store, screen, fleet.CompressionOf(jobs))
	if err != nil {
		return err
	}
	known := &history.Stages{History: a.history(src.history, f.afresh(), f.builder, store, screen), Shelf: a.state.Tests()}
	if f.again {
		known.Again = "--again"
	}
	run := pipeline.Build{
		Builder: eng, Images: state.Tagger{Store: store, By: a.namedBy(src, jobs, f.buildFlags)}, Bases: state.Bases{Assembler: assembler, Engine: eng}, Sink: screen, History: known, Prover: state.Prover{Store: store},
		Platform: plan.Host(), Elsewhere: a.elsewhere(f.builder), Parallel: a.parallel(f.buildFlags), RAM: a.memoryToBuild(f.builder),
		KeepGoing: true, Rerun: f.rerun, Reports: known, Now: time.Now,
	}
	began := time.Now()
	built, err := a.trace.Build(run).Run(ctx, jobs)
	if forgotten := known.Close(); forgotten != nil {
		screen.Emit(event.Note{Text: "cannot record this run: " + forgotten.Error(), Warning: true})
	}
	if opened := eng.Opened(); opened != nil {
		err = errors.Join(err, a.state.CollectGarbage(ctx, opened, store))
	}
	err = errors.Join(err, a.state.Tests().Collect(time.Now()))
	screen.Close()
	if ctx.Err() != nil || built == nil || slices.ContainsFunc(built, func(b pipeline.Built) bool { return errors.As(b.Err, new(*pipeline.CommonError)) }) {
		return err
	}
	tests := report.Tests{Wall: time.Since(began), Now: time.Now()}
	to, delivered := a.reportsDir(what.root, f), error(nil)
	for i, b := range built {
		stage, err := a.testStage(what, i, b, known, to)
		if delivered == nil {
			delivered = err // the others are the same
		}
		tests.Stages = append(tests.Stages, stage)
	}
	return errors.Join(a.tellTests(tests, f), delivered)
}

// reportsDir is where reports go: a directory that the person names, or one in the
// repository.
func (a *app) reportsDir(root string, f proveFlags) reportsDir {
	if f.reports != "" {
		return reportsDir{root: a.path(f.reports), shown: f.reports}
	}
	return reportsDir{root: root, below: fleet.OutputDir + "/reports", shown: repository.Relative(a.Dir, filepath.Join(root, fleet.OutputDir, "reports"))}
}

// reportsDir is a directory for reports: below is relative to the root, which no link
// below it leads out of.
type reportsDir struct{ root, below, shown string }

// deliver copies the reports of a run to where a person looks for them. The directory in
// a repository ignores itself.
func (d reportsDir) deliver(k testrun.Kept) (string, error) {
	if err := os.MkdirAll(d.root, 0o755); err != nil {
		return "", diag.Fail(diag.ExitUsage, "the directory of --reports cannot be made").Because(err)
	}
	name := path.Join(k.Service, k.Stage)
	if err := d.into(k, path.Join(d.below, name)); err != nil {
		return "", diag.Fail(diag.ExitUsage, "the reports of %s cannot be written to %s", k.Stage, d.shown).Because(err).
			WithHint("--reports DIR writes them elsewhere; a copy is in %s", k.Dir)
	}
	return filepath.Join(d.shown, filepath.FromSlash(name)), nil
}

func (d reportsDir) into(k testrun.Kept, name string) error {
	root, err := os.OpenRoot(d.root)
	if err != nil {
		return err
	}
	defer root.Close()
	if d.below != "" {
		top := path.Dir(d.below)
		if err := root.MkdirAll(top, 0o755); err != nil {
			return err
		}
		if _, missing := root.Lstat(top + "/.gitignore"); missing != nil {
			if err := root.WriteFile(top+"/.gitignore", []byte("*\n"), 0o644); err != nil {
				return err
			}
		}
	}
	return k.Deliver(root, name)
}

// testStage sums up one job.
func (a *app) testStage(what tested, i int, b pipeline.Built, known *history.Stages, to reportsDir) (report.TestStage, error) {
	job := what.jobs[i]
	s := report.TestStage{Service: job.Service.Name, Stage: plan.StageProduction, Duration: b.Duration, Image: b.Image, Result: report.StageBuilt, Attempts: len(b.Attempts)}
	if len(b.Reasons) > 0 {
		s.Why = b.Reasons[0]
	}
	switch {
	case b.Err != nil:
		s.Result, s.Why = report.StageNotRun, firstLine(b.Err)
		if pipeline.StageFailed(job.Stage, b.Err) || job.Stage == "" {
			s.Result = report.StageFailed
		}
		if step := (*engine.StepError)(nil); errors.As(b.Err, &step) {
			s.Output = report.LastLines(step.Log)
		}
	case b.Unchanged:
		s.Result = report.StageUnchanged
	case job.Stage != "":
		s.Result = report.StagePassed
	}
	if job.Stage == "" {
		return s, nil
	}
	s.Stage = job.Stage
	kept, ok := known.Kept(job.Request.Name)
	if !ok || s.Result == report.StageNotRun {
		return s, nil
	}
	s.LeftOut, s.Attempts = kept.LeftOut, kept.Attempts
	switch {
	case b.Unchanged:
		s.Passed, s.Duration = kept.Started, kept.Duration
	case b.Err == nil && kept.Attempts > 1:
		s.Result = report.StageFlaky
	}
	var err error
	if s.Tests, err = kept.Report(); err != nil {
		return s, err
	}
	s.Tests = what.relocated(job, s.Tests)
	if what.changed != nil {
		c := s.Tests.CoveredChange(what.changed)
		s.Changed = &c
	}
	s.Reports, err = to.deliver(kept)
	return s, err
}

// tellTests prints a run; a stage that failed is the command's failure.
func (a *app) tellTests(t report.Tests, f proveFlags) error {
	print := report.WriteTests
	if f.json {
		print = report.WriteTestsJSON
	}
	if err := print(a.Stdout, t); err != nil {
		return err
	}
	failed := t.Failed()
	if len(failed) == 0 {
		return nil
	}
	var names, services []string
	for _, s := range failed {
		names = append(names, s.Service+" "+s.Stage)
		if !slices.Contains(services, s.Service) {
			services = append(services, s.Service)
		}
	}
	return diag.Fail(diag.ExitBuild, "%s failed: %s", ofStages(len(failed), len(t.Stages)), strings.Join(names, ", ")).
		WithHint("the failures and the directories of their reports are above; after the fix: slipway test %s", strings.Join(services, " "))
}

func ofStages(n, all int) string {
	if all == 1 {
		return "the stage"
	}
	return fmt.Sprintf("%d of %d stages", n, all)
}

// firstLine is the beginning of an error, for a table.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
