package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/terminal"
)

const (
	// maxKept bounds what is kept of the log of one step, in bytes; the end stays.
	maxKept = 4 << 20
	// lastLines is how many lines of an interrupted step are shown.
	lastLines = 10
)

// step names a step among those of all services.
type step struct{ service, key string }

// runningStep is a step that has not ended, and what it printed.
type runningStep struct {
	service, stage, text string
	began                time.Time
	log                  []byte
	shown                int  // bytes of log that were written already, up to a line's end
	streams              bool // its lines are written as they come
	parted               bool // something else was written between them
}

// stepLogs keeps the output of steps until they end.
type stepLogs struct {
	running     map[step]*runningStep
	interrupted bool
}

func newStepLogs() *stepLogs { return &stepLogs{running: map[step]*runningStep{}} }

// take follows an event. It returns the step that ended with it, and why it
// failed, "" when it did not.
func (l *stepLogs) take(e event.Event) (ended *runningStep, cause string) {
	switch e := e.(type) {
	case event.StepStarted:
		stage := e.Stage
		if e.Platform != "" {
			stage = e.Platform + " " + stage
		}
		l.running[step{e.Service, e.Key}] = &runningStep{service: e.Service, stage: stage, text: e.Step, began: e.At}
	case event.StepLog:
		s := l.running[step{e.Service, e.Key}]
		if s == nil { // a step that nobody announced
			s = &runningStep{service: e.Service}
			l.running[step{e.Service, e.Key}] = s
		}
		s.add(e.Data)
	case event.StepFinished:
		at := step{e.Service, e.Key}
		s := l.running[at]
		delete(l.running, at)
		if s == nil {
			s = &runningStep{service: e.Service, stage: e.Stage, text: e.Step}
		}
		if strings.Contains(e.Err, "context canceled") {
			return s, ""
		}
		return s, e.Err
	case event.ServiceFinished:
		for at := range l.running { // another service runs the step for both
			if at.service == e.Service && e.Err == nil {
				delete(l.running, at)
			}
		}
	case event.Interrupted:
		l.interrupted = true
	}
	return nil, ""
}

// add appends output and drops the beginning beyond maxKept.
func (s *runningStep) add(data []byte) {
	s.log = append(s.log, data...)
	if over := len(s.log) - maxKept; over > 0 {
		s.log = append(s.log[:0], s.log[over:]...)
		s.shown = max(0, s.shown-over)
	}
}

// fresh returns the whole lines that were not written yet, and takes them as
// written; with rest, an unfinished line too.
func (s *runningStep) fresh(rest bool) []byte {
	to := bytes.LastIndexAny(bytes.TrimSuffix(s.log, []byte("\r")), "\n\r") + 1 // a last \r may be half a line end
	if rest {
		to = len(s.log)
	}
	if to <= s.shown {
		return nil
	}
	out := plainText(s.log[s.shown:to])
	s.shown = to
	return out
}

// name is where the step is and what it does.
func (s *runningStep) name() string { return stageAndStep(s.stage, s.text) }

// inOrder returns the running steps, the one that began first first.
func (l *stepLogs) inOrder() []*runningStep {
	all := slices.Collect(maps.Values(l.running))
	slices.SortFunc(all, func(a, b *runningStep) int {
		if c := a.began.Compare(b.began); c != 0 {
			return c
		}
		return strings.Compare(a.service+a.stage+a.text, b.service+b.stage+b.text)
	})
	return all
}

// writeFailed writes the log of a failed step. The step's own lines that were
// streamed without a break are not repeated.
func (s *runningStep) writeFailed(w io.Writer, cause string) {
	switch {
	case len(s.log) == 0:
		return // the error of the command has the cause
	case s.streams && !s.parted:
		writeLines(w, s.prefix(), s.fresh(true))
	default:
		fmt.Fprintf(w, "\n=== %s: log of %s ===\n", clean(s.service), s.name())
		writeLines(w, "", plainText(s.log))
	}
	fmt.Fprintf(w, "=== %s: end of log: %s ===\n", clean(s.service), clean(cause))
}

// prefix begins each line of the step that is written as it comes.
func (s *runningStep) prefix() string {
	if s.stage == "" {
		return clean(s.service) + "  | "
	}
	return clean(s.service) + "  " + clean(s.stage) + "  | "
}

// writeInterrupted writes the last lines of the steps that the interruption
// ended, unless they were seen.
func (l *stepLogs) writeInterrupted(w io.Writer, now time.Time) {
	if !l.interrupted {
		return
	}
	for _, s := range l.inOrder() {
		lines := lastOf(s.fresh(true), lastLines)
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n=== %s: interrupted after %s in %s; it last printed: ===\n", clean(s.service), Duration(now.Sub(s.began)), s.name())
		writeLines(w, "", lines)
	}
}

// lastOf returns the last n lines of a text.
func lastOf(text []byte, n int) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	return bytes.Join(lines[max(0, len(lines)-n):], nil)
}

// writeLines writes text with a prefix before each line, and ends the last one.
func writeLines(w io.Writer, prefix string, text []byte) {
	if len(text) == 0 {
		return
	}
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		b.WriteString(prefix)
		b.Write(line)
	}
	if text[len(text)-1] != '\n' {
		b.WriteByte('\n')
	}
	_, _ = w.Write(b.Bytes())
}

// escapes are escape sequences of a terminal.
var escapes = pattern.Lazy(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\^_])`)

// plainText takes escape sequences (ECMA-48, 5.4 and 5.6) and other control
// characters but line ends and tabs out of a log; marks of direction are escaped.
func plainText(log []byte) []byte {
	log = escapes().ReplaceAll(log, nil)
	log = bytes.ReplaceAll(log, []byte("\r\n"), []byte("\n"))
	return terminal.Escaped(bytes.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r < ' ' && r != '\n' && r != '\t', r >= 0x7f && r <= 0x9f:
			return -1
		}
		return r
	}, log))
}

// stageAndStep writes where a step is and what it does.
func stageAndStep(stage, text string) string {
	if stage == "" {
		return clean(text)
	}
	return clean(stage) + "  " + clean(text)
}
