package trace

import (
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/slipway-build/slipway/internal/event"
)

// Steps returns a sink that makes spans of build steps, below this span, and
// passes all events on. The function ends the steps that no event ended, because
// another build runs them on or all of them were stopped. A step has the times that its engine says, which are
// those of another clock when the engine is on another machine. A step that
// several builds have in common is a span of each.
func (s *Span) Steps(next event.Sink) (sink event.Sink, stop func()) {
	if s.rec == nil {
		return next, func() {}
	}
	steps := &stepSink{Sink: next, under: s, running: map[string]*Span{}}
	return steps, steps.stop
}

type stepSink struct {
	event.Sink
	under *Span

	mu      sync.Mutex
	running map[string]*Span // by key
}

// Emit implements event.Sink.
func (s *stepSink) Emit(e event.Event) {
	switch e := e.(type) {
	case event.StepStarted:
		s.mu.Lock()
		s.running[e.Key] = s.under.rec.child(s.under.ctx, stepName(e.Step), e.At, stepAttributes(e)...)
		s.mu.Unlock()
	case event.StepFinished:
		s.mu.Lock()
		span := s.running[e.Key]
		delete(s.running, e.Key)
		s.mu.Unlock()
		if span != nil {
			span.end(span.began.Add(e.Duration), e.Err, attribute.Bool("slipway.cached", e.Cached))
		}
	}
	s.Sink.Emit(e)
}

// stop ends the steps that no event ended.
func (s *stepSink) stop() {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, span := range s.running {
		span.end(now, "", attribute.Bool("slipway.stopped", true))
		delete(s.running, key)
	}
}

func stepAttributes(e event.StepStarted) []attribute.KeyValue {
	attrs := []attribute.KeyValue{attribute.String("slipway.step", valid(e.Step)), attribute.String("slipway.step.digest", e.Key)}
	if e.Stage != "" {
		attrs = append(attrs, attribute.String("slipway.stage", valid(e.Stage)))
	}
	if e.Platform != "" {
		attrs = append(attrs, attribute.String("slipway.platform", e.Platform))
	}
	if e.Total > 0 {
		attrs = append(attrs, attribute.Int("slipway.step.index", e.Index), attribute.Int("slipway.step.total", e.Total))
	}
	return attrs
}

// stepName is the first line of a step, cut to what a viewer shows.
func stepName(text string) string {
	const most = 80
	line, _, _ := strings.Cut(text, "\n")
	if r := []rune(line); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return line
}
