package python

import (
	"slices"
	"strings"
)

// resources is the last setuptools line with the module pkg_resources, which
// setuptools 82 no longer has
// (https://setuptools.pypa.io/en/latest/history.html).
const resources = "setuptools==80.9.0"

// legacy reports the dependency that imports pkg_resources when it runs, because
// it is of an old release: those require setuptools of any version. Read in their
// wheels on 2026-11-28.
func (s *service) legacy() (dep, bool) {
	if s.has("setuptools") {
		return dep{}, false
	}
	for _, old := range []struct {
		name  string
		fixed version
	}{{"gunicorn", version{21}}, {"apscheduler", version{3, 11}}} {
		if d := s.deps[old.name]; d.name != "" && d.before(old.fixed) {
			return d, true
		}
	}
	return dep{}, false
}

// before reports a requirement that only releases before a version satisfy, as
// far as one comparison says so.
func (d dep) before(v version) bool {
	for _, part := range strings.Split(d.spec, ",") {
		number := strings.TrimLeft(part, "=~<")
		found, n, err := parseVersion(number)
		if err != nil || n == 0 {
			continue
		}
		switch part[:len(part)-len(number)] {
		case "==", "===", "~=", "<=":
			if slices.Compare(found[:], v[:]) < 0 {
				return true
			}
		case "<":
			if slices.Compare(found[:], v[:]) <= 0 {
				return true
			}
		}
	}
	return false
}

// withResources adds what an old dependency imports to an installation by pip.
func (s *service) withResources(install string) string {
	d, found := s.legacy()
	if !found {
		return install
	}
	s.Fact("also installed", resources, d.name+" "+d.spec+" imports pkg_resources, which newer releases lack", d.file, d.line)
	return install + " " + resources
}
