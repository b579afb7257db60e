package python

import (
	"bytes"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// What follows a variable that is used as it is: it ends a statement or an
// argument, and is neither compared nor given an `or`.
const asItIs = `[ \t]*(?:[\n,)\]}.#]|\z)`

// Signs of variables without a default, and of programs that are started.
var (
	readItem   = ecosystem.NewSign(`\benviron\[\s*['"](\w+)['"]\s*\]\s*(?:[^=\s]|==|\z)`)
	readGet    = ecosystem.NewSign(`\b(?:environ\.get|getenv)\(\s*['"](\w+)['"]\s*\)` + asItIs)
	readEnv    = ecosystem.NewSign(`\benv(?:\.[a-z_]+)?\(\s*['"]([A-Z][A-Z0-9_]*)['"]\s*\)` + asItIs)
	readConfig = ecosystem.NewSign(`\bconfig\(\s*['"]([A-Z][A-Z0-9_]*)['"]\s*(?:,\s*cast\s*=\s*[\w.]+\s*)?\)`)

	callList = ecosystem.NewSign(`\b(?:subprocess\.(?:run|call|Popen|getoutput)|check_output|check_call|Popen)\(\s*(?:args\s*=\s*)?[\[(]\s*['"]([^'"\n]+)['"]`)
	callWord = ecosystem.NewSign(`\b(?:create_subprocess_exec|pexpect\.spawn|os\.exec[lv]p?e?|os\.spawn[lv]p?e?)\(\s*['"]([^'"\n]+)['"]`)
	callOne  = ecosystem.NewSign(`\b(?:subprocess\.(?:run|call|Popen)|check_output|check_call)\(\s*['"]([^'"\n]+)['"]`)

	shellCommand = ecosystem.NewSign(`\b(?:os\.system|os\.popen|subprocess\.getoutput|subprocess\.getstatusoutput|create_subprocess_shell)\(\s*f?['"]([^'"\n]+)['"]`)
	shellAny     = ecosystem.NewSign(`\bos\.(?:system|popen)\(\s*\w|\bcreate_subprocess_shell\(\s*\w|\bshell\s*=\s*True\b`)
)

// signs are the patterns of what sources in Python ask the machine for.
func signs() ecosystem.UseSigns {
	return ecosystem.UseSigns{
		Reads: []ecosystem.Pattern{readItem, readGet, readEnv, readConfig},
		Calls: []ecosystem.Pattern{callList, callWord, callOne},
		Shell: []ecosystem.Pattern{shellCommand, shellAny},
	}
}

var (
	settingsClass = ecosystem.NewSign(`(?m)^class\s+\w+\([^)\n]*\bBaseSettings\b[^)\n]*\)\s*:`)
	settingsField = pattern.Lazy(`^([A-Za-z]\w*)\s*:\s*(.*[\w\])'"])\s*$`)
	envPrefix     = pattern.Lazy(`\benv_prefix['"]?\s*[=:]\s*['"](\w*)['"]`)
)

// settingsFields notes the fields without a default of pydantic's settings: it
// reads each from a variable of its name, behind the prefix of the class.
func (s *service) settingsFields(file string, c code) {
	m := settingsClass.FindSubmatchIndex(c.text)
	if m == nil {
		return
	}
	start := ecosystem.LineAt(c.text, int64(m[0]))
	prefix := ""
	if p := envPrefix().FindSubmatch(c.signs[m[0]:]); p != nil {
		prefix = string(p[1])
	}
	indent := -1
	for i, l := range bytes.Split(c.text[m[1]:], []byte("\n")) {
		text := bytes.TrimSpace(l)
		in := len(l) - len(bytes.TrimLeft(l, " \t"))
		switch {
		case len(text) == 0:
			continue
		case in == 0:
			return // the class ends
		case indent < 0:
			indent = in
		}
		f := settingsField().FindSubmatch(text)
		if in != indent || f == nil || bytes.Contains(f[2], []byte("=")) || bytes.Contains(f[2], []byte("ClassVar")) || string(f[1]) == "model_config" {
			continue
		}
		s.Reads(strings.ToUpper(prefix+string(f[1])), file, start+i)
	}
}
