package golang

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// portish reports a name that ends in a word for where a server listens.
func portish(name string) bool {
	const longest = 60
	if len(name) < 4 || len(name) > longest {
		return false
	}
	n := normal(name)
	for _, other := range []string{"export", "import", "support", "report", "transport", "passport", "viewport", "airport"} {
		if strings.HasSuffix(n, other) {
			return false
		}
	}
	for _, w := range []string{"port", "addr", "address", "listen", "bind", "hostport", "ports", "addrs"} {
		if strings.HasSuffix(n, w) {
			return true
		}
	}
	return strings.Contains(n, "listen") || strings.HasPrefix(n, "port") && len(n) > 4 && !strings.HasPrefix(n, "portal") && !strings.HasPrefix(n, "portfolio")
}

// normal is a key in lower case without what only separates its words.
func normal(key string) string {
	out := make([]byte, 0, len(key))
	for i := range len(key) {
		switch c := key[i]; {
		case c == '-' || c == '_' || c == '.':
		case 'A' <= c && c <= 'Z':
			out = append(out, c+'a'-'A')
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// lastName is the name that an expression ends in.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.StarExpr:
		return lastName(e.X)
	case *ast.UnaryExpr:
		return lastName(e.X)
	case *ast.ParenExpr:
		return lastName(e.X)
	case *ast.IndexExpr:
		return lastName(e.X)
	case *ast.CallExpr:
		return lastName(e.Fun)
	case *ast.BasicLit:
		return text(e)
	}
	return ""
}

// text is the value of a string, "" for other expressions.
func text(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return s
}

// portOf returns the port of "8080", ":8080" and "0.0.0.0:8080".
func portOf(s string) (int, bool) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "tcp://"), "http://")
	host, digits := "", s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, digits = s[:i], s[i+1:]
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > 65535 || strings.ContainsAny(host, " /@") || strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return 0, false
	}
	return n, true
}
