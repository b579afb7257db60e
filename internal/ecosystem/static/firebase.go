package static

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// hosting is what firebase.json says of a site
// (https://firebase.google.com/docs/hosting/full-config).
type hosting struct {
	Public                       string
	Redirects, Rewrites, Headers []jsonRule
	CleanURLs                    bool `json:"cleanUrls"`
	TrailingSlash                *bool
}

// hosting is the first site of the file.
func (r *settings) hosting() (hosting, bool) {
	var f struct{ Hosting json.RawMessage }
	var one hosting
	if !r.json(&f) {
		return one, false
	}
	if json.Unmarshal(f.Hosting, &one) == nil {
		return one, true
	}
	var all []hosting
	if json.Unmarshal(f.Hosting, &all) == nil && len(all) > 0 {
		return all[0], true
	}
	return one, false
}

// firebase reads firebase.json.
func (r *settings) firebase() {
	f, ok := r.hosting()
	if !ok {
		return // for other services of Firebase
	}
	r.slashes(f.CleanURLs, f.TrailingSlash)
	r.globRules(f.Redirects, f.Rewrites, f.Headers)
}

// serve reads serve.json (https://github.com/vercel/serve-handler#options).
func (r *settings) serve() {
	var f struct {
		Redirects, Rewrites, Headers []jsonRule
		CleanURLs                    any `json:"cleanUrls"`
		TrailingSlash                *bool
	}
	if !r.json(&f) {
		return
	}
	r.slashes(f.CleanURLs == true, f.TrailingSlash)
	r.globRules(f.Redirects, f.Rewrites, f.Headers)
}

// globRules takes rules whose sources are globs.
func (r *settings) globRules(redirects, rewrites, headers []jsonRule) {
	count := map[string]int{}
	for _, rule := range redirects {
		if d, ok := r.globRule(rule, count); ok {
			d.Status, d.Force = rule.Type, true
			if d.Status == 0 {
				d.Status = 301
			}
			r.redirect(d)
		}
	}
	for _, rule := range rewrites {
		if d, ok := r.globRule(rule, count); ok {
			d.Status = 200
			r.redirect(d)
		}
	}
	for _, rule := range headers {
		source := or(or(rule.Source, rule.Glob), rule.Regex)
		line := r.sourceLine(source, count)
		from, _, ok := globPath(source)
		if !ok || rule.Regex != "" {
			r.unsupported(line, "nginx has nothing for the pattern %q", source)
			continue
		}
		for _, h := range rule.Headers {
			r.header(line, Header{Path: from, Glob: plainGlob(source), Name: h.Key, Value: h.Value})
		}
	}
}

// plainGlob is a glob in which "*" alone is a pattern, "" for others.
func plainGlob(source string) string {
	if strings.ContainsAny(source, ":(){}@?!") {
		return ""
	}
	return "/" + strings.TrimPrefix(strings.ReplaceAll(source, "**/", "*"), "/")
}

// globRule translates a rule but for its status.
func (r *settings) globRule(rule jsonRule, count map[string]int) (Redirect, bool) {
	source := or(or(rule.Source, rule.Glob), rule.Regex)
	d := Redirect{line: r.sourceLine(source, count)}
	if rule.Function != nil || rule.Run != nil || rule.DynamicLinks != nil {
		r.unsupported(d.line, "a function of Firebase answers it")
		return d, false
	}
	from, g, ok := globPath(source)
	if !ok || rule.Regex != "" {
		r.unsupported(d.line, "nginx has nothing for the pattern %q", source)
		return d, false
	}
	if d.From = from; rule.to() == "" {
		r.unsupported(d.line, "it has no destination")
		return d, false
	}
	if d.To, ok = g.target(rule.to(), colonName()); !ok {
		r.unsupported(d.line, "its destination names what its source does not capture")
	}
	return d, ok
}

// heroku reads static.json, which names a root, unlike data of that name
// (https://github.com/heroku/heroku-buildpack-static#configuration).
func (r *settings) heroku() {
	var f struct {
		Root      string
		CleanURLs bool              `json:"clean_urls"`
		HTTPSOnly bool              `json:"https_only"`
		Routes    map[string]string `json:"routes"`
		Redirects map[string]struct {
			URL    string
			Status int
		}
		Headers   map[string]map[string]string
		ErrorPage string         `json:"error_page"`
		Proxies   map[string]any `json:"proxies"`
	}
	if !r.json(&f) || f.Root == "" {
		return
	}
	r.slashes(f.CleanURLs, nil)
	r.site.Rules.HTTPS = r.site.Rules.HTTPS || f.HTTPSOnly
	if f.ErrorPage != "" {
		r.notFound(r.lineWith(`"error_page"`), f.ErrorPage)
	}
	for _, from := range slices.Sorted(maps.Keys(f.Redirects)) {
		to := f.Redirects[from]
		if to.Status == 0 {
			to.Status = 301
		}
		r.herokuRule(from, to.URL, to.Status)
	}
	byLength := slices.Sorted(maps.Keys(f.Routes)) // the most specific first
	slices.SortStableFunc(byLength, func(a, b string) int { return len(b) - len(a) })
	for _, from := range byLength {
		r.herokuRule(from, "/"+strings.TrimPrefix(f.Routes[from], "/"), 200)
	}
	for _, glob := range slices.Sorted(maps.Keys(f.Headers)) {
		from, _, ok := globPath(glob)
		for _, name := range slices.Sorted(maps.Keys(f.Headers[glob])) {
			if ok {
				r.header(r.lineWith(quotedJSON(glob)), Header{Path: from, Glob: plainGlob(glob), Name: name, Value: f.Headers[glob][name]})
			}
		}
	}
	if len(f.Proxies) > 0 {
		r.unsupported(r.lineWith(`"proxies"`), "nginx serves the site's own files only")
	}
}

func (r *settings) herokuRule(from, to string, status int) {
	d := Redirect{Status: status, Force: status != 200, line: r.lineWith(quotedJSON(from))}
	source, g, ok := globPath(from)
	if d.From = source; ok {
		d.To, ok = g.target(to, colonName())
	}
	if !ok {
		r.unsupported(d.line, "nginx has nothing for the pattern %q", from)
		return
	}
	r.redirect(d)
}
