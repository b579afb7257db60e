package static

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// What rules consist of.
var (
	safeTarget  = pattern.Lazy(`^(?:/|https?://[^/\s]|mailto:)[^\s\x00-\x20\x7f"\\]*$`)
	control     = pattern.Lazy(`[\x00-\x20\x7f"]`)
	plainPage   = pattern.Lazy(`^/[\w./~@+-]*$`)
	headerName  = pattern.Lazy(`^[A-Za-z0-9_-]+$`)
	placeholder = pattern.Lazy(`:([A-Za-z_]\w*)|\*`)
	patterned   = pattern.Lazy(`:([A-Za-z_]\w*)(?:\(((?:[^()\\]|\\.|\([^()]*\))*)\))?([*+?])?|\(((?:[^()\\]|\\.|\([^()]*\))*)\)|\{[^}]*\}|[()]`)
	globbed     = pattern.Lazy(`\*\*|\*|\?|:([A-Za-z_]\w*)(\*)?|@\(([^()]*)\)|\{([^{}]*)\}`)
	colonName   = pattern.Lazy(`:([A-Za-z0-9_]+)`)
)

// groups gives names to what an expression captures, for the target.
type groups struct {
	names []string // by number, from 1
}

// next is the beginning of a group.
func (g *groups) next(name string) string {
	g.names = append(g.names, name)
	return fmt.Sprintf("(?<s%d>", len(g.names))
}

// variable is the variable of a captured name, "" when nothing captures it.
func (g *groups) variable(name string) string {
	for i, n := range g.names {
		if n == name {
			return "${s" + strconv.Itoa(i+1) + "}"
		}
	}
	return ""
}

// target puts variables in place of names, such as ":splat"; false means that
// nothing captures a name. Other dollar signs cannot stand in a target.
func (g *groups) target(to string, names *regexp.Regexp) (string, bool) {
	known := !strings.Contains(names.ReplaceAllString(to, ""), "$")
	scheme := ""
	if i := strings.Index(to, "://"); i >= 0 {
		scheme, to = to[:i+3], to[i+3:]
		if host, port, ok := strings.Cut(to, ":"); ok && port != "" && port[0] >= '0' && port[0] <= '9' && !strings.Contains(host, "/") {
			scheme, to = scheme+host+":", port
		}
	}
	out := names.ReplaceAllStringFunc(encoded(to), func(m string) string {
		name := strings.Trim(m, ":$*+?{}()")
		if v := g.variable(name); v != "" {
			return v
		}
		known = false
		return m
	})
	return encoded(scheme) + out, known
}

// netlifyPath translates a path with ":name" for a segment and "*" for the rest.
// A slash at its end makes no difference, unless the rule is about it.
func netlifyPath(from string, exact bool) (string, *groups) {
	g := &groups{}
	out, last := "^", 0
	for _, m := range placeholder().FindAllStringSubmatchIndex(from, -1) {
		out += literal(from[last:m[0]])
		last = m[1]
		if m[2] >= 0 {
			out += g.next(from[m[2]:m[3]]) + "[^/]+)"
		} else if rest := g.next("splat") + ".*)"; strings.HasSuffix(out, "/") && m[1] == len(from) && out != "^/" && !exact {
			out = strings.TrimSuffix(out, "/") + "(?:/" + rest + ")?"
		} else {
			out += rest
		}
	}
	out += literal(from[last:])
	if exact || strings.HasSuffix(from, "*") {
		return out + "$", g
	}
	if out = strings.TrimSuffix(out, "/"); out == "^" {
		return "^/$", g
	}
	return out + "/?$", g
}

// pathToRegexp translates the patterns of Vercel's sources; false means that it
// cannot: expressions of the pattern are taken when RE2 has them too, which rules
// out what only JavaScript means otherwise.
func pathToRegexp(from string) (string, *groups, bool) {
	g := &groups{}
	out, last, unnamed := "^", 0, 0
	for _, m := range patterned().FindAllStringSubmatchIndex(from, -1) {
		text := from[last:m[0]]
		last = m[1]
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return from[m[2*n]:m[2*n+1]]
		}
		name, inner, repeat := group(1), group(2), group(3)
		if group(4) != "" {
			name, inner = strconv.Itoa(unnamed), group(4)
			unnamed++
		}
		if name == "" || strings.Contains(strings.ReplaceAll(inner, "(?:", ""), "(?") {
			return "", nil, false
		}
		if _, err := regexp.Compile(inner); err != nil || control().MatchString(inner) || strings.Contains(inner, "(") && !strings.Contains(inner, "(?:") {
			return "", nil, false
		}
		before := literal(text)
		switch body := or(inner, "[^/]+"); repeat {
		case "*", "+":
			before = strings.TrimSuffix(before, "/")
			out += before + "(?:/" + g.next(name) + or(inner, ".+") + "))" + map[string]string{"*": "?"}[repeat]
		case "?":
			before = strings.TrimSuffix(before, "/")
			out += before + "(?:/" + g.next(name) + body + "))?"
		default:
			out += before + g.next(name) + body + ")"
		}
	}
	out += literal(from[last:])
	return strings.TrimSuffix(out, "/") + slashEnd(out), g, true
}

func slashEnd(out string) string {
	if out == "^/" {
		return "/$"
	}
	return "/?$"
}

// globPath translates the globs of Firebase, Heroku and serve: "*" within a
// segment, "**" across them, and ":name".
func globPath(from string) (string, *groups, bool) {
	if !strings.HasPrefix(from, "/") {
		from = "/" + strings.TrimPrefix(from, "./")
	}
	g := &groups{}
	out, last := "^", 0
	for _, m := range globbed().FindAllStringSubmatchIndex(from, -1) {
		out += literal(from[last:m[0]])
		word := from[m[0]:m[1]]
		last = m[1]
		switch {
		case word == "**" && strings.HasSuffix(out, "/") && last < len(from) && from[last] == '/': // any number of directories
			out, last = out+"(?:.*/)?", last+1
		case word == "**":
			out += g.next("") + ".*)"
		case word == "*":
			out += g.next("") + "[^/]*)"
		case word == "?":
			out += "[^/]"
		case m[2] >= 0 && m[4] >= 0:
			out += g.next(from[m[2]:m[3]]) + ".*)"
		case m[2] >= 0:
			out += g.next(from[m[2]:m[3]]) + "[^/]+)"
		default: // alternatives
			i := 6
			if m[6] < 0 {
				i = 8
			}
			var words []string
			for w := range strings.SplitSeq(strings.ReplaceAll(from[m[i]:m[i+1]], "|", ","), ",") {
				words = append(words, strings.ReplaceAll(literal(w), `\*`, ".*"))
			}
			out += "(?:" + strings.Join(words, "|") + ")"
		}
	}
	rest := from[last:]
	if strings.ContainsAny(rest, "@{!+") || strings.Contains(from, "!(") {
		return "", nil, false
	}
	return out + literal(rest) + "$", g, true
}
