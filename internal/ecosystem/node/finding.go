package node

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings in Node.js services. A code has one meaning for ever.
const (
	codeManifest   = "SLP201" // package.json cannot be read
	codeNoLock     = "SLP202" // no package-lock.json
	codeManager    = "SLP203" // a package manager other than npm
	codeVersion    = "SLP204" // a Node.js that is not supported
	codeStaleLock  = "SLP205" // package-lock.json does not fit package.json
	codeNoStart    = "SLP206" // nothing says how the service starts
	codeStartShell = "SLP207" // the start needs a shell or a tool
	codeIgnored    = "SLP208" // .dockerignore excludes what the build needs
	codeNoPort     = "SLP209" // a server without a known port
	codeLocal      = "SLP210" // dependencies outside the service's directory
	codeLock       = "SLP211" // package-lock.json cannot be read
	codeNoBuild    = "SLP212" // TypeScript that nothing compiles
	codeLifecycle  = "SLP213" // install scripts of the service itself
	codeToken      = "SLP214" // a credential in .npmrc
)

// report adds a finding about a file of the service.
func (s *service) report(severity diag.Severity, code, file string, line int, hint, format string, args ...any) {
	f := diag.Finding{
		Code: code, Severity: severity,
		Place: diag.Place{File: s.at(file), Line: line},
		Text:  s.want.Name + ": " + fmt.Sprintf(format, args...),
		Hint:  hint,
	}
	if line > 0 {
		f.Excerpt = s.excerpt(file, line)
	}
	s.findings = append(s.findings, f)
}

// excerpt is the line itself.
func (s *service) excerpt(file string, line int) string {
	data, err := read(s.dir, file)
	if err != nil {
		return ""
	}
	lines := bytes.Split(data, []byte("\n"))
	if line > len(lines) {
		return ""
	}
	text := strings.TrimRight(strings.ReplaceAll(string(lines[line-1]), "\t", " "), " \r")
	if r := []rune(text); len(r) > 120 {
		text = string(r[:120]) + "…"
	}
	return fmt.Sprintf("%5d | %s", line, text)
}

// fact notes what was found and where.
func (s *service) fact(name, value, evidence, file string, line int) {
	f := plan.Fact{Name: name, Value: value, Evidence: evidence, Line: line}
	if file != "" {
		f.File = s.at(file)
	}
	s.facts = append(s.facts, f)
}

// configured notes what slipway.yaml says.
func (s *service) configured(name, value string) {
	s.facts = append(s.facts, plan.Fact{Name: name, Value: value, Evidence: "written", File: s.fleetFile, Line: s.want.Line})
}

// at makes a file's path relative to the fleet's root.
func (s *service) at(file string) string { return path.Join(s.want.Path, file) }
