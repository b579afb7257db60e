package proxy

import (
	"math/bits"
	"sync"
	"time"
)

// A window remembers a quarter of an hour in slots of two seconds; a side that is
// always busy takes 190 KB for it.
const (
	slotTime  = 2 * time.Second
	slotCount = 450
	bins      = 100 // of durations up to 67 s; each is at most a quarter longer than the one before
)

// Stats is how the requests of a side went. Without requests there is no answer: the
// other fields are zero.
type Stats struct {
	Requests int
	Errors   int           // status 500 and more, or its gRPC equivalent; no connection, no answer, half an answer
	P95      time.Duration // until the headers of the answer; exact to an eighth
	Took     []int         `json:",omitempty"` // requests by how long they took, in the bins of a window
}

// Slower counts the requests that took longer than d. Those in the bin of d do not count.
func (s Stats) Slower(d time.Duration) (n int) {
	for i := bin(d) + 1; i < len(s.Took); i++ {
		n += s.Took[i]
	}
	return n
}

// Stats returns how the requests went that ended since a moment, at most a quarter of
// an hour ago, rounded down to two seconds. Requests of clients that went away, and
// those that Drain cut, do not count.
func (p *Proxy) Stats(service, side string, since time.Time) (Stats, error) {
	_, sd, err := p.side(service, side)
	if err != nil {
		return Stats{}, err
	}
	return sd.window.since(since, p.now()), nil
}

// window counts requests by time.
type window struct {
	mu    sync.Mutex
	slots [slotCount]*slotted // by their number, modulo
}

type slotted struct {
	number   int64
	requests int
	errors   int
	bins     [bins]uint32
}

func newWindow() *window { return &window{} }

// number is that of the slot of a moment.
func number(t time.Time) int64 { return t.UnixNano() / int64(slotTime) }

func (w *window) add(now time.Time, took time.Duration, failed bool) {
	n := number(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	at := &w.slots[((n%slotCount)+slotCount)%slotCount]
	switch {
	case *at == nil:
		*at = &slotted{number: n}
	case (*at).number != n:
		**at = slotted{number: n}
	}
	(*at).requests++
	if failed {
		(*at).errors++
	}
	(*at).bins[bin(took)]++
}

// since sums up the slots from a moment on.
func (w *window) since(since, now time.Time) Stats {
	from := max(number(since), number(now)-slotCount+1)
	var out Stats
	var sum [bins]int
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.slots {
		if s == nil || s.number < from || s.number > number(now) {
			continue
		}
		out.Requests += s.requests
		out.Errors += s.errors
		for i, n := range s.bins {
			sum[i] += int(n)
		}
	}
	if out.Requests > 0 {
		out.Took = sum[:]
	}
	left := float64(out.Requests) * 0.95
	for i, n := range sum {
		if n > 0 && left <= float64(n) {
			low, high := lower(i), lower(i+1)
			out.P95 = low + time.Duration(float64(high-low)*left/float64(n))
			break
		}
		left -= float64(n)
	}
	return out
}

// bin is where a duration is counted: four bins for each doubling of microseconds.
func bin(d time.Duration) int {
	v := uint64(max(d.Microseconds(), 0))
	if v < 4 {
		return int(v)
	}
	e := bits.Len64(v) - 3
	return min(e*4+int(v>>e), bins-1)
}

// lower is the shortest duration of a bin.
func lower(i int) time.Duration {
	if i < 8 {
		return time.Duration(i) * time.Microsecond
	}
	e := i/4 - 1
	return time.Duration((i-e*4)<<e) * time.Microsecond
}

// StatsOf is the Stats of requests that took so long each, of which some failed.
func StatsOf(errors int, took ...time.Duration) Stats {
	w, now := newWindow(), time.Now()
	for i, d := range took {
		w.add(now, d, i < errors)
	}
	return w.since(now, now)
}
