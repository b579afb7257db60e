package config

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/plan"
)

// Parse decodes slipway.yaml. The file's name appears in findings only. When a
// finding is an error, the fleet is nil; warnings come with a fleet.
func Parse(file string, data []byte) (*Fleet, diag.Findings) {
	data = plaintext.UTF8(data)
	d := &decoder{source: newSource(file, data), at: map[string]diag.Place{"": {Line: 1, Column: 1}}}
	root := d.tree(data)
	if len(d.findings) > 0 {
		return nil, d.findings
	}
	var doc document
	if root != nil {
		d.decode(root, reflect.ValueOf(&doc).Elem(), "")
	}
	d.check(&doc)
	switch {
	case d.findings.Errors() != nil:
		return nil, d.reported()
	case len(d.findings) > 0:
		return d.fleet(&doc), d.reported()
	}
	return d.fleet(&doc), nil
}

// tree parses the YAML.
func (d *decoder) tree(data []byte) ast.Node {
	if f := d.limits(data); f != nil {
		d.findings = append(d.findings, *f)
		return nil
	}
	f, err := parseYAML(data)
	if err != nil {
		d.syntax(err)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range f.Docs {
		switch doc.Body.(type) {
		case nil, *ast.CommentGroupNode, *ast.DirectiveNode:
		default:
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) > 1 {
		d.reportToken(codeSyntax, first(bodies[1]), "delete the line ---", "the file has more than one document")
	}
	if len(bodies) == 0 {
		return nil
	}
	respell(bodies[0])
	return bodies[0]
}

// parseYAML turns a panic of the parser, which is not ours, into an error.
func parseYAML(data []byte) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML parser failed: %v", r)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// syntax reports an error of the YAML parser.
func (d *decoder) syntax(err error) {
	text, place := err.Error(), diag.Place{}
	if e := yaml.Error(nil); errors.As(err, &e) {
		text, place = e.GetMessage(), placeOf(e.GetToken())
	}
	hint := ""
	if place.Line > 0 && place.Line <= len(d.lines) && strings.Contains(d.lines[place.Line-1], "\t") {
		hint = "indent with spaces: YAML does not allow tabs"
	}
	d.findings = append(d.findings, d.finding(codeSyntax, place.Line, place.Column, "not valid YAML: "+text, hint))
}

// fleet applies defaults and types to a document without findings.
func (d *decoder) fleet(doc *document) *Fleet {
	f := &Fleet{
		File:        d.file,
		Name:        doc.Fleet,
		Registry:    doc.Registry,
		Tag:         or(doc.Tag, "latest"),
		Bases:       Bases{Family: or(string(doc.Bases.family), "debian"), Images: doc.Bases.images},
		Compression: or(string(doc.Compression), "gzip"),
		Strict:      doc.Strict,
		Scanner:     string(doc.Scanner),
		User:        DefaultUser(),
	}
	if _, written := d.at["signatures"]; written {
		f.Signatures = doc.Signatures.resolve()
	}
	for _, p := range doc.Platforms {
		f.Platforms = append(f.Platforms, string(p))
	}
	u := doc.Defaults.User
	f.User.Name = or(u.Name, f.User.Name)
	if u.UID != nil {
		f.User.UID, f.User.GID = *u.UID, *u.UID
	}
	if u.GID != nil {
		f.User.GID = *u.GID
	}
	for _, name := range sortedKeys(doc.Services) {
		f.Services = append(f.Services, d.service(name, doc))
	}
	f.all = f.Services
	f.Environments = d.environments(doc)
	return f
}

// DefaultUser is the account of production images when none is written; its name
// is for the ecosystem to give.
func DefaultUser() User { return User{UID: 1001, GID: 1001} }

// Default is the fleet of a directory that has no slipway.yaml.
func Default(name string) *Fleet {
	return &Fleet{Name: name, Tag: "latest", Bases: Bases{Family: "debian"}, Compression: "gzip", User: DefaultUser()}
}

func (d *decoder) service(name string, doc *document) Service {
	s := doc.Services[name]
	m := merge(doc.settingsFor(s.Type), s.settings)
	out := Service{
		Name:           name,
		Path:           s.path(name),
		Type:           string(s.Type),
		Ecosystem:      string(m.Ecosystem),
		MemoryBytes:    int64(m.Memory),
		Version:        string(m.Version),
		Command:        s.Command,
		Build:          s.Build,
		Output:         cleaned(s.Output),
		Writable:       s.Writable,
		Exclude:        s.Exclude,
		EnvFiles:       m.EnvFile,
		Planned:        s.Docker != nil,
		GPU:            m.GPU,
		PackageManager: string(m.Manager),
		Features:       s.Features,
		Shell:          m.Shell != nil && *m.Shell,
		Packages:       m.Packages.resolve(),
		Quality:        d.checks(m.Quality, name, s.Type),
		Needs:          s.Needs.resolve(),
		Gates:          Gates{doc.Gates.overlay(m.Gates)},
		Line:           d.at["key:services/"+name].Line,
		Waivers:        d.waivers(name, s.Waivers),
	}
	for _, f := range s.Files {
		out.Files = append(out.Files, File{From: f.From, Path: cleaned(f.Path), To: cleaned(or(f.To, f.Path))})
	}
	if m.Port != nil {
		out.Port = *m.Port
	}
	if m.Health != nil {
		out.Health = m.Health.resolve()
	}
	if len(m.Env) > 0 {
		out.Env = map[string]string{}
		for k, v := range m.Env {
			out.Env[k] = string(v)
		}
	}
	return out
}

// cleaned is a path in its shortest form, "" for none.
func cleaned(p string) string {
	if p == "" {
		return ""
	}
	return path.Clean(p)
}

// settingsFor returns the defaults with those of a type laid over them.
func (doc *document) settingsFor(t serviceType) settings {
	return merge(doc.Defaults.settings, doc.Types[t])
}

// merge lays the written parts of b over a.
func merge(a, b settings) settings {
	env := maps.Clone(a.Env)
	if env == nil {
		env = map[string]scalar{}
	}
	maps.Copy(env, b.Env)
	return settings{
		Ecosystem: or(b.Ecosystem, a.Ecosystem),
		Version:   or(b.Version, a.Version),
		Port:      or(b.Port, a.Port),
		Health:    mergeHealth(a.Health, b.Health),
		Memory:    or(b.Memory, a.Memory),
		Env:       env,
		EnvFile:   slices.Concat(a.EnvFile, b.EnvFile),
		Shell:     or(b.Shell, a.Shell),
		GPU:       or(b.GPU, a.GPU),
		Manager:   or(b.Manager, a.Manager),
		Quality:   mergeQuality(a.Quality, b.Quality),
		Gates:     a.Gates.overlay(b.Gates),
		Packages:  packages{slices.Concat(a.Packages.Build, b.Packages.Build), slices.Concat(a.Packages.Runtime, b.Packages.Runtime)},
	}
}

func (p packages) resolve() Packages {
	names := func(list []debian) (out []string) {
		for _, name := range list {
			out = append(out, string(name))
		}
		return out
	}
	return Packages{Build: names(p.Build), Runtime: names(p.Runtime)}
}

// mergeHealth keeps the timing of a where b has none; the way to ask is that of
// b when b has one.
func mergeHealth(a, b *health) *health {
	if a == nil || b == nil {
		return or(b, a)
	}
	m := *b
	if len(b.kinds()) == 0 {
		m.GRPC, m.HTTP, m.TCP, m.Command = a.GRPC, a.HTTP, a.TCP, a.Command
		m.TLS = or(b.TLS, a.TLS)
	}
	m.Interval, m.Timeout, m.StartPeriod = or(b.Interval, a.Interval), or(b.Timeout, a.Timeout), or(b.StartPeriod, a.StartPeriod)
	m.Retries = or(b.Retries, a.Retries)
	return &m
}

func (h *health) resolve() Health {
	out := Health{
		GRPC: h.GRPC, HTTP: h.HTTP, TCP: h.TCP != nil && *h.TCP, Command: h.Command, TLS: h.TLS != nil && *h.TLS,
		Health: plan.Health{Interval: time.Duration(h.Interval), Timeout: time.Duration(h.Timeout), StartPeriod: time.Duration(h.StartPeriod)},
	}
	if h.Retries != nil {
		out.Retries = *h.Retries
	}
	return out
}

// or returns a unless it is the zero value.
func or[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}
