package dockerfile

import (
	"slices"

	"github.com/slipway-build/slipway/internal/plan"
)

// RenderAll writes the Dockerfile of a service with its quality stages. The last
// stage is the production image, so that a build without a target makes it.
func RenderAll(s plan.Service) []byte {
	if len(s.Quality) == 0 {
		return Render(s)
	}
	w := &writer{}
	w.header(s)
	for _, stage := range s.Stages {
		if stage.Name == plan.StageBuilder && len(s.QualityTrim) > 0 {
			stage.Steps = slices.Insert(slices.Clone(stage.Steps), max(0, len(stage.Steps)-1), s.QualityTrim...)
		}
		w.stage(stage)
	}
	w.WriteString(string(RenderQuality(s)))
	return []byte(w.String())
}

// RenderQuality writes what RenderAll adds below the production stages.
func RenderQuality(s plan.Service) []byte {
	w := &writer{}
	for _, stage := range s.Quality {
		w.stage(stage)
	}
	if len(s.Quality) > 0 {
		w.stage(plan.Stage{Comment: "Without --target, builders make the production image.", From: plan.StageProduction})
	}
	return []byte(w.String())
}
