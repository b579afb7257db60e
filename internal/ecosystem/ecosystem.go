// Package ecosystem holds what all languages share: reading a repository within
// limits, evidence and findings with their places, what .dockerignore keeps out,
// the bases of a family, the merging of what sources say over port, type and
// health with what slipway.yaml says, and the stages of a production image that
// look alike in every language. What a language alone knows lives in its own
// folder below. It only reads files through fs.FS; nothing is executed.
//
//	s := ecosystem.Open(dir, want, fleet)
//	s.Fact("package manager", "npm", "lock file", "package-lock.json", 0)
//	stage := s.Production(ecosystem.Image{Bases: bases, User: user, Start: argv})
package ecosystem

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings that every language can have. A code has one meaning
// for ever.
const (
	CodeIgnored  = "SLP208" // .dockerignore excludes what the build needs
	CodeNoPort   = "SLP209" // a server without a known port
	CodeLoopback = "SLP257" // a server that listens to its own machine alone
	CodeNearest  = "SLP460" // the requested version is not available, a near one is used
	CodeEnded    = "SLP461" // a version that gets no security fixes
	CodeRuntime  = "SLP467" // a version of Bun or Deno that cannot be had
)

// Language is how to recognise a service of an ecosystem, what its files say, and
// how it is built. Directories are given as file systems of their own.
type Language interface {
	// Name is what slipway.yaml calls it.
	Name() string
	// Recognise returns the file that makes a directory a service, or "".
	Recognise(dir fs.FS) string
	// Inspect completes a service with what its files say.
	Inspect(dir fs.FS, s config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings)
	// Plan returns the stages of a service.
	Plan(dir fs.FS, s config.Service, fleet *config.Fleet) (plan.Service, diag.Findings)
}

// Service is what is known of one service while it is inspected. An ecosystem
// embeds it.
type Service struct {
	Dir       fs.FS          // the build context
	Context   string         // path of Dir, relative to the fleet's root; the service's own unless it needs more
	Want      config.Service // completed while inspecting
	FleetFile string         // of slipway.yaml, "" without one
	Ignore    Ignore
	Strict    bool // what is merely unwise is an error

	Facts    []plan.Fact
	Findings diag.Findings
	leftOut  []plan.LeftOut
	said     []plan.Said
	secrets  map[string]bool // files that were asked about: whether they hold secrets

	compiledKeys []string // private keys that the program is built with

	uses      uses
	imageSets []string   // names of variables that the language sets in the image
	writable  []string   // absolute directories that the program writes to
	made      plan.Stage // that makes them
}

// Open begins with what slipway.yaml says; fleet may be nil.
func Open(dir fs.FS, want config.Service, fleet *config.Fleet) Service {
	s := Service{Dir: dir, Context: want.Path, Want: want}
	if fleet != nil && want.Line > 0 {
		s.FleetFile = fleet.File
	}
	s.Strict = fleet != nil && fleet.Strict
	s.writeWhereWanted()
	return s
}

// Name takes a name from a manifest, such as "@scope/web" or
// "example.com/team/web", for a service that nothing else names.
func (s *Service) Name(from string) {
	if s.Want.Name != "" {
		return
	}
	name := strings.ToLower(from[strings.LastIndexByte(from, '/')+1:])
	if !config.ValidName(name) {
		name = config.Unnamed
	}
	s.Want.Name = name
}

// Report adds a finding about a file of the service.
func (s *Service) Report(severity diag.Severity, code, file string, line int, hint, format string, args ...any) {
	f := diag.Finding{
		Code: code, Severity: severity,
		Place: diag.Place{File: s.At(file), Line: line},
		Text:  s.Want.Name + ": " + fmt.Sprintf(format, args...),
		Hint:  hint,
	}
	if line > 0 {
		f.Excerpt = s.excerpt(file, line)
	}
	s.Findings = append(s.Findings, f)
}

// Unwise adds a warning about what can be built and had better be changed; under
// strict: true it is an error. An empty file stands for slipway.yaml.
func (s *Service) Unwise(code, file string, line int, hint, format string, args ...any) {
	severity := diag.Warning
	if s.Strict {
		severity = diag.Error
	}
	if file != "" {
		s.Report(severity, code, file, line, hint, format, args...)
		return
	}
	s.OnConfig(code, hint, format, args...)
	s.Findings[len(s.Findings)-1].Severity = severity
}

// Said notes what the last finding is about, which the image would tell again.
func (s *Service) Said(about plan.Subject, name string) {
	s.said = append(s.said, plan.Said{About: about, Name: name})
}

// ReportWanted adds an error about what slipway.yaml says or should say of the
// service; without a slipway.yaml it stands at a file of the service.
func (s *Service) ReportWanted(code, file, hint, format string, args ...any) {
	f := diag.Finding{Code: code, Place: diag.Place{File: s.FleetFile, Line: s.Want.Line},
		Text: s.Want.Name + ": " + fmt.Sprintf(format, args...), Hint: hint}
	if f.Place.File == "" {
		f.Place.File = s.At(file)
		f.Hint += "; slipway init writes one"
	}
	s.Findings = append(s.Findings, f)
}

// excerpt is the line itself.
func (s *Service) excerpt(file string, line int) string {
	data, err := Read(s.Dir, file)
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

// Fact notes what was found and where; file is relative to the build
// context, "" when there is none.
func (s *Service) Fact(name, value, evidence, file string, line int) {
	f := plan.Fact{Name: name, Value: value, Evidence: evidence, Line: line}
	if file != "" {
		f.File = s.At(file)
	}
	s.Facts = append(s.Facts, f)
}

// OnConfig reports what is wrong with what slipway.yaml says of the service.
func (s *Service) OnConfig(code, hint, format string, args ...any) {
	s.Findings = append(s.Findings, diag.Finding{Code: code, Place: diag.Place{File: s.FleetFile, Line: s.Want.Line},
		Text: s.Want.Name + ": " + fmt.Sprintf(format, args...), Hint: hint})
}

// Configured notes what slipway.yaml says.
func (s *Service) Configured(name, value string) {
	s.Facts = append(s.Facts, plan.Fact{Name: name, Value: value, Evidence: "configured", File: s.FleetFile, Line: s.Want.Line})
}

// At makes a path of the build context relative to the fleet's root.
func (s *Service) At(file string) string { return path.Join(s.Context, file) }
