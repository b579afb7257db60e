package sbom

import (
	"slices"
	"strings"
)

// spdxNames are the identifiers of the SPDX list (spdx.org/licenses) that packages
// use; what is not among them is written as a name, which no reader refuses.
func spdxNames() []string {
	return []string{
		"0BSD", "AFL-2.1", "AGPL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-1.1", "Apache-2.0", "Artistic-1.0", "Artistic-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "BSL-1.0", "BlueOak-1.0.0",
		"CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0", "CDDL-1.0", "CDDL-1.1", "EPL-1.0", "EPL-2.0", "EUPL-1.2", "FSFAP", "FTL", "GFDL-1.2", "GFDL-1.3",
		"GPL-1.0", "GPL-2.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0", "GPL-3.0-only", "GPL-3.0-or-later", "HPND", "ICU", "IJG", "ISC", "LGPL-2.0", "LGPL-2.1", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0", "LGPL-3.0-only", "LGPL-3.0-or-later",
		"MIT", "MIT-0", "MPL-1.1", "MPL-2.0", "MulanPSL-2.0", "NCSA", "OFL-1.1", "OpenSSL", "PSF-2.0", "PostgreSQL", "Python-2.0", "Ruby", "SSPL-1.0", "UPL-1.0", "Unicode-3.0", "Unicode-DFS-2016", "Unlicense", "W3C", "WTFPL", "X11", "ZPL-2.1", "Zlib", "curl", "libtiff",
	}
}

func isSPDX(word string) bool { return slices.Contains(spdxNames(), word) }

// isExpression reports several identifiers that are joined as SPDX joins them.
func isExpression(text string) bool {
	words := strings.Fields(strings.NewReplacer("(", " ", ")", " ").Replace(text))
	if len(words) < 3 || len(words)%2 == 0 || strings.Count(text, "(") != strings.Count(text, ")") {
		return false
	}
	for i, w := range words {
		if joins := w == "AND" || w == "OR"; joins != (i%2 == 1) || i%2 == 0 && !isSPDX(w) {
			return false
		}
	}
	return true
}
