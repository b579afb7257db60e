package golang

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Minors are the versions of Go that toolchain modules are published of, oldest
// first (cmd/go downloads such modules since 1.21). Bases exist for each.
func Minors() []string {
	return []string{"1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27"}
}

// defaultMinor is the Go of modules that ask for none, or for one before
// toolchain modules: newer releases compile older modules in their own language
// version.
const defaultMinor = "1.26"

// minorOf returns "1.26" of "1.26.3", "go1.26rc1" or "1.26"; "" of what is no
// version of Go.
func minorOf(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(text), "v"), "go")
	text, _, _ = strings.Cut(text, "-") // go1.26.3-custom
	major, rest, ok := strings.Cut(text, ".")
	if !ok || major != "1" {
		return ""
	}
	digits := rest
	for i, r := range rest {
		if r < '0' || r > '9' {
			digits = rest[:i]
			break
		}
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > 999 {
		return ""
	}
	return "1." + strconv.Itoa(n)
}

// minorNumber is 26 of "1.26".
func minorNumber(minor string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(minor, "1."))
	return n
}

// versionText is the strongest statement about the version. An empty file stands
// for slipway.yaml.
func (s *service) versionText() (text, file string, line int) {
	if s.Want.Version != "" {
		return s.Want.Version, "", 0
	}
	name := path.Join(s.module.dir, "go.mod")
	if t := s.module.file.Toolchain; t != nil && t.Name != "default" {
		return t.Name, name, t.Syntax.Start.Line
	}
	if g := s.module.file.Go; g != nil {
		text, file, line = g.Version, name, g.Syntax.Start.Line
	}
	if s.workspace == nil {
		return text, file, line
	}
	work := path.Join(s.workspace.dir, "go.work")
	if t := s.workspace.file.Toolchain; t != nil && t.Name != "default" {
		return t.Name, work, t.Syntax.Start.Line
	}
	if g := s.workspace.file.Go; g != nil && minorNumber(minorOf(g.Version)) > minorNumber(minorOf(text)) {
		return g.Version, work, g.Syntax.Start.Line
	}
	return text, file, line
}

// version decides on the Go that compiles.
func (s *service) version() {
	const what = "runtime"
	choices := strings.Join(Minors(), ", ")
	text, file, line := s.versionText()
	minor := minorOf(text)
	first, last := Minors()[0], Minors()[len(Minors())-1]
	switch {
	case text == "":
		s.minor = defaultMinor
		s.Fact(what, "Go "+s.minor, "default: go.mod names no version", "", 0)
	case file == "" && !slices.Contains(Minors(), minor):
		s.ReportWanted(codeVersion, "go.mod", "write version: \""+defaultMinor+"\"; the bases have "+choices, "no base has Go %q", text)
	case file == "" && minorNumber(minor) < s.least():
		s.ReportWanted(codeVersion, "go.mod", "write version: \"1."+strconv.Itoa(s.least())+"\", or leave it out", "Go %s is older than the 1.%d that go.mod requires", minor, s.least())
	case file == "":
		s.minor = minor
		s.Configured(what, "Go "+minor)
	case minor == "" || minorNumber(minor) > minorNumber(last):
		s.Report(diag.Error, codeVersion, file, line, "the bases have "+choices, "no base has Go %s", text)
	case minorNumber(minor) < minorNumber(first):
		s.minor = defaultMinor
		s.Fact(what, "Go "+s.minor, "compiles Go "+text, file, line)
	default:
		s.minor = minor
		s.Fact(what, "Go "+minor, "requires "+strings.TrimPrefix(text, "go"), file, line)
	}
}

// least is the oldest minor that go.mod lets compile it.
func (s *service) least() int {
	if g := s.module.file.Go; g != nil {
		return minorNumber(minorOf(g.Version))
	}
	return 0
}
