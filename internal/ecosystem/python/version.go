package python

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

// choose returns the first of the supported versions ("3.13") that a statement
// allows. Statements are those of .python-version ("3.13.2", "cpython-3.13"),
// runtime.txt ("python-3.13.2"), requires-python (">=3.9,<4", "~=3.11",
// "==3.12.*") and Poetry ("^3.11", "~3.12 || ^3.13").
func choose(text string, supported []string) (string, error) {
	plain := strings.ToLower(strings.TrimSpace(text))
	for _, prefix := range []string{"cpython", "python"} {
		plain = strings.TrimLeft(strings.TrimPrefix(plain, prefix), "-@")
	}
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
	all := span{low, version{low[0], low[1] + 1}}
	for _, op := range []string{">=", "<=", "==", "!=", "~=", ">", "<", "^", "~", "="} {
		text = strings.ReplaceAll(text, op+" ", op)
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if rest, ok := strings.CutPrefix(word, "!="); ok {
			v, n, err := parseVersion(rest)
			if err != nil {
				return false, err
			}
			if n == 2 && strings.HasSuffix(rest, ".*") && v == low {
				return false, nil
			}
			continue
		}
		s, err := parseComparator(word)
		if err != nil {
			return false, err
		}
		if slices.Compare(s.low[:], all.low[:]) > 0 {
			all.low = s.low
		}
		if slices.Compare(s.high[:], all.high[:]) < 0 {
			all.high = s.high
		}
	}
	return slices.Compare(all.low[:], all.high[:]) < 0, nil
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
