package pipeline

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// BrokenError says that an image was made which cannot run, or which holds a
// secret. It has no name in the store, and is not pushed.
type BrokenError struct {
	Findings diag.Findings // those that are errors
}

func (e *BrokenError) Error() string {
	return "its image fails the check:\n" + e.Findings.Error()
}

// proves reports a job whose image is checked.
func (b Build) proves(job Job) bool {
	return b.Prover != nil && job.Image != "" && job.Request.Target == "" && job.Request.Output.Kind == engine.OutputStore
}

// prove checks an image before it gets its name. Findings that are errors are the
// error too. What is built up to some stage is no image to run.
func (b Build) prove(ctx context.Context, job Job, built engine.Result) (diag.Findings, error) {
	if !b.proves(job) || built.Digest == "" {
		return nil, nil
	}
	findings, err := b.Prover.Prove(ctx, job, built)
	if err != nil {
		return findings, fmt.Errorf("checking the image: %w", err)
	}
	findings = job.Waivers.images().apply(findings, job.Request.Name)
	var broken diag.Findings
	for _, f := range findings {
		if f.Severity == diag.Error {
			broken = append(broken, f)
		}
	}
	if len(broken) > 0 {
		return findings, &BrokenError{broken}
	}
	return findings, nil
}
