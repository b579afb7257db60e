package python

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
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

// companion is a dependency of a package that the package does not limit itself,
// although names that its old releases import left newer releases of the other.
type companion struct {
	of     string
	before version // the release that does without
	name   string
	below  string
}

// companions are those of widely used packages, from their changelogs.
func companions() []companion {
	return []companion{
		{"environs", version{14}, "marshmallow", "4"},
		{"flask", version{2}, "itsdangerous", "2.1"},
		{"flask", version{2}, "jinja2", "3.1"},
		{"flask", version{2}, "werkzeug", "2.1"},
		{"flask", version{2, 3}, "werkzeug", "3"},
		{"flask-login", version{0, 6, 3}, "werkzeug", "3"},
		{"flask-sqlalchemy", version{3}, "sqlalchemy", "2"},
		{"flask-wtf", version{1, 2}, "werkzeug", "3"},
		{"openai", version{1, 55, 3}, "httpx", "0.28"},
	}
}

// withCompanions adds those that the service's dependencies want and do not name.
func (s *service) withCompanions(install string) string {
	seen := map[string]bool{}
	for _, c := range companions() {
		if d := s.deps[c.of]; d.name != "" && d.before(c.before) && s.deps[c.name].name == "" && !seen[c.name] {
			seen[c.name] = true
			s.Fact("also installed", c.name+" before "+c.below, d.name+" "+d.spec+" imports names that newer releases lack", d.file, d.line)
			install += " " + ecosystem.Quoted([]string{c.name + "<" + c.below})[0]
		}
	}
	return install
}

// withResources adds what an old dependency imports to an installation by pip.
func (s *service) withResources(install string) string {
	if d, found := s.legacy(); found {
		s.Fact("also installed", resources, d.name+" "+d.spec+" imports pkg_resources, which newer releases lack", d.file, d.line)
		install += " " + resources
	}
	return s.withCompanions(install)
}
