package pipeline

import (
	"context"
	"maps"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fingerprint"
)

// History knows what earlier builds made of which inputs. It is safe for
// concurrent use.
type History interface {
	// Recall fingerprints jobs whose bases are known, and finds for each the image
	// of an equal earlier build if it is still whole in the store. The answers are
	// in the order of the jobs.
	Recall(ctx context.Context, jobs []Job) []Recalled
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
	Passed  time.Time         // when the quality stage passed with the same inputs; zero: it runs

	// What builds of the service take; zero when that is not known.
	Took       time.Duration
	PeakMemory int64 // bytes
}

// known reports a job that need not run.
func (r Recalled) known() bool { return r.Result.Digest != "" || !r.Passed.IsZero() }

// remembers tells whether a job is one that the History keeps.
func (b Build) remembers(job Job) bool {
	return b.History != nil && (job.Image != "" || job.Stage != "")
}

// recall asks the History for all jobs that it keeps, by the name of the service.
func (b Build) recall(ctx context.Context, jobs []Job) map[string]Recalled {
	var asked []Job
	for _, job := range jobs {
		if b.remembers(job) {
			asked = append(asked, job)
		}
	}
	out := map[string]Recalled{}
	if len(asked) == 0 {
		return out
	}
	for i, r := range b.History.Recall(ctx, asked) {
		out[asked[i].Request.Name] = r
	}
	return out
}

// Predict recalls each job, by the name of its service, and builds nothing.
// Where its bases are not at hand, that is the reason for a build.
func (b Build) Predict(ctx context.Context, jobs []Job) map[string]Recalled {
	out := map[string]Recalled{}
	var ready []Job
	for _, job := range jobs {
		digests, err := b.ensureBases(ctx, []Job{job})
		if err != nil {
			out[job.Request.Name] = Recalled{Reasons: []string{err.Error()}}
			continue
		}
		job.useBases(digests)
		ready = append(ready, job)
	}
	maps.Copy(out, b.recall(ctx, ready))
	return out
}

// Step is an instruction of a build that ran.
type Step = event.StepFinished

// stepsOf is a sink that keeps the steps of one service which ran.
type stepsOf struct {
	event.Sink
	service string
	ran     []Step
	began   map[string]time.Time // by the key of the step
	took    []use
}

// use is the memory that a step held at most, and when it ran.
type use struct {
	from, to time.Time
	bytes    int64
}

// Emit implements event.Sink; the events of one service come one by one.
func (s *stepsOf) Emit(e event.Event) {
	switch e := e.(type) {
	case event.StepStarted:
		if e.Service == s.service {
			s.began[e.Key] = e.At
		}
	case event.StepFinished:
		if e.Service != s.service {
			break
		}
		if !e.Cached && e.Stage != "" {
			s.ran = append(s.ran, e)
		}
		if e.PeakMemory > 0 {
			from := s.began[e.Key]
			s.took = append(s.took, use{from, from.Add(e.Duration), e.PeakMemory})
		}
	}
	s.Sink.Emit(e)
}

// peak is the most that the steps can have held at once: the sum of those that
// ran beside each other.
func (s *stepsOf) peak() int64 {
	var most int64
	for i, a := range s.took {
		sum := a.bytes
		for j, b := range s.took {
			if i != j && !b.from.After(a.from) && b.to.After(a.from) {
				sum += b.bytes
			}
		}
		most = max(most, sum)
	}
	return most
}
