package proof

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Directives of nginx. A value with a variable is not known.
var (
	nginxRoot  = pattern.Lazy(`(?m)^\s*(?:root|alias)\s+["']?(/[^\s;"'$]*)["']?\s*;|[{;]\s*(?:root|alias)\s+["']?(/[^\s;"'$]*)["']?\s*;`)
	nginxIndex = pattern.Lazy(`\bindex\s+([^;$]+);`)
	nginxOther = pattern.Lazy(`\b(?:(?:proxy|fastcgi|uwsgi|grpc|scgi)_pass|autoindex\s+on|return\s+\d|stub_status|random_index|dav_methods|rewrite|error_page|root\s+[^;]*\$|alias\s+[^;]*\$)`)
)

// nginx checks its settings, and that there is something to serve.
func (c *check) nginx(args []string) {
	file := "/etc/nginx/nginx.conf"
	for i, a := range args {
		if a == "-c" && i+1 < len(args) {
			file = args[i+1]
		}
	}
	main, ok := c.file(file, "the start command")
	if !ok || main.Text == "" {
		return
	}
	text := main.Text
	for _, dir := range []string{"conf.d", "sites-enabled", "templates"} {
		if dir != "templates" && !strings.Contains(main.Text, dir) {
			continue
		}
		for _, name := range c.tree.Names("/etc/nginx/" + dir) {
			if dir == "templates" {
				return // the entrypoint makes settings of them
			}
			if f, ok := c.tree.Lookup(path.Join("/etc/nginx", dir, name)); ok {
				text += "\n" + f.Text
			}
		}
	}
	c.served(withoutNotes(text), "/"+main.Path)
}

// withoutNotes drops comments of nginx's settings.
func withoutNotes(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		code, _, noted := strings.Cut(line, "#")
		out.WriteString(code)
		if noted {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// served checks the directories that pages come from. A mount may bring them when
// the service runs, so that only a planned image is broken without.
func (c *check) served(text, file string) {
	var roots []string
	for _, m := range nginxRoot().FindAllStringSubmatch(text, 50) {
		roots = append(roots, path.Clean(m[1]+m[2]))
	}
	slices.Sort(roots)
	roots = slices.Compact(roots)
	if len(roots) == 0 || nginxOther().MatchString(text) && len(roots) > 1 {
		return
	}
	indexes := []string{"index.html"}
	for _, m := range nginxIndex().FindAllStringSubmatch(text, 50) {
		indexes = append(indexes, strings.Fields(m[1])...)
	}
	lost := ""
	for _, root := range roots {
		f, ok := c.tree.Lookup(root)
		switch {
		case !ok:
			lost = root
			continue
		case path.Ext(root) != "" && !c.tree.IsDir(root): // the alias of a file
			return
		case !c.readable(f):
			return
		}
		if slices.ContainsFunc(indexes, func(name string) bool { return c.tree.Exists(path.Join(root, name)) }) {
			return
		}
		if lost == "" {
			lost = root
		}
	}
	if nginxOther().MatchString(text) && c.tree.IsDir(lost) {
		return // pages are only a part of what it answers
	}
	at := c.startPlace()
	if at.File == "" {
		at = diag.Place{File: file}
	}
	report, hint := c.broken, "check the build's output: "+c.setting("output:")+" with the directory that it writes"
	if len(roots) > 1 || nginxOther().MatchString(text) {
		report = c.warn
	}
	if !c.tree.Exists(lost) {
		report(CodePages, at, hint, "nginx serves %s, which is not in the image", lost)
		return
	}
	report(CodePages, at, hint, "nginx serves %s, which has no %s", lost, strings.Join(indexes[:1], ""))
}
