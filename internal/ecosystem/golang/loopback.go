package golang

import (
	"go/ast"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// hostFlag is a flag whose default is an address of the machine itself, which
// nothing outside of the container reaches.
type hostFlag struct {
	ecosystem.Hit        // Text is the flag
	given         string // the default
	first, last   int    // lines of the function that declares it
}

// all is the argument by which the program listens on every address.
func (f hostFlag) all() string {
	_, port := splitHost(f.given)
	return "--" + f.Text + "=0.0.0.0" + port
}

// takeHostFlag notes a call of flag or pflag that declares such a flag.
func (c *collector) takeHostFlag(n *ast.CallExpr) {
	if !slices.Contains([]string{"String", "StringP", "StringVar", "StringVarP"}, lastName(n.Fun)) || len(n.Args) < 3 {
		return
	}
	i := slices.IndexFunc(n.Args, func(e ast.Expr) bool { return hostKey(text(e)) })
	if i < 0 || i > 1 {
		return
	}
	v := c.value(n)
	f := hostFlag{Hit: ecosystem.Hit{Text: text(n.Args[i]), File: v.file, Line: c.files.Position(n.Pos()).Line}}
	for _, e := range n.Args[i+1 : len(n.Args)-1] {
		if s := text(e); loopback(s) {
			f.given = s
		}
	}
	if f.given == "" {
		return
	}
	f.first, f.last = f.Line, f.Line
	if v.fn != nil {
		f.first, f.last = c.files.Position(v.fn.Pos()).Line, c.files.Position(v.fn.End()).Line
	}
	c.hosts = append(c.hosts, f)
}

// loopback reports an address of the machine itself, with or without a port.
func loopback(s string) bool {
	host, _ := splitHost(s)
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// splitHost separates the host of an address from its port, which begins with the colon
// and is empty when there is none.
func splitHost(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && (strings.HasSuffix(s[:i], "]") || !strings.Contains(s[:i], ":")) {
		s, port = s[:i], s[i:]
	}
	return strings.Trim(s, "[]"), port
}

// hostKey knows the flags that say where to listen.
func hostKey(name string) bool {
	n := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
	for _, end := range []string{"address", "addr", "host", "bind", "ip"} {
		if rest, ok := strings.CutSuffix(n, end); ok && slices.Contains([]string{"", "http", "web", "server", "listen", "bind", "serve"}, rest) {
			return true
		}
	}
	return n == "listen"
}

// hostFlag is the flag that decides on the host of the port: its default is that port's
// address, or the same function declares both.
func (s *service) hostFlag(best reached) (hostFlag, bool) {
	for _, f := range s.addresses.hosts {
		_, port := splitHost(f.given)
		if f.File == best.file && (port != "" && best.line == f.Line || port == "" && f.first <= best.line && best.line <= f.last) {
			return f, true
		}
	}
	return hostFlag{}, false
}
