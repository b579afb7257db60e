package python

import (
	"maps"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
)

// need is a system library or program that a package wants of the machine, and
// what to write instead, so that wheels suffice.
type need struct {
	what    string
	instead string
	source  string // where the package's authors say so
	unless  string // an extra that brings the library along
}

// needs are the packages of which wheels do not suffice. Whatever is not here
// installs from wheels that carry their libraries (psycopg[binary], lxml, numpy,
// pillow, cryptography, grpcio, pyodbc …).
func needs() map[string]need {
	return map[string]need{
		"psycopg2":              {what: "libpq and a compiler", instead: "psycopg2-binary, or psycopg[binary]", source: "https://www.psycopg.org/docs/install.html"},
		"psycopg":               {what: "libpq", instead: "psycopg[binary]", source: "https://www.psycopg.org/psycopg3/docs/basic/install.html", unless: "binary"},
		"mysqlclient":           {what: "libmariadb and a compiler", instead: "pymysql, or mysql-connector-python", source: "https://github.com/PyMySQL/mysqlclient#install"},
		"uwsgi":                 {what: "a compiler", instead: "gunicorn", source: "https://uwsgi-docs.readthedocs.io/en/latest/Install.html"},
		"python-ldap":           {what: "libldap and a compiler", instead: "ldap3", source: "https://www.python-ldap.org/en/latest/installing.html"},
		"pygraphviz":            {what: "graphviz and a compiler", instead: "pydot with a graphviz service", source: "https://pygraphviz.github.io/documentation/stable/install.html"},
		"opencv-python":         {what: "libGL", instead: "opencv-python-headless", source: "https://github.com/opencv/opencv-python#installation-and-usage"},
		"opencv-contrib-python": {what: "libGL", instead: "opencv-contrib-python-headless", source: "https://github.com/opencv/opencv-python#installation-and-usage"},
		"weasyprint":            {what: "libpango", instead: "a Dockerfile of its own with libpango-1.0-0", source: "https://doc.courtbouillon.org/weasyprint/stable/first_steps.html"},
		"python-magic":          {what: "libmagic", instead: "puremagic", source: "https://github.com/ahupp/python-magic#installation"},
		"pdf2image":             {what: "poppler-utils", instead: "pypdfium2", source: "https://github.com/Belval/pdf2image#how-to-install"},
		"pytesseract":           {what: "tesseract-ocr", instead: "a Dockerfile of its own with tesseract-ocr", source: "https://github.com/madmaze/pytesseract#installation"},
		"cairosvg":              {what: "libcairo2", instead: "resvg_py", source: "https://cairosvg.org/documentation/"},
		"playwright":            {what: "a browser with its libraries", instead: "a Dockerfile of its own", source: "https://playwright.dev/python/docs/docker"},
	}
}

// checkSystem reports packages that the bases cannot serve.
func (s *service) checkSystem() {
	s.AddSystem(nil)
	if p := s.Want.Packages; !s.assembled() || len(p.Build)+len(p.Runtime) > 0 {
		return // other bases may have what is needed, and who names packages knows
	}
	table := needs()
	for _, name := range slices.Sorted(maps.Keys(s.deps)) {
		d, n := s.deps[name], table[name]
		if n.what == "" || n.unless != "" && (d.extra(n.unless) || s.deps[name+"-"+n.unless].name != "") {
			continue
		}
		s.Report(diag.Error, codeSystem, d.file, d.line, "depend on "+n.instead+" ("+n.source+"); or name Debian's packages under `packages:` in slipway.yaml, or images that have them under `bases:`",
			"%s needs %s, which the bases do not have", name, n.what)
	}
}
