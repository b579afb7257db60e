package gate_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/gate"
)

// TestSARIF checks what the schema of SARIF 2.1.0 requires, and what code scanning reads.
func TestSARIF(t *testing.T) {
	var b, again bytes.Buffer
	if err := gate.WriteSARIF(&b, outcomes(), "1.0.0", "slipway.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := gate.WriteSARIF(&again, outcomes(), "1.0.0", "slipway.yaml"); err != nil || again.String() != b.String() {
		t.Error("two writings differ", err)
	}
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID, Name         string
						ShortDescription struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           *struct{ StartLine int }
					}
				}
				Suppressions []struct{ Kind, Justification string }
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.Contains(log.Schema, "sarif-2.1.0") || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name != "slipway" {
		t.Fatalf("its head is %+v", log)
	}
	run := log.Runs[0]
	places := map[string]bool{}
	for _, r := range run.Results {
		if r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("%s has the rule %d", r.RuleID, r.RuleIndex)
		}
		if !slices.Contains([]string{"error", "warning", "note"}, r.Level) || r.Message.Text == "" || len(r.Locations) != 1 {
			t.Errorf("result %+v", r)
		}
		at := r.Locations[0].PhysicalLocation
		if at.ArtifactLocation.URI == "" || at.Region != nil && at.Region.StartLine < 1 {
			t.Errorf("%s is at %+v", r.RuleID, at)
		}
		places[at.ArtifactLocation.URI] = true
		if waived := strings.Contains(r.Message.Text, "waived"); waived != (len(r.Suppressions) == 1) {
			t.Errorf("%s: %d suppressions", r.Message.Text, len(r.Suppressions))
		}
	}
	for _, rule := range run.Tool.Driver.Rules {
		if rule.ID == "" || rule.Name == "" || strings.Contains(rule.Name, " ") || rule.ShortDescription.Text == "" {
			t.Errorf("rule %+v", rule)
		}
	}
	for _, want := range []string{"web/Dockerfile", "src/key%20of.pem", "slipway.yaml"} {
		if !places[want] {
			t.Errorf("no result at %s: %v", want, places)
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("it holds a control character")
	}
}

// TestJUnit: the sums of the suites are those of the cases, and the file is XML.
func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := gate.WriteJUnit(&b, append(outcomes(), gate.Outcome{Image: "other:v1"})); err != nil {
		t.Fatal(err)
	}
	var all struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Tests int    `xml:"tests,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Class   string `xml:"classname,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	tests, failures, skipped := 0, 0, 0
	for _, s := range all.Suites {
		if s.Tests != len(s.Cases) || s.Name == "" {
			t.Errorf("suite %q has %d cases, and says %d", s.Name, len(s.Cases), s.Tests)
		}
		for _, c := range s.Cases {
			tests++
			if c.Failure != nil {
				failures++
				if c.Failure.Message == "" || !strings.Contains(c.Failure.Text, "[SLP") {
					t.Errorf("%s fails with %+v", c.Name, c.Failure)
				}
			}
			if c.Skipped != nil {
				skipped++
			}
		}
	}
	if diff := cmp.Diff([]int{tests, failures, skipped}, []int{all.Tests, all.Failures, all.Skipped}); diff != "" || failures != 4 || len(all.Suites) != 2 {
		t.Errorf("%d failures, %d suites: %s", failures, len(all.Suites), diff)
	}
}

// TestJSON pins the keys that scripts read.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := gate.WriteJSON(&b, outcomes()); err != nil {
		t.Fatal(err)
	}
	var all struct {
		Passed bool
		Images []struct {
			Service, Image, Digest, Since string
			Passed                        bool
			Gates                         []map[string]any
			Waivers                       []map[string]any
		}
	}
	if err := json.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	one := all.Images[0]
	if all.Passed || one.Passed || one.Service != "web" || one.Since != "web:v1" || len(one.Waivers) != 1 {
		t.Errorf("%+v", one)
	}
	i := slices.IndexFunc(one.Gates, func(g map[string]any) bool { return g["gate"] == "growth" })
	want := map[string]any{
		"gate": "growth", "limit": "at most 5 %", "actual": "130 MB", "change": "+30 MB (+30.0 %)", "verdict": "failed",
		"waive": []any{`- {finding: SLP611, at: web/Dockerfile, reason: "…", until: 2026-12-29}`},
		"findings": []any{map[string]any{
			"code": "SLP611", "severity": "error", "place": map[string]any{"file": "web/Dockerfile", "line": 7.0}, "hint": "remove it from the image, or accept the growth with a waiver",
			"text": "web: the image grew by 30 MB (+30.0 %), from 100 MB to 130 MB, and at most 5 % is allowed: sharp (/app/node_modules/sharp) grew: +30 MB in layer 2 (COPY dist ./dist)",
		}},
	}
	if diff := cmp.Diff(want, one.Gates[i]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Reset()
	if err := gate.WriteJSON(&b, nil); err != nil || !strings.Contains(b.String(), `"images": []`) {
		t.Errorf("of none: %s, %v", b.String(), err)
	}
}
