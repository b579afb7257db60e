package node

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// choice is the Node.js of a service: the newest release of a major, or one release.
type choice struct {
	major   int
	release string // "20.11.1" for that release alone
	unasked bool   // no file names a version
}

// String is the version in the names of bases.
func (c choice) String() string { return ecosystem.Or(c.release, strconv.Itoa(c.major)) }

// of is the choice of one release.
func of(v version) choice {
	return choice{major: v[0], release: fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])}
}

// chooseNode returns the preferred Node.js that a statement allows: a range of npm, or
// a name of nvm, asdf or mise ("lts/jod", "lts/-1", "node"). Without one it is the
// oldest newer one, and near is true. An error says that there is neither.
func chooseNode(text string) (c choice, near bool, err error) {
	spans, err := spansOf(plainNode(text))
	if err != nil {
		return choice{}, false, err
	}
	if c, ok := choose(spans); ok {
		return c, false, nil
	}
	if c, ok := nearest(spans); ok {
		return c, true, nil
	}
	return choice{}, false, fmt.Errorf("it requires Node.js %s, and the newest supported one is %d", strings.TrimSpace(text), slices.Max(majors()))
}

// plainNode turns the names that tools have for versions into numbers.
func plainNode(text string) string {
	plain := strings.ToLower(strings.TrimSpace(text))
	plain = strings.TrimPrefix(plain, "latest:") // asdf
	if name, ok := strings.CutPrefix(strings.Replace(plain, "lts-", "lts/", 1), "lts/"); ok {
		if plain = name; name == "*" {
			name = "0"
		}
		if n, err := strconv.Atoi(name); err == nil && n <= 0 && -n < len(longTerm()) {
			return strconv.Itoa(longTerm()[-n])
		}
	}
	switch plain {
	case "node", "latest", "current", "stable":
		return strconv.Itoa(slices.Max(majors()))
	case "lts":
		return strconv.Itoa(longTerm()[0])
	}
	if old := oldCodenames()[plain]; old > 0 {
		return strconv.Itoa(old)
	}
	i := slices.IndexFunc(lines(), func(l line) bool { return l.codename == plain && plain != "" })
	if i >= 0 {
		return strconv.Itoa(lines()[i].major)
	}
	return plain
}

// longTerm are the majors with long-term support, newest first.
func longTerm() []int {
	var out []int
	for _, m := range slices.Backward(majors()) {
		if lineOf(m).codename != "" {
			out = append(out, m)
		}
	}
	return out
}

// choose prefers a major whose newest release is allowed; that release alone is the
// next best, because nothing renews it.
func choose(spans []span) (choice, bool) {
	for _, l := range lines() {
		for _, s := range spans {
			if s.touches(l.major) && slices.Compare(s.high[:], []int{l.major + 1}) >= 0 {
				return choice{major: l.major}, true
			}
		}
	}
	for _, l := range lines() {
		for _, s := range spans {
			if !s.touches(l.major) {
				continue
			}
			if v, ok := newestIn(l.major, s); ok {
				return of(v), true
			}
			known := releasesOf(l.major)
			switch unknown := slices.Compare(s.low[:], known[len(known)-1][:]) > 0; {
			case unknown && s.single():
				return of(s.low), true
			case unknown:
				return choice{major: l.major}, true
			}
		}
	}
	return choice{}, false
}

// nearest is the oldest supported Node.js that is newer than what the spans begin
// with: a release of the same major where there is one.
func nearest(spans []span) (choice, bool) {
	low := endless
	for _, s := range spans {
		if slices.Compare(s.low[:], low[:]) < 0 {
			low = s.low
		}
	}
	for _, m := range majors() {
		switch {
		case m < low[0]:
		case m > low[0]:
			return choice{major: m}, true
		default:
			if i := slices.IndexFunc(releasesOf(m), func(v version) bool { return slices.Compare(v[:], low[:]) >= 0 }); i >= 0 {
				return of(releasesOf(m)[i]), true
			}
		}
	}
	return choice{}, false
}

// runtimeVersion decides on the version of Node.js: the preferred one that the
// strongest statement allows, else the next newer one, with a warning.
func (s *service) runtimeVersion() {
	file, line, text := s.versionEvidence()
	s.node = choice{major: defaultMajor, unasked: text == ""}
	if text == "" {
		s.Fact("runtime", "Node.js "+s.node.String(), "default: no file names a version", "", 0)
		return
	}
	c, near, err := chooseNode(text)
	_, bad := spansOf(plainNode(text))
	switch {
	case err == nil && near:
		better := c.String()
		if lineOf(c.major).ended != "" {
			better = strconv.Itoa(defaultMajor)
		}
		s.Unwise(ecosystem.CodeNearest, file, line, "test with Node.js "+better+" and write that", "there is no base of Node.js %s; the image has %s", strings.TrimSpace(text), c)
		s.node = c
	case err == nil:
		s.node = c
	case file == "":
		s.OnConfig(codeVersion, fmt.Sprintf("supported are Node.js %s: write version: %d", supported(), defaultMajor), "%v", err)
		return
	case bad != nil:
		s.Unwise(ecosystem.CodeNearest, file, line, fmt.Sprintf("write a version, such as %d", defaultMajor), "%v; the image has Node.js %s", err, s.node)
	default:
		s.Report(diag.Error, codeVersion, file, line, fmt.Sprintf(`supported are Node.js %s: write "engines": {"node": "%d.x"}`, supported(), slices.Max(majors())), "%v", err)
		return
	}
	if ended := lineOf(s.node.major).ended; ended != "" {
		s.Unwise(ecosystem.CodeEnded, file, line, fmt.Sprintf("move to Node.js %d", defaultMajor), "Node.js %d gets no security fixes since %s", s.node.major, ended)
	}
	if file == "" {
		s.Configured("runtime", "Node.js "+s.node.String())
		return
	}
	s.Fact("runtime", "Node.js "+s.node.String(), fmt.Sprintf("requires %q", text), file, line)
}

// supported has the supported majors, for messages.
func supported() string {
	return fmt.Sprintf("%d to %d", majors()[0], slices.Max(majors()))
}

// versionEvidence returns the strongest statement about the version; an empty
// file stands for slipway.yaml.
func (s *service) versionEvidence() (file string, line int, text string) {
	if s.Want.Version != "" {
		return "", 0, s.Want.Version
	}
	for _, at := range []struct {
		dir fs.FS
		pkg *manifest
		in  func(string) string
	}{{s.Dir, s.pkg, func(n string) string { return n }}, {s.top, s.topManifest(), s.topFile}} {
		if h := versionIn(at.dir, at.pkg); h.Found() {
			return at.in(h.File), h.Line, h.Text
		}
	}
	return "", 0, ""
}

// toolVersion is the line of Node.js in a file of asdf or mise.
var toolVersion = pattern.Lazy(`(?m)^\s*node(?:js)?\s+([^\s#]+)`)

// versionIn returns what one directory says of the version.
func versionIn(dir fs.FS, pkg *manifest) ecosystem.Hit {
	for _, name := range []string{".nvmrc", ".node-version"} {
		if h := ecosystem.VersionFile(dir, name); h.Found() {
			return h
		}
	}
	if data, err := ecosystem.Read(dir, ecosystem.ToolVersions); err == nil {
		if h := ecosystem.Find(toolVersion(), ecosystem.ToolVersions, data); h.Found() {
			return h
		}
	}
	if h := ecosystem.MiseTool(dir, "node", "nodejs"); h.Found() {
		return h
	}
	if v := pkg.Volta["node"]; v != "" {
		return ecosystem.Hit{File: "package.json", Line: pkg.line("volta", "node"), Text: v}
	}
	if v := pkg.devRuntime("node"); v != "" {
		return ecosystem.Hit{File: "package.json", Line: pkg.line("devEngines", "runtime"), Text: v}
	}
	if v := pkg.Engines["node"]; v != "" {
		return ecosystem.Hit{File: "package.json", Line: pkg.line("engines", "node"), Text: v}
	}
	return ecosystem.Hit{}
}
