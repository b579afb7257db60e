package python

import (
	"strings"
	"sync"
)

// Standalone is a release of python-build-standalone: Python for Linux with the
// libraries that it needs, as one archive a platform.
type Standalone struct {
	Version string            // "3.12.15"
	Release string            // of the project, a date: "20261021"
	Kind    string            // "install_only_stripped", or "install_only" for old releases
	SHA256  map[string]string // of the archive, by architecture as Debian names it
}

var standalones = sync.OnceValue(func() []Standalone {
	var out []Standalone
	for line := range strings.Lines(standaloneTable) {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] == "#" {
			continue
		}
		out = append(out, Standalone{Version: f[0], Release: f[1], Kind: f[2], SHA256: map[string]string{"amd64": f[3], "arm64": f[4]}})
	}
	return out
})

// FindStandalone returns the release of a patch ("3.12.4"), or the newest of a
// minor ("3.12"). The table is that of scripts/python-standalone.py.
func FindStandalone(version string) (Standalone, bool) {
	for _, r := range standalones() { // newest first
		if r.Version == version || strings.HasPrefix(r.Version, version+".") {
			return r, true
		}
	}
	return Standalone{}, false
}

// File is the archive for an architecture, below the address of the releases.
func (r Standalone) File(arch string) string {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	return r.Release + "/cpython-" + r.Version + "+" + r.Release + "-" + machine + "-unknown-linux-gnu-" + r.Kind + ".tar.gz"
}

// StandaloneMinors are the versions of Python that no Debian release of the bases
// has, oldest first.
func StandaloneMinors() []string { return []string{"3.10", "3.12"} }
