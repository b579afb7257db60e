package fingerprint

import (
	"strings"
	"sync"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// matchers has a *sync.Pool of matchers for each text of patterns: most services
// of a fleet have the same, and to compile them takes longer than the walk. One
// user at a time, because a matcher compiles a pattern when it first needs it.
var matchers sync.Map

// ignoreMatcher reads the patterns as the engine does: it gets them as the text
// of a .dockerignore. The matcher is nil where there is no pattern, and belongs to
// the caller until done.
func ignoreMatcher(patterns []string) (m *patternmatcher.PatternMatcher, done func(), err error) {
	text := strings.Join(patterns, "\n") + "\n"
	pool, _ := matchers.LoadOrStore(text, &sync.Pool{})
	if m, ok := pool.(*sync.Pool).Get().(*patternmatcher.PatternMatcher); ok {
		return m, func() { pool.(*sync.Pool).Put(m) }, nil
	}
	read, err := ignorefile.ReadAll(strings.NewReader(text))
	if err != nil || len(read) == 0 {
		return nil, func() {}, err
	}
	if m, err = patternmatcher.New(read); err != nil {
		return nil, nil, err
	}
	return m, func() { pool.(*sync.Pool).Put(m) }, nil
}

// plainExceptions tells whether a directory that is ignored can be left out
// unless an exception names something in it (fsutil, filter.go).
func plainExceptions(m *patternmatcher.PatternMatcher) bool {
	if m == nil {
		return true
	}
	for _, p := range m.Patterns() {
		if p.Exclusion() && strings.ContainsAny(p.String(), `*[]?^\`) {
			return false
		}
	}
	return true
}

// pruned reports whether nothing below an ignored directory can count.
func (w *walk) pruned(dir string) bool {
	if !w.ignore.Exclusions() {
		return true
	}
	if !w.plain {
		return false
	}
	for _, p := range w.ignore.Patterns() {
		if p.Exclusion() && strings.HasPrefix(p.String()+"/", dir+"/") {
			return false
		}
	}
	return true
}
