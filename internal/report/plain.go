package report

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/event"
)

// Plain is a Sink that writes one line for what ended: for logs of a CI job,
// pipes and dumb terminals. No escape codes, fields two spaces apart.
type Plain struct {
	mu        sync.Mutex
	w         io.Writer
	failures  *failures
	platforms map[step]string
	started   map[string]time.Time
}

// NewPlain makes a Plain that writes to w.
func NewPlain(w io.Writer) *Plain {
	return &Plain{w: w, failures: newFailures(), platforms: map[step]string{}, started: map[string]time.Time{}}
}

// Emit writes what an event has to say, if anything.
func (p *Plain) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures.take(e)
	switch e := e.(type) {
	case event.ServiceStarted:
		p.serviceStarted(e)
	case event.ServiceFinished:
		p.serviceFinished(e)
	case event.StepStarted:
		p.platforms[step{e.Service, e.Key}] = e.Platform
	case event.StepFinished:
		p.stepFinished(e)
	case event.Note:
		fmt.Fprintln(p.w, noteText(e))
	case event.Transfer:
		if e.Done && e.Current == 0 {
			fmt.Fprintf(p.w, "%s … nothing to send\n", clean(e.What))
		} else if e.Done {
			fmt.Fprintf(p.w, "%s … %s\n", clean(e.What), Bytes(e.Current))
		}
	}
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
	fmt.Fprintf(p.w, "%s  started%s\n", clean(e.Service), why)
}

func (p *Plain) serviceFinished(e event.ServiceFinished) {
	how := "done"
	switch {
	case e.Err != nil:
		how = "failed"
	case e.Unchanged:
		how = "unchanged"
	}
	if at, ok := p.started[e.Service]; ok && !at.IsZero() && !e.At.IsZero() {
		how += " … " + Duration(e.At.Sub(at))
	}
	fmt.Fprintf(p.w, "%s  %s\n", clean(e.Service), how)
}

func (p *Plain) stepFinished(e event.StepFinished) {
	at := step{e.Service, e.Key}
	stage := clean(e.Stage)
	if platform := p.platforms[at]; platform != "" {
		stage = clean(platform + " " + e.Stage)
	}
	delete(p.platforms, at)
	how := Duration(e.Duration)
	switch {
	case e.Err != "":
		how = "failed after " + how
	case e.Cached:
		how = "cached"
	}
	fmt.Fprintf(p.w, "%s  %s … %s\n", clean(e.Service), stageAndStep(stage, e.Step), how)
}

// Close writes the logs of the steps that failed.
func (p *Plain) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures.write(p.w)
}

func noteText(n event.Note) string {
	text := "note: " + clean(n.Text)
	if n.Warning {
		text = "warning: " + clean(n.Text)
	}
	if n.Service != "" {
		text = clean(n.Service) + "  " + text
	}
	return text
}
