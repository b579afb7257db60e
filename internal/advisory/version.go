package advisory

import (
	"slices"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/pattern"
)

// versions compares versions of one ecosystem with one of them.
type versions struct {
	ecosystem string
	at        semantic.Version
	release   semantic.Version // of a local version of Python ("2.0.1+cpu"), that it was built from; else nil
	text      string
}

// versionsOf is for a version of a package; false where it is no version.
func versionsOf(ecosystem, version string) (versions, bool) {
	at, err := semantic.Parse(spelled(ecosystem, version), ecosystem)
	v := versions{ecosystem: ecosystem, at: at, text: version}
	if release, _, local := strings.Cut(version, "+"); local && ecosystem == "PyPI" && err == nil {
		v.release, err = semantic.Parse(release, ecosystem)
	}
	return v, err == nil
}

// compare is -1 when the version is older than another; false where that is none. What is
// said of a release holds for its local versions too (PEP 440, "Version specifiers"):
// 2.0.1+cpu is not newer than 2.0.1.
func (v versions) compare(other string) (int, bool) {
	if other == "0" { // "before every version"
		return 1, true
	}
	if v.release != nil && !strings.Contains(other, "+") {
		v.at = v.release
	}
	return v.order(other)
}

// order is compare by the ecosystem's order alone.
func (v versions) order(other string) (int, bool) {
	order, err := v.at.CompareStr(spelled(v.ecosystem, other))
	return order, err == nil
}

var dottedQualifier = pattern.Lazy(`\.([^\d.-]+)(\d|$)`)

// spelled is a version as the library reads it. Maven takes "9.0.0.M1" for "9.0.0-M1"
// (maven.apache.org/pom.html, "Version Order Specification"), the library does not.
func spelled(ecosystem, version string) string {
	if ecosystem == "Maven" {
		return dottedQualifier().ReplaceAllString(version, "-$1$2")
	}
	return version
}

var goCandidate = pattern.Lazy(`^(\d+\.\d+)(rc|beta)(\d+)$`)

// goVersion writes a version of Go or of a module as its database does: without "v",
// and "1.27.0-rc.1" for go1.27rc1.
func goVersion(version string) string {
	version = strings.TrimPrefix(version, "v")
	if m := goCandidate().FindStringSubmatch(version); m != nil {
		return m[1] + ".0-" + m[2] + "." + m[3]
	}
	version, _, _ = strings.Cut(version, "+incompatible")
	return version
}

// subject is the version of a package that is compared, and its ecosystem.
func subject(p inventory.Package) (ecosystem, name, version string) {
	ecosystem, name, version = Ecosystem(p.Type), p.Name, p.Version
	switch p.Type {
	case inventory.Go:
		if name == inventory.Stdlib { // 1.26.9-vendor is somebody's build of 1.26.9 (go.dev/doc/toolchain)
			version, _, _ = strings.Cut(version, "-")
		}
		version = goVersion(version)
	case inventory.Debian, inventory.Alpine:
		if p.Type == inventory.Alpine && p.Release != "" {
			ecosystem += ":v" + p.Release
		} else if p.Release != "" {
			ecosystem += ":" + p.Release
		}
		if p.Source != "" {
			name = p.Source
		}
		if p.SourceV != "" {
			version = p.SourceV
		}
	}
	return ecosystem, name, version
}

// covers tells whether an entry is about an ecosystem: "Debian:13" is not about
// Debian 12, and "Debian" is about all.
func (a Affected) covers(ecosystem string) bool {
	if a.Package.Ecosystem == ecosystem {
		return true
	}
	base, release, _ := strings.Cut(ecosystem, ":")
	other, otherRelease, _ := strings.Cut(a.Package.Ecosystem, ":")
	return base == other && (otherRelease == "" || release != "" && strings.HasPrefix(release, otherRelease+"."))
}

// affects tells whether a version is vulnerable, and which versions are not any more,
// the nearest first (ossf.github.io/osv-schema, "Evaluation").
func (a Affected) affects(v versions) (bool, []string) {
	hit := slices.ContainsFunc(a.Versions, func(listed string) bool {
		if listed == v.text {
			return true
		}
		order, ok := v.compare(listed)
		return ok && order == 0 && listed != "0"
	})
	var fixed []string
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		in, after := r.holds(v)
		hit = hit || in
		fixed = append(fixed, after...)
	}
	if !hit {
		return false, nil
	}
	return true, slices.DeleteFunc(nearest(v.ecosystem, fixed), func(version string) bool { return a.vulnerable(v.ecosystem, version) })
}

// vulnerable tells whether what one range calls fixed lies within another.
func (a Affected) vulnerable(ecosystem, version string) bool {
	v, ok := versionsOf(ecosystem, version)
	return ok && slices.ContainsFunc(a.Ranges, func(r Range) bool {
		in, _ := r.holds(v)
		return in && r.Type != "GIT"
	})
}

// holds tells whether a version lies within a range, and which fixes come after it.
func (r Range) holds(v versions) (bool, []string) {
	type step struct {
		order      int // of the version against the event
		vulnerable bool
		at         string
	}
	var steps []step
	var fixed []string
	for _, e := range r.Events {
		s := step{}
		switch {
		case e.Introduced != "":
			s.at, s.vulnerable = e.Introduced, true
		case e.Fixed != "":
			s.at = e.Fixed
		case e.LastAffected != "":
			s.at = e.LastAffected
		default:
			continue
		}
		order, ok := v.compare(s.at)
		if !ok {
			continue
		}
		if e.LastAffected != "" && order == 0 { // the last one is still vulnerable
			order = -1
		}
		if e.Fixed != "" && order < 0 {
			fixed = append(fixed, e.Fixed)
		}
		s.order = order
		steps = append(steps, s)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return ascending(v.ecosystem, a.at, b.at) })
	in := false
	for _, s := range steps {
		if s.order >= 0 {
			in = s.vulnerable
		}
	}
	return in, fixed
}

// ascending compares two versions; what is none comes first.
func ascending(ecosystem, a, b string) int {
	if a == b {
		return 0
	}
	if a == "0" {
		return -1
	}
	v, ok := versionsOf(ecosystem, a)
	if !ok {
		return -1
	}
	if b == "0" {
		return 1
	}
	order, _ := v.order(b)
	return order
}

// nearest sorts versions and removes what is there twice.
func nearest(ecosystem string, list []string) []string {
	slices.SortStableFunc(list, func(a, b string) int { return ascending(ecosystem, a, b) })
	return slices.Compact(list)
}
