package python

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// release is one version of a package that is installed.
type release struct {
	name, version string
	files         []string // names of its wheels and archives, where a lock file lists them
	file          string   // that pins it
	sizeBytes     int64    // to download for Linux; 0: the lock file does not say
	line          int
}

// misfit is a release that does not suit a version of Python.
type misfit struct {
	release
	why      string // "has wheels for Python 3.8 to 3.11"
	compiled bool   // it has to be compiled, and may come out right
}

// minors is a range of the minor versions of Python 3.
type minors struct{ low, high int }

// endlessMinor is above every Python.
const endlessMinor = 1 << 10

func (m minors) has(minor int) bool { return m.low <= minor && minor <= m.high }

func (m minors) String() string {
	if m.high == endlessMinor {
		return fmt.Sprintf("Python 3.%d and later", m.low)
	}
	if m.low == m.high {
		return fmt.Sprintf("Python 3.%d", m.low)
	}
	return fmt.Sprintf("Python 3.%d to 3.%d", m.low, m.high)
}

// wheelMinors returns the Pythons that a wheel for Linux with glibc serves, from
// its name (packaging.python.org/en/latest/specifications/platform-compatibility-tags).
// ok is false for a wheel of another system.
func wheelMinors(file string) (served minors, ok bool) {
	parts := strings.Split(strings.TrimSuffix(file, ".whl"), "-")
	if len(parts) < 5 || !strings.HasSuffix(file, ".whl") {
		return minors{}, false
	}
	pythons, abi, platform := parts[len(parts)-3], parts[len(parts)-2], parts[len(parts)-1]
	if platform != "any" && !strings.Contains(platform, "manylinux") && !strings.HasPrefix(platform, "linux") {
		return minors{}, false
	}
	served = minors{endlessMinor, -1}
	for _, tag := range strings.Split(pythons, ".") {
		cpython := strings.HasPrefix(tag, "cp3")
		if tag == "py3" {
			return minors{0, endlessMinor}, true
		}
		n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(tag, "py3"), "cp3"))
		if err != nil || !cpython && !strings.HasPrefix(tag, "py3") {
			continue // of Python 2, or another interpreter
		}
		served.low, served.high = min(served.low, n), max(served.high, n)
		if !cpython || abi == "abi3" {
			served.high = endlessMinor
		}
	}
	threaded := strings.HasPrefix(abi, "cp") && strings.HasSuffix(abi, "t")
	return served, served.high >= 0 && !threaded
}

// fromFiles returns the Pythons that wheels of a release are for, as a lock file
// lists them. known is false for a release that says nothing of it: one that is
// only an archive, or is for other systems.
func (r release) fromFiles() (served []minors, known bool) {
	for _, f := range r.files {
		m, ok := wheelMinors(f)
		if ok {
			served = append(served, m)
		}
	}
	return served, len(served) > 0
}

// archiveOnly reports a release that a lock file lists without any wheel.
func (r release) archiveOnly() bool {
	wheel := func(f string) bool { return strings.HasSuffix(f, ".whl") }
	return len(r.files) > 0 && !slices.ContainsFunc(r.files, wheel) && !slices.Contains(pureArchives(), r.name)
}

// pureArchives are packages of Python alone that are published without wheels.
func pureArchives() []string {
	return []string{"antlr4-python3-runtime", "docopt", "future", "langdetect", "odfpy", "peewee", "pypika", "rouge-score", "unittest-xml-reporting", "wikipedia"}
}

// wheelSpan is what releases of a package have wheels for, from one on to the next.
type wheelSpan struct {
	from version
	minors
	none bool
}

var wheelSpans = sync.OnceValue(func() map[string][]wheelSpan {
	out := map[string][]wheelSpan{}
	for line := range strings.Lines(wheelTable) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		for _, w := range words[1:] {
			number, served, _ := strings.Cut(w, ":")
			s := wheelSpan{from: numbers(number), none: served == "-", minors: minors{0, endlessMinor}}
			if low, high, two := strings.Cut(served, "-"); two && low != "" {
				s.low, _ = strconv.Atoi(low)
				s.high, _ = strconv.Atoi(high)
			} else if low, open := strings.CutSuffix(served, "+"); open {
				s.low, _ = strconv.Atoi(low)
			}
			out[words[0]] = append(out[words[0]], s)
		}
	}
	return out
})

// numbers are the first three of a release's version.
func numbers(text string) version {
	var v version
	for i, part := range strings.SplitN(text, ".", 4) {
		if i > 2 {
			break
		}
		digits := part
		if end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = part[:end]
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		v[i] = n
	}
	return v
}

// fromTable returns the Pythons that a release of a widely used compiled package
// has wheels for.
func (r release) fromTable() (wheelSpan, bool) {
	name, v := r.name, numbers(r.version)
	if name == "tensorflow-cpu" {
		name = "tensorflow" // the same releases
	}
	var found wheelSpan
	ok := false
	for _, s := range wheelSpans()[name] {
		if slices.Compare(s.from[:], v[:]) > 0 {
			break
		}
		found, ok = s, true
	}
	return found, ok
}

// misfit tells whether a release does not suit a minor version of Python.
func (r release) misfit(minor int) (misfit, bool) {
	if m, ok := r.limit(minor); ok {
		return m, true
	}
	if served, known := r.fromFiles(); known {
		if slices.ContainsFunc(served, func(m minors) bool { return m.has(minor) }) {
			return misfit{}, false
		}
		all := minors{endlessMinor, 0}
		for _, m := range served {
			all.low, all.high = min(all.low, m.low), max(all.high, m.high)
		}
		return misfit{release: r, why: "has wheels for " + all.String(), compiled: true}, true
	}
	s, ok := r.fromTable()
	if !ok || len(r.files) > 0 || s.has(minor) && !s.none {
		return misfit{}, false
	}
	if s.none {
		return misfit{release: r, why: "has no wheels", compiled: true}, true
	}
	return misfit{release: r, why: "has wheels for " + s.minors.String(), compiled: true}, true
}

// limits are packages of which old releases do not run on newer Pythons, although
// nothing stops their installation.
func limits() []struct {
	name   string
	before version
	newest int // minor version of Python 3
} {
	return []struct {
		name   string
		before version
		newest int
	}{
		{"django", version{3, 2}, 9},
		{"django", version{4, 2}, 11}, // imports cgi, which 3.13 removed
		{"django", version{5, 1}, 12}, // docs.djangoproject.com/en/stable/faq/install
		{"django", version{5, 2}, 13},
		{"flask", version{1}, 9}, // imports from collections what 3.10 removed
		{"flask", version{2}, 11},
		{"flask", version{3}, 13},
		{"werkzeug", version{0, 15}, 9},
		{"werkzeug", version{3}, 13}, // uses ast.Str, which 3.14 removed
		{"pydantic", version{1, 10, 13}, 11},
		{"pydantic", version{1, 10, 18}, 12},
		{"pydantic", version{2}, 13},
		{"discord-py", version{2, 5}, 12}, // imports audioop, which 3.13 removed
	}
}

// limit is what is known of a release beyond its wheels.
func (r release) limit(minor int) (misfit, bool) {
	v := numbers(r.version)
	for _, l := range limits() {
		if l.name == r.name && slices.Compare(v[:], l.before[:]) < 0 {
			return misfit{release: r, why: fmt.Sprintf("supports Python up to 3.%d", l.newest)}, minor > l.newest
		}
	}
	if first := (version{2}); r.name == "sqlalchemy" && slices.Compare(v[:], first[:]) >= 0 && slices.Compare(v[:], []int{2, 0, 31}) < 0 {
		return misfit{release: r, why: "supports Python up to 3.12"}, minor > 12
	}
	return misfit{}, false
}

// releases are what is installed, as far as a lock file or a pin says; by name,
// with several where the version of Python decides.
func (s *service) releases() map[string][]release {
	out := maps.Clone(s.lockReleases)
	if out == nil {
		out = map[string][]release{}
	}
	for name, d := range s.deps {
		if len(out[name]) > 0 || d.spec == "" || strings.HasPrefix(d.spec, "@") {
			continue
		}
		if v, ok := d.newest(); ok {
			out[name] = []release{{name: name, version: v, file: d.file, line: d.line}}
		}
	}
	return out
}

// newest is the version that a requirement pins, or a bound that is above all that
// it allows, for a package of whose majors something is known.
func (d dep) newest() (string, bool) {
	if d.pinned {
		return strings.TrimLeft(d.spec, "="), true
	}
	for _, l := range limits() {
		if l.name == d.name && d.before(l.before) {
			below := l.before // the last release before it
			for i := len(below) - 1; i >= 0; i-- {
				if below[i] > 0 {
					below[i]--
					break
				}
			}
			return fmt.Sprintf("%d.%d.%d", below[0], below[1], below[2]), true
		}
	}
	return "", false
}

// misfits are the releases that do not suit a Python, by name.
func (s *service) misfits(python string) []misfit {
	v, _, err := parseVersion(python)
	if err != nil || v[0] != 3 {
		return nil
	}
	var out []misfit
	all := s.releases()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var worst misfit
		fits := false
		for _, r := range all[name] { // one of which is installed
			if s.uvLock.excludes(python) {
				r.files = nil
			}
			m, bad := r.misfit(v[1])
			fits = fits || !bad
			worst = m
		}
		if !fits {
			out = append(out, worst)
		}
	}
	return append(out, s.importsRemoved(v[1])...)
}

// fitting takes the first of the allowed versions that all pinned packages suit,
// else the one that most of them do. It returns the release that keeps the
// preferred version from being it.
func (s *service) fitting(allowed []string) misfit {
	best, fewest := allowed[0], -1
	var why misfit
	for _, version := range allowed {
		bad := s.misfits(version)
		if version == allowed[0] && len(bad) > 0 {
			why = bad[0]
		}
		if fewest < 0 || len(bad) < fewest {
			best, fewest = version, len(bad)
		}
		if fewest == 0 {
			break
		}
	}
	s.version = best
	if best == allowed[0] {
		return misfit{}
	}
	return why
}

// warnMisfits reports packages that do not suit the Python, and has those compiled
// that have no wheel for it.
func (s *service) warnMisfits(st stated) {
	bad := s.misfits(s.version)
	for _, m := range bad {
		s.native = s.native || m.compiled
	}
	all := s.releases()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if i := slices.IndexFunc(all[name], release.archiveOnly); i >= 0 && !s.native {
			s.native = true
			s.Fact("toolchain", "with a C compiler", name+" is published without wheels", all[name][i].file, all[name][i].line)
		}
	}
	if len(bad) == 0 {
		return
	}
	m := bad[0]
	hint := "depend on a newer release of " + m.name
	if m.name == theModule {
		hint = "stop importing it, or depend on a package that brings it, such as " + instead(m.version)[0]
	}
	if better := *s; st.text != "" {
		if better.fitting(s.versions()); len(better.misfits(better.version)) < len(bad) {
			hint += ", or write Python " + better.version
		}
	}
	consequence := ""
	if m.compiled {
		consequence = ", so the build compiles it"
	}
	s.Unwise(codeMisfit, ecosystem.Or(m.file, st.file), m.line, hint, "%s %s %s; the image has Python %s%s%s", m.name, m.version, m.why, s.version, consequence, more(len(bad)-1))
}

// more counts what a message does not name.
func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}
