package debian

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// aptSource is one archive of apt's configuration.
type aptSource struct {
	uris, suites, components []string
}

// AptMirrors reads apt's sources below root and returns the addresses that look
// like Debian's archive and like its security archive. Whether they are is
// decided by the signature and the Origin of what they serve.
func AptMirrors(root string) (main, security []string) {
	dir := filepath.Join(root, "etc/apt")
	files, _ := filepath.Glob(filepath.Join(dir, "sources.list.d/*"))
	slices.Sort(files)
	for _, name := range append([]string{filepath.Join(dir, "sources.list")}, files...) {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		var sources []aptSource
		switch filepath.Ext(name) {
		case ".list":
			sources = parseAptList(string(text))
		case ".sources":
			sources = parseAptSources(text)
		}
		for _, s := range sources {
			if !slices.Contains(s.components, "main") {
				continue
			}
			for _, suite := range s.suites {
				switch kindOfSuite(suite) {
				case "security":
					security = append(security, s.uris...)
				case "main":
					main = append(main, s.uris...)
				}
			}
		}
	}
	return main, security
}

var debianSuite = pattern.Lazy(`^(bullseye|bookworm|trixie|forky|duke|sid|stable|testing|unstable|oldstable)(-updates|-backports|-security|-proposed-updates|/updates)?$`)

// kindOfSuite says whether a suite is one of Debian's "main" or "security"
// archive, or "" of neither.
func kindOfSuite(suite string) string {
	m := debianSuite().FindStringSubmatch(suite)
	switch {
	case m == nil:
		return ""
	case m[2] == "-security" || m[2] == "/updates":
		return "security"
	}
	return "main"
}

// parseAptList reads the one-line format of sources.list(5).
func parseAptList(text string) []aptSource {
	var out []aptSource
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		rest, ok := strings.CutPrefix(line, "deb ")
		if !ok {
			continue
		}
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "[") {
			_, rest, _ = strings.Cut(rest, "]")
		}
		if f := strings.Fields(rest); len(f) >= 3 {
			out = append(out, aptSource{uris: f[:1], suites: f[1:2], components: f[2:]})
		}
	}
	return out
}

// parseAptSources reads the deb822 format of sources.list(5).
func parseAptSources(text []byte) []aptSource {
	var lines []string // comments go, also between a field's lines
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	var out []aptSource
	stanzas([]byte(strings.Join(lines, "")), func(s stanza) bool {
		if strings.EqualFold(s.field("Enabled"), "no") || !slices.Contains(strings.Fields(s.field("Types")), "deb") {
			return true
		}
		out = append(out, aptSource{strings.Fields(s.field("URIs")), strings.Fields(s.field("Suites")), strings.Fields(s.field("Components"))})
		return true
	})
	return out
}
