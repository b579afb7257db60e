package testreport

import (
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// lintSuite is the linter of a testsuite in which findings are test cases: mypy,
// and ESLint, Ruff, Biome and Stylelint, which name themselves as a package.
func lintSuite(name, pkg string) string {
	if name == "mypy" {
		return name
	}
	for _, tool := range []string{"eslint", "ruff", "biome", "stylelint"} {
		if pkg == "org."+tool {
			return tool
		}
	}
	return ""
}

var lintPlace = pattern.Lazy(`(?:^|\b)line (\d+), col(?:umn)? (\d+),? ?(?:(Error|Warning) - )?`)

// lint turns a case into findings; one that passed is none.
func (j *junit) lint(tool, file string, c junitCase) error {
	for _, r := range append(c.Errors, c.Failures...) {
		if tool == "mypy" {
			for line := range strings.SplitSeq(r.body(), "\n") {
				if err := j.in.lintLine(tool, line); err != nil {
					return err
				}
			}
			continue
		}
		f := Finding{Tool: tool, Rule: strings.TrimPrefix(c.Name, "org."+tool+"."), Severity: Error, File: file, Line: number(c.Line), Column: number(c.Column), Text: r.Message}
		if m := lintPlace().FindStringSubmatch(r.body()); m != nil {
			if f.Line, f.Column = number(m[1]), number(m[2]); m[3] == "Warning" {
				f.Severity = Warning
			}
		}
		if f.Text == "" {
			f.Text = firstLine(r.body())
		}
		if err := j.in.find(f); err != nil {
			return err
		}
	}
	return nil
}
