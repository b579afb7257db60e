package testreport

import (
	"encoding/json"
	"strings"
)

// cargoMessage is a line of `cargo … --message-format json`.
type cargoMessage struct {
	Reason  string `json:"reason"`
	Message struct {
		Text  string `json:"message"`
		Level string `json:"level"`
		Code  *struct {
			Code string `json:"code"`
		} `json:"code"`
		Spans []struct {
			File    string `json:"file_name"`
			Line    int    `json:"line_start"`
			Column  int    `json:"column_start"`
			Primary bool   `json:"is_primary"`
		} `json:"spans"`
	} `json:"message"`
}

// readCargo reads what clippy and rustc say. Sums such as "2 warnings emitted" have no
// place and are left out; the same message of a library and of its tests counts once.
func readCargo(in *intake) error {
	seen := map[Finding]bool{}
	stray, last := 0, 0
	for n, line := range lines(in.content) {
		if last = n; !strings.HasPrefix(line, "{") {
			continue
		}
		var m cargoMessage
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			stray = n
			continue
		}
		if m.Reason != "compiler-message" {
			continue
		}
		f := Finding{Tool: "rustc", Severity: severity(m.Message.Level), Text: m.Message.Text}
		if c := m.Message.Code; c != nil {
			if f.Rule = c.Code; strings.HasPrefix(c.Code, "clippy::") {
				f.Tool = "clippy"
			}
		}
		for _, s := range m.Message.Spans {
			if s.Primary {
				f.File, f.Line, f.Column = s.File, s.Line, s.Column
			}
		}
		if len(m.Message.Spans) == 0 && (m.Message.Code == nil && f.Severity != Error || sum(f.Text)) || seen[f] {
			continue
		}
		seen[f] = true
		if err := in.find(f); err != nil {
			return err
		}
	}
	if stray > 0 {
		return fault(stray, "%s", map[bool]string{true: "the file ends in the middle of a line", false: "the line is no message"}[stray == last])
	}
	return nil
}

func sum(text string) bool {
	return strings.HasPrefix(text, "aborting due to ") || strings.HasPrefix(text, "For more information about")
}
