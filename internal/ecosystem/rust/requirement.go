package rust

import (
	"slices"
	"strconv"
	"strings"
)

// fulfils reports a version that a requirement of a manifest allows
// (doc.rust-lang.org/cargo/reference/specifying-dependencies.html). What it cannot
// read it allows: cargo decides then.
func fulfils(version, requirement string) bool {
	v, n, ok := numbers(version)
	if !ok || n != 3 {
		return true
	}
	for _, part := range strings.Split(requirement, ",") {
		part = strings.TrimSpace(part)
		bare := strings.TrimLeft(part, "<>=^~ ")
		low, n, ok := numbers(bare)
		if !ok {
			return true
		}
		if n > 0 && !within(v, strings.TrimSpace(strings.TrimSuffix(part, bare)), low, n, strings.HasSuffix(bare, "*")) {
			return false
		}
	}
	return true
}

// within compares with a comparator of which n numbers are written.
func within(v [3]int, op string, low [3]int, n int, wildcard bool) bool {
	next := func(at int) (end [3]int) { // the first version with another number there
		copy(end[:], low[:at+1])
		end[at]++
		return end
	}
	from, below := slices.Compare(v[:], low[:]) >= 0, func(end [3]int) bool { return slices.Compare(v[:], end[:]) < 0 }
	if wildcard && op == "" {
		op = "="
	}
	switch op {
	case "=":
		return from && below(next(n-1))
	case "~":
		return from && below(next(min(1, n-1)))
	case ">=":
		return from
	case ">":
		return !below(next(n - 1))
	case "<":
		return !from
	case "<=":
		return below(next(n - 1))
	}
	at := 0 // a caret: the first number that is not zero may not change
	for at < n-1 && low[at] == 0 {
		at++
	}
	return from && below(next(at))
}

// numbers reads up to three numbers, of which the last may be a wildcard; false
// for pre-releases.
func numbers(text string) (out [3]int, n int, ok bool) {
	text, _, _ = strings.Cut(text, "+")
	if text == "" {
		return out, 0, true
	}
	for _, part := range strings.Split(text, ".") {
		if part == "*" || part == "x" || part == "X" {
			return out, n, true
		}
		v, err := strconv.Atoi(part)
		if err != nil || v < 0 || n == 3 {
			return out, n, false
		}
		out[n], n = v, n+1
	}
	return out, n, true
}
