package gate

import (
	"encoding/json"
	"io"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// The keys of the JSON form are an interface to scripts and only grow.
type outcomeJSON struct {
	Service string        `json:"service,omitempty"`
	Image   string        `json:"image,omitempty"`
	Digest  string        `json:"digest,omitempty"`
	Since   string        `json:"since,omitempty"`
	Passed  bool          `json:"passed"`
	Gates   []verdictJSON `json:"gates"`
	Waivers []findingJSON `json:"waivers,omitempty"` // about the waivers themselves
}

type verdictJSON struct {
	Gate     string        `json:"gate"`
	Limit    string        `json:"limit"`
	Actual   string        `json:"actual"`
	Change   string        `json:"change,omitempty"`
	Verdict  Result        `json:"verdict"`
	Findings []findingJSON `json:"findings,omitempty"`
	Waive    []string      `json:"waive,omitempty"` // lines of slipway.yaml
}

type findingJSON struct {
	diag.Finding
	Severity string `json:"severity"`
}

func findings(all diag.Findings) []findingJSON {
	var out []findingJSON
	for _, f := range all {
		out = append(out, findingJSON{f, f.Severity.String()})
	}
	return out
}

// MarshalJSON writes the keys that scripts read.
func (o Outcome) MarshalJSON() ([]byte, error) {
	out := outcomeJSON{Service: o.Service, Image: o.Image, Digest: o.Digest, Since: o.Since, Passed: !o.Failed(), Gates: []verdictJSON{}, Waivers: findings(o.Waivers)}
	for _, v := range o.Verdicts {
		out.Gates = append(out.Gates, verdictJSON{v.Gate, v.Limit, v.Actual, v.Change, v.Result, findings(v.Findings), o.waive(v)})
	}
	return json.Marshal(out)
}

// WriteJSON writes outcomes for programs.
func WriteJSON(w io.Writer, outcomes []Outcome) error {
	failed := 0
	for _, o := range outcomes {
		if o.Failed() {
			failed++
		}
	}
	return report.JSON(w, struct {
		Passed bool      `json:"passed"`
		Images []Outcome `json:"images"`
	}{failed == 0, append([]Outcome{}, outcomes...)})
}
