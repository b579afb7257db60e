package detect

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// forPlans returns the repository without the patterns of a .dockerignore that
// exclude what a planned service needs, and what to say of it; nil when there are
// none. Such patterns were written for another Dockerfile, often one that copies
// a finished build: a plan obeys no exclusion of its own manifest and sources. The
// other patterns hold.
func (r repository) forPlans(findings diag.Findings) (*repository, diag.Finding) {
	var lines []int
	var note diag.Finding
	for _, f := range findings {
		if f.Code != ecosystem.CodeIgnored || f.Severity != diag.Error || f.Place.Line == 0 || lines != nil && f.Place.File != note.Place.File {
			continue
		}
		if lines == nil {
			note = f
		}
		lines = append(lines, f.Place.Line)
	}
	if lines == nil || path.Base(note.Place.File) != ".dockerignore" {
		return nil, note
	}
	data, err := ecosystem.Read(r.tree, note.Place.File)
	if err != nil {
		return nil, note
	}
	note.Code, note.Severity = codeForeign, diag.Info
	note.Text += "; the pattern was written for another Dockerfile, so the plan ignores it"
	note.Hint = "delete the pattern, or write exclude: in slipway.yaml for files to leave out of the image"
	again := open(r.tree.With(note.Place.File, remaining(data, lines)))
	return &again, note
}

// plans returns whether a repository's files suffice for a plan of a service.
func (r repository) plans(s config.Service, fleet *config.Fleet) func(repository) bool {
	return func(other repository) bool {
		for _, e := range other.languages {
			if dir, err := fs.Sub(other.tree, s.Path); err == nil && e.Name() == s.Ecosystem {
				_, f := e.Plan(dir, s, fleet)
				return f.Errors() == nil
			}
		}
		return false
	}
}

// maxIgnoreLines is how many patterns are tried one by one.
const maxIgnoreLines = 40

// forSources is forPlans for a .dockerignore that hides sources, so that nothing
// says how the service starts: it returns the repository without the patterns
// without which the service can be planned.
func (r repository) forSources(at string, findings diag.Findings, works func(repository) bool) (*repository, diag.Finding) {
	if findings.Errors() == nil {
		return nil, diag.Finding{}
	}
	file := path.Join(at, ".dockerignore")
	for at != "." && !ecosystem.Exists(r.tree, file) {
		at = path.Dir(at)
		file = path.Join(at, ".dockerignore")
	}
	data, err := ecosystem.Read(r.tree, file)
	if err != nil {
		return nil, diag.Finding{}
	}
	var lines []int
	for i, l := range strings.Split(string(data), "\n") {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' && l[0] != '!' {
			lines = append(lines, i+1)
		}
	}
	without := func(lines []int) repository { return open(r.tree.With(file, remaining(data, lines))) }
	if len(lines) == 0 || !works(without(lines)) {
		return nil, diag.Finding{}
	}
	for _, line := range slices.Clone(lines[:min(len(lines), maxIgnoreLines)]) {
		if fewer := slices.DeleteFunc(slices.Clone(lines), func(l int) bool { return l == line }); len(fewer) > 0 && works(without(fewer)) {
			lines = fewer
		}
	}
	again := without(lines)
	return &again, diag.Finding{
		Code: codeForeign, Severity: diag.Info, Place: diag.Place{File: file, Line: lines[0]},
		Text: "the pattern excludes sources, and without it the service can be planned; it was written for another Dockerfile, so the plan ignores it",
		Hint: "delete the pattern, or write exclude: in slipway.yaml for files to leave out of the image",
	}
}

// remaining is a .dockerignore without some of its lines; nil when it then
// excludes nothing.
func remaining(data []byte, without []int) []byte {
	all, excludes := strings.Split(string(data), "\n"), false
	for i, l := range all {
		if slices.Contains(without, i+1) {
			all[i] = ""
		} else if l = strings.TrimSpace(l); l != "" && l[0] != '#' && l[0] != '!' {
			excludes = true
		}
	}
	if !excludes {
		return nil
	}
	return []byte(strings.Join(all, "\n"))
}

// said adds a note unless there is one on that .dockerignore.
func said(findings diag.Findings, note diag.Finding) diag.Findings {
	if slices.ContainsFunc(findings, func(f diag.Finding) bool { return f.Code == note.Code && f.Place.File == note.Place.File }) {
		return findings
	}
	return append(findings, note)
}
