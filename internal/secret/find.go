package secret

import (
	"bytes"
	"cmp"
	"iter"
	"math"
	"path"
	"slices"
	"strings"
)

// maxMatches is how many places of one text are reported.
const maxMatches = 100

// Find returns the places of a text where secrets are, by line.
func Find(data []byte) []Match { return look("", data, false, maxMatches).out }

// FindIn returns the places of a file where secrets are, by line. Some rules are for
// files of certain names, and files such as lock files hold none.
func FindIn(name string, data []byte) []Match { return look(name, data, false, maxMatches).out }

// FindInSource also takes what is assigned to any name that sounds like a secret
// ("key", "token"): that is only sure in what a person wrote.
func FindInSource(name string, data []byte) []Match { return look(name, data, true, maxMatches).out }

// Hide returns a text in which "[secret]" stands for each secret that Find would report.
func Hide(text string) string {
	var out strings.Builder
	for part := range parts(text) {
		found := look("", []byte(part), false, math.MaxInt).taken
		slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		end := 0
		for _, at := range found {
			out.WriteString(part[end:at.from] + "[secret]")
			end = at.to
		}
		out.WriteString(part[end:])
	}
	return out.String()
}

// parts cuts a long text at ends of lines: each secret is compared with the others of
// its part.
func parts(text string) iter.Seq[string] {
	const long = 32 << 10
	return func(yield func(string) bool) {
		for len(text) > long {
			at := strings.IndexByte(text[long:], '\n')
			if at < 0 {
				break
			}
			if !yield(text[:long+at+1]) {
				return
			}
			text = text[long+at+1:]
		}
		yield(text)
	}
}

// span is a part of a text.
type span struct{ from, to int }

// search is one text under way.
type search struct {
	name   string
	data   []byte
	source bool
	most   int            // matches that are wanted
	places map[int][]span // where to look, by form
	closed map[int]bool   // forms that are not for this file
	taken  []span         // secrets that are found
	out    []Match
}

// look searches a text; its matches are in the order of lines.
func look(name string, data []byte, source bool, most int) *search {
	t := all()
	s := &search{name: name, data: data, source: source, most: most, places: map[int][]span{}, closed: map[int]bool{}}
	published := !read().Allow.file(name)
	t.words.find(data, func(word uint16, end int) {
		w := t.list[word]
		for _, i := range t.of[word] {
			f := &t.forms[i]
			if f.above && !published || f.exact && string(data[end-len(w):end]) != w || s.closed[i] {
				continue
			}
			if s.foreign(f) {
				s.closed[i] = true
				continue
			}
			s.place(i, f, end-len(w), end)
		}
	})
	forms := make([]int, 0, len(s.places))
	for i := range s.places {
		forms = append(forms, i)
	}
	slices.Sort(forms)
	for _, i := range forms {
		s.try(&t.forms[i], s.places[i])
	}
	slices.SortStableFunc(s.out, func(a, b Match) int { return cmp.Compare(a.Line, b.Line) })
	return s
}

// foreign reports a form that is not for this file.
func (s *search) foreign(f *form) bool {
	return f.generic && !s.source || f.loose && illustrative(s.name) || f.path != nil && !f.path().MatchString(s.name) ||
		slices.ContainsFunc(f.allow, func(a allowance) bool { return a.file(s.name) })
}

// illustrative reports documentation and tests, in which examples of secrets are common.
func illustrative(name string) bool {
	name = strings.ToLower(name)
	if slices.Contains([]string{".md", ".mdx", ".rst", ".adoc", ".txt", ".html", ".htm", ".ipynb"}, path.Ext(name)) {
		return true
	}
	base := path.Base(name)
	if strings.HasPrefix(base, "test_") || strings.Contains(base, "_test.") || strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") {
		return true
	}
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(dir string) bool {
		return slices.Contains([]string{"test", "tests", "testdata", "__tests__", "spec", "e2e", "fixtures", "docs", "doc"}, dir)
	})
}

// place notes where a form is tried because of a word.
func (s *search) place(i int, f *form, start, end int) {
	if list := s.places[i]; len(list) > 0 && s.within(f, &list[len(list)-1], start, end) {
		return
	}
	at, ok := f.candidate(s.data, start, end)
	if !ok {
		return
	}
	if list := s.places[i]; len(list) > 0 && at.from <= list[len(list)-1].to {
		list[len(list)-1].from = min(at.from, list[len(list)-1].from)
		list[len(list)-1].to = max(at.to, list[len(list)-1].to)
		return
	}
	s.places[i] = append(s.places[i], at)
}

// within reports a word inside of the last place of its form: of a long text that is
// nothing but words, each would be read again and again otherwise. Of a token that
// is longer than was read, it reads on.
func (s *search) within(f *form, last *span, start, end int) bool {
	switch {
	case start < last.from:
		return false
	case f.kind == "value":
		return end <= last.to-afterValue
	case f.kind != "token" || end > last.to-besideToken:
		return false
	}
	to := last.to - besideToken
	for to < len(s.data) && to-end < maxToken && isToken(s.data[to]) {
		to++
	}
	last.to = max(last.to, min(len(s.data), to+besideToken))
	return true
}

// try looks for secrets of a form at its places.
func (s *search) try(f *form, places []span) {
	for _, p := range places {
		text := s.data[p.from:p.to]
		for _, at := range f.pattern().FindAllSubmatchIndex(text, -1) { // most may be none
			if len(s.out) >= s.most {
				return
			}
			if f.kind == "token" && at[0] > 0 && isLetter(text[at[0]-1]) && isLetter(text[at[0]]) { // within a word
				continue
			}
			if at[0] == 0 && p.from > 0 || at[1] == len(text) && p.to < len(s.data) { // cut
				continue
			}
			for k := range at {
				if at[k] >= 0 {
					at[k] += p.from
				}
			}
			s.take(f, at)
		}
	}
}

// take notes a match that is a secret and not known yet.
func (s *search) take(f *form, at []int) {
	from, to := f.secret(s.data, at)
	found := string(s.data[from:to])
	if !real(found, f.entropy) || f.above && f.entropy > 0 && bits(found) <= f.entropy || len(s.out) >= s.most {
		return
	}
	if slices.ContainsFunc(s.taken, func(t span) bool { return from < t.to && t.from < to }) {
		return
	}
	if f.above && s.allowed(f, at, found) {
		return
	}
	s.taken = append(s.taken, span{from, to})
	s.out = append(s.out, Match{f.name, 1 + bytes.Count(s.data[:from], []byte("\n"))})
}

// maxLine is how much of a line the lists of exceptions see on each side.
const maxLine = 4 << 10

// allowed reports a match that gitleaks' lists except, or a comment beside it.
func (s *search) allowed(f *form, at []int, found string) bool {
	from := max(0, at[0]-maxLine)
	from += 1 + bytes.LastIndexByte(s.data[from:at[0]], '\n')
	to := min(len(s.data), at[1]+maxLine)
	if end := bytes.IndexByte(s.data[at[1]:to], '\n'); end >= 0 {
		to = at[1] + end
	}
	line, match := string(s.data[from:to]), string(s.data[at[0]:at[1]])
	return bytes.Contains(s.data[from:to], []byte("gitleaks:allow")) || read().Allow.allows(s.name, found, match, line) ||
		slices.ContainsFunc(f.allow, func(a allowance) bool { return a.allows(s.name, found, match, line) })
}

func isLetter(c byte) bool { return isWord(c) && c != '_' }
