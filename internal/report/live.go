package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/terminal"
)

// redrawEvery bounds how often the live view is drawn.
const redrawEvery = 100 * time.Millisecond

// LiveOptions are the inputs of a live view.
type LiveOptions struct {
	Services []string                   // that will be worked on, in the order of their lanes
	Size     func() (columns, rows int) // of the terminal, asked at every redraw
	Now      func() time.Time
}

// Live is a Sink for a terminal: a lane for each service and a bar for all of
// them, redrawn in place. Emit draws; call Tick now and then, so that the times
// go on while nothing happens.
type Live struct {
	mu        sync.Mutex
	paint     Painter
	opts      LiveOptions
	steps     *stepLogs
	lanes     map[string]*lane
	order     []string
	transfers transfers
	began     time.Time
	drawn     time.Time
}

// NewLive makes a Live that writes to w.
func NewLive(w io.Writer, opts LiveOptions) *Live {
	l := &Live{
		paint: Painter{W: w}, opts: opts, steps: newStepLogs(), lanes: map[string]*lane{},
		transfers: transfers{}, began: opts.Now(),
	}
	for _, s := range opts.Services {
		l.lane(s)
	}
	return l
}

// Emit takes an event in and draws when the last drawing is old enough.
func (l *Live) Emit(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ended, cause := l.steps.take(e); cause != "" {
		var log bytes.Buffer
		ended.writeFailed(&log, cause)
		defer l.print(log.String())
	}
	switch e := e.(type) {
	case event.ServiceStarted:
		v := l.lane(e.Service)
		v.state, v.began, v.waitsFor = running, e.At, ""
	case event.ServiceFinished:
		v := l.lane(e.Service)
		v.state, v.ended, v.unchanged = done, e.At, e.Unchanged
		if e.Err != nil {
			v.state = failed
		}
	case event.StepStarted:
		l.lane(e.Service).stepStarted(e)
	case event.StepProgress:
		l.lane(e.Service).stepProgress(e)
	case event.StepFinished:
		l.lane(e.Service).stepFinished(e)
	case event.Transfer:
		l.transfers.take(e, l.opts.Now())
	case event.ServiceWaits:
		l.lane(e.Service).waitsFor = clean(e.For)
	case event.Note:
		l.print(noteText(e) + "\n")
		return
	}
	l.drawIfDue()
}

// Tick draws when the last drawing is old enough.
func (l *Live) Tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drawIfDue()
}

// Close draws for the last time and writes what interrupted steps printed last.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw("")
	l.steps.writeInterrupted(terminal.NewWriter(l.paint.W), l.opts.Now())
}

// lane returns the lane of a service, a new one when it is not known yet.
func (l *Live) lane(service string) *lane {
	v := l.lanes[service]
	if v == nil {
		v = &lane{service: clean(service)}
		l.lanes[service] = v
		l.order = append(l.order, service)
	}
	return v
}

func (l *Live) drawIfDue() {
	if now := l.opts.Now(); l.drawn.IsZero() || now.Sub(l.drawn) >= redrawEvery {
		l.draw("")
	}
}

// print writes whole lines above the view, where they stay.
func (l *Live) print(lines string) {
	if lines != "" {
		l.draw(lines)
	}
}

// draw replaces the last drawing in one write.
func (l *Live) draw(above string) {
	l.drawn = l.opts.Now()
	columns, rows := l.opts.Size()
	if columns <= 0 {
		columns = 80
	}
	if rows <= 0 {
		rows = 24
	}
	l.paint.Draw(string(terminal.Escaped([]byte(above))), l.lines(rows-1), columns)
}

// lines renders the view in at most the given number of lines.
func (l *Live) lines(most int) []string {
	now, width := l.drawn, 0
	for _, v := range l.lanes {
		width = max(width, len([]rune(v.service)))
	}
	var transfers []string
	for _, line := range l.transfers.lines(now) {
		transfers = append(transfers, "▸ "+line)
	}
	room := max(1, most-1) // one for the bar
	shown := l.visible(room - min(len(transfers), room/2))
	var lines []string
	for _, v := range shown {
		lines = append(lines, v.text(now, width))
	}
	if rest := l.rest(shown); rest != "" {
		lines = append(lines, rest)
	}
	lines = append(lines, transfers[:min(len(transfers), max(0, room-len(lines)))]...)
	if len(lines) == 0 {
		return nil
	}
	return append(lines, l.bar(now))
}

// visible picks the lanes for a number of lines: all when they fit, else what
// runs, then what failed, then what waits; one line stays for the rest.
func (l *Live) visible(room int) []*lane {
	var all []*lane
	for _, s := range l.order {
		all = append(all, l.lanes[s])
	}
	if len(all) <= room {
		return all
	}
	var picked []*lane
	for _, state := range []state{running, failed, waiting, done} {
		for _, v := range all {
			if v.state == state && len(picked) < room-1 {
				picked = append(picked, v)
			}
		}
	}
	return picked
}

// rest says in one line what the shown lanes leave out.
func (l *Live) rest(shown []*lane) string {
	hidden := map[state]int{}
	total := 0
	for _, v := range l.lanes {
		if !slices.Contains(shown, v) {
			hidden[v.state]++
			total++
		}
	}
	var parts []string
	for _, state := range []state{running, failed, waiting, done} {
		if n := hidden[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d more %s", n, state))
		}
	}
	if total == 0 {
		return ""
	}
	return "… and " + strings.Join(parts, ", ")
}

// barWidth is the length of the total bar in columns.
const barWidth = 20

// bar is the last line: how far the whole command is.
func (l *Live) bar(now time.Time) string {
	finished, failures, cached, steps := 0, 0, 0, 0
	for _, v := range l.lanes {
		if v.state == done || v.state == failed {
			finished++
		}
		if v.state == failed {
			failures++
		}
		cached += v.cached
		steps += v.steps
	}
	var b strings.Builder
	if len(l.lanes) > 0 {
		full := finished * barWidth / len(l.lanes)
		fmt.Fprintf(&b, "[%s%s] %d/%d services", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), finished, len(l.lanes))
		if failures > 0 {
			fmt.Fprintf(&b, ", %d failed", failures)
		}
		fmt.Fprintf(&b, "  %s, %d cached  ", count(steps, "step"), cached)
	}
	b.WriteString(Duration(now.Sub(l.began)))
	return b.String()
}
