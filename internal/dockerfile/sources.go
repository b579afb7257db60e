package dockerfile

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/slipway-build/slipway/internal/pattern"
)

// copied adds the sources of a COPY or ADD. With --parents, all of them are one copy.
func (r *reader) copied(stage int, sources []string, parents bool) {
	r.found.OneTree = r.found.OneTree || parents
	for _, source := range sources {
		at := contextPath(r.expanded(stage, source))
		if parents && !plainParents().MatchString(source) || parents && slices.Contains(strings.Split(source, "/"), "..") {
			at = Everything
		}
		r.found.Paths = append(r.found.Paths, at)
	}
}

// plainParents are sources of --parents whose characters mean the same in a path as in a
// pattern of .dockerignore, which they are for BuildKit.
var plainParents = pattern.Lazy(`^([A-Za-z0-9_./?-]|\*[^*]|\*$)*$`)

// expanded puts the variables of a stage into a source; what cannot be known stays as it
// is written.
func (r *reader) expanded(stage int, source string) string {
	env := r.env[stage]
	if env == nil || !strings.ContainsAny(source, special) {
		return source
	}
	if word, ok := env.known(shell.NewLex(r.escape), source); ok {
		return word
	}
	return source
}

// special are the characters that mean something in a word of a Dockerfile.
const special = "$'\"\\`"

// class is a set of characters in a source that holds no separator.
var class = pattern.Lazy(`\[[A-Za-z0-9_.]+\]`)

// contextPath writes a source as a path of Reads: the whole context when it has
// a variable, a quote, a range or whatever else would need an interpreter. For COPY,
// ** is *: one element.
func contextPath(source string) string {
	if strings.ContainsAny(source, special) || strings.Contains(class().ReplaceAllString(source, ""), "[") {
		return Everything
	}
	clean := strings.TrimPrefix(path.Clean("/"+source), "/")
	if clean == "" {
		return Everything
	}
	return clean
}
