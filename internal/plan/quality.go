package plan

import "slices"

// Stage names of the quality pipeline, in order. Each of the first five leaves its
// reports in ReportsOf and the exit code of what it ran in StatusOf.
const (
	StageLint         = "lint"
	StageUnitTests    = "unit-tests"
	StageIntegration  = "integration-tests"
	StageE2E          = "e2e-tests"
	StageScan         = "security-scan"
	StageVerification = "test-verification" // production and the reports of all
)

// Stages that the quality stages share: they have no reports.
const (
	StageTestPackages = "test-packages" // what tests and linters need beyond dependencies
	StageTestSources  = "test-sources"  // sources with tests and settings of tools
	StageTestBrowser  = "test-browser"  // those sources beside a browser
)

// QualityStages are the stages that check something, in the order of the pipeline.
func QualityStages() []string {
	return []string{StageLint, StageUnitTests, StageIntegration, StageE2E, StageScan}
}

// IsQuality reports the name of a stage that only builds of the quality pipeline have.
func IsQuality(name string) bool {
	return slices.Contains(QualityStages(), name) || slices.Contains([]string{StageVerification, StageTestPackages, StageTestSources, StageTestBrowser}, name)
}

// ReportsDir holds the reports of all stages.
const ReportsDir = "/reports"

// ReportsOf is the directory that a quality stage leaves its reports in.
func ReportsOf(stage string) string { return ReportsDir + "/" + stage }

// Files of a quality stage beside its reports: the exit code of what it ran, as a
// number and a line feed, and the reason for running nothing, where it ran nothing.
const (
	StatusFile  = "status"
	SkippedFile = "skipped"
)

// ArgCompanions is a build argument of stages that need companions. It names those that
// run beside the stage, so that what ran without them does not count for a run with them.
const ArgCompanions = "COMPANIONS"

// LeftOutStage is a quality stage that a service does not have.
type LeftOutStage struct {
	Name string `json:"name"`
	Why  string `json:"why"` // "no test files", "off in slipway.yaml"
}

// Checks are the quality stages that check something, in order.
func (s Service) Checks() []Stage {
	var out []Stage
	for _, stage := range s.Quality {
		if slices.Contains(QualityStages(), stage.Name) {
			out = append(out, stage)
		}
	}
	return out
}

// ProvingIgnore are the patterns of .dockerignore for a build of the quality stages.
func (s Service) ProvingIgnore() []string {
	if s.QualityIgnore != nil {
		return s.QualityIgnore
	}
	return s.DockerIgnore
}

// AllBases are the bases of the production and the quality stages.
func (s Service) AllBases() []Base {
	out := slices.Clone(s.Bases)
	for _, b := range s.QualityBases {
		if !slices.ContainsFunc(out, func(o Base) bool { return o.Ref == b.Ref }) {
			out = append(out, b)
		}
	}
	return out
}
