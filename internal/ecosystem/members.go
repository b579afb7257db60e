package ecosystem

import (
	"path"
	"slices"
	"strings"
)

// Members are the patterns by which the root of a workspace names the directories
// of its members: those of npm, pnpm, Yarn, Bun, uv and Cargo. "*" stands for a part
// of a name, "**" for any number of directories, "{a,b}" for either, and "!"
// excludes; the last pattern that matches decides. The zero value has no members.
type Members []string

// MembersOf takes the patterns as they are written.
func MembersOf(words []string) Members {
	var out Members
	for _, w := range words {
		w, not := strings.CutPrefix(strings.TrimSpace(w), "!")
		mark := ""
		if not {
			mark = "!"
		}
		for _, p := range alternatives(strings.Trim(strings.TrimPrefix(w, "./"), "/"), maxAlternatives) {
			out = append(out, mark+p)
		}
	}
	return out
}

// maxAlternatives is how many patterns one with braces may stand for.
const maxAlternatives = 64

// alternatives writes a pattern with braces as several without.
func alternatives(p string, limit int) []string {
	before, rest, open := strings.Cut(p, "{")
	inside, after, closed := strings.Cut(rest, "}")
	if !open || !closed || strings.Contains(inside, "{") || limit <= 1 {
		return []string{p}
	}
	words := strings.Split(inside, ",")
	var out []string
	for _, w := range words {
		out = append(out, alternatives(before+w+after, limit/len(words))...)
	}
	return out
}

// Has reports a directory, relative to the root, that is a member.
func (m Members) Has(dir string) bool {
	in := false
	for _, p := range m {
		p, not := strings.CutPrefix(p, "!")
		if MatchPath(p, dir) {
			in = !not
		}
	}
	return in
}

// MayHold reports a directory that can be a member or have one below.
func (m Members) MayHold(dir string) bool {
	parts := strings.Split(dir, "/")
	return slices.ContainsFunc(m, func(g string) bool {
		want := strings.Split(g, "/")
		for i, p := range parts {
			if i >= len(want) {
				return false
			}
			if want[i] == "**" {
				return true
			}
			if ok, err := path.Match(want[i], p); err != nil || !ok {
				return false
			}
		}
		return true
	})
}

// MatchPath matches a path with a pattern in which "*" stands for a part of a name
// and "**" for any number of directories, none included.
func MatchPath(glob, name string) bool {
	if glob == "" {
		return false
	}
	var match func(g, n []string) bool
	steps := 0
	match = func(g, n []string) bool {
		if steps++; steps > 10_000 {
			return false
		}
		switch {
		case len(g) == 0:
			return len(n) == 0
		case g[0] == "**":
			return match(g[1:], n) || len(n) > 0 && match(g, n[1:])
		case len(n) == 0:
			return false
		}
		ok, err := path.Match(g[0], n[0])
		return err == nil && ok && match(g[1:], n[1:])
	}
	return match(strings.Split(glob, "/"), strings.Split(name, "/"))
}
