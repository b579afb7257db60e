package deploy

import (
	"fmt"
	"slices"
	"time"
)

// Names of strategies.
const (
	Recreate  = "recreate"
	Rolling   = "rolling"
	BlueGreen = "blue-green"
	Canary    = "canary"
)

// Strategy is a way to replace what runs.
type Strategy struct {
	Kind        string
	Surge       int           // rolling: how many may run beside the wanted ones
	Unavailable int           // rolling: how many of the wanted ones may be missing
	Percent     []int         // canary: parts of the traffic, rising, below 100
	Every       time.Duration // canary: how long each part is watched
	Preview     string        `json:",omitempty"` // blue-green: address of the new side until the switch; "": it has none
	Sticky      bool          `json:",omitempty"` // canary: a client stays on its side, by a cookie
	Keep        time.Duration // how long the old side stays beside a promoted one, ready to go back
	Analysed    bool          // canary: metrics decide, too
	Checked     bool          // something asks the new side before it gets traffic
}

// Step is a state on the way.
type Step struct {
	Old, New int // how many are to run
	Share    int // of the traffic to the new side, in percent
	Hold     time.Duration
	Checked  bool // the checks of the new side pass before its share rises
	Analysed bool // metrics are good at the end of Hold
}

// Check returns what of a strategy cannot be, nil for one that can.
func (s Strategy) Check() error {
	switch s.Kind {
	case Recreate, BlueGreen:
	case Rolling:
		if s.Surge < 0 || s.Unavailable < 0 || s.Surge+s.Unavailable == 0 {
			return fmt.Errorf("surge %d and unavailable %d: one of them is to be at least 1", s.Surge, s.Unavailable)
		}
	case Canary:
		if len(s.Percent) == 0 {
			return fmt.Errorf("a canary has at least one step")
		}
		if !slices.IsSorted(s.Percent) || s.Percent[0] < 1 || s.Percent[len(s.Percent)-1] > 99 || len(slices.Compact(slices.Clone(s.Percent))) != len(s.Percent) {
			return fmt.Errorf("the steps %v of a canary are to rise, from at least 1 to at most 99", s.Percent)
		}
	default:
		return fmt.Errorf("there is no strategy %q; there are %s, %s, %s and %s", s.Kind, Rolling, BlueGreen, Canary, Recreate)
	}
	if s.Every < 0 || s.Keep < 0 {
		return fmt.Errorf("times are not negative")
	}
	return nil
}

// steps are those of a rollout. Where nothing runs yet, there is nothing to be careful of
// but the checks.
func (spec Spec) steps() []Step {
	s := spec.Strategy
	if spec.Replaces == "" {
		return []Step{{New: spec.Replicas, Share: 100, Checked: s.Checked}}
	}
	switch s.Kind {
	case Recreate:
		return []Step{{}, {New: spec.Replicas, Share: 100, Checked: s.Checked}}
	case BlueGreen:
		return blueGreen(spec)
	case Canary:
		return canary(spec)
	default:
		return rolling(spec)
	}
}
