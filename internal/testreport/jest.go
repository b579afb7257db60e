package testreport

import (
	"strings"
	"time"
)

// jestFile is a file of tests in the JSON of Jest and Vitest.
type jestFile struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Tests   []struct {
		Ancestors   []string `json:"ancestorTitles"`
		Title       string   `json:"title"`
		Status      string   `json:"status"`
		Duration    float64  `json:"duration"` // ms
		Failures    []string `json:"failureMessages"`
		Invocations int      `json:"invocations"`  // of Jest, with jest.retryTimes
		Retries     []string `json:"retryReasons"` // of Jest
		Location    *struct {
			Line int `json:"line"`
		} `json:"location"`
	} `json:"assertionResults"`
}

func readJest(in *intake) error {
	d := in.document()
	return d.whole(func() error {
		return d.object(func(key string) func() error {
			if key != "testResults" {
				return nil
			}
			return func() error {
				return d.array(func() error {
					var f jestFile
					if err := d.Decode(&f); err != nil {
						return err
					}
					return f.keep(in)
				})
			}
		})
	})
}

func (f jestFile) keep(in *intake) error {
	bad := false
	for _, t := range f.Tests {
		bad = bad || t.Status == "failed"
	}
	if !bad && f.Status == "failed" { // it does not load, or a hook failed
		if f.Message == "" {
			f.Message = "the file failed, and the report does not say why"
		}
		c := Case{Suite: f.Name, Name: "(suite)", File: f.Name, Runs: 1, Status: Errored, Message: firstLine(f.Message), Output: f.Message}
		c.locate(f.Message)
		if err := in.add(c); err != nil {
			return err
		}
	}
	for _, t := range f.Tests {
		c := Case{
			Suite: strings.Join(t.Ancestors, " > "), Name: t.Title, File: f.Name, Runs: max(1, t.Invocations, len(t.Retries)+1),
			Duration: duration(t.Duration, time.Millisecond), Output: strings.Join(t.Failures, "\n"),
		}
		if t.Location != nil {
			c.Line = t.Location.Line
		}
		switch t.Status {
		case "passed":
			c.Status = Passed
			if len(t.Failures) > 0 { // of Vitest: the runs before
				c.Runs = 1 + len(t.Failures)
			}
			if c.Runs > 1 {
				c.Status, c.Output = Flaky, joined(c.Output, strings.Join(t.Retries, "\n"))
			}
		case "failed":
			c.Status = Failed
		default: // skipped, pending, todo, disabled
			c.Status, c.Runs = Skipped, 0
			if t.Status == "todo" {
				c.Message = "TODO"
			}
		}
		if c.Status == Failed || c.Status == Flaky {
			c.Message = firstLine(c.Output)
			c.locate(c.Output)
		}
		if err := in.add(c); err != nil {
			return err
		}
	}
	return nil
}
