package config

import (
	"net/netip"
	"path"
	"strings"
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
	case (r.Certificate == "") != (other.Certificate == ""):
		d.report(codeRoute, at, "give each a certificate: and key:, or another port", "port %d is with TLS and without it; the other one is in line %d", a.Port(), line)
	default:
		return false
	}
	return true
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
