package testreport

import (
	"encoding/json"
	"strings"
)

// readMypy reads `mypy --output json`: a line for each finding.
func readMypy(in *intake) error {
	for n, line := range lines(in.content) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var m struct {
			File     string `json:"file"`
			Line     int    `json:"line"`
			Column   int    `json:"column"` // from 0
			Text     string `json:"message"`
			Hint     string `json:"hint"`
			Code     string `json:"code"`
			Severity string `json:"severity"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return fault(n, "%s", err)
		}
		if err := in.find(Finding{Tool: "mypy", Rule: m.Code, Severity: severity(m.Severity), File: m.File, Line: m.Line, Column: m.Column + 1, Text: joined(m.Text, m.Hint)}); err != nil {
			return err
		}
	}
	return nil
}
