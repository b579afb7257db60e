package testreport

import (
	"path"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// What is read of SARIF 2.1.0 (OASIS, 2020).
type sarifText struct {
	Text string `json:"text"`
	// ID names a message of the rule, whose {0} are Arguments (3.11.6), as SpotBugs has it.
	ID        string   `json:"id"`
	Arguments []string `json:"arguments"`
}

type sarifResult struct {
	RuleID    string `json:"ruleId"`
	RuleIndex *int   `json:"ruleIndex"`
	Rule      struct {
		ID    string `json:"id"`
		Index *int   `json:"index"`
	} `json:"rule"`
	Level        string     `json:"level"`
	Kind         string     `json:"kind"`
	Message      sarifText  `json:"message"`
	Suppressions []struct{} `json:"suppressions"`
	Locations    []struct {
		Physical struct {
			Artifact struct {
				URI  string `json:"uri"`
				Base string `json:"uriBaseId"`
			} `json:"artifactLocation"`
			Region struct {
				Line   int `json:"startLine"`
				Column int `json:"startColumn"`
			} `json:"region"`
		} `json:"physicalLocation"`
	} `json:"locations"`
}

type sarifTool struct {
	Driver struct {
		Name  string `json:"name"`
		Rules []struct {
			ID      string               `json:"id"`
			Short   sarifText            `json:"shortDescription"`
			Strings map[string]sarifText `json:"messageStrings"`
			Default struct {
				Level string `json:"level"`
			} `json:"defaultConfiguration"`
		} `json:"rules"`
	} `json:"driver"`
}

// sarifRun is a run; its keys may come in any order.
type sarifRun struct {
	tool    sarifTool
	bases   map[string]struct{ URI string }
	results []sarifResult
	failed  []string // notifications of the tool at level error
}

func readSARIF(in *intake) error {
	d := in.document()
	return d.whole(func() error {
		return d.object(func(key string) func() error {
			if key != "runs" {
				return nil
			}
			return func() error {
				return d.array(func() error {
					var run sarifRun
					err := run.read(d)
					if kept := run.keep(in); err == nil {
						err = kept
					}
					return err
				})
			}
		})
	})
}

func (run *sarifRun) read(d document) error {
	return d.object(func(key string) func() error {
		switch key {
		case "tool":
			return func() error { return d.Decode(&run.tool) }
		case "originalUriBaseIds":
			return func() error { return d.Decode(&run.bases) }
		case "invocations":
			return func() error { return run.invocations(d) }
		case "results":
			return func() error {
				return d.array(func() error {
					if len(run.results) >= maxCases {
						return fault(0, "more than %d findings: the rest was not read", maxCases, errLimit)
					}
					var r sarifResult
					if err := d.Decode(&r); err != nil {
						return err
					}
					run.results = append(run.results, r)
					return nil
				})
			}
		}
		return nil
	})
}

// invocations has what went wrong with the tool itself: a configuration that does
// not load finds nothing, which is no success.
func (run *sarifRun) invocations(d document) error {
	var all []struct {
		Notes []struct {
			Level   string    `json:"level"`
			Message sarifText `json:"message"`
		} `json:"toolExecutionNotifications"`
		Config []struct {
			Level   string    `json:"level"`
			Message sarifText `json:"message"`
		} `json:"toolConfigurationNotifications"`
	}
	if err := d.Decode(&all); err != nil {
		return err
	}
	for _, one := range all {
		for _, n := range append(one.Notes, one.Config...) {
			if n.Level == "error" {
				run.failed = append(run.failed, n.Message.Text)
			}
		}
	}
	return nil
}

// keep turns results into findings. One that is suppressed in the source, or that
// says that a rule passed, is none.
func (run *sarifRun) keep(in *intake) error {
	for _, text := range run.failed {
		in.problem(0, run.tool.Driver.Name+" could not work: "+text)
	}
	for _, r := range run.results {
		if len(r.Suppressions) > 0 || r.Kind != "" && r.Kind != "fail" && r.Kind != "open" && r.Kind != "review" {
			continue
		}
		f := Finding{Tool: run.tool.Driver.Name, Rule: r.RuleID, Severity: Warning, Text: r.Message.Text}
		if f.Rule == "" {
			f.Rule = r.Rule.ID
		}
		level := r.Level
		if i := run.rule(r, f.Rule); i >= 0 {
			rule := run.tool.Driver.Rules[i]
			if f.Rule == "" {
				f.Rule = rule.ID
			}
			if level == "" {
				level = rule.Default.Level
			}
			if text := r.Message.fill(rule.Strings); text != "" { // SpotBugs' own text is shorter
				f.Text = text
			}
			if f.Text == "" {
				f.Text = rule.Short.Text
			}
		}
		if level != "" { // "warning" is the default of SARIF (3.27.10)
			f.Severity = severity(level)
		}
		if len(r.Locations) > 0 {
			p := r.Locations[0].Physical
			f.File, f.Line, f.Column = run.path(p.Artifact.URI, p.Artifact.Base), p.Region.Line, p.Region.Column
		}
		if err := in.find(f); err != nil {
			return err
		}
	}
	return nil
}

// fill is the text that a message names.
func (m sarifText) fill(texts map[string]sarifText) string {
	text := texts[m.ID].Text
	for i, a := range m.Arguments {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i)+"}", a)
		if len(text) > 4*maxText {
			break
		}
	}
	return text
}

// rule finds the rule of a result, by its index or its name.
func (run *sarifRun) rule(r sarifResult, id string) int {
	rules := run.tool.Driver.Rules
	for _, i := range []*int{r.RuleIndex, r.Rule.Index} {
		if i != nil && *i >= 0 && *i < len(rules) {
			return *i
		}
	}
	for i := range rules {
		if id != "" && rules[i].ID == id {
			return i
		}
	}
	return -1
}

var escape = pattern.Lazy(`%[0-9a-fA-F]{2}`)

// path joins a URI with its base, if that one says where it is.
func (run *sarifRun) path(uri, base string) string {
	plain := func(s string) string {
		return escape().ReplaceAllStringFunc(strings.TrimPrefix(s, "file://"), func(hex string) string {
			b, _ := strconv.ParseUint(hex[1:], 16, 8)
			return string([]byte{byte(b)})
		})
	}
	uri = plain(uri)
	if at := plain(run.bases[base].URI); at != "" && !path.IsAbs(uri) {
		return path.Join(at, uri)
	}
	return uri
}
