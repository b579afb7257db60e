package static

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// cloudflare tells whether the site is made for Cloudflare, whose _redirects differ
// from Netlify's: 302 is the default, and a rule counts where a file lies too
// (https://developers.cloudflare.com/pages/configuration/redirects/,
// https://docs.netlify.com/routing/redirects/redirect-options/).
func (r *settings) cloudflare() bool {
	return slices.ContainsFunc([]string{"wrangler.toml", "wrangler.json", "wrangler.jsonc"}, func(name string) bool { return ecosystem.Exists(r.s.Dir, name) })
}

// redirectsFile reads _redirects: a rule a line.
func (r *settings) redirectsFile() {
	elsewhere := r.cloudflare()
	for i, line := range strings.Split(string(r.data), "\n") {
		words := strings.Fields(line)
		if j := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "#") }); j >= 0 {
			words = words[:j]
		}
		if len(words) == 0 {
			continue
		}
		d := Redirect{Status: 301, Force: elsewhere, line: i + 1}
		if elsewhere {
			d.Status = 302
		}
		r.redirectLine(d, words)
	}
}

// redirectLine takes a rule: the path, parameters of the query, the target, the
// status and conditions.
func (r *settings) redirectLine(d Redirect, words []string) {
	from, rest := words[0], words[1:]
	for len(rest) > 0 && strings.Contains(rest[0], "=") && !strings.ContainsAny(rest[0], "/?") {
		r.unsupported(d.line, "it depends on the query %s", rest[0])
		return
	}
	if len(rest) == 0 {
		r.unsupported(d.line, "it has no target")
		return
	}
	to, rest := rest[0], rest[1:]
	if len(rest) > 0 && rest[0][0] >= '0' && rest[0][0] <= '9' {
		text := strings.TrimSuffix(rest[0], "!")
		status, err := strconv.Atoi(text)
		if err != nil {
			r.unsupported(d.line, "%q is not a status", rest[0])
			return
		}
		d.Status, d.Force = status, d.Force || text != rest[0]
		rest = rest[1:]
	}
	if len(rest) > 0 {
		r.unsupported(d.line, "it depends on %s", rest[0])
		return
	}
	r.netlifyRule(d, from, to)
}

// netlifyRule takes a rule with Netlify's patterns.
func (r *settings) netlifyRule(d Redirect, from, to string) {
	if !strings.HasPrefix(from, "/") {
		r.unsupported(d.line, "%q is not a path: the service answers every host alike", from)
		return
	}
	exact := strings.TrimSuffix(from, "/") == strings.TrimSuffix(to, "/")
	var g *groups
	var known bool
	d.From, g = netlifyPath(from, exact)
	if d.To, known = g.target(to, placeholder()); !known {
		r.unsupported(d.line, "its target names what its path does not capture")
		return
	}
	if exact && d.Status == 200 {
		return // the path itself
	}
	r.redirect(d)
}

// headersFile reads _headers: a path, then its headers, indented.
func (r *settings) headersFile() {
	glob := ""
	for i, line := range strings.Split(string(r.data), "\n") {
		text := strings.TrimSpace(line)
		name, value, isHeader := strings.Cut(text, ":")
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
		case line[0] != ' ' && line[0] != '\t':
			glob = text
			if strings.HasPrefix(glob, "https://") || strings.HasPrefix(glob, "http://") { // Cloudflare's, for one host
				r.unsupported(i+1, "it is for one host, and the service answers every host alike")
				glob = ""
			}
		case glob == "":
		case strings.HasPrefix(text, "! "):
			r.netlifyHeader(i+1, glob, strings.TrimSpace(text[2:]), "")
		case !isHeader:
			r.unsupported(i+1, "%q is not a header", text)
		default:
			r.netlifyHeader(i+1, glob, strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
}

func (r *settings) netlifyHeader(line int, glob, name, value string) {
	if !strings.HasPrefix(glob, "/") {
		r.unsupported(line, "%q is not a path", glob)
		return
	}
	h := Header{Name: name, Value: value}
	h.Path, _ = netlifyPath(glob, false)
	if !strings.Contains(glob, ":") {
		h.Glob = glob
	}
	r.header(line, h)
}

// netlifyFile is what netlify.toml says of requests and of the build.
type netlifyFile struct {
	Build struct {
		Base, Publish, Command string
		Environment            map[string]string
	}
	Redirects []struct {
		From, To   string
		Status     int
		Force      bool
		Query      map[string]any
		Conditions map[string]any
		Headers    map[string]any
		Signed     string
	}
	Headers []struct {
		For    string
		Values map[string]any
	}
	EdgeFunctions []any `toml:"edge_functions"`
}

// netlify reads netlify.toml.
func (r *settings) netlify() {
	var f netlifyFile
	if err := toml.Unmarshal(r.data, &f); err != nil {
		r.unsupported(0, "the file is not valid TOML: %v", err)
		return
	}
	for i, rule := range f.Redirects {
		d := Redirect{Status: rule.Status, Force: rule.Force, line: r.lineOf(`(?m)^\s*\[\[\s*redirects\s*\]\]`, i)}
		if d.Status == 0 {
			d.Status = 301
		}
		switch {
		case len(rule.Query) > 0:
			r.unsupported(d.line, "it depends on the query")
		case len(rule.Conditions) > 0:
			r.unsupported(d.line, "it depends on %s", slices.Sorted(maps.Keys(rule.Conditions))[0])
		default:
			r.netlifyRule(d, rule.From, rule.To)
		}
	}
	for i, rule := range f.Headers {
		line := r.lineOf(`(?m)^\s*\[\[\s*headers\s*\]\]`, i)
		for _, name := range slices.Sorted(maps.Keys(rule.Values)) {
			value, ok := rule.Values[name].(string)
			if !ok {
				r.unsupported(line, "%s is not a text", name)
				continue
			}
			r.netlifyHeader(line, rule.For, name, strings.Join(strings.Fields(value), " "))
		}
	}
}

// Published is the directory that netlify.toml, vercel.json or firebase.json
// publishes, "" when none says so.
func Published(s *ecosystem.Service) (dir, file string, line int) {
	r := settings{s: s}
	if r.open("netlify.toml") {
		var f netlifyFile
		if toml.Unmarshal(r.data, &f) == nil && f.Build.Publish != "" {
			return path.Clean(strings.TrimPrefix(f.Build.Publish, "/")), r.file, r.lineOf(`(?m)^\s*publish\s*=`, 0)
		}
	}
	if r.open("vercel.json") {
		var f struct{ OutputDirectory string }
		if r.json(&f) && f.OutputDirectory != "" {
			return path.Clean(f.OutputDirectory), r.file, r.lineWith(`"outputDirectory"`)
		}
	}
	if r.open("firebase.json") {
		if hosting, ok := r.hosting(); ok && hosting.Public != "" {
			return path.Clean(hosting.Public), r.file, r.lineWith(`"public"`)
		}
	}
	return "", "", 0
}
