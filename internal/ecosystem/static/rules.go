package static

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// The codes of findings about the settings of a site. A code has one meaning for
// ever.
const (
	codeRule      = "SLP491" // a redirect or header that nginx cannot answer with
	codeProtected = "SLP492" // a site that its settings protect and the image would not
	codeGenerator = "SLP493" // a site generator without something that it requires
)

// Rules are what a site's settings say of requests: redirects, headers, and how
// paths without an extension are meant. Hosts of sites have a file each for them.
type Rules struct {
	Redirects []Redirect
	Headers   []Header
	Types     []Header // Name is the type of the paths

	Base      string // path that the pages are built for, such as "/docs"; "" for none
	CleanURLs bool   // /about.html moves to /about
	Slash     string // "always", "never", or "" for directories alone
	HTTPS     bool   // a proxy that says that a request came by HTTP gets a redirect
	Listing   bool   // directories without a page list their files
	SSI       bool   // server-side includes
	Hidden    bool   // files with a leading dot are served
	Accounts  string // htpasswd file of the build context, "" for none
	NotFound  string // page that answers unknown paths with 404, such as "/404.html"
}

// Redirect is one rule. The first that matches a path counts.
type Redirect struct {
	From   string // regular expression over the path as browsers send it
	To     string // with $s1, $s2 … for the groups of From
	Status int    // 200 serves To in place of the path
	Force  bool   // even where the path has a file

	file string
	line int
}

// Header is set on answers to paths.
type Header struct {
	Path  string // regular expression over the path as browsers send it
	Glob  string // the same as written, with "*"; "" when it has no such form
	Name  string
	Value string // "" removes what an earlier rule has set
}

// settings reads the files that hold rules.
type settings struct {
	s    *ecosystem.Service
	site *Site
	file string
	data []byte
}

// ReadRules reads what the service's files say of requests: those in its own
// directory, and those that its build copies from one of the given directories
// into the site.
func (s *Site) ReadRules(svc *ecosystem.Service, dirs ...string) {
	r := settings{s: svc, site: s}
	for _, f := range []struct {
		name string
		read func(*settings)
	}{
		{"Staticfile", (*settings).staticfile}, {"netlify.toml", (*settings).netlify}, {"vercel.json", (*settings).vercel},
		{"firebase.json", (*settings).firebase}, {"static.json", (*settings).heroku}, {"serve.json", (*settings).serve},
	} {
		if r.open(f.name) {
			f.read(&r)
		}
	}
	for _, name := range []string{"_redirects", "_headers"} {
		for _, dir := range slices.Concat(dirs, []string{"."}) {
			if !r.open(strings.TrimPrefix(dir+"/"+name, "./")) {
				continue
			}
			if name == "_headers" {
				r.headersFile()
			} else {
				r.redirectsFile()
			}
			break
		}
	}
	s.takeFallback()
	s.noteRules(svc)
}

// open reads a file of the service.
func (r *settings) open(name string) bool {
	if !ecosystem.Exists(r.s.Dir, name) || ecosystem.IsDir(r.s.Dir, name) {
		return false
	}
	data, err := ecosystem.Read(r.s.Dir, name)
	r.file, r.data = name, data
	return err == nil
}

// notFound takes the page that answers unknown paths.
func (r *settings) notFound(line int, name string) {
	if name = "/" + strings.TrimPrefix(name, "/"); !plainPage().MatchString(name) {
		r.unsupported(line, "%q is not the path of a page", name)
		return
	}
	r.site.Rules.NotFound = name
}

// unsupported reports a rule that is not applied.
func (r *settings) unsupported(line int, format string, args ...any) {
	r.s.Report(diag.Warning, codeRule, r.file, line, "delete the rule, or answer it in the proxy in front of the service", "the rule is not applied: "+format, args...)
}

// protected reports that somebody would see what the settings hide.
func (r *settings) protected(line int, hint, format string, args ...any) {
	r.s.Report(diag.Error, codeProtected, r.file, line, hint, format, args...)
}

// lineOf is the line of the n-th match, from 0, of an expression.
func (r *settings) lineOf(expression string, n int) int {
	re, err := regexp.Compile(expression)
	if err != nil {
		return 0
	}
	all := re.FindAllIndex(r.data, n+1)
	if n >= len(all) {
		return 0
	}
	return ecosystem.LineAt(r.data, int64(all[n][0]))
}

// lineWith is the first line that holds a text.
func (r *settings) lineWith(text string) int { return r.lineOf(regexp.QuoteMeta(text), 0) }

// statuses are those of redirects that nginx sends.
func statuses() []int { return []int{200, 301, 302, 303, 307, 308, 404, 410} }

// redirect takes a rule whose From and To are expressions already.
func (r *settings) redirect(d Redirect) {
	d.file = r.file
	switch {
	case !slices.Contains(statuses(), d.Status):
		r.unsupported(d.line, "status %d is not one of 200, 301, 302, 303, 307, 308, 404 and 410", d.Status)
	case (d.Status == 200 || d.Status == 404) && !strings.HasPrefix(d.To, "/"):
		host, _, _ := strings.Cut(d.To, "${")
		r.unsupported(d.line, "nginx serves the site's own files only, not those of %s", host)
	case !safeTarget().MatchString(d.To):
		r.unsupported(d.line, "%q is not a path or an address", d.To)
	default:
		r.site.Rules.Redirects = append(r.site.Rules.Redirects, d)
	}
}

// header takes a header; line is that of the rule.
func (r *settings) header(line int, h Header) {
	name := strings.ToLower(h.Name)
	switch {
	case name == "basic-auth":
		r.protected(line, "protect the site in the proxy in front of it, or write user:hash lines to Staticfile.auth", "a password protects %s, but the image would serve it to everybody", or(h.Glob, h.Path))
	case slices.Contains([]string{"content-length", "transfer-encoding", "connection", "date", "server", "etag", "last-modified", "content-range", "accept-ranges"}, name):
		r.unsupported(line, "nginx itself sets %s", h.Name)
	case !headerName().MatchString(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00"):
		r.unsupported(line, "%q is not a header", h.Name)
	case name == "content-type" && (h.Glob == "" || strings.ContainsAny(h.Glob+h.Value, "\r\n\x00'\"")):
		r.unsupported(line, "Content-Type requires a path with * as its only pattern")
	case name == "content-type":
		if h.Value != "" {
			r.site.Rules.Types = append(r.site.Rules.Types, Header{Path: h.Path, Glob: h.Glob, Name: h.Value})
		}
	default:
		r.site.Rules.Headers = append(r.site.Rules.Headers, h)
	}
}

// takeFallback makes a rule for all paths what Slipway calls a fallback page,
// which answers no path that looks like a file's.
func (s *Site) takeFallback() {
	all := regexp.MustCompile(`^(?:\^/\(\?<s1>\.\*\)\$|\^/\.\*\$|\^\.\*\$|\^/\(\?<s1>\.\*\)\?\$|\^\(\?<s1>\.\*\)\$)$`)
	i := slices.IndexFunc(s.Rules.Redirects, func(d Redirect) bool { return all.MatchString(d.From) })
	if i < 0 {
		return
	}
	switch d := s.Rules.Redirects[i]; {
	case d.Status == 200 && !d.Force && plainPage().MatchString(page(d.To)):
		s.Fallback = page(d.To)
	case d.Status == 404 && plainPage().MatchString(page(d.To)):
		s.Rules.NotFound = page(d.To)
	default:
		return
	}
	s.Rules.Redirects = s.Rules.Redirects[:i] // none comes after
}

// page is the file of a path that may leave its name to the server.
func page(to string) string {
	to, _, _ = strings.Cut(to, "?")
	if strings.HasSuffix(to, "/") {
		return to + "index.html"
	}
	return to
}

func or(a, b string) string { return ecosystem.Or(a, b) }

// literal is a text as an expression over a path as browsers send it: what a URL
// cannot hold is percent-encoded.
func literal(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			b.WriteString("(?i:%" + regexp.QuoteMeta(text[i+1:i+3]) + ")")
			i += 2
		case c <= ' ' || c >= 0x7f || strings.IndexByte(`%"<>\^{}|`+"`", c) >= 0:
			fmt.Fprintf(&b, "(?i:%%%02X)", c)
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// encoded is a target as it may stand in a header.
func encoded(to string) string {
	var b strings.Builder
	for i := 0; i < len(to); i++ {
		if c := to[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{}|`+"`", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// literalURI is a path as an expression over what nginx has decoded.
func literalURI(path string) string { return regexp.QuoteMeta(path) }

// noteRules says what the settings add.
func (s *Site) noteRules(svc *ecosystem.Service) {
	for _, d := range s.Rules.Redirects {
		if d.file != "" {
			svc.Fact("redirects", fmt.Sprint(len(s.Rules.Redirects)), "settings of the site", d.file, d.line)
			break
		}
	}
	if n := len(s.Rules.Headers) + len(s.Rules.Types); n > 0 {
		svc.Fact("headers", fmt.Sprint(n), "settings of the site", "", 0)
	}
}
