package testreport

import (
	"bytes"

	"github.com/slipway-build/slipway/internal/pattern"
)

var eslintStart = pattern.Lazy(`^\s*\[\s*(\{\s*"(filePath|messages)"\s*:|\]\s*$)`)

// isESLint recognises `eslint --format json`, which is [] without files.
func isESLint(in *intake) bool { return eslintStart().Match(bytes.TrimSpace(in.head())) }

func readESLint(in *intake) error {
	d := in.document()
	return d.whole(func() error {
		return d.array(func() error {
			var file struct {
				Path     string `json:"filePath"`
				Messages []struct {
					Rule     string `json:"ruleId"`
					Severity int    `json:"severity"`
					Text     string `json:"message"`
					Line     int    `json:"line"`
					Column   int    `json:"column"`
				} `json:"messages"`
			}
			if err := d.Decode(&file); err != nil {
				return err
			}
			for _, m := range file.Messages {
				s := Error
				if m.Severity == 1 {
					s = Warning
				}
				if err := in.find(Finding{Tool: "eslint", Rule: m.Rule, Severity: s, File: file.Path, Line: m.Line, Column: m.Column, Text: m.Text}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
