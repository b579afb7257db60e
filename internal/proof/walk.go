package proof

import (
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// maxSources bounds how many sources are followed.
const maxSources = 5000

// step is a source to follow.
type step struct {
	file layer.File
	when layer.Certainty
}

// problem is an import that does not resolve.
type problem struct {
	from       layer.File
	imp        layer.Import
	when       layer.Certainty
	text, hint string
}

// walk follows the imports of a program.
type walk struct {
	visited map[string]layer.Certainty // sources by path
	queue   []step
}

// enter adds a source to those that are followed, again when it is surer to run.
func (w *walk) enter(f layer.File, when layer.Certainty) {
	if was, ok := w.visited[f.Path]; f.Source == nil || ok && was <= when || len(w.visited) > maxSources {
		return
	}
	w.visited[f.Path] = when
	w.queue = append(w.queue, step{f, when})
}

// take returns the next source.
func (w *walk) take() (step, bool) {
	if len(w.queue) == 0 {
		return step{}, false
	}
	at := w.queue[0]
	w.queue = w.queue[1:]
	return at, true
}

// reach notes what was followed: findings about sources are about those.
func (c *check) reach(w walk) {
	if c.reached == nil {
		c.reached = map[string]bool{}
	}
	for p := range w.visited {
		c.reached[p] = true
	}
}

// arguments is a command line while it is read.
type arguments struct {
	rest  []string
	word  string // the last that was read
	flag  string // of it, what comes before "="
	value string
	has   bool // there was a "="
}

// next reads a word; it is false at the end.
func (a *arguments) next() bool {
	if len(a.rest) == 0 {
		return false
	}
	a.word, a.rest = a.rest[0], a.rest[1:]
	a.flag, a.value, a.has = strings.Cut(a.word, "=")
	return true
}

// operand is the value of the option that was read: after its "=", else the word
// that follows.
func (a *arguments) operand() string {
	if !a.has && len(a.rest) > 0 {
		a.value, a.rest, a.has = a.rest[0], a.rest[1:], true
	}
	return a.value
}
