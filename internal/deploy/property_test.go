package deploy

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a target that does what it is told, in its own time, with faults: it may not
// answer, the new side may be bad from some moment on, and the loop may be killed before
// and after each act.
type world struct {
	t        *rapid.T
	spec     Spec
	now      time.Time
	answered time.Time
	old, new Group
	share    int
	journal  []Entry
	promoted time.Time // when the last of the traffic came to the new side
	badFrom  time.Time // zero: it is good
	mute     bool      // metrics say nothing
	silent   int       // per cent of the questions that nobody answers
	slow     int       // most ticks that a copy takes to become healthy
	booting  int
}

const tick = 5 * time.Second

func drawSpec(t *rapid.T) Spec {
	spec := Spec{
		Service: "web", Release: "v2", Replaces: rapid.SampledFrom([]string{"v1", "v1", "v1", ""}).Draw(t, "replaces"),
		Replicas: rapid.IntRange(1, 7).Draw(t, "replicas"), Before: rapid.IntRange(1, 7).Draw(t, "before"),
		Deadline: time.Minute, Patience: 2 * time.Minute,
		Strategy: Strategy{
			Kind:  rapid.SampledFrom([]string{Recreate, Rolling, BlueGreen, Canary}).Draw(t, "kind"),
			Surge: rapid.IntRange(0, 3).Draw(t, "surge"), Unavailable: rapid.IntRange(0, 3).Draw(t, "unavailable"),
			Percent: rapid.SampledFrom([][]int{{10}, {1, 99}, {10, 50}, {5, 25, 50, 75}}).Draw(t, "percent"),
			Every:   time.Duration(rapid.IntRange(0, 60).Draw(t, "every")) * time.Second,
			Keep:    time.Duration(rapid.IntRange(0, 60).Draw(t, "keep")) * time.Second,
			Checked: rapid.Bool().Draw(t, "checked"), Analysed: rapid.Bool().Draw(t, "analysed"),
		},
	}
	if spec.Replaces == "" {
		spec.Before, spec.Runs = 0, rapid.IntRange(0, 7).Draw(t, "runs")
	}
	if s := &spec.Strategy; s.Surge+s.Unavailable == 0 || s.Unavailable >= min(spec.Replicas, max(1, spec.Before)) {
		s.Surge, s.Unavailable = max(1, s.Surge), 0
	}
	return spec
}

func drawWorld(t *rapid.T) *world {
	spec := drawSpec(t)
	now := time.Unix(1_800_000_000, 0)
	w := &world{
		t: t, spec: spec, now: now, answered: now, old: Group{Want: spec.Before, Up: spec.Before, Healthy: spec.Before},
		mute:   rapid.IntRange(0, 9).Draw(t, "mute") == 0,
		silent: rapid.SampledFrom([]int{0, 0, 20, 50}).Draw(t, "silent"),
		slow:   rapid.IntRange(0, 6).Draw(t, "slow"),
	}
	if spec.Runs > 0 {
		w.new, w.share = Group{Want: spec.Runs, Up: spec.Runs, Healthy: spec.Runs}, 100
	}
	if rapid.Bool().Draw(t, "bad") {
		w.badFrom = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "bad from")) * time.Second)
	}
	return w
}

func (w *world) isBad() bool { return !w.badFrom.IsZero() && !w.now.Before(w.badFrom) }

// pass lets time pass: copies start and end.
func (w *world) pass() {
	w.now = w.now.Add(tick)
	w.settle(&w.old, false)
	w.settle(&w.new, w.isBad())
}

func (w *world) settle(g *Group, broken bool) {
	if g.Up > g.Want {
		g.Up = g.Want
	}
	if g.Up < g.Want {
		g.Up = g.Want
		w.booting = rapid.IntRange(0, w.slow).Draw(w.t, "boots")
	}
	if w.booting > 0 {
		w.booting--
	} else if !broken {
		g.Healthy = g.Want
	}
	g.Healthy = min(g.Healthy, g.Want)
	switch {
	case broken && g.Want > 0 && rapid.Bool().Draw(w.t, "crashes"):
		g.Healthy, g.Failed = 0, "web-1: crash loop: panic"
	case g.Want == 0:
		g.Failed = ""
	}
	if g.Healthy == g.Want {
		g.Short = time.Time{}
	} else if g.Short.IsZero() {
		g.Short = w.now
	}
}

func (w *world) observe() Observed {
	seen := Observed{Now: w.now, Answered: w.answered, Old: w.old, New: w.new, Share: w.share}
	if rapid.IntRange(0, 99).Draw(w.t, "answers") < w.silent {
		return Observed{Now: w.now, Answered: w.answered, Unknown: "the API server does not answer"}
	}
	w.answered = w.now
	seen.Answered = w.now
	switch {
	case w.mute || w.new.Healthy == 0:
	case w.isBad() && w.share > 0:
		seen.Verdict, seen.Why = Bad, "5 % of the requests failed, 0.1 % before"
	default:
		seen.Verdict = Good
	}
	return seen
}

// do carries an action out, and checks what must hold at each moment.
func (w *world) do(a Action) {
	served, healthy := w.serves(), w.old.Healthy+w.new.Healthy > 0
	switch a.Kind {
	case Scale, Retire:
		g := &w.new
		if a.Side == Old {
			g = &w.old
		}
		more := a.Count > g.Want
		g.Want = a.Count
		g.Healthy = min(g.Healthy, g.Want)
		if more {
			g.Short = w.now
		}
		if a.Side == Old && a.Count == 0 && w.spec.Strategy.Kind == BlueGreen && w.reverting() == "" {
			if w.now.Sub(w.promoted) < w.spec.Strategy.Keep && !w.skipped() {
				w.t.Fatalf("the old side is removed %s after the switch, before %s", w.now.Sub(w.promoted), w.spec.Strategy.Keep)
			}
		}
	case Shift:
		if a.Share > w.share && w.new.Healthy == 0 {
			w.t.Fatalf("traffic goes to a side that is not healthy: %+v", a)
		}
		if a.Share == 100 && w.share < 100 {
			w.promoted = w.now
		}
		w.share = a.Share
	}
	if w.spec.Strategy.Kind == Recreate && w.spec.Runs == 0 || w.spec.Replaces == "" && w.spec.Runs == 0 {
		return
	}
	if served && !w.serves() || healthy && w.old.Healthy+w.new.Healthy == 0 {
		w.t.Fatalf("nobody serves after %+v: old %+v, new %+v, %d %%", a, w.old, w.new, w.share)
	}
}

// serves reports whether any request finds somebody healthy.
func (w *world) serves() bool {
	return w.share < 100 && w.old.Healthy > 0 || w.share > 0 && w.new.Healthy > 0
}

func (w *world) reverting() string { return replay(w.journal).reverting }
func (w *world) skipped() bool {
	for _, e := range w.journal {
		if e.Asked == AskPromote {
			return true
		}
	}
	return false
}

// turn is one turn of the loop, which may be killed at two places.
func (w *world) turn() Action {
	a := Next(w.spec, w.observe(), w.journal)
	if a.Kind == Wait {
		return a
	}
	w.journal = append(w.journal, Entry{At: w.now, Action: a})
	if rapid.IntRange(0, 19).Draw(w.t, "killed before") == 0 {
		return a
	}
	w.do(a)
	if rapid.IntRange(0, 19).Draw(w.t, "killed after") == 0 {
		return a
	}
	w.journal = append(w.journal, Entry{At: w.now, Action: a, Done: true})
	return a
}

// TestWhatHoldsInEveryWorld: there is always a healthy side; the old one stays for its
// time; without a fault of the new side nothing goes back; with one, it never stays; and
// each rollout ends, or waits for a person with a reason.
func TestWhatHoldsInEveryWorld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		var asked []Request
		for range rapid.IntRange(0, 2).Draw(t, "requests") {
			asked = append(asked, rapid.SampledFrom([]Request{AskAbort, AskPause, AskResume, AskPromote}).Draw(t, "asked"))
		}
		aborted := false
		for i := range 2000 {
			if len(asked) > 0 && rapid.IntRange(0, 30).Draw(t, "now") == 0 {
				w.journal = append(w.journal, Entry{At: w.now, Asked: asked[0], By: "a person"})
				aborted = aborted || asked[0] == AskAbort
				asked = asked[1:]
			}
			a := w.turn()
			switch at := replay(w.journal); {
			case at.outcome != "":
				w.ended(at, aborted)
				return
			case at.paused != "" && a.Kind == Wait && len(asked) == 0 && w.silent == 0 && !w.isBad() && i > 1000:
				return // a person decides
			case i == 1999 && at.paused == "":
				t.Fatalf("it does not end: %+v, at %+v, %+v", a, at, w.observe())
			}
			w.pass()
		}
	})
}

// ended checks the end of a rollout.
func (w *world) ended(at position, aborted bool) {
	if again := Next(w.spec, w.observe(), w.journal); again.Kind != Done || again.Outcome != at.outcome {
		w.t.Fatalf("asked again, it is to do %+v", again)
	}
	switch at.outcome {
	case Deployed:
		if w.share != 100 || w.old.Want != 0 || w.new.Want != w.spec.Replicas {
			w.t.Fatalf("deployed with %d %%, old %+v, new %+v", w.share, w.old, w.new)
		}
	case RolledBack:
		if w.badFrom.IsZero() && !aborted {
			w.t.Fatalf("a good release went back: %s", at.reverting)
		}
		if w.new.Want != w.spec.Runs || w.spec.Replaces != "" && (w.share != 0 || w.old.Want != w.spec.Before) {
			w.t.Fatalf("went back with %d %%, old %+v, new %+v", w.share, w.old, w.new)
		}
	}
}

// TestStepsOfStrategies: the states on the way, in words.
func TestStepsOfStrategies(t *testing.T) {
	for name, c := range map[string]struct {
		spec Spec
		want string
	}{
		"rolling, one more at a time": {Spec{Replicas: 3, Before: 3, Replaces: "v1", Strategy: Strategy{Kind: Rolling, Surge: 1}}, "3+1 25 %, 2+1 33 %, 2+2 50 %, 1+2 66 %, 1+3 75 %, 0+3 100 %"},
		"rolling, one missing":        {Spec{Replicas: 2, Before: 2, Replaces: "v1", Strategy: Strategy{Kind: Rolling, Unavailable: 1}}, "1+0 0 %, 1+1 50 %, 0+1 100 %, 0+2 100 %"},
		"rolling to fewer":            {Spec{Replicas: 1, Before: 3, Replaces: "v1", Strategy: Strategy{Kind: Rolling, Surge: 1}}, "1+0 0 %, 1+1 50 %, 0+1 100 %"},
		"blue-green":                  {Spec{Replicas: 2, Before: 2, Replaces: "v1", Strategy: Strategy{Kind: BlueGreen}}, "2+2 100 %, 0+2 100 %"},
		"canary":                      {Spec{Replicas: 4, Before: 4, Replaces: "v1", Strategy: Strategy{Kind: Canary, Percent: []int{10, 50}}}, "4+1 10 %, 4+2 50 %, 4+4 100 %, 0+4 100 %"},
		"recreate":                    {Spec{Replicas: 2, Before: 2, Replaces: "v1", Strategy: Strategy{Kind: Recreate}}, "0+0 0 %, 0+2 100 %"},
		"the first time":              {Spec{Replicas: 2, Strategy: Strategy{Kind: Canary, Percent: []int{10}}}, "0+2 100 %"},
	} {
		got := ""
		for i, s := range c.spec.steps() {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%d+%d %d %%", s.Old, s.New, s.Share)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
