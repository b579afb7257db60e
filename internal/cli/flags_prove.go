package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gauge"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/repository"
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
	gates   gateFlags
}

func (f *proveFlags) register(cmd *cobra.Command) {
	f.fleetFlags.register(cmd)
	f.builder.register(cmd)
	fl := cmd.Flags()
	fl.StringSliceVar(&f.only, "only", nil, "run only these stages, such as lint,unit-tests; builds no images and checks no gates")
	fl.StringVar(&f.reports, "reports", "", "directory for the reports (default: .slipway/reports beside slipway.yaml)")
	fl.StringVar(&f.since, "since", "", "report the coverage of the lines that changed since the branch left this one, such as main")
	fl.IntVar(&f.rerun, "rerun-failed", 0, "run a stage that failed up to N times again; one that then passes is reported as flaky")
	fl.BoolVar(&f.again, "again", false, "run every stage, also those that passed with the same inputs")
	fl.BoolVar(&f.noImage, "no-image", false, "build no images and check no gates")
	fl.BoolVar(&f.noCache, "no-cache", false, "run every step, ignoring cached results")
	fl.IntVar(&f.parallel, "parallel", 0, "maximum stages run at once; fewer when their recorded memory would not fit (default: the number of cores, at least 2)")
	fl.StringArrayVar(&f.args, "build-arg", nil, "build argument NAME=VALUE; NAME alone takes the environment's value, else the default of its ARG")
	fl.StringArrayVar(&f.secrets, "secret", nil, "secret for steps that mount it: id=NAME,src=FILE or id=NAME,env=VARIABLE; id=NAME alone takes the variable NAME, else the file NAME")
	fl.BoolVar(&f.sign, "sign", false, "sign each image that passes, and the statements about it")
	fl.StringVar(&f.key, "key", "", "private key of --sign: a file, or env://NAME (also $SLIPWAY_KEY)")
	f.keyless.registerSwitch(fl, keylessSwitch)
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	fl.StringVar(&f.gates.sarif, "sarif", "", "write the findings of gates to `FILE` as SARIF 2.1.0")
	fl.StringVar(&f.gates.junit, "junit", "", "write the verdicts of gates to `FILE` as JUnit XML")
	fl.BoolVar(&f.gates.noStart, "no-start", false, "start no image; its start-up time and memory are not known, and command tests do not run")
	fl.DurationVar(&f.gates.timeout, "timeout", 2*time.Minute, "maximum time until a started image is healthy")
}

// check refuses flags that make no sense.
func (f proveFlags) check() error {
	if f.rerun < 0 {
		return diag.Fail(diag.ExitUsage, "invalid --rerun-failed %d", f.rerun).WithHint("--rerun-failed 2 runs a stage up to three times")
	}
	if name := cmp.Or(f.gates.sarif, f.gates.junit); name != "" && !f.gated() {
		return diag.Fail(diag.ExitUsage, "gates check images, and --only and --no-image build none, so that %s would be empty", name).WithHint("remove --only and --no-image, or --sarif and --junit")
	}
	if f.sign && !f.gated() {
		return diag.Fail(diag.ExitUsage, "--sign signs images, and --only and --no-image build none").WithHint("remove --only and --no-image, or --sign")
	}
	return fleet.CheckStages(f.only)
}

// gated reports whether images are built and held against gates.
func (f proveFlags) gated() bool { return len(f.only) == 0 && !f.noImage }

// reportsDir is where reports go: a directory that the person names, or one in the
// repository.
func (a *app) reportsDir(root string, f proveFlags) reportsDir {
	if f.reports != "" {
		return reportsDir{root: a.path(f.reports), shown: f.reports}
	}
	return reportsDir{root: root, below: ecosystem.OutputDir + "/reports", shown: repository.Relative(a.Dir, filepath.Join(root, ecosystem.OutputDir, "reports"))}
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

// tested is what a command tests.
type tested struct {
	root     string       // that reports go below
	fleet    *fleet.Fleet // nil for a directory
	jobs     []pipeline.Job
	needs    map[string][]companion.Need // by the name of the job
	leftOut  map[string][]plan.LeftOutStage
	targets  []gauge.Target              // of gates
	untested []string                    // services without a stage to run
	made     map[string]engine.Result    // image by service
	signer   evidence.Signer             // nil: nothing is signed
	against  engine.Companions           // what all stages reach beside their needs
	changed  map[string][]int            // numbers of lines by path below the root; nil: nobody asked
	sources  map[string]testreport.Roots // of contexts that were looked at
}

// relocated makes the paths in the reports of a job relative to the root.
func (t *tested) relocated(job pipeline.Job, r testreport.Report) testreport.Report {
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

// stage sums up how one job ended, and delivers its reports.
func (t *tested) stage(i int, b pipeline.Built, known *history.Stages, to reportsDir) (report.TestStage, error) {
	job := t.jobs[i]
	s := report.TestStage{Service: job.Service.Name, Stage: job.Stage, Duration: b.Duration, Image: b.Image, Result: report.StagePassed, Attempts: len(b.Attempts)}
	if len(b.Reasons) > 0 {
		s.Why = b.Reasons[0]
	}
	for _, n := range job.Needs[job.Stage] {
		s.Companions = append(s.Companions, n.Describe())
	}
	if job.Stage == "" {
		s.Stage, s.Result = plan.StageProduction, report.StageBuilt
		t.made[s.Service] = b.Result
	}
	switch {
	case b.Err != nil:
		s.Result, s.Why = report.StageNotRun, firstLine(b.Err)
		if job.Stage == "" || pipeline.StageFailed(job.Stage, b.Err) {
			s.Result = report.StageFailed
		}
		if step := (*engine.StepError)(nil); errors.As(b.Err, &step) {
			s.Output = report.LastLines(step.Log)
			if s.Result == report.StageFailed && job.Stage != "" {
				s.Why = fmt.Sprintf("exit code %d", step.ExitCode)
			}
		}
	case b.Unchanged:
		s.Result = report.StageUnchanged
	}
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
	if why := kept.Skipped(); why != "" && b.Err == nil {
		s.Result, s.Why, s.Passed = report.StageSkipped, why, time.Time{}
	}
	var err error
	if s.Tests, err = kept.Report(); err != nil {
		return s, err
	}
	s.Tests = t.relocated(job, s.Tests)
	if t.changed != nil {
		c := s.Tests.CoveredChange(t.changed)
		s.Changed = &c
	}
	s.Reports, err = to.deliver(kept)
	return s, err
}

// addLeftOut adds the stages that services do not have before the first of each.
func (t *tested) addLeftOut(stages []report.TestStage) []report.TestStage {
	order := append(plan.QualityStages(), plan.StageProduction)
	for _, target := range t.targets {
		for _, l := range t.leftOut[target.Service] {
			stages = append(stages, report.TestStage{Service: target.Service, Stage: l.Name, Result: report.StageLeftOut, Why: l.Why})
		}
	}
	slices.SortStableFunc(stages, func(a, b report.TestStage) int {
		return cmp.Or(cmp.Compare(t.place(a.Service), t.place(b.Service)), cmp.Compare(slices.Index(order, a.Stage), slices.Index(order, b.Stage)))
	})
	return stages
}

// place is the position of a service.
func (t *tested) place(service string) int {
	return slices.IndexFunc(t.targets, func(x gauge.Target) bool { return x.Service == service })
}

// firstLine is the beginning of an error, for a table.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// tell completes what gates look at with the tests of a service.
func (t *tested) tell(s *gate.Subject, tests report.Tests) {
	var all []testreport.Report
	for _, stage := range tests.Stages {
		if stage.Service != s.Service || stage.Stage == plan.StageProduction {
			continue
		}
		all = append(all, stage.Tests)
		one := gate.Stage{Name: stage.Stage, Result: "passed", Why: stage.Why, Duration: stage.Duration, Cached: stage.Passed}
		switch {
		case stage.Failed():
			one.Result = string(stage.Result)
		case stage.Result == report.StageSkipped:
			one.Result = "not run"
		case stage.Result == report.StageLeftOut:
			one.Result = "left out"
		}
		s.Stages = append(s.Stages, one)
	}
	merged := testreport.Merge(all...)
	s.Tests, s.Changed = &merged, t.changed
}
