package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// checkRoutes reports routes that cannot be, or that share their place with another.
func (d *decoder) checkRoutes(at string, e environment, doc *document) {
	var before []Route
	var lines []int
	for i, r := range e.Routes {
		at := item(at, i)
		if d.checkServiceOf("route", at, r.Service, doc) && doc.silent(doc.only(r.Service)) {
			d.report(codeImpossible, at, "delete the route, or add port: to the service", "%s has no port that a route could lead to", doc.only(r.Service))
		}
		kube := e.Target.kind == TargetKubernetes
		if kube && !d.checkClusterRoute(at, r, e.Gateway) || d.hasFindingIn(at+"/listen") || !d.checkRoute(at, r, kube) {
			continue
		}
		one := r.resolve(doc)
		for j, other := range before {
			if kube && (one.Host != other.Host || one.Path != other.Path) {
				continue // there are no ports that they could share
			}
			if d.clash(at, one, other, lines[j]) {
				break
			}
		}
		before, lines = append(before, one), append(lines, d.at[at].Line)
	}
}

// checkClusterRoute reports what a route of a cluster does not have, and reports whether it
// has none of it.
func (d *decoder) checkClusterRoute(at string, r route, gateway string) bool {
	before := len(d.findings)
	for key, hint := range map[string]string{
		"listen": "delete it: the Ingress controller or the Gateway has the ports",
		"key":    "delete it, and name a Secret of type kubernetes.io/tls as certificate:",
		"tcp":    "delete the route, and make a Service of type LoadBalancer by hand",
	} {
		if _, there := d.at[at+"/"+key]; there && (key != "tcp" || r.TCP) {
			d.report(codeImpossible, at+"/"+key, hint, "%s is for the proxy of a host, and the target is kubernetes", key)
		}
	}
	switch {
	case r.Certificate != "" && gateway != "":
		d.report(codeImpossible, at+"/certificate", "delete it, and give the certificate to the listener of the Gateway", "the Gateway %s has the certificates of its routes", clip(gateway))
	case r.Certificate != "" && !objectForm().MatchString(r.Certificate):
		d.report(codeRoute, at+"/certificate", "write the name of a Secret of type kubernetes.io/tls", "%q cannot be the name of a Secret", clip(r.Certificate))
	}
	return len(d.findings) == before
}

// checkRoute reports what a route alone cannot be, and reports whether it can be.
func (d *decoder) checkRoute(at string, r route, kube bool) bool {
	before := len(d.findings)
	if _, there := d.at[at+"/host"]; there && !d.hasFindingIn(at+"/host") {
		_, err := netip.ParseAddr(r.Host)
		if name := strings.TrimPrefix(r.Host, "*."); err != nil && (!hostForm().MatchString(name) || strings.ToLower(name) != name) {
			d.report(codeRoute, at+"/host", "such as shop.example or *.shop.example, in lower case, without scheme and port", "%q is not a host", clip(r.Host))
		}
	}
	if r.Path != "" && (!httpForm().MatchString(r.Path) || path.Clean(r.Path) != strings.TrimSuffix(r.Path, "/") && r.Path != "/" || strings.ContainsAny(r.Path, "?#")) {
		d.report(codeRoute, at+"/path", "such as /api", "%q is not a path", clip(r.Path))
	}
	if r.TCP && (r.Host != "" || r.Path != "") {
		d.report(codeImpossible, at+"/tcp", "delete host: and path:, or tcp:", "a route of TCP has no host and no path")
	}
	if r.Certificate == byACME && !kube {
		d.checkACME(at, r)
		return len(d.findings) == before
	}
	if kube {
		return len(d.findings) == before
	}
	if (r.Certificate == "") != (r.Key == "") {
		d.report(codeImpossible, at, "write both certificate: and key:", "a route with TLS has a certificate and its key")
	}
	for key, file := range map[string]string{"certificate": r.Certificate, "key": r.Key} {
		if !path.IsAbs(file) {
			d.checkPath(at+"/"+key, file, "write an absolute path of the host, or one relative to slipway.yaml", "write an absolute path of the host, or move the file into the repository")
		}
	}
	return len(d.findings) == before
}

// checkACME reports a route that no authority certifies.
func (d *decoder) checkACME(at string, r route) {
	_, notIP := netip.ParseAddr(r.Host)
	switch {
	case r.Key != "":
		d.report(codeImpossible, at+"/key", "delete it", "with certificate: acme, the host makes the key")
	case r.TCP || d.hasFindingIn(at+"/host"):
	case r.Host == "":
		d.report(codeRoute, at, "add host:, such as shop.example", "an authority certifies a host, and the route has none")
	case strings.HasPrefix(r.Host, "*."):
		d.report(codeRoute, at+"/host", "write a route for each host, or name files: certificate: and key:", "an authority does not certify %s this way", clip(r.Host))
	case notIP == nil || !strings.Contains(r.Host, "."):
		d.report(codeRoute, at+"/host", "write a name that the authority can find, such as shop.example", "an authority does not certify %q", clip(r.Host))
	}
}

// checkAuthority reports one that cannot be asked.
func (d *decoder) checkAuthority(at string, a authority) {
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil) {
		d.report(codeRoute, at+"/directory", "such as https://acme.example/directory, without a user", "this is not the address of an authority")
		d.hide(d.findings[len(d.findings)-1]) // it may show a password
	}
	if a.Email != "" && !emailForm().MatchString(a.Email) {
		d.report(codeRoute, at+"/email", "such as ops@shop.example", "%q is not an address of e-mail", clip(a.Email))
	}
}

var emailForm = pattern.Lazy(`^[^\s@,<>]+@[^\s@,<>]+$`)

// clash reports a route that shares its place with another one.
func (d *decoder) clash(at string, r, other Route, line int) bool {
	a, b := r.Listen, other.Listen
	all := a.Addr().IsUnspecified() != b.Addr().IsUnspecified()
	switch {
	case a.Port() == b.Port() && all:
		d.report(codeRoute, at, "write the same address for both, or another port", "port %d is taken on every address by the route in line %d", a.Port(), line)
	case a != b:
		return false
	case r.TCP || other.TCP:
		d.report(codeRoute, at, "give each its own port", "a route of TCP shares its port with no other; the other one is in line %d", line)
	case r.Host == other.Host && r.Path == other.Path:
		d.report(codeRoute, at, "delete one, or give it another host:, path: or listen:", "two routes take the same requests; the other one is in line %d", line)
	case r.TLS() != other.TLS():
		d.report(codeRoute, at, "give each a certificate: and key:, or another port", "port %d is with TLS and without it; the other one is in line %d", a.Port(), line)
	default:
		return false
	}
	return true
}

// checkPreviews reports addresses of new sides that cannot be, or that something else has.
func (d *decoder) checkPreviews(at string, e environment, doc *document) {
	taken := map[netip.AddrPort]string{}
	for i, r := range e.Routes {
		where := item(at+"/routes", i)
		taken[r.resolve(doc).Listen] = fmt.Sprintf("the route in line %d", d.at[where].Line)
	}
	for _, s := range strategiesOf(at, e) {
		if s.Preview == "" {
			continue
		}
		where, shown := s.at+"/blue-green/preview", e.shown(s.service, doc)
		listen, err := netip.ParseAddrPort(s.Preview)
		switch {
		case err != nil || e.Target.kind == "":
		case e.Target.kind == TargetKubernetes:
			d.report(codeImpossible, where, fmt.Sprintf("delete it; the Service %s-preview leads to the new pods", cmp.Or(s.service, "NAME")), "a preview is an address of a host, and the target is kubernetes")
		case len(shown) == 0:
			d.report(codeImpossible, where, "delete it, or add port: to the service", "there is no service with a port that the preview could show")
		case len(shown) > 1:
			d.report(codeImpossible, where, fmt.Sprintf("write it for one: services: {%s: {strategy: {blue-green: {preview: %d}}}}", shown[0], listen.Port()), "one address cannot preview %s", strings.Join(shown, " and "))
		default:
			for other, what := range taken {
				if other.Port() == listen.Port() && (other == listen || other.Addr().IsUnspecified() || listen.Addr().IsUnspecified()) {
					d.report(codeRoute, where, "write another port", "port %d is taken by %s", listen.Port(), what)
					break
				}
			}
			taken[listen] = fmt.Sprintf("the preview in line %d", d.at[where].Line)
		}
	}
}

// shown are the services with a port that a strategy is for: that of one service, or of all
// without their own.
func (e environment) shown(of string, doc *document) (out []string) {
	for _, service := range sortedKeys(doc.Services) {
		mine := service == of || of == "" && e.Services[service].Strategy.Kind == ""
		if mine && !doc.silent(service) {
			out = append(out, service)
		}
	}
	return out
}

// checkKinds are the keys of which a check has one.
func checkKinds() []string { return []string{"http", "grpc", "command", "tests", "prometheus"} }

// checkChecks reports checks that ask nothing, or that nobody can answer.
func (d *decoder) checkChecks(at string, e environment, doc *document) {
	for i, c := range e.Checks {
		where := item(at+"/checks", i)
		known := d.checkServiceOf("check", where, c.Service, doc)
		var kinds []string
		for _, k := range checkKinds() {
			if _, there := d.at[where+"/"+k]; there {
				kinds = append(kinds, k)
			}
		}
		if d.hasFindingIn(where) {
			continue
		}
		switch len(kinds) {
		case 1:
			if known && doc.silent(doc.only(c.Service)) && (kinds[0] == "http" || kinds[0] == "grpc") {
				d.report(codeImpossible, where+"/"+kinds[0], "use command:, or add port: to the service", "%s has no port to ask", doc.only(c.Service))
			}
			d.checkCheck(where, kinds[0], c, e)
		case 0:
			d.report(codeCheckKind, where, "add one of "+strings.Join(checkKinds(), ", "), "the check asks nothing")
		default:
			d.report(codeCheckKind, where+"/"+kinds[1], "write two checks", "a check is one of %s", strings.Join(kinds, ", "))
		}
	}
}

// checkCheck reports a check whose question cannot be asked.
func (d *decoder) checkCheck(at, kind string, c checked, e environment) {
	_, below := d.at[at+"/below"]
	_, above := d.at[at+"/above"]
	limited := below || above
	switch {
	case kind == "http" && !httpForm().MatchString(c.HTTP) && !d.hasFindingIn(at+"/http"):
		d.report(codeHealthValue, at+"/http", "such as /health", "%q is not a path", clip(c.HTTP))
	case kind == "grpc" && c.GRPC != nil && *c.GRPC != "" && !grpcForm().MatchString(*c.GRPC):
		d.report(codeHealthValue, at+"/grpc", `such as my.pkg.Greeter, or "" for the whole server`, "%q is not a gRPC service name", clip(*c.GRPC))
	case kind != "prometheus" && limited:
		d.report(codeImpossible, at, "delete below: and above:, or write prometheus:", "a check by %s has no number", kind)
	case kind != "prometheus" || d.hasFindingIn(at+"/prometheus"):
	case strings.TrimSpace(c.Prometheus) == "":
		d.report(codeCheckKind, at+"/prometheus", `such as sum(rate(errors_total[1m]))`, "the query is empty")
	case !limited:
		d.report(codeCheckKind, at, "add below: NUMBER or above: NUMBER", "the check does not say which numbers are good")
	case e.Analysis.Prometheus == "":
		d.report(codeCheckKind, at+"/prometheus", "add analysis: {prometheus: http://HOST:9090} to the environment", "the address of the Prometheus is missing")
	}
	if c.Below != nil && c.Above != nil && *c.Above >= *c.Below {
		d.report(codeImpossible, at+"/above", "above: must be the smaller one", "no number is above %v and below %v", *c.Above, *c.Below)
	}
}
