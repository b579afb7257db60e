package static

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// json decodes the file that is open.
func (r *settings) json(into any) bool {
	return json.Unmarshal(bytes.TrimSpace(r.data), into) == nil
}

// jsonRule is a redirect, rewrite or list of headers in the files of Vercel,
// Firebase and serve, which differ in the names of the keys.
type jsonRule struct {
	Source, Regex, Glob   string
	Destination, Function any
	Run, DynamicLinks     any
	Permanent             *bool
	StatusCode            int
	Type                  int
	Has, Missing          []any
	Headers               []struct{ Key, Value string }
}

func (d jsonRule) to() string {
	to, _ := d.Destination.(string)
	return to
}

// vercel reads vercel.json (https://vercel.com/docs/project-configuration).
func (r *settings) vercel() {
	var f struct {
		Redirects, Rewrites, Headers []jsonRule
		Routes                       []any
		CleanURLs                    bool `json:"cleanUrls"`
		TrailingSlash                *bool
	}
	if !r.json(&f) {
		r.unsupported(0, "the file is not valid JSON")
		return
	}
	if len(f.Routes) > 0 {
		r.unsupported(r.lineWith(`"routes"`), "routes is the old form: write redirects, rewrites and headers")
	}
	r.slashes(f.CleanURLs, f.TrailingSlash)
	count := map[string]int{}
	take := func(rules []jsonRule, status func(jsonRule) int, force bool) {
		for _, rule := range rules {
			if d, ok := r.vercelRule(rule, count); ok {
				d.Status, d.Force = status(rule), force
				r.redirect(d)
			}
		}
	}
	take(f.Redirects, moved, true)
	take(f.Rewrites, func(jsonRule) int { return 200 }, false)
	for _, rule := range f.Headers {
		line := r.sourceLine(rule.Source, count)
		from, _, ok := pathToRegexp(rule.Source)
		if !ok || len(rule.Has)+len(rule.Missing) > 0 {
			r.unsupported(line, "nginx has nothing for %q", rule.Source)
			continue
		}
		for _, h := range rule.Headers {
			r.header(line, Header{Path: from, Glob: starred(rule.Source), Name: h.Key, Value: h.Value})
		}
	}
}

// starred is a source without patterns but for "(.*)", as a glob; "" for others.
func starred(source string) string {
	glob := strings.ReplaceAll(source, "(.*)", "*")
	if strings.ContainsAny(glob, ":(){}") {
		return ""
	}
	return glob
}

// moved is the status of a redirect.
func moved(d jsonRule) int {
	switch {
	case d.StatusCode != 0:
		return d.StatusCode
	case d.Permanent == nil || *d.Permanent:
		return 308
	}
	return 307
}

// vercelRule translates a source and a destination.
func (r *settings) vercelRule(rule jsonRule, count map[string]int) (Redirect, bool) {
	d := Redirect{line: r.sourceLine(rule.Source, count)}
	from, g, ok := pathToRegexp(rule.Source)
	switch {
	case len(rule.Has)+len(rule.Missing) > 0:
		r.unsupported(d.line, "it depends on more than the path")
		return d, false
	case !ok:
		r.unsupported(d.line, "nginx has nothing for the pattern %q", rule.Source)
		return d, false
	}
	to := strings.NewReplacer("*", "", "(.*)", "").Replace(rule.to())
	for i, name := range g.names { // $1 is the first group, whatever its name
		if n := regexp.MustCompile(`\$` + string(rune('1'+i)) + `\b`); i < 9 {
			to = n.ReplaceAllString(to, ":"+name)
		}
	}
	if d.From, d.To, ok = from, to, true; d.To == "" {
		r.unsupported(d.line, "it has no destination")
		return d, false
	}
	if d.To, ok = g.target(to, colonName()); !ok {
		r.unsupported(d.line, "its destination names what its source does not capture")
	}
	return d, ok
}

// sourceLine is the line of a rule; rules may have equal sources.
func (r *settings) sourceLine(source string, count map[string]int) int {
	count[source]++
	return r.lineOf(`"(?:source|regex|glob)"\s*:\s*`+regexp.QuoteMeta(strings.ReplaceAll(quotedJSON(source), `\u0026`, "&")), count[source]-1)
}

func quotedJSON(s string) string {
	b, _ := json.Marshal(s) // a text always has a form
	return string(b)
}

// slashes takes the keys that Vercel, Firebase and serve share.
func (r *settings) slashes(clean bool, trailing *bool) {
	rules := &r.site.Rules
	rules.CleanURLs = rules.CleanURLs || clean
	if trailing != nil {
		rules.Slash = map[bool]string{true: "always", false: "never"}[*trailing]
	}
}
