package gate

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), as far as code scanning reads it.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Short sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	Rule         string             `json:"ruleId"`
	Index        int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Partial      map[string]string  `json:"partialFingerprints"`
	Properties   map[string]string  `json:"properties,omitempty"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	Line   int `json:"startLine"`
	Column int `json:"startColumn,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

// WriteSARIF writes the findings of outcomes as SARIF 2.1.0. version is that of Slipway,
// and file the one that findings without a place of their own are shown at.
func WriteSARIF(w io.Writer, outcomes []Outcome, version, file string) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "slipway", Version: version, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	codes := diag.Codes()
	index := map[string]int{}
	for _, o := range outcomes {
		for _, v := range append(slices.Clone(o.Verdicts), Verdict{Gate: "waivers", Findings: o.Waivers}) {
			for _, f := range v.Findings {
				if _, ok := index[f.Code]; !ok {
					index[f.Code] = len(run.Tool.Driver.Rules)
					run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(codes, f.Code))
				}
				r := resultOfFinding(o, v, f, file)
				r.Index = index[f.Code]
				run.Results = append(run.Results, r)
			}
		}
	}
	return report.JSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func ruleOf(codes []diag.Code, code string) sarifRule {
	i := slices.IndexFunc(codes, func(c diag.Code) bool { return c.Code == code })
	if i < 0 {
		return sarifRule{ID: code, Name: code, Short: sarifText{code}}
	}
	return sarifRule{ID: code, Name: camel(codes[i].Name), Short: sarifText{codes[i].Meaning}}
}

// camel is a name as SARIF wants it of rules: one word.
func camel(name string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '-' || r == '\'' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func resultOfFinding(o Outcome, v Verdict, f diag.Finding, file string) sarifResult {
	r := sarifResult{Rule: f.Code, Message: sarifText{f.Text}, Level: map[diag.Severity]string{diag.Error: "error", diag.Warning: "warning", diag.Info: "note"}[f.Severity],
		Partial: map[string]string{"slipway/v1": strings.Join([]string{o.Service, v.Gate, f.Code, f.Place.File}, "|")}, Properties: map[string]string{"gate": v.Gate}}
	if f.Hint != "" {
		r.Message.Text += ". " + f.Hint
	}
	if _, reason, ok := strings.Cut(f.Text, " (waived: "); ok {
		r.Suppressions = []sarifSuppression{{"external", strings.TrimSuffix(reason, ")")}}
	}
	at := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{uri(file)}}}
	switch {
	case f.Place.File == "" || f.Place.File == v.Gate:
	case path.IsAbs(f.Place.File): // of the image, which code scanning cannot show
		at.Logical = []sarifLogical{{f.Place.File, "resource"}}
	default:
		at.Physical.Artifact.URI = uri(f.Place.File)
		if f.Place.Line > 0 {
			at.Physical.Region = &sarifRegion{f.Place.Line, f.Place.Column}
		}
	}
	r.Locations = []sarifLocation{at}
	return r
}

// uri writes a path as a relative reference (RFC 3986, section 3.3).
func uri(file string) string {
	var b strings.Builder
	for i := range len(file) {
		c := file[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if plain || strings.IndexByte("/-._~!$&'()*+,;=@", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
