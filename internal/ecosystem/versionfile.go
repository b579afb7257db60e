package ecosystem

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// VersionFile returns the first line of a file such as .nvmrc or .bun-version that is
// no comment.
func VersionFile(dir fs.FS, name string) Hit {
	data, err := Read(dir, name)
	if err != nil {
		return Hit{}
	}
	for i, l := range strings.Split(string(data), "\n") {
		l, _, _ = strings.Cut(l, "#")
		if l = strings.TrimSpace(l); l != "" {
			return Hit{Text: l, File: name, Line: i + 1}
		}
	}
	return Hit{}
}

// miseFiles are where mise looks for its settings
// (https://mise.jdx.dev/configuration.html).
func miseFiles() []string {
	return []string{"mise.toml", ".mise.toml", "mise/config.toml", ".mise/config.toml", ".config/mise.toml", ".config/mise/config.toml"}
}

// The parts of a mise.toml that name versions.
var (
	miseTable   = pattern.Lazy(`^\[\s*([\w.:"'-]+)\s*\]`)
	miseTool    = pattern.Lazy(`^["']?(?:core:)?([\w-]+)["']?\s*=\s*(.+)$`)
	miseVersion = pattern.Lazy(`\bversion\s*=\s*["']([^"']+)["']`)
	miseQuoted  = pattern.Lazy(`["']([^"']+)["']`)
)

// MiseTool returns the version of a tool that mise installs, by any of the names of the
// tool: "22", ["22", "20"], {version = "22"}, or the table [tools.node]. Of
// several versions the first counts.
func MiseTool(dir fs.FS, names ...string) Hit {
	for _, file := range miseFiles() {
		data, err := Read(dir, file)
		if err != nil {
			continue
		}
		if h := miseIn(data, names); h.Found() {
			h.File = file
			return h
		}
	}
	return Hit{}
}

func miseIn(data []byte, names []string) Hit {
	table := ""
	is := func(name string) bool {
		for _, n := range names {
			if n == name {
				return true
			}
		}
		return false
	}
	lines := bytes.Split(data, []byte("\n"))
	for i, l := range lines {
		text := strings.TrimSpace(string(l))
		if m := miseTable().FindStringSubmatch(text); m != nil {
			table = strings.NewReplacer(`"`, "", `'`, "", "core:", "").Replace(m[1])
			continue
		}
		tool, inTable := strings.CutPrefix(table, "tools.")
		m := miseTool().FindStringSubmatch(text)
		if m == nil {
			continue
		}
		value := m[2]
		for at := i + 1; strings.HasPrefix(value, "[") && !strings.Contains(value, "]") && at < len(lines); at++ {
			value += strings.TrimSpace(string(lines[at]))
		}
		var re *regexp.Regexp
		switch {
		case table == "tools" && is(m[1]) && strings.Contains(value, "{"):
			re = miseVersion()
		case table == "tools" && is(m[1]), inTable && is(tool) && m[1] == "version":
			re = miseQuoted()
		default:
			continue
		}
		if v := re.FindStringSubmatch(value); v != nil {
			return Hit{Text: v[1], File: "mise.toml", Line: i + 1}
		}
	}
	return Hit{}
}
