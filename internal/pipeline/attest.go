package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
)

// Attester keeps what is known of an image beside it, and may sign it, before it gets its
// names and goes anywhere. It is safe for concurrent use.
type Attester interface {
	Attest(ctx context.Context, made Made) error
}

// Made is an image and how it was made.
type Made struct {
	Job         Job
	Built       Built
	Fingerprint string // of all inputs; empty: not known
	Started     time.Time
	Finished    time.Time
}

// attest calls the Attester for an image of the store.
func (b Build) attest(ctx context.Context, made Made) error {
	if b.Attester == nil || made.Job.Image == "" || made.Job.Request.Output.Kind != engine.OutputStore || made.Built.Result.Digest == "" {
		return nil
	}
	made.Finished = b.Now()
	if err := b.Attester.Attest(ctx, made); err != nil {
		return fmt.Errorf("keeping the evidence of the image: %w", err)
	}
	return nil
}
