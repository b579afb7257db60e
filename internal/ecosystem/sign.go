package ecosystem

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode/utf8"
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
	parsed  sync.Once
	once    sync.Once
	re      *regexp.Regexp // only where a match is possible: most signs are never compiled
	words   [][]byte       // every match has at least one of them; nil: not known
	alone   []byte         // every match begins with it, where no word goes on, or one byte before; nil: not known
	before  bool           // one byte before
	inLine  bool           // no match has a line end in it
}

// NewSign returns the sign of a pattern; its first use panics if the pattern is
// not valid.
func NewSign(pattern string) *Sign { return &Sign{pattern: pattern} }

// parse finds what a match needs.
func (s *Sign) parse() {
	s.parsed.Do(func() {
		tree, err := syntax.Parse(s.pattern, syntax.Perl)
		if err != nil {
			return // compiled panics with it
		}
		for _, w := range required(tree) {
			s.words = append(s.words, []byte(w))
		}
		word, before := beginning(tree)
		s.alone, s.before = []byte(word), before
		s.inLine = len(s.words) > 0 && staysInLine(tree)
	})
}

func (s *Sign) compiled() *regexp.Regexp {
	s.once.Do(func() {
		pattern := s.pattern
		if len(s.alone) > 0 {
			pattern = `\A(?:` + pattern + ")" // it is tried where it can begin, and nowhere else
		}
		s.re = regexp.MustCompile(pattern)
	})
	return s.re
}

// FindSubmatchIndex is that of the regular expression.
func (s *Sign) FindSubmatchIndex(data []byte) []int {
	s.parse()
	switch {
	case !s.possible(data):
		return nil
	case len(s.alone) > 0:
		return s.wordByWord(data)
	case s.inLine:
		return s.lineByLine(data)
	}
	return s.compiled().FindSubmatchIndex(data)
}

// wordByWord tries only where the word stands that every match begins with.
func (s *Sign) wordByWord(data []byte) []int {
	for at := 0; ; at++ {
		i := index(data[at:], s.alone)
		if i < 0 {
			return nil
		}
		at += i
		begin, end := at, len(data)
		switch {
		case s.before && at == 0, !s.before && at > 0 && wordByte(data[at-1]):
			continue
		case s.before:
			begin--
		}
		if s.inLine {
			if j := bytes.IndexByte(data[at:], '\n'); j >= 0 {
				end = at + j
			}
		}
		if found := s.compiled().FindSubmatchIndex(data[begin:end]); found != nil {
			return moved(found, begin)
		}
	}
}

// moved are the indexes of a match in what begins at an offset.
func moved(found []int, by int) []int {
	for i := range found {
		if found[i] >= 0 {
			found[i] += by
		}
	}
	return found
}

// lineByLine tries only the lines that have one of the words.
func (s *Sign) lineByLine(data []byte) []int {
	from := 0
	next := make([]int, len(s.words)) // where each word stands next, at or after from
	for i := range next {
		next[i] = -1
	}
	for {
		at := len(data)
		for i, word := range s.words {
			if next[i] < from {
				if next[i] = len(data); from < len(data) {
					if j := index(data[from:], word); j >= 0 {
						next[i] = from + j
					}
				}
			}
			at = min(at, next[i])
		}
		if at == len(data) {
			return nil
		}
		begin := bytes.LastIndexByte(data[:at], '\n') + 1
		end := len(data)
		if j := bytes.IndexByte(data[at:], '\n'); j >= 0 {
			end = at + j
		}
		if found := s.compiled().FindSubmatchIndex(data[begin:end]); found != nil {
			return moved(found, begin)
		}
		if from = end + 1; from > len(data) {
			return nil
		}
	}
}

// Match tells whether the data has the sign.
func (s *Sign) Match(data []byte) bool { return s.FindSubmatchIndex(data) != nil }

func wordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// beginning returns the letters that every match begins with when the expression
// is one of a whole word, such as `\bport\s*=`, or has them after one byte of some,
// such as `["']port["']`.
func beginning(re *syntax.Regexp) (word string, before bool) {
	if re.Op != syntax.OpConcat || len(re.Sub) < 2 {
		return "", false
	}
	first, second := re.Sub[0], re.Sub[1]
	before = first.Op == syntax.OpCharClass && len(first.Rune) > 0 && first.Rune[len(first.Rune)-1] < utf8.RuneSelf
	if second.Op != syntax.OpLiteral || second.Flags&syntax.FoldCase != 0 {
		return "", false
	}
	if !before && (first.Op != syntax.OpWordBoundary || !wordByte(string(second.Rune)[0])) {
		return "", false
	}
	return string(second.Rune), before
}

func (s *Sign) possible(data []byte) bool {
	for _, w := range s.words {
		if index(data, w) >= 0 {
			return true
		}
	}
	return s.words == nil
}

// staysInLine reports an expression whose matches hold no line end, and depend on
// nothing before or after their line.
func staysInLine(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		if slices.Contains(re.Rune, '\n') {
			return false
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if re.Rune[i] <= '\n' && '\n' <= re.Rune[i+1] {
				return false
			}
		}
	case syntax.OpAnyChar, syntax.OpBeginText, syntax.OpEndText:
		return false
	}
	return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !staysInLine(sub) })
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
