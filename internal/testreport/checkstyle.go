package testreport

import (
	"encoding/xml"
	"strings"
)

// readCheckstyle reads the XML of Checkstyle, which ESLint, PHP_CodeSniffer and others
// write too. The tool is the prefix of the rule where it is known.
func readCheckstyle(in *intake) error {
	file := ""
	return in.elements(func(_ *xml.Decoder, s xml.StartElement) (bool, error) {
		switch s.Name.Local {
		case "file":
			file = attribute(s, "name")
		case "error":
			rule := attribute(s, "source")
			f := Finding{
				Tool: "checkstyle", Rule: rule, Severity: severity(attribute(s, "severity")), File: file,
				Line: number(attribute(s, "line")), Column: number(attribute(s, "column")), Text: attribute(s, "message"),
			}
			if tool, rest, ok := strings.Cut(rule, ".rules."); ok {
				f.Tool, f.Rule = tool, rest
			} else if rest, ok := strings.CutPrefix(rule, "com.puppycrawl.tools.checkstyle.checks."); ok {
				f.Rule = rest[strings.LastIndexByte(rest, '.')+1:]
			}
			return false, in.find(f)
		}
		return false, nil
	}, nil)
}

// severity reads the words of linters. What is not known is an error: a finding is
// never made smaller than it may be.
func severity(word string) Severity {
	switch strings.ToLower(word) {
	case "warning", "warn", "refactor", "convention", "moderate", "medium":
		return Warning
	case "note", "info", "information", "notice", "style", "help", "low", "hint", "ignore", "none":
		return Note
	}
	return Error
}
