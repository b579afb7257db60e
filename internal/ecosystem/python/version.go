package python

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// runtimeVersion decides on the version of Python: the preferred one that the
// strongest statement allows, else the next newer one, with a warning.
func (s *service) runtimeVersion() {
	file, line, text := s.versionEvidence()
	supported := versions(s.family)
	s.version = supported[0]
	if text == "" {
		s.Fact("runtime", "Python "+s.version, "default: no file names a version", "", 0)
		return
	}
	v, err := choose(text, supported)
	near := ""
	if err != nil {
		near = nearest(text, supported)
	}
	switch {
	case err != nil && near == "":
		hint := "write one of " + listed(supported)
		if s.assembled() {
			hint += ", or bases: official in slipway.yaml, which uses images from a registry"
		}
		if file == "" {
			s.ReportWanted(codeVersion, "", hint, "%v; the bases have %s", err, listed(supported))
			return
		}
		s.Report(diag.Error, codeVersion, file, line, hint, "%v; the bases have %s", err, listed(supported))
		return
	case err != nil:
		s.Unwise(ecosystem.CodeNearest, file, line, "test with Python "+near+" and write that", "there is no base of Python %s; the image has %s", plainVersion(text), near)
		v = near
	case s.assembled() && exact(text):
		s.Unwise(ecosystem.CodeNearest, file, line, "write "+v+", which takes the newest with all security fixes", "Python %s itself is not available; the image has the newest %s of Debian", plainVersion(text), v)
	}
	s.version = v
	if l, ok := lineFor(v); ok && s.assembled() && l.ended != "" {
		s.Unwise(ecosystem.CodeEnded, file, line, "move to Python "+supported[0], "Python %s gets no security fixes since %s", v, l.ended)
	}
	if file == "" {
		s.Configured("runtime", "Python "+v)
		return
	}
	s.Fact("runtime", "Python "+v, fmt.Sprintf("requires %q", text), file, line)
}

// listed has versions in their order, for messages.
func listed(versions []string) string {
	byNumber := func(a, b string) int {
		v, _, _ := parseVersion(a)
		w, _, _ := parseVersion(b)
		return slices.Compare(v[:], w[:])
	}
	return strings.Join(slices.SortedFunc(slices.Values(versions), byNumber), ", ")
}

// plainVersion is a statement without the name of the interpreter.
func plainVersion(text string) string {
	plain := strings.ToLower(strings.TrimSpace(text))
	for _, prefix := range []string{"cpython", "python"} {
		plain = strings.TrimLeft(strings.TrimPrefix(plain, prefix), "-@")
	}
	return plain
}

var exactVersion = pattern.Lazy(`^(?:={1,3}\s*)?\d+\.\d+\.\d+$`)

// exact reports a statement that names one patch release.
func exact(text string) bool { return exactVersion().MatchString(plainVersion(text)) }

// nearest returns the oldest supported version that is newer than the oldest one
// that a statement allows, within Python 3; "" when there is none.
func nearest(text string, supported []string) string {
	var low version
	for _, part := range strings.Split(plainVersion(text), "||") {
		s, err := parseSpan(part)
		if err != nil || s.low[0] != 3 {
			return ""
		}
		if low == (version{}) || slices.Compare(s.low[:], low[:]) < 0 {
			low = s.low
		}
	}
	best := ""
	var newest version
	for _, have := range supported {
		v, _, err := parseVersion(have)
		if err == nil && slices.Compare(v[:], low[:]) > 0 && (best == "" || slices.Compare(v[:], newest[:]) < 0) {
			best, newest = have, v
		}
	}
	return best
}

// version is major, minor, patch.
type version [3]int

// span is the versions from low (inclusive) to high (exclusive).
type span struct{ low, high version }

var endless = version{1 << 30}

// choose returns the first of the supported versions ("3.13") that a statement
// allows. Statements are those of .python-version ("3.13.2", "cpython-3.13"),
// runtime.txt ("python-3.13.2"), requires-python (">=3.9,<4", "~=3.11",
// "==3.12.*") and Poetry ("^3.11", "~3.12 || ^3.13").
func choose(text string, supported []string) (string, error) {
	plain := plainVersion(text)
	if strings.HasPrefix(plain, "pypy") || strings.HasPrefix(plain, "graalpy") {
		return "", fmt.Errorf("the interpreter %s is not CPython", plain)
	}
	for _, want := range supported {
		for _, part := range strings.Split(plain, "||") {
			ok, err := allows(part, want)
			if err != nil {
				return "", fmt.Errorf("%q is not a version of Python: %w", text, err)
			}
			if ok {
				return want, nil
			}
		}
	}
	return "", fmt.Errorf("it requires Python %s", strings.TrimSpace(text))
}

// allows tells whether a version of a minor release fulfils all comparators.
func allows(text, minor string) (bool, error) {
	low, n, err := parseVersion(minor)
	if err != nil || n != 2 {
		return false, fmt.Errorf("%q is not a minor version", minor)
	}
	if excluded, err := excludes(text, low); err != nil || excluded {
		return false, err
	}
	s, err := parseSpan(text)
	if err != nil {
		return false, err
	}
	all := span{low, version{low[0], low[1] + 1}}.and(s)
	return slices.Compare(all.low[:], all.high[:]) < 0, nil
}

// and is what both spans have.
func (s span) and(o span) span {
	if slices.Compare(o.low[:], s.low[:]) > 0 {
		s.low = o.low
	}
	if slices.Compare(o.high[:], s.high[:]) < 0 {
		s.high = o.high
	}
	return s
}

// comparators splits a statement into its parts, all of which have to hold.
func comparators(text string) []string {
	for _, op := range []string{">=", "<=", "==", "!=", "~=", ">", "<", "^", "~", "="} {
		text = strings.ReplaceAll(text, op+" ", op)
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// excludes reports a minor version that a statement excludes as a whole.
func excludes(text string, minor version) (bool, error) {
	for _, word := range comparators(text) {
		if rest, ok := strings.CutPrefix(word, "!="); ok {
			v, n, err := parseVersion(rest)
			if err != nil || n == 2 && strings.HasSuffix(rest, ".*") && v == minor {
				return true, err
			}
		}
	}
	return false, nil
}

// parseSpan reads comparators that all have to hold, but for exclusions.
func parseSpan(text string) (span, error) {
	all := span{high: endless}
	for _, word := range comparators(text) {
		if strings.HasPrefix(word, "!=") {
			continue
		}
		s, err := parseComparator(word)
		if err != nil {
			return span{}, err
		}
		all = all.and(s)
	}
	return all, nil
}

// parseComparator reads one of "3.13", "==3.12.*", ">=3.9", "~=3.11", "^3.11",
// "~3.12". A missing number leaves that part open, as Debian's patch releases
// are the mirror's to choose.
func parseComparator(word string) (span, error) {
	rest := strings.TrimLeft(word, "<>=^~")
	op := word[:len(word)-len(rest)]
	low, parts, err := parseVersion(rest)
	if err != nil {
		return span{}, err
	}
	if parts == 0 {
		return span{high: endless}, nil
	}
	next := low // the first version after all that the written parts stand for
	next[parts-1]++
	if parts == 3 {
		next = version{low[0], low[1] + 1} // a patch release is a minimum, not a pin
	}
	switch op {
	case "", "=", "==", "===":
		return span{version{low[0], low[1]}, next}, nil
	case "^":
		return span{low, version{low[0] + 1}}, nil
	case "~=":
		if parts == 2 {
			return span{low, version{low[0] + 1}}, nil
		}
		return span{low, version{low[0], low[1] + 1}}, nil
	case "~":
		if parts == 1 {
			return span{low, version{low[0] + 1}}, nil
		}
		return span{low, version{low[0], low[1] + 1}}, nil
	case ">=":
		return span{low, endless}, nil
	case ">":
		if parts == 2 { // 3.12.1 is newer than 3.12
			return span{version{low[0], low[1], 1}, endless}, nil
		}
		return span{version{low[0], low[1], low[2] + 1}, endless}, nil
	case "<":
		return span{high: low}, nil
	case "<=":
		if parts == 2 { // 3.13.5 is newer than 3.13
			return span{high: version{low[0], low[1], 1}}, nil
		}
		return span{high: version{low[0], low[1], low[2] + 1}}, nil
	}
	return span{}, fmt.Errorf("%q is not a comparison", op)
}

// parseVersion reads up to three numbers and returns how many there are; "*"
// ends them.
func parseVersion(text string) (version, int, error) {
	var v version
	if i := strings.IndexAny(text, "abrt-+"); i > 0 {
		text = text[:i] // a pre-release counts as its release
	}
	text = strings.TrimSuffix(text, ".")
	if text == "" {
		return v, 0, fmt.Errorf("a number is missing")
	}
	parts := strings.Split(text, ".")
	if len(parts) > 3 {
		return v, 0, fmt.Errorf("%q has more than three numbers", text)
	}
	for i, p := range parts {
		if p == "*" || p == "x" {
			return v, i, nil
		}
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 1<<20 {
			return v, 0, fmt.Errorf("%q is not a number", p)
		}
		v[i] = n
	}
	return v, len(parts), nil
}
