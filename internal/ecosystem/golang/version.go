package golang

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
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

// version decides on the Go that compiles: what slipway.yaml, a toolchain line or a
// go line says, and never less than the go lines of all local modules require.
func (s *service) version() {
	const what = "runtime"
	text, file, line := s.versionText()
	minor := minorOf(text)
	first, last := Minors()[0], Minors()[len(Minors())-1]
	least, at := s.least()
	switch {
	case least > minorNumber(last):
		s.Report(diag.Error, codeVersion, at.File, at.Line, s.newer(), "no base has Go %s", at.Text)
	case text == "" && least == 0:
		s.minor = defaultMinor
		s.Fact(what, "Go "+s.minor, "default: go.mod names no version", "", 0)
	case minor == "" && file == "":
		s.ReportWanted(codeVersion, "go.mod", "write version: \""+defaultMinor+"\"; the bases have "+strings.Join(Minors(), ", "), "no base has Go %q", text)
	case minor == "":
		s.Report(diag.Error, codeVersion, file, line, s.newer(), "no base has Go %s", text)
	case file == "" && minorNumber(minor) < least:
		s.ReportWanted(codeVersion, "go.mod", "write version: \"1."+strconv.Itoa(least)+"\", or leave it out", "Go %s is older than the 1.%d that go.mod requires", minor, least)
	case minorNumber(minor) > minorNumber(last):
		s.minor = last
		s.Unwise(ecosystem.CodeNearest, file, line, "write "+last+" there, or bases: official in slipway.yaml, which uses images from a registry", "no base has a Go as new as %s; the build uses %s, which go.mod allows", text, last)
		s.versionFact(text, file, line)
	case minorNumber(minor) < minorNumber(first) && file == "":
		s.minor = first
		s.Unwise(ecosystem.CodeNearest, file, line, "write version: \""+first+"\" or newer, or leave it out", "no base has a Go as old as %s; the build uses %s", text, first)
		s.versionFact(text, file, line)
	case minorNumber(minor) < minorNumber(first) && least < minorNumber(first):
		s.minor = defaultMinor
		s.Fact(what, "Go "+s.minor, "compiles Go "+text, file, line)
	case minorNumber(minor) < least:
		s.minor = "1." + strconv.Itoa(least)
		s.Fact(what, "Go "+s.minor, "requires "+at.Text, at.File, at.Line)
	default:
		s.minor = minor
		s.versionFact(text, file, line)
	}
}

func (s *service) versionFact(text, file string, line int) {
	if file == "" {
		s.Configured("runtime", "Go "+s.minor)
		return
	}
	s.Fact("runtime", "Go "+s.minor, "requires "+strings.TrimPrefix(text, "go"), file, line)
}

// newer is the advice for a Go that no base has yet.
func (s *service) newer() string {
	return "the bases have " + strings.Join(Minors(), ", ") + "; bases: official in slipway.yaml uses images from a registry"
}

// least is the oldest minor that lets go compile all local modules, and where that
// is written.
func (s *service) least() (minor int, at ecosystem.Hit) {
	look := func(g *modfile.Go, file string) {
		if g == nil {
			return
		}
		if n := minorNumber(minorOf(g.Version)); n > minor {
			minor, at = n, ecosystem.Hit{Text: g.Version, File: file, Line: g.Syntax.Start.Line}
		}
	}
	for _, m := range s.modules {
		look(m.file.Go, path.Join(m.dir, "go.mod"))
	}
	if s.workspace != nil {
		look(s.workspace.file.Go, path.Join(s.workspace.dir, "go.work"))
	}
	return minor, at
}
