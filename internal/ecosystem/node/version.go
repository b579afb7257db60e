package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// majors are the supported majors of Node.js in order of preference: the active
// LTS of the project's bases first, then newer before older.
func majors() []int { return []int{22, 24, 20} }

// defaultMajor is the Node.js of services that name none.
const defaultMajor = 22

// codenames are the LTS names that .nvmrc may use.
func codenames() map[string]int {
	return map[string]int{"*": 22, "iron": 20, "jod": 22, "krypton": 24}
}

// chooseMajor returns the preferred supported major that a range of versions
// allows. Ranges are npm's: "20.x", ">=18 <23", "^20.11 || >=22", "v22.4.1",
// "lts/jod", "*". A range allows a major when one of that major's versions is in it.
func chooseMajor(text string) (int, error) {
	text = strings.TrimSpace(text)
	if name, ok := strings.CutPrefix(strings.ToLower(text), "lts/"); ok {
		if m, ok := codenames()[name]; ok {
			return m, nil
		}
		return 0, fmt.Errorf("the LTS release %q is not supported", name)
	}
	switch strings.ToLower(text) {
	case "node", "latest", "current":
		return slices.Max(majors()), nil
	case "lts":
		return defaultMajor, nil
	}
	var spans []span
	for _, part := range strings.Split(text, "||") {
		s, err := parseSpan(part)
		if err != nil {
			return 0, fmt.Errorf("%q is not a range of versions: %w", text, err)
		}
		spans = append(spans, s)
	}
	for _, m := range majors() {
		for _, s := range spans {
			if s.touches(m) {
				return m, nil
			}
		}
	}
	return 0, fmt.Errorf("no supported version is in %q", text)
}

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
