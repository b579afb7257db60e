package ecosystem

import "github.com/moby/patternmatcher"

// Unhide appends the exceptions to supplied patterns that held files need: a key
// that the program opens, test data that it names.
func Unhide(patterns []string, held []Held) []string {
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return patterns
	}
	for _, h := range held {
		if out, err := m.MatchesOrParentMatches(h.From); err == nil && out {
			patterns = append(patterns, "!"+h.From)
		}
	}
	return patterns
}
