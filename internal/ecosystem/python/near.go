package python

import (
	"bytes"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// outside runs a script with the toolchain's Python, whose pip it may import.
const outside = `PATH="${PATH#` + venv + `/bin:}" python3 `

const markersFile = "/tmp/markers.py"

// markersScript rewrites lists of requirements that were made for another Python: what
// is for that one alone, such as all lines of an export of Poetry, is for the image's
// too, unless the list has the same package for the image's.
const markersScript = `import codecs
import re
import sys
from pip._vendor.packaging.markers import InvalidMarker, Marker

wanted = {"python_version": ".".join(sys.argv[1].split(".")[:2]), "python_full_version": sys.argv[1]}
entry = re.compile(r"(?P<name>[\w.-]+)(?P<spec>[^;#\n]*?)\s*;\s*(?P<marker>[^#\\\n]+?)(?P<rest>\s*(?:\\\n|#|--hash|\n|$)(?:.*\\\n)*.*\n?)")


def holds(marker, python):
    try:
        return Marker(marker).evaluate({"extra": "", **python})
    except InvalidMarker:
        return True


for file in sys.argv[2:]:
    data = open(file, "rb").read()
    text = data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig").replace("\r\n", "\n")
    entries = re.findall(r"(?:.*\\\n)*.*\n?", text)
    matches = [entry.match(e) for e in entries]
    here = {m["name"].lower() for m in matches if m and holds(m["marker"], {})}
    with open(file, "w", encoding="utf-8") as out:
        for e, m in zip(entries, matches):
            if m and not holds(m["marker"], {}) and m["name"].lower() not in here and holds(m["marker"], wanted):
                e = m["name"] + m["spec"] + m["rest"]
            out.write(e)
`

// commands are those of the installation. On a Python that is only near to what the
// files ask for, their limits do not count.
func (s *service) commands() []string {
	out := slices.Clone(s.manager.install)
	if s.version == "3.9" || s.version == "3.10" { // which cannot read TOML by themselves
		for i, c := range out {
			if strings.Contains(s.manager.script, tomlModule) {
				out[i] = strings.Replace(c, "python3 "+scriptFile, outside+scriptFile, 1)
			}
		}
	}
	if s.near == "" {
		return out
	}
	if s.manager.name == "uv" {
		if s.uvLock.excludes(s.version) { // and has the digests of no wheel for the image's
			for i, c := range out {
				out[i] = strings.Replace(c, "uv export --quiet ", "uv export --quiet --no-hashes ", 1)
			}
		}
		out = slices.Insert(out, 0, `sed -i -E 's/^requires-python *=.*/requires-python = ">=3"/' `+strings.Join(ecosystem.Quoted(s.manager.manifests), " "))
	}
	if at := slices.IndexFunc(out, func(c string) bool { return strings.Contains(c, pipInstall) }); at >= 0 && s.marked() {
		out = slices.Insert(out, at, outside+markersFile+" "+s.near+" "+strings.Join(ecosystem.Quoted(s.manager.requirements()), " "))
	}
	return out
}

// requirements are the lists that pip installs.
func (m manager) requirements() []string {
	if m.lists != nil {
		return m.lists
	}
	return []string{exported}
}

// marked reports lists that may have lines for one Python alone.
func (s *service) marked() bool {
	return s.manager.lists == nil || slices.ContainsFunc(s.manager.lists, func(name string) bool {
		data, err := ecosystem.Read(s.Dir, name)
		return err == nil && bytes.Contains(data, []byte("python_"))
	})
}

// markers has the script where it is needed.
func (s *service) markers() []plan.Step {
	if s.near == "" || !s.marked() || !slices.ContainsFunc(s.manager.install, func(c string) bool { return strings.Contains(c, pipInstall) }) {
		return nil
	}
	return []plan.Step{{Op: plan.OpCopy, Args: []string{markersFile}, Content: markersScript, Comment: "Takes what is for Python " + s.near + " for the image's, which is the nearest."}}
}

// lowest is the oldest Python that a statement allows.
func lowest(text string) string {
	first, _, _ := strings.Cut(plainVersion(text), "||")
	s, err := parseSpan(first)
	if err != nil {
		return ""
	}
	if exact(text) {
		return strings.TrimLeft(plainVersion(text), "= ")
	}
	return s.low.String()
}
