package testreport

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	// gcc is "file:line:column: severity: text [rule]", column, severity and rule
	// where there are any; tsc is "file(line,column): error TS2322: text".
	gcc      = pattern.Lazy(`^(?:vet: |\[)?([^\s:()][^:()]*):(\d+)(?::(\d+))?:?\s+(?:- )?(?:(error|warning|note|info)(?:\s+(TS\d+))?: ?)?(.+)$`)
	tsc      = pattern.Lazy(`^([^\s()][^()]*)\((\d+),(\d+)\): (error|warning|message) (TS\d+): (.+)$`)
	rule     = pattern.Lazy(`^([A-Z]{1,4}\d{2,5}) |\s\[([a-z][a-z0-9-]+)\]$|\s\(([A-Z]{1,3}\d{4})\)$`)
	listed   = pattern.Lazy(`^(?:\[(?:warn|error)\] )?([^\s:]+\.[A-Za-z0-9]+)$`)
	unsorted = pattern.Lazy(`^ERROR: (.+?) (Imports are incorrectly sorted.*)$`) // isort
	bracket  = pattern.Lazy(`\s\(([\w@/-]+)\)(?: \[(error|warning)\])?$`)        // Stylelint, Pyright
	would    = pattern.Lazy(`(?i)^would reformat:? (.+)$`)
	nginx    = pattern.Lazy(`^(?:nginx:|\d+/\d+/\d+ [\d:]+) \[(emerg|alert|crit|error|warn)\] (?:\d+#\d+: )?(.+) in (\S+):(\d+)$`)
	rustDiff = pattern.Lazy(`^Diff in (.+?)(?:\:(\d+)| at line (\d+)):$`)
)

// textLinters are linters whose output is text in a file that has their name:
// reports/lint/gofmt.txt. The second word is what a mere name of a file means.
func textLinters() map[string]string {
	return map[string]string{
		"go-vet": "", "govet": "", "staticcheck": "", "gofmt": "not formatted as gofmt does", "goimports": "not formatted as goimports does",
		"flake8": "", "mypy": "", "pyflakes": "", "pylint": "", "black": "not formatted as Black does", "ruff-format": "not formatted as Ruff does", "tsc": "", "rustfmt": "not formatted as rustfmt does",
		"prettier": "not formatted as Prettier does", "eslint": "", "hadolint": "", "nginx": "", "site": "", "stylelint": "", "isort": "", "pyright": "", "basedpyright": "",
	}
}

func linter(file string) (string, bool) {
	base := path.Base(file)
	if !slices.Contains([]string{".txt", ".log", ".out"}, path.Ext(base)) {
		return "", false
	}
	tool := strings.TrimSuffix(base, path.Ext(base))
	_, ok := textLinters()[tool]
	return tool, ok
}

func isLintText(in *intake) bool {
	_, ok := linter(in.file)
	return ok
}

// readLintText reads what linters print that know no format of data.
func readLintText(in *intake) error {
	tool, _ := linter(in.file)
	for _, line := range lines(in.content) {
		if err := in.lintLine(tool, line); err != nil {
			return err
		}
	}
	return nil
}

// lintLine keeps the finding of a line, if it is one.
func (in *intake) lintLine(tool, line string) error {
	unformatted := textLinters()[tool]
	f := Finding{Tool: tool, Severity: Error}
	if strings.HasSuffix(tool, "pyright") {
		line = strings.TrimPrefix(line, "  ") // of the file above
	}
	if m := tsc().FindStringSubmatch(line); m != nil {
		f.File, f.Line, f.Column, f.Severity, f.Rule, f.Text = m[1], number(m[2]), number(m[3]), severity(m[4]), m[5], m[6]
	} else if m := rustDiff().FindStringSubmatch(line); m != nil {
		f.File, f.Line, f.Text = m[1], number(m[2]+m[3]), unformatted
	} else if m := nginx().FindStringSubmatch(line); m != nil {
		f.File, f.Line, f.Severity, f.Text = m[3], number(m[4]), severity(m[1]), m[2]
	} else if m := unsorted().FindStringSubmatch(line); m != nil {
		f.File, f.Text = m[1], m[2]
	} else if m := would().FindStringSubmatch(line); m != nil && unformatted != "" {
		f.File, f.Text = m[1], unformatted
	} else if m := listed().FindStringSubmatch(line); m != nil && unformatted != "" {
		f.File, f.Text = m[1], unformatted
	} else if m := gcc().FindStringSubmatch(line); m != nil {
		f.File, f.Line, f.Column, f.Rule, f.Text = m[1], number(m[2]), number(m[3]), m[5], m[6]
		if m[4] != "" {
			f.Severity = severity(m[4])
		}
	}
	if f.File == "" || f.Text == "" {
		return nil
	}
	if m := bracket().FindStringSubmatch(f.Text); m != nil && (tool == "stylelint" || strings.HasSuffix(tool, "pyright")) {
		f.Text, f.Rule = strings.TrimSuffix(f.Text, m[0]), m[1]
		if m[2] != "" {
			f.Severity = severity(m[2])
		}
		return in.find(f)
	}
	if m := rule().FindStringSubmatch(f.Text); m != nil && f.Rule == "" {
		f.Rule = m[1] + m[2] + m[3]
		f.Text = strings.TrimSpace(strings.Replace(f.Text, m[0], "", 1))
	}
	return in.find(f)
}
