package cel

import (
	"strings"
)

// rule is one expression of a policy.
type rule struct {
	line    int    // of the file, from 1, where the expression begins
	message string // the comment above it; empty: it has none
	text    string // the expression
}

// rules splits a policy: blank lines separate its rules. The comment lines before an
// expression say what it asks for; a paragraph of comments alone belongs to no rule.
func rules(text string) []rule {
	var out []rule
	var comment, lines []string
	start := 0
	end := func() {
		if len(lines) > 0 {
			out = append(out, rule{start, strings.Join(comment, " "), strings.Join(lines, "\n")})
		}
		comment, lines = nil, nil
	}
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		said, isComment := strings.CutPrefix(trimmed, "//")
		switch {
		case trimmed == "":
			end()
		case isComment && len(lines) == 0:
			if said = strings.TrimSpace(said); said != "" {
				comment = append(comment, said)
			}
		default:
			if len(lines) == 0 {
				start = i + 1
			}
			lines = append(lines, line)
		}
	}
	end()
	return out
}

// brief is a rule as one line, for findings without a message.
func (r rule) brief() string {
	var words []string
	for _, line := range strings.Split(r.text, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "//") {
			words = append(words, strings.Fields(line)...)
		}
	}
	text := strings.Join(words, " ")
	if runes := []rune(text); len(runes) > 120 {
		text = string(runes[:120]) + "…"
	}
	return text
}
