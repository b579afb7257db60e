package static

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// none is a path that no site has.
const none = "/.none"

// quoted is a word of nginx's configuration.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// fixed is a word in which a dollar sign begins no variable.
func fixed(text string) string { return quoted(strings.ReplaceAll(text, "$", "${dollar}")) }

// maps decide on a request by its path as the browser sent it: no decoded byte of
// it can reach a header. The first rule that matches counts. Paths with two
// slashes in a row match none, because their ends would be hosts in a redirect.
func (s Site) maps() string {
	r := s.Rules
	var b strings.Builder
	table := func(of, name, otherwise string, lines ...string) {
		fmt.Fprintf(&b, "    map %s %s {\n        default %s;\n", of, name, otherwise)
		for _, l := range lines {
			b.WriteString("        " + l + ";\n")
		}
		b.WriteString("    }\n\n")
	}
	if len(r.Redirects)+len(r.Headers) > 0 || r.CleanURLs || r.Slash != "" {
		b.WriteString("    # Rules of the site. They see the path as the browser sends it.\n")
		table("$request_uri", "$requested", `""`, quoted("~^(?<sent>[^?]*)")+" $sent")
	}
	if slices.ContainsFunc(r.Headers, func(h Header) bool { return strings.Contains(h.Value, "$") }) {
		b.WriteString("    geo $dollar {\n        default \"$\";\n    }\n\n")
	}
	if r.Slash != "" {
		table("$uri", "$page", "$uri", quoted("~^(?<unslashed>.*)/$")+" $unslashed")
	}
	if lines := s.canonical(); len(lines) > 0 {
		table("$requested", "$canonical", `""`, append([]string{guard}, lines...)...)
	}
	if len(r.Redirects) > 0 {
		lines, served, forced, missing := []string{guard}, []string{}, []string{}, []string{}
		for i, d := range r.Redirects {
			lines = append(lines, fmt.Sprintf("%s %d", quoted("~"+d.From), i+1))
			line := fmt.Sprintf("%d %s", i+1, quoted(d.To))
			switch {
			case d.Status == 200 && d.Force:
				forced = append(forced, line)
			case d.Status == 200:
				served = append(served, line)
			case d.Status == 404:
				missing = append(missing, line)
			}
		}
		table("$requested", "$rule", `""`, lines...)
		if len(served) > 0 {
			table("$rule", "$rewritten", none, served...)
		}
		if len(forced) > 0 {
			table("$rule", "$forced", none, forced...)
		}
		if len(missing) > 0 {
			table("$rule", "$not_found", ecosystem.Or(r.NotFound, "/404.html"), missing...)
		}
	}
	for _, h := range s.headers() {
		table("$requested", h.variable, h.otherwise, h.lines...)
	}
	return b.String()
}

// guard is the line of a map that keeps the rules away from a path.
const guard = `"~//|\\\\" ""`

// canonical are the lines of the map that knows the one address of a page.
func (s Site) canonical() []string {
	r := s.Rules
	end := map[string]string{"always": "/"}[r.Slash]
	var out []string
	add := func(from, to string) { out = append(out, quoted("~"+from)+" "+quoted(to)) }
	if r.CleanURLs {
		if r.Slash == "never" {
			add(`^(?<c0>/.+)/index(?:\.html)?$`, "$c0")
		}
		add(`^(?<c1>/(?:.*/)?)index(?:\.html)?$`, "$c1")
		add(`^(?<c2>/.+)\.html$`, "${c2}"+end)
	}
	switch r.Slash {
	case "never":
		add(`^(?<c3>/.+)/$`, "$c3")
	case "always":
		add(`^(?!`+defaultHealth+`$)(?<c4>/(?:.*/)?[^./]+)$`, "$c4/")
	}
	return out
}

// header is a header with the map that has its values.
type header struct {
	name, variable, otherwise string
	lines                     []string
}

// headers are those of the rules. Of several rules for one path the last counts,
// unless the header is a list.
func (s Site) headers() []header {
	var out []header
	for _, h := range s.Rules.Headers {
		at := slices.IndexFunc(out, func(o header) bool { return strings.EqualFold(o.name, h.Name) && !isList(h.Name) })
		if at < 0 {
			at = len(out)
			otherwise := map[string]string{"cache-control": "$cache", "x-content-type-options": "nosniff"}[strings.ToLower(h.Name)]
			out = append(out, header{name: h.Name, variable: fmt.Sprintf("$header_%d", at+1), otherwise: ecosystem.Or(otherwise, `""`)})
		}
		out[at].lines = append([]string{quoted("~"+h.Path) + " " + fixed(h.Value)}, out[at].lines...)
	}
	return out
}

// isList tells whether a header may be sent several times.
func isList(name string) bool {
	return slices.Contains([]string{"link", "set-cookie", "vary"}, strings.ToLower(name))
}

// headerLines add the headers to answers.
func (s Site) headerLines() string {
	own := s.headers()
	value := func(name, otherwise string) string {
		for _, h := range own {
			if strings.EqualFold(h.name, name) {
				return h.variable
			}
		}
		return otherwise
	}
	out := `        add_header Cache-Control ` + value("Cache-Control", "$cache") + `;
        add_header ETag $release;
        add_header Last-Modified "";
        add_header Content-Encoding $encoding;
        add_header X-Content-Type-Options ` + value("X-Content-Type-Options", "nosniff") + `;
`
	for _, h := range own {
		if !strings.EqualFold(h.name, "Cache-Control") && !strings.EqualFold(h.name, "X-Content-Type-Options") {
			out += "        add_header " + h.name + " " + h.variable + " always;\n"
		}
	}
	return out
}

// switches are what a server decides before it looks for a file.
func (s Site) switches() string {
	r := s.Rules
	var b strings.Builder
	if r.Listing {
		b.WriteString("        autoindex on;\n")
	}
	if r.SSI {
		b.WriteString("        ssi on;\n        ssi_types \"text/html; charset=utf-8\";\n")
	}
	if r.Accounts != "" {
		b.WriteString("        auth_basic \"Restricted\";\n        auth_basic_user_file " + accountFile + ";\n")
	}
	test := func(condition, answer string) {
		fmt.Fprintf(&b, "        if (%s) {\n            %s;\n        }\n", condition, answer)
	}
	if r.HTTPS {
		test("$http_x_forwarded_proto = http", "return 301 https://$host$request_uri")
	}
	for i, d := range r.Redirects {
		if d.Force && d.Status != 200 {
			test(fmt.Sprintf("$rule = %d", i+1), answer(d))
		}
	}
	if len(s.canonical()) > 0 {
		test("$canonical", "return 308 $canonical$is_args$args")
	}
	if r.Base != "" {
		fmt.Fprintf(&b, "        # The pages are built for %[1]s. They answer below it and at /.\n        rewrite %[2]s /$1;\n", r.Base, quoted("^"+literalURI(r.Base)+"(?:/(.*))?$"))
	}
	return b.String()
}

// answer is the answer of a redirect. Its query is the request's, unless the rule
// has one.
func answer(d Redirect) string {
	if d.Status == 404 || d.Status == 410 {
		return fmt.Sprintf("return %d", d.Status)
	}
	to, fragment, has := strings.Cut(d.To, "#")
	if !strings.Contains(to, "?") {
		to += "$is_args$args"
	}
	if has {
		to += "#" + fragment
	}
	return fmt.Sprintf("return %d %s", d.Status, quoted(to))
}

// forced are the files of rules that come before those of the path.
func (s Site) forced() string {
	if slices.ContainsFunc(s.Rules.Redirects, func(d Redirect) bool { return d.Force && d.Status == 200 }) {
		return "$forced $forced.html $forced/index.html "
	}
	return ""
}

// pages are the files of a path.
func (s Site) pages() string {
	if s.Rules.Slash != "" {
		return s.forced() + "$uri $page.html"
	}
	return s.forced() + "$uri $uri.html"
}

// index is the page of a directory, without a redirect to it.
func (s Site) index() string {
	if s.Rules.Slash != "" {
		return "$page/index.html"
	}
	return "$uri/index.html"
}

func (s Site) hasStatus(status int) bool {
	return slices.ContainsFunc(s.Rules.Redirects, func(d Redirect) bool { return d.Status == status && (status != 200 || !d.Force) })
}

// rewritten are the files of rules that come after those of the path.
func (s Site) rewritten() string {
	if !s.hasStatus(200) {
		return ""
	}
	return "$rewritten $rewritten.html $rewritten/index.html "
}

// fallbackRules is the location of paths without a file, "" when no rule is for
// them.
func (s Site) fallbackRules() string {
	var b strings.Builder
	for i, d := range s.Rules.Redirects {
		if !d.Force && d.Status != 200 {
			fmt.Fprintf(&b, "            if ($rule = %d) {\n                %s;\n            }\n", i+1, answer(d))
		}
	}
	files := s.rewritten()
	if b.Len() == 0 && files == "" {
		return ""
	}
	if files == "" {
		files = none + " "
	}
	location := func(name, last string) string {
		return "        location " + name + " {\n" + b.String() + "            try_files " + files + last + ";\n        }\n"
	}
	if s.Fallback == "" {
		return location("@rules", "=404")
	}
	return location("@rules", s.Fallback) + location("@missing", "=404")
}

// open lets the health check in.
func (s Site) open() string {
	if s.Rules.Accounts == "" {
		return ""
	}
	return "            auth_basic off;\n"
}
