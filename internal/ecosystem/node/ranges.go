package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// version is major, minor, patch.
type version [3]int

// span is the versions from low (inclusive) to high (exclusive).
type span struct{ low, high version }

var endless = version{1 << 30}

// touches tells whether a version of that major is in the span.
func (s span) touches(major int) bool {
	low, high := version{major}, version{major + 1}
	if slices.Compare(s.low[:], low[:]) > 0 {
		low = s.low
	}
	if slices.Compare(s.high[:], high[:]) < 0 {
		high = s.high
	}
	return slices.Compare(low[:], high[:]) < 0
}

// has tells whether a version is in the span.
func (s span) has(v version) bool {
	return slices.Compare(s.low[:], v[:]) <= 0 && slices.Compare(v[:], s.high[:]) < 0
}

// single tells whether the span is one release.
func (s span) single() bool {
	return s.high == version{s.low[0], s.low[1], s.low[2] + 1}
}

// spansOf reads a range of npm: "20.x", ">=18 <23", "^20.11 || >=22".
func spansOf(text string) ([]span, error) {
	var spans []span
	for _, part := range strings.Split(text, "||") {
		s, err := parseSpan(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a range of versions: %w", text, err)
		}
		spans = append(spans, s)
	}
	return spans, nil
}

// Release chooses a release of a runtime that bases exist for in one major. known are
// the last releases of its minors, oldest first; later ones are taken for released. It
// is the major ("1") where a statement allows its newest release, else one release;
// near says that the statement allows none, and that it is the next newer one.
func Release(text, known string) (release string, near bool, err error) {
	var all []version
	for _, word := range strings.Fields(known) {
		if v, _, err := parseVersion(word); err == nil {
			all = append(all, v)
		}
	}
	newest := all[len(all)-1]
	major := newest[0]
	plain := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "latest:")
	if plain == "latest" || plain == "stable" || plain == "canary" || plain == "lts" {
		return strconv.Itoa(major), false, nil
	}
	spans, err := spansOf(plain)
	if err != nil {
		return "", false, err
	}
	low := endless
	for _, s := range spans {
		if slices.Compare(s.low[:], low[:]) < 0 {
			low = s.low
		}
		switch {
		case !s.touches(major):
		case slices.Compare(s.high[:], []int{major + 1}) >= 0:
			return strconv.Itoa(major), false, nil
		case s.single():
			return of(s.low).release, false, nil
		default:
			for _, v := range slices.Backward(all) {
				if s.has(v) {
					return of(v).release, false, nil
				}
			}
			if slices.Compare(s.low[:], newest[:]) > 0 {
				return strconv.Itoa(major), false, nil
			}
		}
	}
	switch i := slices.IndexFunc(all, func(v version) bool { return slices.Compare(v[:], low[:]) >= 0 }); {
	case low[0] < major:
		return strconv.Itoa(major), true, nil
	case i >= 0:
		return of(all[i]).release, true, nil
	}
	return "", false, fmt.Errorf("version %s is required, and the newest that bases have is %d", strings.TrimSpace(text), major)
}

// parseSpan reads comparators that all have to hold.
func parseSpan(text string) (span, error) {
	all := span{high: endless}
	if a, b, ok := strings.Cut(text, " - "); ok {
		text = ">=" + strings.TrimSpace(a) + " <=" + strings.TrimSpace(b)
	}
	for _, op := range []string{">=", "<=", ">", "<", "^", "~", "="} {
		text = strings.ReplaceAll(text, op+" ", op)
	}
	for _, word := range strings.Fields(text) {
		s, err := parseComparator(word)
		if err != nil {
			return span{}, err
		}
		if slices.Compare(s.low[:], all.low[:]) > 0 {
			all.low = s.low
		}
		if slices.Compare(s.high[:], all.high[:]) < 0 {
			all.high = s.high
		}
	}
	return all, nil
}

// parseComparator reads one of "20", "20.x", ">=20.1", "^20.1.2", "~20.1".
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
	switch op {
	case "", "=":
		return span{low, next}, nil
	case "^":
		return span{low, version{low[0] + 1}}, nil
	case "~", "~>":
		next = low
		next[min(parts, 2)-1]++
		for i := min(parts, 2); i < 3; i++ {
			next[i] = 0
		}
		return span{low, next}, nil
	case ">=":
		return span{low, endless}, nil
	case ">":
		return span{next, endless}, nil
	case "<":
		return span{high: low}, nil
	case "<=":
		return span{high: next}, nil
	}
	return span{}, fmt.Errorf("%q is not a comparison", op)
}

// parseVersion reads up to three numbers and returns how many there are; "x"
// and "*" end them.
func parseVersion(text string) (version, int, error) {
	var v version
	text = strings.TrimPrefix(text, "v")
	text, _, _ = strings.Cut(text, "-") // a pre-release counts as its release
	text, _, _ = strings.Cut(text, "+")
	if text == "" {
		return v, 0, fmt.Errorf("a number is missing")
	}
	parts := strings.Split(text, ".")
	if len(parts) > 3 {
		return v, 0, fmt.Errorf("%q has more than three numbers", text)
	}
	for i, p := range parts {
		if p == "x" || p == "X" || p == "*" {
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
