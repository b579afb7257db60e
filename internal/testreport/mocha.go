package testreport

import (
	"strings"
	"time"
)

// mochaTest is a test in the output of Mocha's reporter json.
type mochaTest struct {
	Title    string  `json:"title"`
	Full     string  `json:"fullTitle"`
	File     string  `json:"file"`
	Duration float64 `json:"duration"` // ms
	Retry    int     `json:"currentRetry"`
	Err      struct {
		Message string `json:"message"`
		Stack   string `json:"stack"`
	} `json:"err"`
}

func (t mochaTest) suite() string { return strings.TrimSpace(strings.TrimSuffix(t.Full, t.Title)) }

// readMocha reads the lists of outcomes; "tests" repeats them, without hooks.
func readMocha(in *intake) error {
	d := in.document()
	list := func(status Status) func() error {
		return func() error {
			return d.array(func() error {
				var t mochaTest
				if err := d.Decode(&t); err != nil {
					return err
				}
				return in.add(t.outcome(status))
			})
		}
	}
	return d.whole(func() error {
		return d.object(func(key string) func() error {
			switch key {
			case "passes":
				return list(Passed)
			case "failures":
				return list(Failed)
			case "pending":
				return list(Skipped)
			}
			return nil
		})
	})
}

func (t mochaTest) outcome(status Status) Case {
	c := Case{Suite: t.suite(), Name: t.Title, File: t.File, Duration: duration(t.Duration, time.Millisecond), Status: status, Runs: 1 + max(0, t.Retry)}
	switch {
	case status == Skipped:
		c.Runs = 0
	case status == Passed && t.Retry > 0:
		c.Status, c.Message = Flaky, "the report does not say why the first run failed"
	case status == Failed:
		c.Message, c.Output = t.Err.Message, t.Err.Stack
		c.locate(t.Err.Stack)
		if strings.HasPrefix(t.Title, `"before `) || strings.HasPrefix(t.Title, `"after `) { // a hook
			c.Status = Errored
		}
	}
	return c
}
