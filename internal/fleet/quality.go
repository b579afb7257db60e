package fleet

import (
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

// withoutReports adds to patterns that no build reads what slipway test writes.
func withoutReports(ignore []string) []string {
	return append(ignore[:len(ignore):len(ignore)], ecosystem.OutputDir)
}

// Proving is the tests of one service.
type Proving struct {
	Stages  []pipeline.Job // the quality stages, in the order of the pipeline
	Image   pipeline.Job
	LeftOut []plan.LeftOutStage // of a plan: they have nothing to run
}

// Quality returns the jobs that test a service: its quality stages, and its image,
// which is built as slipway build does. A Dockerfile that a person wrote has stages by
// their names; they reach the service's needs from integration tests on.
func Quality(job pipeline.Job) (Proving, error) {
	proving := Proving{Image: job, LeftOut: job.Service.LeftOutStages}
	text, ignore := job.Request.Dockerfile, job.Request.Ignore
	if planned := job.Service; planned.Dockerfile == "" {
		text, ignore, job.Bases, job.File = dockerfile.RenderAll(planned), withoutReports(planned.ProvingIgnore()), planned.AllBases(), nil
	}
	if job.File == nil {
		file, err := dockerfile.Read("Dockerfile of "+job.Request.Name, text)
		if err != nil {
			return proving, err
		}
		job.File = &file
	}
	for _, name := range plan.QualityStages() {
		if !slices.Contains(job.File.Stages, name) {
			continue
		}
		one := job
		one.Stage, one.Image, one.Names, one.Wanted = name, "", nil, nil
		one.Waivers = pipeline.Waivers{} // of findings about an image
		one.Request.Dockerfile, one.Request.Ignore = text, ignore
		one.Request.Name = job.Request.Name + "/" + name
		one.Request.Target = name
		one.Request.Output = engine.Output{Kind: engine.OutputNone}
		one.Request.Tag, one.Request.Labels = "", nil
		one.Request.Platforms = []string{plan.Host()}
		proving.Stages = append(proving.Stages, one)
	}
	if job.Service.Dockerfile != "" {
		proving.Image = withoutVerification(job)
	}
	return proving, nil
}

// Beside adds to a job of a quality stage what runs beside it, in words, so that a run
// with other companions is another one.
func Beside(job *pipeline.Job, recipe string) {
	args := map[string]string{plan.ArgCompanions: recipe} // the map of the request is everybody's
	maps.Copy(args, job.Request.Args)
	job.Request.Args = args
	if !slices.Contains(job.File.Args, plan.ArgCompanions) { // else the engine takes a run without them for the same
		Afresh(job)
	}
}

// Afresh makes the job of a quality stage run its own steps, also where the engine has
// their result. The stages before it stay cached, and so does what steps keep in cache
// mounts, such as compiled packages: other stages use them too.
func Afresh(job *pipeline.Job) {
	job.Request.KeepMounts = true
	if !slices.Contains(job.Request.NoCacheOf, job.Stage) {
		job.Request.NoCacheOf = append(slices.Clone(job.Request.NoCacheOf), job.Stage)
	}
}

// withoutVerification builds up to production where the text ends with quality stages:
// the last one would run all of them again.
func withoutVerification(job pipeline.Job) pipeline.Job {
	names := job.File.Stages
	if plan.IsQuality(names[len(names)-1]) && job.Request.Target == "" && slices.Contains(names, plan.StageProduction) {
		job.Request.Target = plan.StageProduction
	}
	return job
}

// CheckStages refuses names that are no quality stages.
func CheckStages(names []string) error {
	for _, name := range names {
		if slices.Contains(plan.QualityStages(), name) {
			continue
		}
		refusal := diag.Fail(diag.ExitUsage, "there is no quality stage %q", name)
		if near := diag.Nearest(name, plan.QualityStages()); near != "" {
			return refusal.WithHint("did you mean %s?", near)
		}
		return refusal.WithHint("the stages are %s", strings.Join(plan.QualityStages(), ", "))
	}
	return nil
}
