package proxy

import (
	"cmp"
	"net"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/slipway-build/slipway/internal/diag"
)

// Route sends the requests of a host and path to a service. A listener of TCP has one
// route, with neither.
type Route struct {
	Host    string // "shop.example"; "*.shop.example": any name below; "": any other host
	Prefix  string // "/api" is for /api and all below it; "" is "/"
	Service string
	Preview bool // requests go to the side of the last Preview
}

// table is the routes of a listener. It does not change.
type table struct {
	hosts map[string][]target // the longest prefix first
	tcp   *target             // alone, when it is set
}

type target struct {
	prefix  string // without a slash at its end
	service *service
	preview bool
}

// SetRoutes replaces the routes of a listener, which need not exist yet. Requests that
// are open stay where they are.
func (p *Proxy) SetRoutes(listener string, routes []Route) error {
	t := &table{hosts: map[string][]target{}}
	for _, r := range routes {
		s, err := p.service(r.Service)
		if err != nil {
			return err
		}
		if s.opts.Protocol == TCP {
			if len(routes) != 1 || r.Host != "" || r.Prefix != "" {
				return diag.Fail(diag.ExitUsage, "service %q speaks TCP, and shares listener %q", r.Service, listener).
					WithHint("give it a listener with this one route, without host and prefix")
			}
			t.tcp = &target{"", s, r.Preview}
			continue
		}
		if err := t.add(r, s); err != nil {
			return err
		}
	}
	for _, list := range t.hosts {
		slices.SortFunc(list, func(a, b target) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.listeners[listener]; l != nil && len(routes) > 0 && l.opts.TCP != (t.tcp != nil) {
		return mixed(listener)
	}
	p.table(listener).Store(t)
	return nil
}

func mixed(listener string) error {
	return diag.Fail(diag.ExitUsage, "listener %q and its services do not speak the same protocol", listener).
		WithHint("set TCP for a listener whose service is tcp, and for no other")
}

// table returns where a listener's routes are; the proxy's mutex is held.
func (p *Proxy) table(listener string) *atomic.Pointer[table] {
	t := p.tables[listener]
	if t == nil {
		t = &atomic.Pointer[table]{}
		t.Store(&table{})
		p.tables[listener] = t
	}
	return t
}

// add enters a route for HTTP.
func (t *table) add(r Route, s *service) error {
	h := strings.ToLower(r.Host)
	name := strings.TrimPrefix(h, "*.")
	if h != "" && (name == "" || strings.ContainsAny(name, "*/: \t") && net.ParseIP(name) == nil) {
		return diag.Fail(diag.ExitUsage, "%q is not a host of service %q", r.Host, r.Service).
			WithHint("write a name without port, such as shop.example or *.shop.example, or nothing for every host")
	}
	if r.Prefix != "" && (r.Prefix[0] != '/' || path.Clean(r.Prefix) != strings.TrimSuffix(r.Prefix, "/") && r.Prefix != "/") {
		return diag.Fail(diag.ExitUsage, "%q is not a path of service %q", r.Prefix, r.Service).WithHint("write it with a slash before and without dots, such as /api")
	}
	prefix := strings.TrimSuffix(r.Prefix, "/")
	if slices.ContainsFunc(t.hosts[h], func(o target) bool { return o.prefix == prefix }) {
		return diag.Fail(diag.ExitUsage, "two routes have the host %q and the path %q", r.Host, prefix+"/").WithHint("remove one of them")
	}
	t.hosts[h] = append(t.hosts[h], target{prefix, s, r.Preview})
	return nil
}

// uses reports a route to a service.
func (t *table) uses(s *service) bool {
	for _, list := range t.hosts {
		if slices.ContainsFunc(list, func(o target) bool { return o.service == s }) {
			return true
		}
	}
	return t.tcp != nil && t.tcp.service == s
}

// match finds the target for a request by the host that it names and its decoded
// path. The longest host wins, then the longest prefix. Upstreams resolve dots and
// double slashes in their own ways: a path that would be another service's then is
// refused.
func (t *table) match(host, at string) (*target, *refusal) {
	if at != "" && at != "*" && at[0] != '/' {
		return nil, refuse(reasonBadPath)
	}
	list := t.host(host)
	found := find(list, at)
	if found == nil {
		return nil, refuse(reasonNoRoute)
	}
	if len(list) > 1 && (strings.Contains(at, "/.") || strings.Contains(at, "//") || strings.Contains(at, `\`)) {
		meant := find(list, path.Clean("/"+strings.ReplaceAll(at, `\`, "/")))
		if meant == nil || meant.service != found.service || meant.preview != found.preview {
			return nil, refuse(reasonBadPath)
		}
	}
	return found, nil
}

// host returns the routes of the nearest host.
func (t *table) host(name string) []target {
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(strings.TrimSuffix(name, "."), "[]"))
	if list := t.hosts[name]; list != nil && name != "" && !strings.HasPrefix(name, "*.") {
		return list
	}
	for rest := name; ; {
		_, below, ok := strings.Cut(rest, ".")
		if !ok {
			return t.hosts[""]
		}
		if list := t.hosts["*."+below]; list != nil {
			return list
		}
		rest = below
	}
}

// find returns the target with the longest prefix of a path.
func find(list []target, at string) *target {
	if at == "" || at == "*" { // of "OPTIONS *"
		at = "/"
	}
	for i := range list {
		if rest, ok := strings.CutPrefix(at, list[i].prefix); ok && (rest == "" || rest[0] == '/') {
			return &list[i]
		}
	}
	return nil
}
