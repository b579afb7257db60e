package gate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// anyVersion ends the identifier of a licence whose text names no version.
const anyVersion = "-?"

// family is a licence with versions, by the spellings of manifests and of Python's
// classifiers. The more special come first: each takes its words out of the text.
type family struct {
	id   string // before the version
	form func() *regexp.Regexp
	only string // version of licences that have one
}

func families() []family {
	return []family{
		{"AGPL", agplForm, ""}, {"LGPL", lgplForm, ""}, {"GFDL", gfdlForm, ""}, {"GPL", gplForm, ""},
		{"SSPL", ssplForm, "1.0"}, {"BUSL", buslForm, "1.1"}, {"EUPL", euplForm, ""}, {"MPL", mplForm, ""}, {"EPL", eplForm, ""}, {"CDDL", cddlForm, ""}, {"Apache", apacheForm, ""},
	}
}

var (
	agplForm   = pattern.Lazy(`(?:gnu )?affero (?:gnu )?(?:general )?public licen[sc]e|affero gpl|\bagpl`)
	lgplForm   = pattern.Lazy(`(?:gnu )?(?:lesser|library)(?: or (?:lesser|library))? (?:gnu )?(?:general )?public licen[sc]e|\blgpl`)
	gfdlForm   = pattern.Lazy(`(?:gnu )?free documentation licen[sc]e|\bgfdl`)
	gplForm    = pattern.Lazy(`(?:gnu )?general public licen[sc]e|gnu public licen[sc]e|\bgpl`)
	ssplForm   = pattern.Lazy(`server[ -]side public licen[sc]e|\bsspl`)
	buslForm   = pattern.Lazy(`business source licen[sc]e|\bbusl`)
	euplForm   = pattern.Lazy(`european union public licen[sc]e|\beupl`)
	mplForm    = pattern.Lazy(`mozilla public licen[sc]e|\bmpl`)
	eplForm    = pattern.Lazy(`eclipse public licen[sc]e|\bepl`)
	cddlForm   = pattern.Lazy(`common development and distribution licen[sc]e|\bcddl`)
	apacheForm = pattern.Lazy(`apache(?: software)?(?: licen[sc]e)?|\basl\b`)

	versionForm = pattern.Lazy(`\d+(?:\.\d+)?`)
	laterForm   = pattern.Lazy(`\d\s*\+|or[- ](?:later|newer|greater|above|any later)|any later`)
	// exact are the identifiers of SPDX that need no reading.
	exact   = pattern.Lazy(`(?i)^(?:[AL]?GPL|GFDL|SSPL|BUSL|EUPL|MPL|EPL|CDDL|Apache)-\d\.\d(?:-only|-or-later|-invariants-[a-z-]+|-no-invariants-[a-z-]+|-no-copyleft-exception)?\+?$`)
	bareGNU = pattern.Lazy(`(?i)^(?:[AL]?GPL|GFDL)-\d\.\d$`) // without "-only"
	shaped  = pattern.Lazy(`^[A-Za-z0-9][A-Za-z0-9.]*(?:-[A-Za-z0-9.]+)*\+?$`)
)

// read are the identifiers of the licences with versions that a text names.
func read(text string) (out []string) {
	text = strings.ToLower(strings.NewReplacer("_", " ", "\t", " ").Replace(text))
	for _, f := range families() {
		m := f.form().FindStringIndex(text)
		if m == nil {
			continue
		}
		rest := text[m[1]:]
		version := versionForm().FindString(rest[:min(len(rest), 30)])
		switch {
		case version == "" && f.only == "":
			version = anyVersion[1:]
		case version == "":
			version = f.only
		case !strings.Contains(version, "."):
			version += ".0"
		}
		id := f.id + "-" + version
		if laterForm().MatchString(rest[:min(len(rest), 60)]) && version != anyVersion[1:] {
			id += "-or-later"
		}
		out = append(out, id)
		text = f.form().ReplaceAllString(text, " ") // its short name in parentheses too
	}
	return out
}

// spellings are other names of licences, in lower case, without "license" and "the".
func spellings() map[string]string {
	return map[string]string{
		"mit": "MIT", "expat": "MIT", "x11": "X11", "isc": "ISC", "iscl": "ISC", "bsd": "BSD" + anyVersion, "new bsd": "BSD-3-Clause", "modified bsd": "BSD-3-Clause", "simplified bsd": "BSD-2-Clause",
		"bsd 3-clause": "BSD-3-Clause", "3-clause bsd": "BSD-3-Clause", "bsd 2-clause": "BSD-2-Clause", "2-clause bsd": "BSD-2-Clause",
		"python software foundation": "PSF-2.0", "psf": "PSF-2.0", "psfl": "PSF-2.0", "unlicense": "Unlicense", "zlib": "Zlib", "zlib/libpng": "Zlib", "public domain": "public-domain",
		"artistic": "Artistic-1.0", "perl": "Artistic-1.0", "ruby": "Ruby", "openssl": "OpenSSL", "postgresql": "PostgreSQL", "curl": "curl", "wtfpl": "WTFPL", "ncsa": "NCSA", "icu": "ICU",
		"hpnd": "HPND", "historical permission notice and disclaimer (hpnd)": "HPND", "ftl": "FTL", "ijg": "IJG", "w3c": "W3C", "boost software": "BSL-1.0", "fsfap": "FSFAP", "fsful": "FSFUL", "fsfullr": "FSFULLR",
		"libtiff": "libtiff", "libpng": "Libpng", "sleepycat": "Sleepycat", "vim": "Vim", "tcl": "TCL", "xnet": "Xnet", "intel": "Intel", "cc0": "CC0-1.0", "blessing": "blessing", "bzip2": "bzip2-1.0.6",
	}
}

// spelled is the identifier of a name, "" for one that is not known.
func spelled(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	all := spellings()
	if id := all[name]; id != "" {
		return id
	}
	if short, _, ok := strings.Cut(name, " ("); ok { // "ISC License (ISCL)"
		name = short
	}
	for _, word := range []string{"the ", " licence", " license", " licensed"} {
		name = strings.ReplaceAll(name, word, "")
	}
	return all[strings.TrimSpace(name)]
}

// identifier is one word of an expression as SPDX writes it, "" for one that is no
// licence. SPDX lists hundreds, all of them with a number or a hyphen, but for those
// that are spelled.
func identifier(word string) string {
	if exact().MatchString(word) {
		return word
	}
	if ids := read(word); len(ids) == 1 {
		return ids[0]
	}
	if id := spelled(word); id != "" {
		return id
	}
	if shaped().MatchString(word) && strings.ContainsAny(word, "-0123456789") && strings.ContainsAny(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz") && !slices.Contains([]string{"see-license", "non-free"}, strings.ToLower(word)) {
		return word
	}
	return ""
}
