package static

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestRedirectsFile: _redirects as Netlify means it, answered by nginx.
func TestRedirectsFile(t *testing.T) {
	answers(t, map[string]string{
		"index.html": "home", "about.html": "about", "kept.html": "kept", "taken.html": "taken", "new/a.html": "new a", "en/404.html": "english", "404.html": "none", "app/index.html": "app", "posts/7.html": "seven",
		"_redirects": `# comment
/old          /new/a
/moved        /about        302   # why
/kept         /about
/taken        /about        301!
/blog/*       /posts/:splat
/user/:id/p/:page  https://users.example/:page?u=:id  308
/temp/        /about        307
/app/*        /app/index.html  200
/show/:id     /posts/:id    200
/force        /about        200!
/straße       /about
/en/*         /en/404.html  404
/gone         /             410
/x/*          /:splat
`}, map[string]string{
		"/old":               "301 /new/a",
		"/old/":              "301 /new/a",
		"/old?a=1&b=2":       "301 /new/a?a=1&b=2",
		"/moved":             "302 /about",
		"/kept":              "200 kept",
		"/taken":             "301 /about",
		"/blog/2024/x%20y":   "301 /posts/2024/x%20y",
		"/blog":              "301 /posts/",
		"/user/7/p/2":        "308 https://users.example/2?u=7",
		"/user/7/p":          "404 none",
		"/temp":              "307 /about",
		"/app/deep/link":     "200 app",
		"/app/":              "200 app",
		"/show/7":            "200 seven",
		"/show/8":            "404 none",
		"/force":             "200 about",
		"/stra%C3%9Fe":       "301 /about",
		"/en/nothing":        "404 english",
		"/x//evil.example/":  "404 none",
		"//evil.example/":    "404 none",
		"/x/%0d%0aSet-A:b":   "301 /%0d%0aSet-A:b",
		"/_redirects":        "404 none",
		"/":                  "200 home",
		"/healthz":           "200 ok\n",
		"/old Cache-Control": "301 no-cache",
	})
}

// TestHeadersFile: _headers by path, lists, and headers that a rule takes away.
func TestHeadersFile(t *testing.T) {
	answers(t, map[string]string{
		"index.html": "home", "about.html": "about", "assets/a.js": "1", "data/feed": "{}", "img/a.dat": "x",
		"_headers": `/*
  X-Frame-Options: DENY
  Content-Security-Policy: default-src 'self'; script-src "x" $y
  Link: </a.css>; rel=preload
/about
  X-Frame-Options: SAMEORIGIN
  Link: </b.css>; rel=preload
/assets/*
  cache-control: public, max-age=60
  ! X-Frame-Options
/data/feed
  Content-Type: application/feed+json
/img/*.dat
  Content-Type: image/x-own
/v/:name
  X-Version: one
`}, map[string]string{
		"/ X-Frame-Options":            "200 DENY",
		"/about X-Frame-Options":       "200 SAMEORIGIN",
		"/about Link":                  "200 </a.css>; rel=preload + </b.css>; rel=preload",
		"/ Content-Security-Policy":    `200 default-src 'self'; script-src "x" $y`,
		"/none X-Frame-Options":        "404 DENY",
		"/assets/a.js X-Frame-Options": "200",
		"/assets/a.js Cache-Control":   "200 public, max-age=60",
		"/ Cache-Control":              "200 no-cache",
		"/data/feed Content-Type":      "200 application/feed+json",
		"/img/a.dat Content-Type":      "200 image/x-own",
		"/v/2 X-Version":               "404 one",
		"/_headers X-Frame-Options":    "404 DENY",
		"/ X-Content-Type-Options":     "200 nosniff",
	})
}

// TestOtherHosts: the settings of other hosts of sites.
func TestOtherHosts(t *testing.T) {
	for name, c := range map[string]struct{ files, want map[string]string }{
		"netlify.toml": {map[string]string{"dist/index.html": "home", "dist/a.html": "a", "netlify.toml": "[build]\npublish = \"dist\"\n[[redirects]]\nfrom = \"/old/*\"\nto = \"/a/:splat\"\nstatus = 302\n[[redirects]]\nfrom = \"/*\"\nto = \"/index.html\"\nstatus = 200\n[[headers]]\nfor = \"/*\"\n[headers.values]\nX-A = \"\"\"one,\ntwo\"\"\"\n"},
			map[string]string{"/old/x": "302 /a/x", "/any/where": "200 home", "/a": "200 a", "/ X-A": "200 one, two", "/missing.js": "404 <html>"}},
		"vercel.json": {map[string]string{"index.html": "home", "about.html": "about", "blog/index.html": "blog", "vercel.json": `{"cleanUrls": true, "trailingSlash": false,
  "redirects": [{"source": "/old/:path*", "destination": "/blog/:path*"}, {"source": "/me", "destination": "/about", "permanent": false}, {"source": "/n/(\\d{2,4})", "destination": "/blog?n=$1", "statusCode": 301}, {"source": "/opt/:a?", "destination": "/about"}],
  "rewrites": [{"source": "/app/(.*)", "destination": "/about"}],
  "headers": [{"source": "/(.*)", "headers": [{"key": "X-A", "value": "1"}]}, {"source": "/blog/:x", "headers": [{"key": "X-A", "value": "2"}]}]}`},
			map[string]string{"/about": "200 about", "/about.html": "308 /about", "/about/": "308 /about", "/index.html": "308 /", "/blog": "200 blog", "/blog/": "308 /blog", "/blog/index.html": "308 /blog",
				"/old/a/b": "308 /blog/a/b", "/me": "307 /about", "/n/123": "301 /blog?n=123", "/opt": "308 /about", "/app/x/y": "200 about", "/ X-A": "200 1", "/blog/q X-A": "404 2", "/": "200 home", "/healthz": "200 ok\n", "//evil.example/": "404 <html>"}},
		"trailing slashes": {map[string]string{"index.html": "home", "about.html": "about", "blog/index.html": "blog", "a.txt": "text", "vercel.json": `{"trailingSlash": true}`},
			map[string]string{"/about": "308 /about/", "/about/": "200 about", "/blog/": "200 blog", "/blog": "308 /blog/", "/a.txt": "200 text", "/healthz": "200 ok\n", "/about?x=1": "308 /about/?x=1"}},
		"firebase.json": {map[string]string{"public/index.html": "home", "public/b.html": "b", "firebase.json": `{"hosting": {"public": "public", "cleanUrls": true,
  "redirects": [{"source": "/foo{,/**}", "destination": "/b", "type": 302}, {"source": "/n/:id", "destination": "/b?id=:id"}],
  "rewrites": [{"source": "/api/**", "function": "api"}, {"source": "**", "destination": "/index.html"}],
  "headers": [{"source": "**/*.@(jpg|png)", "headers": [{"key": "X-Img", "value": "yes"}]}]}}`},
			map[string]string{"/foo": "302 /b", "/foo/x/y": "302 /b", "/n/3": "301 /b?id=3", "/deep/link": "200 home", "/b": "200 b", "/x/y.png X-Img": "404 yes", "/y.gif X-Img": "404"}},
		"static.json": {map[string]string{"www/index.html": "home", "www/e.html": "error", "static.json": `{"root": "www/", "clean_urls": true, "error_page": "e.html", "redirects": {"/old/": {"url": "/"}}, "headers": {"/**": {"X-A": "1"}}}`},
			map[string]string{"/old/": "301 /", "/none": "404 error", "/ X-A": "200 1"}},
		"serve.json": {map[string]string{"index.html": "home", "a.html": "a", "serve.json": `{"redirects": [{"source": "/old/:id", "destination": "/a"}], "rewrites": [{"source": "app/**", "destination": "/index.html"}]}`},
			map[string]string{"/old/1": "301 /a", "/app/x": "200 home"}},
		"Staticfile": {map[string]string{"web/index.html": "home", "web/sub/a.txt": "a", "web/page.shtml": "x", "web/.hidden": "seen", "web/.env": "no", "Staticfile": "root: web\ndirectory: visible # why\nhost_dot_files: true\nforce_https: true\nhttp_strict_transport_security: true\nstatus_codes:\n  404: /index.html\n"},
			map[string]string{"/": "200 home", "/sub/a.txt": "200 a", "/.hidden": "200 seen", "/.env": "404 home", "/ Strict-Transport-Security": "200 max-age=31536000", "/sub/ Content-Type": "200 text/html"}},
		"Staticfile, pushstate":      {map[string]string{"index.html": "home", "Staticfile": "pushstate: enabled\n"}, map[string]string{"/any": "200 home", "/any.js": "404 <html>", "/Staticfile": "200 home"}},
		"Staticfile, index_fallback": {map[string]string{"index.html": "home", "Staticfile": "index_fallback: true\n"}, map[string]string{"/any": "200 home"}},
		"server-side includes":       {map[string]string{"index.html": "<!--# include virtual=\"/part.html\" -->!", "part.html": strings.Repeat("part", 100), "Staticfile": "ssi: enabled\n"}, map[string]string{"/": "200 " + strings.Repeat("part", 100) + "!"}},
		"Staticfile.auth":            {map[string]string{"index.html": "home", "Staticfile": "", "Staticfile.auth": "bob:{PLAIN}secret\n"}, map[string]string{"/": "401 <html>", "/healthz": "200 ok\n"}},
		"docs of GitHub Pages":       {map[string]string{"docs/index.html": "home", "docs/.nojekyll": "", "docs/CNAME": "example.com"}, map[string]string{"/": "200 home", "/CNAME": "404 <html>"}},
	} {
		t.Run(name, func(t *testing.T) {
			at := serve(t, c.files)
			for asked, answer := range c.want {
				path, header, _ := strings.Cut(asked, " ")
				got := ask(t, at, path, header)
				if strings.HasSuffix(answer, "<html>") && strings.HasPrefix(got, answer) {
					continue
				}
				if got != answer {
					t.Errorf("%s: %q, want %q", asked, got, answer)
				}
			}
		})
	}
}

// TestUnsupportedRules: what nginx cannot answer is reported with its line, and the
// rest is applied.
func TestUnsupportedRules(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		lines      []int
		code       string
	}{
		"a proxy":             {"_redirects", "/a /b\n/api/* https://api.example/:splat 200\n", []int{2}, codeRule},
		"a country":           {"_redirects", "/ /de 302 Country=de\n", []int{1}, codeRule},
		"a query":             {"_redirects", "/a id=:id /b/:id 301\n", []int{1}, codeRule},
		"a host":              {"_redirects", "http://a.example/* https://b.example/:splat 301!\n", []int{1}, codeRule},
		"no target":           {"_redirects", "\n/a\n", []int{2}, codeRule},
		"a status":            {"_redirects", "/a /b 999\n/c /d 3x1\n", []int{1, 2}, codeRule},
		"an unknown name":     {"_redirects", "/a/:x /b/:y\n", []int{1}, codeRule},
		"a variable":          {"_redirects", "/a /$host\n", []int{1}, codeRule},
		"a header of nginx":   {"_headers", "/*\n  ETag: a\n  nothing\n", []int{2, 3}, codeRule},
		"a password":          {"_headers", "/*\n  Basic-Auth: a:b\n", []int{2}, codeProtected},
		"a function":          {"firebase.json", "{\"hosting\": {\"rewrites\": [\n{\"source\": \"/api\", \"function\": \"f\"}]}}", []int{2}, codeRule},
		"what JavaScript has": {"vercel.json", "{\n\"redirects\": [{\"source\": \"/((?!api).*)\", \"destination\": \"/\"}]}", []int{2}, codeRule},
		"a condition":         {"vercel.json", "{\"redirects\": [{\"source\": \"/a\", \"destination\": \"/b\"},\n{\"source\": \"/a\", \"has\": [{}], \"destination\": \"/\"}]}", []int{2}, codeRule},
		"a routed site":       {"vercel.json", "{\n\"routes\": [{\"src\": \"/a\"}]}", []int{2}, codeRule},
		"an edge condition":   {"netlify.toml", "[[redirects]]\nfrom = \"/a\"\nto = \"/b\"\n[[redirects]]\nfrom = \"/c\"\nto = \"/d\"\nconditions = {Role = [\"admin\"]}\n", []int{4}, codeRule},
		"broken TOML":         {"netlify.toml", "[[\n", []int{0}, codeRule},
		"a key":               {"Staticfile", "root: .\nunknown: x\nlocation_include: a.conf\n", []int{2, 3}, codeRule},
	} {
		tree := fstest.MapFS{"index.html": {Data: []byte("home")}, c.file: {Data: []byte(c.text)}}
		_, findings := Ecosystem{}.Plan(tree, config.Service{Name: "a", Path: "."}, nil)
		var lines []int
		for _, f := range findings {
			if f.Code != c.code || f.Hint == "" || f.Place.File != c.file || (f.Severity == diag.Error) != (c.code == codeProtected) {
				t.Errorf("%s: %+v", name, f)
			}
			lines = append(lines, f.Place.Line)
		}
		if diff := cmp.Diff(c.lines, lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, findings)
		}
	}
}

// FuzzRules: whatever the settings of a site hold, no line of them becomes a line
// of nginx's configuration, and every expression is one.
func FuzzRules(f *testing.F) {
	f.Add("/a/* /b/:splat 301!\n/é\"; } /x\\", "/*\n  X-A: \"$x\\\"; }\n", `{"redirects": [{"source": "/a/:b(\\d+)*", "destination": "/:b"}]}`, "root: .\n")
	f.Add("/* https://x/$1;}{ 302", "/a\n  ! B", `{"headers": [{"source": "/(.*)\"", "headers": [{"key": "A\n", "value": "b"}]}]}`, "status_codes:\n  404: /x\";\n")
	f.Add("/%z\"\n /b\n/a%2\" /c\n/a /:\x00://x\n", "/%\"\n  A$: b\n  #: c\n", `{"redirects": [{"source": "/:a(\\u0000\")", "destination": "/b"}], "headers": [{"source": "/a\n(.*)", "headers": [{"key": "Content-Type", "value": "a'b"}]}]}`, "status_codes:\n  404: $x\n")
	f.Fuzz(func(t *testing.T, redirects, headers, vercel, staticfile string) {
		tree := fstest.MapFS{"index.html": {}, "_redirects": {Data: []byte(redirects)}, "_headers": {Data: []byte(headers)}, "vercel.json": {Data: []byte(vercel)}, "firebase.json": {Data: []byte(`{"hosting":` + vercel + `}`)}, "Staticfile": {Data: []byte(staticfile)}}
		_, site := inspect(tree, config.Service{Name: "a", Path: "."}, nil)
		checkConf(t, site)
	})
}

// checkConf fails when an expression of the rules is none, or when a word of them
// ends what nginx reads as one.
func checkConf(t *testing.T, site Site) {
	t.Helper()
	for _, d := range site.Rules.Redirects {
		if _, err := regexp.Compile(d.From); err != nil {
			t.Fatalf("%q is no expression: %v", d.From, err)
		}
	}
	conf := site.config(8080, true)
	depth, in := 0, false
	for i := 0; i < len(conf); i++ {
		switch c := conf[i]; {
		case in && c == '\\':
			i++
		case c == '"':
			in = !in
		case in && (c == '\n' || c == 0):
			t.Fatalf("a word has two lines: %q", conf[max(0, i-200):i+1])
		case in:
		case c == '#':
			for i < len(conf) && conf[i] != '\n' {
				i++
			}
		case c == '{' && conf[i-1] != '$':
			depth++
		case c == '}':
			depth--
		}
	}
	if in || depth != 0 {
		t.Fatalf("the configuration is not balanced, %d:\n%s", depth, conf)
	}
}
