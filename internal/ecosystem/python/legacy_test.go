package python

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestOldReleasesGetPkgResources, which the newest setuptools lacks.
func TestOldReleasesGetPkgResources(t *testing.T) {
	for needs, want := range map[string]bool{
		"flask==2.3\ngunicorn==20.1.0":                                 true,
		"flask==2.3\ngunicorn==20.0.4":                                 true,
		"flask==2.3\ngunicorn>=19,<21":                                 true,
		"flask==2.3\ngunicorn~=20.1":                                   true,
		"flask==2.3\ngunicorn==21.2.0":                                 false,
		"flask==2.3\ngunicorn<22":                                      false,
		"flask==2.3\ngunicorn":                                         false,
		"flask==2.3\ngunicorn==20.1.0\nsetuptools==75":                 false,
		"flask==2.3\ngunicorn==23\napscheduler==3.10.4":                true,
		"flask==2.3\ngunicorn==23\napscheduler==3.11.0":                false,
		"flask==2.3 --hash=sha256:a\ngunicorn==20.1.0 --hash=sha256:b": false,
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": needs + "\n", "app.py": webApp}, config.Service{})
		if got := strings.Contains(shell(p, "dependencies"), "-r requirements.txt setuptools==80.9.0 &&"); got != want || findings.Errors() != nil {
			t.Errorf("%q: %s; findings %v", needs, shell(p, "dependencies"), findings)
		}
	}
}

// TestOldReleasesGetTheirCompanions: newer ones do not suit them.
func TestOldReleasesGetTheirCompanions(t *testing.T) {
	for needs, want := range map[string]string{
		"flask==1.1.1":                  "'itsdangerous<2.1' 'jinja2<3.1' 'werkzeug<2.1'",
		"flask==1.1.1\njinja2==2.11.3":  "'itsdangerous<2.1' 'werkzeug<2.1'",
		"flask<2":                       "'itsdangerous<2.1' 'jinja2<3.1' 'werkzeug<2.1'",
		"flask==2.0.1":                  "'werkzeug<3'",
		"flask==2.2.5\nwerkzeug==2.2.3": "",
		"flask==2.3.3":                  "",
		"flask==2.2.5\nflask-login==0.6.2\nFlask-SQLAlchemy==2.5.1": "'werkzeug<3' 'sqlalchemy<2'",
		"environs==7.3.1\nopenai==1.30.0\nflask==3.1.2":             "'marshmallow<4' 'httpx<0.28'",
		"environs==14.2.0\nmarshmallow==4.0.0\nflask==3.1.2":        "",
		"flask": "",
		"flask==2.0.1 --hash=sha256:a\ngunicorn==23 --hash=sha256:b": "",
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": needs + "\n", "app.py": webApp}, config.Service{})
		_, after, _ := strings.Cut(shell(p, "dependencies"), "-r requirements.txt")
		got, _, _ := strings.Cut(after, " && ")
		if strings.TrimSpace(got) != want || findings.Errors() != nil {
			t.Errorf("%q: %q, not %q; findings %v", needs, got, want, findings)
		}
	}
}

// TestPsycopgFindsItsLibrary: 3 loads libpq when it is imported, unless it brings
// or compiles its own.
func TestPsycopgFindsItsLibrary(t *testing.T) {
	for needs, want := range map[string]string{
		"psycopg==3.2":                      "slipway/python/libpq5:3.13-trixie",
		"psycopg[pool]==3.2":                "slipway/python/libpq5:3.13-trixie",
		"psycopg[binary]==3.2":              "slipway/python:3.13-trixie",
		"psycopg==3.2\npsycopg-binary==3.2": "slipway/python:3.13-trixie",
		"psycopg[c]==3.2":                   "slipway/python/libpq5:3.13-trixie",
	} {
		p, findings := planned(t, map[string]string{"requirements.txt": "flask==3\ngunicorn==23\n" + needs + "\n", "app.py": webApp}, config.Service{})
		if findings.Errors() != nil {
			t.Errorf("%s: %v", needs, findings)
			continue
		}
		from, toolchain := "", ""
		for _, st := range p.Stages {
			switch st.Name {
			case plan.StageProduction:
				from = st.From
			case plan.StageDependencies:
				toolchain = st.From
			}
		}
		if from != want || strings.HasSuffix(toolchain, "-native-toolchain") != strings.Contains(needs, "[c]") {
			t.Errorf("%s: runs on %s, is built on %s", needs, from, toolchain)
		}
	}
}

// TestLibrariesOfTheRelease: a library that each Debian release names otherwise is that of
// the base's release, and what needs a compiler or a program gets it.
func TestLibrariesOfTheRelease(t *testing.T) {
	for _, c := range []struct{ python, needs, from, toolchain string }{
		{"3.13", "python-ldap==3.4", "slipway/python/libldap2:3.13-trixie", "libldap2-dev"},
		{"3.11", "python-ldap==3.4", "slipway/python/libldap-2.5-0:3.11-bookworm", "libsasl2-dev"},
		{"3.13", "uwsgi==2.0", "slipway/python/libpython3.13:3.13-trixie", "libpython3.13-dev"},
		{"3.13", "pygraphviz==1.14", "slipway/python/graphviz:3.13-trixie", "libgraphviz-dev"},
		{"3.13", "opencv-python==4.12", "slipway/python/libgl1/libglib2.0-0t64:3.13-trixie", ""},
		{"3.13", "pyvips==3.0", "slipway/python/libvips42t64:3.13-trixie", ""},
		{"3.13", "pyvips[binary]==3.0", "slipway/python:3.13-trixie", ""},
	} {
		p, findings := planned(t, map[string]string{".python-version": c.python + "\n", "requirements.txt": "flask==3\ngunicorn==23\n" + c.needs + "\n", "app.py": webApp}, config.Service{})
		if findings.Errors() != nil {
			t.Errorf("%s: %v", c.needs, findings)
			continue
		}
		for _, st := range p.Stages {
			switch {
			case st.Name == plan.StageProduction && st.From != c.from:
				t.Errorf("%s: runs on %s", c.needs, st.From)
			case st.Name == plan.StageDependencies && !strings.Contains(st.From, c.toolchain):
				t.Errorf("%s: is built on %s", c.needs, st.From)
			}
		}
	}
}
