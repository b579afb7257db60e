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

// packagesSourcesAndVersion reads what the service installs and its sources, which
// are evidence for the version of Python, and decides on that. What is said of the
// version comes first.
func (s *service) packagesSourcesAndVersion() bool {
	facts, findings := s.Facts, s.Findings
	s.Facts, s.Findings = nil, nil
	ok := s.packageManager()
	if ok {
		s.inTop(s.ReadIgnore)
		s.findTree()
		s.readSources()
	}
	rest, about := s.Facts, s.Findings
	s.Facts, s.Findings = facts, findings
	s.runtimeVersion()
	s.Facts, s.Findings = append(s.Facts, rest...), append(s.Findings, about...)
	return ok
}

// runtimeVersion decides on the version of Python: of those that the strongest
// statement allows, the preferred one that all pinned packages run on; else one
// next to it, with a warning.
func (s *service) runtimeVersion() {
	all := s.versionStatements()
	supported := s.versions()
	s.version = supported[0]
	st, allowed, err := firstOf(all, supported)
	if err != nil {
		if allowed = around(st.text, supported); allowed == nil {
			s.refuseVersion(st, supported, err)
			return
		}
	}
	why := s.fitting(allowed)
	if err != nil {
		s.near = lowest(st.text)
		s.warnNearest(st)
	}
	l, _ := lineFor(s.version)
	s.standalone = s.assembled() && l.suite == ""
	if s.assembled() && exact(st.text) && err == nil {
		s.exactVersion(st)
	}
	if s.assembled() && l.ended != "" {
		s.Unwise(ecosystem.CodeEnded, ecosystem.Or(st.file, why.file), max(st.line, why.line), "move to Python "+supported[0], "Python %s gets no security fixes since %s", s.version, l.ended)
	}
	s.warnMisfits(st)
	s.noteVersion(st, why)
}

// warnNearest reports a version that cannot be had here.
func (s *service) warnNearest(st stated) {
	hint := "test with Python " + s.version + " and write that"
	if had, err := choices(st.text, StandaloneMinors()); err == nil && s.assembled() && !s.mirrored {
		hint += "; or set " + mirrorHint + ", which has " + had[0]
	}
	s.Unwise(ecosystem.CodeNearest, st.file, st.line, hint, "there is no base of Python %s; the image has %s", plainVersion(st.text), s.version)
}

// mirrorHint is the setting that makes standalone Pythons available.
const mirrorHint = "SLIPWAY_PYTHON_MIRROR to a mirror of python-build-standalone (https://github.com/astral-sh/python-build-standalone/releases/download is the original)"

// noteVersion says which Python runs the service, and why.
func (s *service) noteVersion(st stated, why misfit) {
	value := "Python " + ecosystem.Or(s.patch, s.version)
	because := ""
	if why.name != "" {
		because = why.name + " " + why.version + " " + why.why
	}
	switch {
	case st.text == "" && because != "":
		s.Fact("runtime", value, because, why.file, why.line)
	case st.text == "":
		s.Fact("runtime", value, "default: no file names a version", "", 0)
	case st.file == "":
		s.Configured("runtime", value)
	case because != "":
		s.Fact("runtime", value, fmt.Sprintf("requires %q; %s", st.text, because), st.file, st.line)
	default:
		s.Fact("runtime", value, fmt.Sprintf("requires %q", st.text), st.file, st.line)
	}
}

// exactVersion takes one release of Python where it can be had: Debian has the
// newest of each minor only.
func (s *service) exactVersion(st stated) {
	patch := strings.TrimLeft(plainVersion(st.text), "= ")
	release, ok := FindStandalone(patch)
	switch {
	case ok && release.Version == patch && s.mirrored:
		s.patch, s.standalone = patch, true
	case s.standalone:
		newest, _ := FindStandalone(s.version)
		s.Unwise(ecosystem.CodeNearest, st.file, st.line, "write "+s.version+", which takes the newest release", "Python %s itself is not available; the image has %s", patch, newest.Version)
	default:
		hint := "write " + s.version + ", which takes the newest with all security fixes"
		if ok && release.Version == patch {
			hint += "; or set " + mirrorHint
		}
		s.Unwise(ecosystem.CodeNearest, st.file, st.line, hint, "Python %s itself is not used; the image has the newest %s of Debian", patch, s.version)
	}
}

// refuseVersion reports a version that no base is near to.
func (s *service) refuseVersion(st stated, supported []string, err error) {
	hint := "write one of " + listed(supported)
	if s.assembled() {
		hint += ", or bases: official in slipway.yaml, which uses images from a registry"
	}
	if st.file == "" {
		s.ReportWanted(codeVersion, "", hint, "%v; the bases have %s", err, listed(supported))
		return
	}
	s.Report(diag.Error, codeVersion, st.file, st.line, hint, "%v; the bases have %s", err, listed(supported))
}

// firstOf returns the first statement that allows a supported version, and all
// that it allows, in order of preference. Without one it is the first statement
// with the reason. No statement allows every version.
func firstOf(all []stated, supported []string) (stated, []string, error) {
	if len(all) == 0 {
		return stated{}, supported, nil
	}
	var first error
	for _, st := range all {
		allowed, err := choices(st.text, supported)
		if err == nil {
			return st, allowed, nil
		}
		if first == nil {
			first = err
		}
	}
	return all[0], nil, first
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

// around returns the supported versions next to one that is not: the next newer one,
// and for a statement of a single version the next older one too.
func around(text string, supported []string) []string {
	newer := nearest(text, supported)
	if newer == "" {
		return nil
	}
	out := []string{newer}
	if s, err := parseSpan(plainVersion(text)); err == nil && !strings.ContainsAny(text, "<>^~|,!") {
		older, at := "", version{}
		for _, have := range supported {
			if v, _, err := parseVersion(have); err == nil && slices.Compare(v[:], s.low[:]) < 0 && slices.Compare(v[:], at[:]) > 0 {
				older, at = have, v
			}
		}
		if older != "" {
			out = append(out, older)
		}
	}
	return out
}

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

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// span is the versions from low (inclusive) to high (exclusive).
type span struct{ low, high version }

var endless = version{1 << 30}

// choices returns the supported versions ("3.13") that a statement allows, in
// their order. Statements are those of .python-version ("3.13.2", "cpython-3.13"),
// runtime.txt ("python-3.13.2"), requires-python (">=3.9,<4", "~=3.11",
// "==3.12.*") and Poetry ("^3.11", "~3.12 || ^3.13").
func choices(text string, supported []string) ([]string, error) {
	plain := plainVersion(text)
	if strings.HasPrefix(plain, "pypy") || strings.HasPrefix(plain, "graalpy") {
		return nil, fmt.Errorf("the interpreter %s is not CPython", plain)
	}
	var out []string
	for _, want := range supported {
		for _, part := range strings.Split(plain, "||") {
			ok, err := allows(part, want)
			if err != nil {
				return nil, fmt.Errorf("%q is not a version of Python: %w", text, err)
			}
			if ok {
				out = append(out, want)
				break
			}
		}
	}
	if out == nil {
		return nil, fmt.Errorf("it requires Python %s", strings.TrimSpace(text))
	}
	return out, nil
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
