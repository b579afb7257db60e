package fleet

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

// OutputDir is the directory of a repository that slipway test writes reports into. It
// ignores itself, and no build reads it: it would change with every test.
const OutputDir = ".slipway"

func withoutReports(ignore []string) []string {
	return append(ignore[:len(ignore):len(ignore)], OutputDir)
}

// Quality returns the jobs that run the quality stages of a service, in the order of
// the pipeline, and what is left of the job itself: its image. A Dockerfile that a
// person wrote has them by their names.
func Quality(job pipeline.Job) (stages []pipeline.Job, image pipeline.Job, err error) {
	if job.File == nil {
		file, err := dockerfile.Read("Dockerfile of "+job.Request.Name, job.Request.Dockerfile)
		if err != nil {
			return nil, job, err
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
		one.Request.Name = job.Request.Name + "/" + name
		one.Request.Target = name
		one.Request.Output = engine.Output{Kind: engine.OutputNone}
		one.Request.Tag, one.Request.Labels = "", nil
		one.Request.Platforms = []string{plan.Host()}
		stages = append(stages, one)
	}
	return stages, withoutVerification(job), nil
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
