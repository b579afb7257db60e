package python

import (
	"maps"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// need is a system library or program that a package wants of the machine. The
// bases of the service get its Debian packages; where it has none, nothing that
// Slipway assembles serves it, and instead says what does.
type need struct {
	ecosystem.System
	instead string
	unless  string // an extra that brings the library along
	native  bool   // it is compiled
}

// needs are the packages of which wheels do not suffice. Whatever is not here
// installs from wheels that carry their libraries (psycopg[binary], lxml, numpy,
// pillow, cryptography, grpcio, pyodbc …). Those without Debian packages want a step at
// installation. Names are those of trixie; bases of other releases follow them where
// the library is the same.
func needs(version string) map[string]need {
	compiled := func(lib, why, source string, build ...string) need {
		return need{System: ecosystem.System{Build: build, Runtime: []string{lib}, Why: why + " and a compiler", Source: source}, native: true}
	}
	loaded := func(why, source string, packages ...string) need {
		return need{System: ecosystem.System{Runtime: packages, Why: why, Source: source}}
	}
	refused := func(why, instead, source string) need {
		return need{System: ecosystem.System{Why: why, Source: source}, instead: instead}
	}
	psycopg := loaded("libpq", "https://www.psycopg.org/psycopg3/docs/basic/install.html", "libpq5")
	psycopg.unless = "binary"
	pyvips := loaded("libvips", "https://github.com/libvips/pyvips#install", "libvips42t64")
	pyvips.unless = "binary"
	return map[string]need{
		"psycopg2":     compiled("libpq5", "libpq", "https://www.psycopg.org/docs/install.html", "libpq-dev", "perl-base"),
		"mysqlclient":  compiled("libmariadb3", "libmariadb", "https://github.com/PyMySQL/mysqlclient#install", "libmariadb-dev", "pkgconf"),
		"python-magic": loaded("libmagic", "https://github.com/ahupp/python-magic#installation", "libmagic1t64"),
		"weasyprint": loaded("pango", "https://doc.courtbouillon.org/weasyprint/stable/first_steps.html",
			"fonts-dejavu-core", "libharfbuzz-subset0", "libpango-1.0-0", "libpangoft2-1.0-0"),
		"cairosvg":      loaded("cairo", "https://cairosvg.org/documentation/", "fonts-dejavu-core", "libcairo2"),
		"pdf2image":     loaded("the programs of poppler", "https://github.com/Belval/pdf2image#how-to-install", "poppler-data", "poppler-utils"),
		"pytesseract":   loaded("the program tesseract", "https://github.com/madmaze/pytesseract#installation", "tesseract-ocr", "tesseract-ocr-eng"),
		"ffmpeg-python": loaded("the program ffmpeg", "https://github.com/kkroening/ffmpeg-python#installing-ffmpeg", "ffmpeg"),
		"lightgbm":      loaded("libgomp", "https://lightgbm.readthedocs.io/en/stable/Installation-Guide.html", "libgomp1"),
		"pydub":         loaded("the program ffmpeg", "https://github.com/jiaaro/pydub#getting-ffmpeg-set-up", "ffmpeg"),

		"psycopg":               psycopg,
		"uwsgi":                 compiled("libpython"+version, "libpython", "https://uwsgi-docs.readthedocs.io/en/latest/Install.html", "libpython"+version+"-dev"),
		"python-ldap":           compiled(ldap(version), "libldap", "https://www.python-ldap.org/en/latest/installing.html", "libldap2-dev", "libsasl2-dev"),
		"pygraphviz":            compiled("graphviz", "graphviz", "https://pygraphviz.github.io/documentation/stable/install.html", "libgraphviz-dev"),
		"graphviz":              loaded("the program dot", "https://graphviz.readthedocs.io/en/stable/#installation", "fonts-dejavu-core", "graphviz"),
		"pyzbar":                loaded("libzbar", "https://github.com/NaturalHistoryMuseum/pyzbar#installation", "libzbar0t64"),
		"pypandoc":              loaded("the program pandoc", "https://github.com/JessicaTegner/pypandoc#installation", "pandoc"),
		"pyvips":                pyvips,
		"opencv-python":         loaded("libGL", "https://github.com/opencv/opencv-python#installation-and-usage", "libgl1", "libglib2.0-0t64"),
		"opencv-contrib-python": loaded("libGL", "https://github.com/opencv/opencv-python#installation-and-usage", "libgl1", "libglib2.0-0t64"),
		"playwright":            refused("a browser with its libraries", "the service's own Dockerfile", "https://playwright.dev/python/docs/docker"),
	}
}

// ldap is the library of LDAP in the Debian release of a Python, which each names otherwise.
func ldap(version string) string {
	switch version {
	case "3.9":
		return "libldap-2.4-2"
	case "3.11":
		return "libldap-2.5-0"
	}
	return "libldap2"
}

// sources are what packages need that have wheels, for a Python that theirs are not
// for: they are compiled from the archive.
func sources() map[string]ecosystem.System {
	const at = "https://pypi.org/project/"
	return map[string]ecosystem.System{
		"psycopg2-binary": {Build: []string{"libpq-dev", "perl-base"}, Runtime: []string{"libpq5"}, Why: "libpq", Source: at + "psycopg2/"},
		"lxml":            {Build: []string{"libxml2-dev", "libxslt1-dev"}, Runtime: []string{"libxml2", "libxslt1.1"}, Why: "libxml2 and libxslt", Source: at + "lxml/"},
		"pillow":          {Build: []string{"libjpeg-dev", "zlib1g-dev"}, Runtime: []string{"libjpeg62-turbo"}, Why: "libjpeg", Source: at + "pillow/"},
		"cffi":            {Build: []string{"libffi-dev"}, Runtime: []string{"libffi8"}, Why: "libffi", Source: at + "cffi/"},
		"cryptography":    {Build: []string{"cargo", "libssl-dev"}, Why: "Rust and OpenSSL", Source: at + "cryptography/"},
		"orjson":          {Build: []string{"cargo"}, Why: "Rust", Source: at + "orjson/"},
		"pydantic-core":   {Build: []string{"cargo"}, Why: "Rust", Source: at + "pydantic-core/"},
	}
}

// checkSystem gives the bases what the service's packages want of Debian, and
// reports packages that no base of Slipway can serve.
func (s *service) checkSystem() {
	p, table := s.Want.Packages, needs(s.version)
	knows := len(p.Build)+len(p.Runtime) > 0 // who names packages
	var found []ecosystem.Need
	for _, name := range slices.Sorted(maps.Keys(s.deps)) {
		d, n := s.deps[name], table[name]
		if name == "psycopg" && d.extra("c") {
			n = table["psycopg2"] // compiled like it
		}
		switch {
		case !s.assembled() || n.Why == "": // other bases may have what is needed
		case n.unless != "" && (d.extra(n.unless) || s.deps[name+"-"+n.unless].name != ""):
		case len(n.Runtime) > 0:
			s.native = s.native || n.native
			found = append(found, ecosystem.Need{Package: name, File: d.file, Line: d.line, System: n.System})
		case !knows:
			s.Report(diag.Error, codeSystem, d.file, d.line, "depend on "+n.instead+" ("+n.Source+"); or list Debian packages under `packages:` in slipway.yaml, or images that have them under `bases:`",
				"%s needs %s, which the bases do not have", name, n.Why)
		}
	}
	for _, m := range s.misfits(s.version) {
		if n, ok := sources()[m.name]; ok && m.compiled && s.assembled() {
			found = append(found, ecosystem.Need{Package: m.name, File: m.file, Line: m.line, System: n})
		}
	}
	if s.git.Package != "" && s.assembled() {
		found = append(found, s.git)
	}
	s.AddSystem(found)
}
