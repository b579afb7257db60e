package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/event"
)

// state is how far a service is; the zero value waits.
type state int

const (
	waiting state = iota
	running
	done
	failed
)

func (s state) String() string { return [...]string{"waiting", "running", "done", "failed"}[s] }

func (s state) mark() string { return [...]string{"·", "▸", "✓", "✗"}[s] }

// lane is what the live view knows of a service.
type lane struct {
	service       string
	state         state
	began, ended  time.Time
	steps, cached int
	active        []activeStep // in the order in which they started
	failedAt      string
	waitsFor      string
	unchanged     bool
}

// activeStep is a step that runs.
type activeStep struct {
	key, text      string
	began          time.Time
	current, total int64
}

func (v *lane) stepStarted(e event.StepStarted) {
	if v.state == waiting {
		v.state, v.began = running, e.At
	}
	text := stageAndStep(e.Stage, e.Step)
	if e.Platform != "" {
		text = clean(e.Platform) + " " + text
	}
	v.active = append(v.active, activeStep{key: e.Key, text: text, began: e.At})
}

func (v *lane) stepProgress(e event.StepProgress) {
	for i := range v.active {
		if v.active[i].key == e.Key {
			v.active[i].current, v.active[i].total = e.Current, e.Total
		}
	}
}

func (v *lane) stepFinished(e event.StepFinished) {
	v.active = slices.DeleteFunc(v.active, func(s activeStep) bool { return s.key == e.Key })
	v.steps++
	if e.Cached {
		v.cached++
	}
	if e.Err != "" && v.failedAt == "" {
		v.failedAt = stageAndStep(e.Stage, e.Step)
	}
}

// text renders the lane with the service's name padded to a width.
func (v *lane) text(now time.Time, width int) string {
	line := v.state.mark() + " " + pad(v.service, width) + "  "
	switch v.state {
	case waiting:
		if v.waitsFor != "" {
			return line + "waiting for " + v.waitsFor
		}
		return line + "waiting"
	case done:
		if v.unchanged {
			return line + "unchanged"
		}
		return line + fmt.Sprintf("%s  %s, %d cached", Duration(v.ended.Sub(v.began)), count(v.steps, "step"), v.cached)
	case failed:
		line += Duration(v.ended.Sub(v.began)) + "  failed"
		if v.failedAt != "" {
			line += "  " + v.failedAt
		}
		return line
	}
	line += Duration(now.Sub(v.began))
	if len(v.active) == 0 {
		return line
	}
	s := v.active[len(v.active)-1]
	line += fmt.Sprintf("  %s  %s", s.text, Duration(now.Sub(s.began)))
	if s.current > 0 {
		line += "  " + progressText(s.current, s.total)
	}
	if more := len(v.active) - 1; more > 0 {
		line += fmt.Sprintf("  (+%d)", more)
	}
	return line
}

// progressText writes how much of a transfer is through.
func progressText(current, total int64) string {
	if total > 0 {
		return Bytes(current) + " of " + Bytes(total)
	}
	return Bytes(current)
}
