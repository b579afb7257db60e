package ecosystem

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"sync"
)

// Pattern is what Find looks for: a *regexp.Regexp or a *Sign.
type Pattern interface {
	FindSubmatchIndex(data []byte) []int
}

// Sign is a regular expression for searching many sources, most of which do not
// have it: it first looks for the words without which it cannot match, which is
// some fifty times as fast as trying (measured over TypeScript on 2026-11-21).
// It is compiled when it is first used: a command needs few of all that there are.
type Sign struct {
	pattern string
	once    sync.Once
	re      *regexp.Regexp
	words   [][]byte // every match has at least one of them; nil: not known
	alone   []byte   // every match begins with it, where no word goes on; nil: not known
}

// NewSign returns the sign of a pattern; its first use panics if the pattern is
// not valid.
func NewSign(pattern string) *Sign { return &Sign{pattern: pattern} }

func (s *Sign) compiled() *regexp.Regexp {
	s.once.Do(func() {
		s.re = regexp.MustCompile(s.pattern)
		if tree, err := syntax.Parse(s.pattern, syntax.Perl); err == nil {
			for _, w := range required(tree) {
				s.words = append(s.words, []byte(w))
			}
			s.alone = []byte(beginning(tree))
		}
	})
	return s.re
}

// FindSubmatchIndex is that of the regular expression.
func (s *Sign) FindSubmatchIndex(data []byte) []int {
	from := s.first(data)
	if from < 0 {
		return nil
	}
	found := s.re.FindSubmatchIndex(data[from:])
	for i := range found {
		if found[i] >= 0 {
			found[i] += from
		}
	}
	return found
}

// Match tells whether the data has the sign.
func (s *Sign) Match(data []byte) bool { return s.FindSubmatchIndex(data) != nil }

// first returns where a match can begin at the earliest, or one byte before, so
// that what is looked at there is seen; -1 when there is none.
func (s *Sign) first(data []byte) int {
	s.compiled()
	if len(s.alone) == 0 {
		if s.possible(data) {
			return 0
		}
		return -1
	}
	for at := 0; ; at++ {
		i := bytes.Index(data[at:], s.alone)
		if i < 0 {
			return -1
		}
		if at += i; at == 0 {
			return 0
		}
		if !wordByte(data[at-1]) {
			return at - 1
		}
	}
}

func wordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// beginning returns the letters that every match begins with when the expression
// is one of a whole word, such as `\bport\s*=`.
func beginning(re *syntax.Regexp) string {
	if re.Op != syntax.OpConcat || len(re.Sub) < 2 || re.Sub[0].Op != syntax.OpWordBoundary {
		return ""
	}
	word := re.Sub[1]
	if word.Op != syntax.OpLiteral || word.Flags&syntax.FoldCase != 0 || !wordByte(string(word.Rune)[0]) {
		return ""
	}
	return string(word.Rune)
}

func (s *Sign) possible(data []byte) bool {
	for _, w := range s.words {
		if bytes.Contains(data, w) {
			return true
		}
	}
	return s.words == nil
}

// required returns words of which every match has at least one, nil when there
// are none to be found.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []string{string(re.Rune)}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := required(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if words := required(sub); shortest(words) > shortest(best) {
				best = words
			}
		}
		return best
	}
	return nil
}

func shortest(words []string) int {
	n := 0
	for i, w := range words {
		if i == 0 || len(w) < n {
			n = len(w)
		}
	}
	return n
}
