package node

import (
	"bytes"
	"regexp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	listenCall   = ecosystem.NewSign(`\.listen\(`)
	fastifyMade  = ecosystem.NewSign(`\b[fF]astify(?:\.default)?(?:<[^>\n]*>)?\(|\brequire\(['"]fastify['"]\)\(|\bnew FastifyAdapter\(`)
	hapiLocal    = ecosystem.NewSign(`\b(?:Hapi|hapi)\.(?:server|Server)\(\s*\{[^{}]*\bhost\s*:\s*['"](?:localhost|127\.0\.0\.1)['"]()`)
	localName    = ecosystem.NewSign(`\b(?:const|let|var)\s+(\w+)\s*=\s*['"](?:localhost|127\.0\.0\.1|::1)['"]`)
	localLiteral = pattern.Lazy(`['"\x60](?:localhost|127\.0\.0\.1|::1)['"\x60]`)
	everyAddress = []byte("0.0.0.0")
	namesPort    = pattern.Lazy(`^\s*(?:\{[^}]*\bport\b|[\d+]|process\.env|Number\(|parseInt\(|(?i:port)\b)`)
	namesHost    = pattern.Lazy(`(?i)host|addr|\bip\b|iface|interface|path\s*:|::`)
)

// maxArguments is how much of a call is looked at for a host.
const maxArguments = 200

// loopback looks for a server that nobody reaches from outside of its container:
// it names the loopback address, or it is Fastify, whose default that is.
func (f *found) loopback(name string, data []byte) {
	listens := ecosystem.Contains(data, ".listen(")
	if f.local.Found() || !listens && !ecosystem.Contains(data, "api.") || bytes.Contains(data, everyAddress) {
		return
	}
	if f.local = ecosystem.Find(hapiLocal, name, data); f.local.Found() {
		return
	}
	if !listens {
		return
	}
	var local *regexp.Regexp
	if h := ecosystem.Find(localName, name, data); h.Found() {
		local = regexp.MustCompile(`\b` + regexp.QuoteMeta(h.Text) + `\b`)
	}
	fastify := fastifyMade.Match(data)
	for rest, from := data, 0; ; {
		m := listenCall.FindSubmatchIndex(rest)
		if m == nil {
			return
		}
		args := arguments(rest[m[1]:])
		says := localLiteral().Match(args) || local != nil && local.Match(args)
		if says || fastify && namesPort().Match(args) && !namesHost().Match(args) {
			f.local = ecosystem.Hit{File: name, Line: ecosystem.LineAt(data, int64(from+m[0]))}
			return
		}
		rest, from = rest[m[1]:], from+m[1]
	}
}

// arguments is the text of a call's arguments up to a callback.
func arguments(text []byte) []byte {
	text = text[:min(len(text), maxArguments)]
	for _, end := range []string{"=>", "function", ", (", ",(", ";", "\n\n"} {
		if i := bytes.Index(text, []byte(end)); i >= 0 {
			text = text[:i]
		}
	}
	return text
}

// warnLoopback reports what loopback has found, of a service that serves.
func (s *service) warnLoopback(f found) {
	if s.Want.Type != "http" && s.Want.Type != "grpc" || s.framework.start != nil || !f.local.Found() {
		return
	}
	s.Report(diag.Warning, ecosystem.CodeLoopback, f.local.File, f.local.Line, `listen with host "0.0.0.0"`,
		"the server listens on localhost only, so nothing outside its container reaches it")
}
