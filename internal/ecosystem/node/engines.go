package node

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// refusedBy reports a range of versions that does not allow the chosen Node.js. What is
// no range refuses nothing, as in npm.
func (c choice) refusedBy(text string) bool {
	spans, err := spansOf(text)
	if err != nil {
		return false
	}
	if c.release == "" {
		return !slices.ContainsFunc(spans, func(s span) bool { return s.touches(c.major) })
	}
	v, _, err := parseVersion(c.release)
	return err == nil && !slices.ContainsFunc(spans, func(s span) bool { return s.has(v) })
}

// What a lock file says of the engines of a package, and the line that names it: of
// package-lock.json, and of pnpm-lock.yaml.
var (
	lockedEngines = pattern.Lazy(`^"?engines"?:\s*\{[^}]{0,200}?\bnode"?:\s*["']([^"']+)["']`)
	lockedName    = pattern.Lazy(`^(?:"(?:[^"\n]*node_modules/)?([^"\n]*)": \{|'?/?((?:@[^@/\s]+/)?[^@/\s']+)[@/][^\n]*:$)`)
)

// refusals are the packages of a lock file whose engines do not allow a Node.js.
func refusals(lock []byte, c choice) []string {
	var out []string
	refused := map[string]bool{}
	for at := 0; ; {
		i := bytes.Index(lock[at:], []byte("engines"))
		if i < 0 {
			return out
		}
		i += at
		at = i + len("engines")
		from := i
		if i > 0 && lock[i-1] == '"' {
			from--
		}
		m := lockedEngines().FindSubmatch(lock[from:min(len(lock), from+400)])
		if m == nil {
			continue
		}
		text := string(m[1])
		if _, known := refused[text]; !known {
			refused[text] = c.refusedBy(text)
		}
		if !refused[text] {
			continue
		}
		if name := nameBefore(lock, from); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
}

// nameBefore is the package that a place of a lock file belongs to, "" for the
// repository itself.
func nameBefore(lock []byte, at int) string {
	for range 40 { // lines
		start := bytes.LastIndexByte(lock[:at], '\n')
		if start < 0 {
			return ""
		}
		line := bytes.TrimSpace(lock[start+1 : at])
		at = start
		if m := lockedName().FindSubmatch(line); m != nil && !slices.Contains(lockedParts(), string(m[1])) {
			return ecosystem.Or(string(m[1]), string(m[2]))
		}
	}
	return ""
}

// lockedParts are members of a package that are objects too.
func lockedParts() []string {
	return []string{"dependencies", "devDependencies", "peerDependencies", "optionalDependencies", "peerDependenciesMeta", "bin", "engines", "funding", "requires"}
}

var engineStrict = pattern.Lazy(`(?m)^[ \t]*engine-strict[ \t]*=[ \t]*(true)\b`)

// checkEngines says which packages of the lock file of npm or pnpm refuse the chosen
// Node.js: both install them all the same, unless .npmrc asks for strictness. Yarn 1
// refuses them, and its lock file does not say which. engines are all that the packages
// say, where that is known: most lock files need no second look.
func (s *service) checkEngines(lock []byte, engines []string) {
	refuses := func(engines string) bool {
		m := lockedEngines().FindStringSubmatch(`"engines": ` + engines)
		return m != nil && s.node.refusedBy(m[1])
	}
	if s.member != "" || engines != nil && !slices.ContainsFunc(engines, refuses) {
		return
	}
	names := refusals(lock, s.node)
	if len(names) == 0 {
		return
	}
	settings, _ := ecosystem.Read(s.top, ".npmrc")
	if h := ecosystem.Find(engineStrict(), ".npmrc", settings); h.Found() {
		s.Report(diag.Error, codeVersion, h.File, h.Line, "write a version that they allow, or delete engine-strict", "engine-strict is set, and the engines of %s do not allow Node.js %s", few(names), s.node)
		return
	}
	s.Fact("engines", few(names), fmt.Sprintf("their engines do not allow Node.js %s; %s installs them all the same", s.node, s.manager.name), s.manager.lock, 0)
}

// oldGyp is a node-gyp before version 10 in a lock file of any format.
var oldGyp = pattern.Lazy(`(?:^|["'/\s(])node-gyp(?:/-/node-gyp-|@npm:|@|/)[\^~]?(\d+)\.\d`)

// gypNeeds is what compiling addons with an old node-gyp needs: versions before 10, also
// the one of npm 9, import distutils, which Python has not had since 3.12.
func (s *service) gypNeeds() []ecosystem.Need {
	if len(s.compiled) == 0 {
		return nil
	}
	need := ecosystem.Need{Package: "node-gyp", File: s.topFile(s.manager.lock), System: ecosystem.System{Build: []string{"python3-setuptools"}, Why: "distutils for an old node-gyp", Source: "https://github.com/nodejs/node-gyp/issues/2869"}}
	if s.node.npmNine() {
		return []ecosystem.Need{need}
	}
	data, _ := ecosystem.Read(s.top, s.manager.lock)
	for _, m := range oldGyp().FindAllSubmatch(data, -1) {
		if major, err := strconv.Atoi(string(m[1])); err == nil && major < 10 {
			return []ecosystem.Need{need}
		}
	}
	return nil
}

// npmNine reports a Node.js whose toolchain has npm 9: later ones do not run on it.
func (c choice) npmNine() bool {
	v, _, err := parseVersion(strings.TrimSpace(c.String()))
	return err == nil && (c.major == 19 || c.release != "" && (c.major == 18 && v[1] < 17 || c.major == 20 && v[1] < 5))
}
