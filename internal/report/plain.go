package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plaintext"
)

const (
	// streamAfter is how long a step runs before its output is written as it comes:
	// most steps end before, and their output is of interest only if they fail.
	streamAfter = time.Second
	// heartbeatAfter is the silence after which Plain says what still runs, so that
	// nobody, and no CI system, takes a long step for a dead one.
	heartbeatAfter = 15 * time.Second
	// worthALine is how long a step takes at least to get a line of its own; RUN
	// steps always get one.
	worthALine = 500 * time.Millisecond
)

// Plain is a Sink that writes lines: for logs of a CI job, pipes and dumb
// terminals. No escape codes, fields two spaces apart. Call Tick now and then, so
// that the output of a long step is seen while it runs.
type Plain struct {
	mu        sync.Mutex
	w         io.Writer
	now       func() time.Time
	steps     *stepLogs
	started   map[string]time.Time
	transfers transfers
	wrote     time.Time // when something was last written
	beats     int       // heartbeats since
}

// NewPlain makes a Plain that writes to w.
func NewPlain(w io.Writer, now func() time.Time) *Plain {
	return &Plain{w: w, now: now, steps: newStepLogs(), started: map[string]time.Time{}, transfers: transfers{}, wrote: now()}
}

// Emit writes what an event has to say, if anything.
func (p *Plain) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended, cause := p.steps.take(e)
	switch e := e.(type) {
	case event.ServiceStarted:
		p.serviceStarted(e)
	case event.ServiceFinished:
		p.serviceFinished(e)
	case event.StepLog:
		if s := p.steps.running[step{e.Service, e.Key}]; s.streams {
			p.stream(s)
		}
	case event.StepFinished:
		p.stepFinished(e, ended, cause)
	case event.Note:
		p.line("%s", noteText(e))
	case event.Transfer:
		if done, ok := p.transfers.take(e, p.now()); ok {
			p.line("%s", done)
		}
	}
}

// Tick begins to stream the steps that have run long enough, and says what runs
// when nothing was written for long.
func (p *Plain) Tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	running := p.steps.inOrder()
	for _, s := range running {
		if !s.streams && len(s.log) > 0 && now.Sub(s.began) >= streamAfter {
			s.streams = true
			p.stream(s)
		}
	}
	silence := heartbeatAfter << min(p.beats, 2) // 15, 30, 60 s
	if now.Sub(p.wrote) < silence || len(running) == 0 && len(p.transfers) == 0 {
		return
	}
	p.beats++
	beats := p.beats
	p.line("%s", p.stillRunning(running, now))
	p.beats = beats
}

// stillRunning is the line of a heartbeat.
func (p *Plain) stillRunning(running []*runningStep, now time.Time) string {
	var parts []string
	for _, s := range running[:min(len(running), 3)] {
		parts = append(parts, fmt.Sprintf("%s  %s (%s)", clean(s.service), truncate(s.name(), 80), Duration(now.Sub(s.began))))
	}
	if more := len(running) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	if len(running) == 0 {
		parts = p.transfers.lines(now)
	}
	return "still running: " + strings.Join(parts, ", ")
}

// stream writes the step's lines that were not written yet.
func (p *Plain) stream(s *runningStep) {
	text := s.fresh(false)
	if len(text) == 0 {
		return
	}
	for _, other := range p.steps.running {
		other.parted = other.parted || other != s && other.streams
	}
	p.wrote, p.beats = p.now(), 0
	writeLines(p.w, s.prefix(), text)
}

// line writes one line of Slipway's own.
func (p *Plain) line(format string, args ...any) {
	for _, s := range p.steps.running {
		s.parted = s.parted || s.streams
	}
	p.wrote, p.beats = p.now(), 0
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *Plain) serviceStarted(e event.ServiceStarted) {
	if e.Unchanged {
		return
	}
	p.started[e.Service] = e.At
	why := ""
	if len(e.Reasons) > 0 {
		why = ": " + reason(e.Reasons)
	}
	p.line("%s  started%s", clean(e.Service), why)
}

func (p *Plain) serviceFinished(e event.ServiceFinished) {
	how := "done"
	switch {
	case e.Err != nil && p.steps.interrupted:
		how = "interrupted"
	case e.Err != nil:
		how = "failed"
	case e.Unchanged:
		how = "unchanged"
	}
	if at, ok := p.started[e.Service]; ok && !at.IsZero() && !e.At.IsZero() {
		how += " … " + Duration(e.At.Sub(at))
	}
	p.line("%s  %s", clean(e.Service), how)
}

// stepFinished writes a line for a step that took time, and the log of one that
// failed: before the line when its own lines came just before, else after it.
func (p *Plain) stepFinished(e event.StepFinished, s *runningStep, cause string) {
	if cause == "" && e.Duration < worthALine && !strings.HasPrefix(e.Step, "RUN ") {
		return
	}
	how := Duration(e.Duration)
	switch {
	case cause != "":
		how = "failed after " + how
	case e.Cached:
		how = "cached"
	}
	together := s.streams && !s.parted
	if cause != "" && together {
		s.writeFailed(p.w, cause)
	}
	p.line("%s  %s … %s", clean(e.Service), s.name(), how)
	if cause != "" && !together {
		s.writeFailed(p.w, cause)
	}
}

// Close writes what interrupted steps printed last.
func (p *Plain) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps.writeInterrupted(p.w, p.now())
}

func noteText(n event.Note) string {
	said := clean(plaintext.WithoutLogins(n.Text))
	text := "note: " + said
	if n.Warning {
		text = "warning: " + said
	}
	if n.Service != "" {
		text = clean(n.Service) + "  " + text
	}
	return text
}
