package report

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/event"
)

// transfers are the downloads and uploads that run, by what a line stands for.
type transfers map[string]*transfer

// transfer is one of them, or the sum of its parts.
type transfer struct {
	began, last    time.Time
	current, total int64
	parts          map[string]event.Transfer // nil: a transfer by itself
	done           int                       // parts that ended
}

// take follows an event. When the transfer ended with it, it returns the line
// that stays.
func (t transfers) take(e event.Transfer, now time.Time) (line string, ended bool) {
	name := e.What
	if e.Of != "" {
		name = e.Of
	}
	x := t[name]
	if x == nil {
		x = &transfer{began: now}
		t[name] = x
	}
	x.last = now
	if e.Of != "" {
		x.part(e)
		return "", false
	}
	if x.parts == nil {
		x.current, x.total = e.Current, e.Total
	}
	if !e.Done {
		return "", false
	}
	delete(t, name)
	switch {
	case x.parts != nil:
		return fmt.Sprintf("%s … %s, %s in %s", clean(name), count(x.done, "file"), Bytes(x.current), Duration(now.Sub(x.began))), true
	case x.current == 0:
		return clean(name) + " … nothing to send", true
	}
	return clean(name) + " … " + Bytes(x.current), true
}

// part follows one of several transfers that have a line together.
func (x *transfer) part(e event.Transfer) {
	if x.parts == nil {
		x.parts = map[string]event.Transfer{}
	}
	was, known := x.parts[e.What]
	x.current += e.Current - was.Current
	x.total += e.Total - was.Total
	if e.Done && !(known && was.Done) {
		x.done++
	}
	x.parts[e.What] = e
}

// lines renders what runs, sorted, each with how much of it is through, in
// percent where that can be known, and how fast.
func (t transfers) lines(now time.Time) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		x := t[name]
		line := clean(name) + "  " + progressText(x.current, x.total)
		if x.total > 0 && x.parts == nil {
			line += fmt.Sprintf("  %d%%", min(100, x.current*100/x.total))
		}
		if took := now.Sub(x.began); took >= time.Second && x.current > 0 {
			line += "  " + Bytes(int64(float64(x.current)/took.Seconds())) + "/s"
		}
		out = append(out, line)
	}
	return out
}
