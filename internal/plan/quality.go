package plan

import "slices"

// Quality stages, in the order of the pipeline. Each leaves its reports in
// /reports/<stage>/ and fails with the exit code of its runner.
const (
	StageLint         = "lint"
	StageUnitTests    = "unit-tests"
	StageIntegration  = "integration-tests"
	StageE2E          = "e2e-tests"
	StageScan         = "security-scan"
	StageVerification = "test-verification" // production, and the reports of all
)

// QualityStages are the stages that check something, in the order of the pipeline.
func QualityStages() []string {
	return []string{StageLint, StageUnitTests, StageIntegration, StageE2E, StageScan}
}

// IsQuality reports the name of a stage that only builds of the quality pipeline have.
func IsQuality(name string) bool {
	return slices.Contains(QualityStages(), name) || name == StageVerification
}
