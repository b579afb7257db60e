package dockerfile

import (
	"path"
	"strings"
	"unicode"

	"github.com/slipway-build/slipway/internal/diag"
)

// CopiesName reports whether COPY can take a file or directory of the context by
// its name. Builders bring in what COPY names by patterns in which a backslash
// escapes, "!" excludes and spaces at the ends go, and in which nothing makes a name
// of "*", "?", or of "^" beside a bracket (moby/patternmatcher): they would leave
// the file out without a word. Marks that nobody sees are refused too. A RUN step
// joins its commands with " && ".
func CopiesName(name string) bool {
	switch {
	case name != diag.Printable(name), name != strings.TrimSpace(name), strings.HasPrefix(name, "!"), strings.Contains(name, " && "):
		return false
	}
	return !strings.ContainsAny(name, `\*?`) && (!strings.ContainsAny(name, "[]") || !strings.Contains(name, "^"))
}

// source writes the name of a file as a source of COPY. Builders put variables in,
// remove quotes, and take the rest as a pattern (BuildKit: ProcessWord, then
// path.Match; "[[]" is what its reference says to write for a bracket). The last
// element of a pattern stays one.
func source(name string, pattern bool) string {
	last := ""
	if pattern {
		name, last = path.Split(name)
	}
	return word(strings.ReplaceAll(name, "[", "[[]") + last)
}

// asWord escapes what a word of COPY would replace.
var asWord = strings.NewReplacer(`\`, `\\`, "$", `\$`, `"`, `\"`, "'", `\'`)

// word writes a name as a word of COPY in which nothing is replaced.
func word(name string) string { return asWord.Replace(name) }

// needsList reports a word that COPY takes as another thing than a name, or as
// several, unless the words are a JSON list: one with spaces, with quotes, like a
// flag or like a here-document.
func needsList(word string) bool {
	return strings.ContainsFunc(word, unicode.IsSpace) || strings.ContainsAny(word, `"'`) || strings.Contains(word, "<<") ||
		strings.HasPrefix(word, "-") || strings.HasPrefix(word, "[")
}
