package secret

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// form is what secrets of a rule look like.
type form struct {
	name    string
	words   []string // a secret is beside one of them
	exact   bool     // in the case in which they are written
	kind    string   // "value", "token", "whole": see candidate
	generic bool     // of any name: for sources only, where a person can judge it
	loose   bool     // often an example: not for documentation and tests
	group   int      // of the secret; 0: the first that is not empty
	entropy float64  // bits per character that a real one has at least
	above   bool     // more than that
	path    func() *regexp.Regexp
	allow   []allowance
	pattern func() measured
}

// measured is a pattern with the length of what it matches.
type measured struct {
	*regexp.Regexp
	least, most int
}

// How far from its word a secret of any length is searched, and how long one without
// spaces and quotes may be.
const (
	maxReach = 2 << 10
	maxToken = 8 << 10
)

func measure(re *regexp.Regexp) measured {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil { // it has been compiled
		return measured{re, 0, maxReach}
	}
	least, most := lengths(tree)
	return measured{re, least, min(most, maxReach)}
}

// lengths are the least and most bytes that an expression matches.
func lengths(re *syntax.Regexp) (least, most int) {
	const endless = 1 << 30
	times := func(n, count int) int { return min(n*min(count, endless), endless) }
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune), 4 * len(re.Rune)
	case syntax.OpCharClass:
		if n := len(re.Rune); n > 0 && re.Rune[n-1] < 0x80 {
			return 1, 1
		}
		return 1, 4
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, 4
	case syntax.OpCapture:
		return lengths(re.Sub[0])
	case syntax.OpStar:
		return 0, endless
	case syntax.OpPlus:
		least, _ = lengths(re.Sub[0])
		return least, endless
	case syntax.OpQuest:
		_, most = lengths(re.Sub[0])
		return 0, most
	case syntax.OpRepeat:
		least, most = lengths(re.Sub[0])
		if re.Max < 0 {
			return times(least, re.Min), endless
		}
		return times(least, re.Min), times(most, re.Max)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			a, b := lengths(sub)
			least, most = least+a, min(most+b, endless)
		}
	case syntax.OpAlternate:
		least = endless
		for _, sub := range re.Sub {
			a, b := lengths(sub)
			least, most = min(least, a), max(most, b)
		}
	}
	return least, most
}

// ownForms are the rules of this package.
func ownForms() (out []form) {
	for _, r := range rules() {
		out = append(out, form{name: r.name, words: r.words, exact: true, group: 1, entropy: r.entropy, kind: kindOf(r),
			pattern: sync.OnceValue(func() measured { return measure(r.form()) })})
	}
	return out
}

// genericRule is gitleaks' rule for any name that sounds like a secret.
const genericRule = "generic-api-key"

// kindOf is the kind of a rule of this package: only one has spaces.
func kindOf(r rule) string {
	if r.name == "aws-secret-key" {
		return "value"
	}
	return "token"
}

// publishedForms are those of gitleaks; the one for any name comes last.
func publishedForms() (out []form) {
	var last []form
	for _, r := range read().Rules {
		f := form{name: r.ID, words: r.Words, kind: r.Form, group: r.Group, entropy: r.Entropy, above: true, allow: r.Allow, generic: r.ID == genericRule, loose: r.ID == genericRule || strings.HasPrefix(r.ID, "curl-auth-") || strings.HasPrefix(r.ID, "jwt"),
			pattern: sync.OnceValue(func() measured { return measure(regexp.MustCompile(r.Regex)) })}
		if r.Path != "" {
			f.path = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(r.Path) })
		}
		if cased := casedWords(r); cased != nil {
			f.words, f.exact = cased, true
		}
		if f.generic {
			last = append(last, f)
			continue
		}
		out = append(out, f)
	}
	return append(out, last...)
}

// casedWords are the words of a rule as its pattern writes them, where it has each of
// them in one case only; nil where case does not count.
func casedWords(r publishedRule) (out []string) {
	if strings.Contains(r.Regex, "(?i") || strings.Contains(r.Regex, "(?-i") {
		return nil
	}
	plain := strings.ReplaceAll(r.Regex, `\`, "")
	folded := strings.ToLower(plain)
	for _, w := range r.Words {
		at := strings.Index(folded, w)
		if at < 0 {
			return nil
		}
		for rest := at; rest >= 0; {
			if plain[rest:rest+len(w)] != plain[at:at+len(w)] {
				return nil
			}
			next := strings.Index(folded[rest+1:], w)
			if next < 0 {
				break
			}
			rest += 1 + next
		}
		out = append(out, plain[at:at+len(w)])
	}
	return out
}

// secret is the part of a match that is the secret.
func (f form) secret(data []byte, at []int) (int, int) {
	if f.group > 0 && len(at) > 2*f.group+1 && at[2*f.group] >= 0 {
		return at[2*f.group], at[2*f.group+1]
	}
	for i := 2; i+1 < len(at); i += 2 {
		if at[i] >= 0 && at[i+1] > at[i] {
			return at[i], at[i+1]
		}
	}
	return at[0], at[1]
}

// candidate is the part of a text around a word in which a secret of the form may be;
// false where none can be. It is cheaper than the pattern, which meets words such as
// "key" everywhere.
func (f *form) candidate(data []byte, start, end int) (span, bool) {
	p := f.pattern()
	switch f.kind {
	case "whole":
		return span{0, len(data)}, true
	case "value":
		value, ok := assigned(data, end)
		if !ok || f.generic && !(plainValue(data[value.from:value.to]) && bytes.ContainsAny(data[end:value.from], "=:")) {
			return span{}, false
		}
		return span{max(0, start-beforeName), min(len(data), value.to+afterValue)}, true
	case "token":
		from, to := start, end
		for from > 0 && start-from < maxToken && isToken(data[from-1]) {
			from--
		}
		for to < len(data) && to-end < maxToken && isToken(data[to]) {
			to++
		}
		return span{max(0, from-besideToken), min(len(data), to+besideToken)}, to-from >= p.least-1 // the end of a line may be the last one
	}
	return span{max(0, end-p.most-1), min(len(data), start+p.most+1)}, true
}

// What a pattern may ask for beside a value or token, in bytes.
const (
	afterValue  = 3
	besideToken = 2
)

// beforeName is how far before its word the name of a variable is read.
const beforeName = 130

// assigned is the value that is assigned to a name soon after one of its words: at
// least eight characters behind an operator.
func assigned(data []byte, at int) (span, bool) {
	skip := func(most int, wanted func(byte) bool) {
		for n := 0; n < most && at < len(data) && wanted(data[at]); n++ {
			at++
		}
	}
	skip(60, func(c byte) bool { return isWord(c) || c == ' ' || c == '\t' || c == '.' || c == '-' })
	skip(3, func(c byte) bool { return isQuote(c) || isBlank(c) })
	operator := at
	skip(4, func(c byte) bool { return strings.IndexByte("=>|:?,", c) >= 0 })
	if at == operator {
		return span{}, false
	}
	skip(6, func(c byte) bool { return isQuote(c) || isBlank(c) || c == '=' })
	from := at
	skip(maxToken, func(c byte) bool { return !isBlank(c) && !isQuote(c) && c != ';' })
	return span{from, at}, at-from >= 8
}

// plainValue reports a value that the form for any name can match: letters, digits and
// what base64 has, not letters alone.
func plainValue(value []byte) bool {
	value, _, _ = bytes.Cut(value, []byte(`\`))
	digit := false
	for _, c := range value {
		if !isWord(c) && strings.IndexByte("=.-+/", c) < 0 {
			return false
		}
		digit = digit || c >= '0' && c <= '9' || strings.IndexByte("=+/", c) >= 0
	}
	return digit && len(value) >= 10
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func isQuote(c byte) bool { return c == '\'' || c == '"' || c == '`' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func isToken(c byte) bool { return isWord(c) || strings.IndexByte("-./+=~:@%|#?\\", c) >= 0 }
