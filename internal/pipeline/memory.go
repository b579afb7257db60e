package pipeline

import (
	"context"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fingerprint"
)

// Memory knows what earlier builds made of which inputs. It is safe for
// concurrent use.
type Memory interface {
	// Recall fingerprints a job whose bases are known, and finds the image of an
	// equal earlier build if it is still whole in the store.
	Recall(ctx context.Context, job Job) Recalled
	// Keep takes note of how a job ended. It keeps an image only if the inputs
	// are still what Recall saw.
	Keep(ctx context.Context, job Job, was Recalled, built Built)
}

// Recalled is what is known of a job before it is built.
type Recalled struct {
	Result  engine.Result     // of the earlier build; without a digest there is none
	Reasons []string          // why it has to be built, the cause first
	Lost    bool              // there was an image, and it is no longer in the store
	Print   fingerprint.Print // without a key when nobody can know what the build reads
}

// Predict recalls each job, by the name of its service, and builds nothing.
// Where its bases are not at hand, that is the reason for a build.
func (b Build) Predict(ctx context.Context, jobs []Job) map[string]Recalled {
	out := map[string]Recalled{}
	for _, job := range jobs {
		digests, err := b.ensureBases(ctx, []Job{job})
		if err != nil {
			out[job.Request.Name] = Recalled{Reasons: []string{err.Error()}}
			continue
		}
		job.useBases(digests)
		out[job.Request.Name] = b.Memory.Recall(ctx, job)
	}
	return out
}

// Step is an instruction of a build that ran.
type Step = event.StepFinished

// stepsOf is a sink that keeps the steps of one service which ran.
type stepsOf struct {
	event.Sink
	service string
	ran     []Step
}

// Emit implements event.Sink; the events of one service come one by one.
func (s *stepsOf) Emit(e event.Event) {
	if f, ok := e.(event.StepFinished); ok && f.Service == s.service && !f.Cached && f.Stage != "" {
		s.ran = append(s.ran, f)
	}
	s.Sink.Emit(e)
}
