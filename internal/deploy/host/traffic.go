package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/deploy/acme"
	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// traffic tells the proxy what it does not know yet of a service; h.mu is held.
func (h *Host) traffic(ctx context.Context, at place, s *service, hosts map[string]netip.Addr) error {
	w, ok := s.speaks()
	if !ok || w.Port == 0 {
		return nil // nobody talks to it
	}
	l := h.live[at]
	if !l.known {
		if err := h.proxy.AddService(at.String(), proxy.ServiceOptions{Protocol: cmp.Or(w.Protocol, proxy.HTTP)}); err != nil {
			return err
		}
		l.known = true
	}
	var problems []error
	for key, ls := range l.sides {
		problems = append(problems, h.upstreams(at, key, s.Sides[key], ls))
	}
	problems = append(problems, h.divide(at, s, l), h.preview(at, s, l), h.inside(ctx, at, w, hosts[at.service]))
	return errors.Join(problems...)
}

// speaks is a workload of the service, that of the main side where there is one.
func (s *service) speaks() (Workload, bool) {
	for _, key := range []string{s.Main, s.Fresh} {
		if sd := s.Sides[key]; sd != nil {
			return sd.Workload, true
		}
	}
	for _, sd := range s.Sides {
		return sd.Workload, true
	}
	return Workload{}, false
}

// upstreams gives the proxy the containers of a side that take requests. What is not
// healthy stays while nothing else of the side is: an answer is better than none.
func (h *Host) upstreams(at place, key string, sd *side, ls *liveSide) error {
	if sd == nil {
		return nil
	}
	var problems []error
	others := ls.healthy(len(ls.replicas)) > 0
	for _, r := range ls.replicas {
		address := ""
		if r.up() {
			address = netip.AddrPortFrom(parseIP(r.status.IP), uint16(sd.Workload.Port)).String()
		}
		gone := r.busy || !r.running || r.status.Exit != nil
		if r.upstream != "" && r.upstream != address && (gone || others || address != "") {
			problems = append(problems, h.proxy.RemoveUpstream(at.String(), key, r.upstream))
			r.upstream = ""
		}
		if r.upstream == "" && address != "" {
			if err := h.proxy.AddUpstream(at.String(), key, address); err != nil {
				problems = append(problems, err)
				continue
			}
			r.upstream = address
		}
	}
	return errors.Join(problems...)
}

func parseIP(text string) netip.Addr {
	ip, _ := netip.ParseAddr(text) // of our own runtime
	return ip
}

// divide gives each side its part of the traffic, as soon as it has an upstream. One that
// ends its requests gets no more.
func (h *Host) divide(at place, s *service, l *live) error {
	want := division{main: s.Main}
	if h.reached(s, l, s.Fresh) {
		want.fresh, want.share, want.sticky = s.Fresh, s.Share, s.Sticky
	}
	if !h.reached(s, l, s.Main) || want == l.applied {
		return nil
	}
	if want.fresh == "" || want.main != l.applied.main { // else a switch would send everybody to the main side for a moment
		if err := h.proxy.Switch(at.String(), want.main); err != nil {
			return err
		}
	}
	if want.fresh != "" {
		if err := h.proxy.Split(at.String(), want.fresh, float64(want.share), want.sticky); err != nil {
			return err
		}
	}
	l.applied = want
	return nil
}

// reached reports a side with an upstream that does not end its requests.
func (h *Host) reached(s *service, l *live, key string) bool {
	return s.Sides[key] != nil && !s.Sides[key].Retired && l.sides[key] != nil && h.hasUpstream(l.sides[key])
}

// preview shows the side that has no traffic yet, as soon as it has an upstream.
func (h *Host) preview(at place, s *service, l *live) error {
	want := ""
	if h.reached(s, l, s.Preview) {
		want = s.Preview
	}
	if want == l.preview {
		return nil
	}
	err := h.proxy.Preview(at.String(), want)
	if err == nil {
		l.preview = want
	}
	return err
}

// division is which sides have the traffic of a service; the zero value has none.
type division struct {
	main, fresh string
	share       int  // of fresh, in percent
	sticky      bool // a client stays on its side
}

// inside lets the other services reach one.
func (h *Host) inside(ctx context.Context, at place, w Workload, ip netip.Addr) error {
	name := at.String()
	if h.listeners[name] != nil {
		return nil
	}
	listener, err := h.opts.Network.Listen(ctx, netip.AddrPortFrom(ip, uint16(w.Port)))
	if err != nil {
		return fmt.Errorf("the address of %s: %w", at.service, err)
	}
	err = h.proxy.SetRoutes(name, []proxy.Route{{Service: name}})
	if err == nil {
		err = h.proxy.Listen(name, listener, proxy.ListenerOptions{TCP: w.Protocol == proxy.TCP})
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	h.listeners[name] = listener
	return nil
}

// routes lets clients from outside in; h.mu is held. A route waits until the proxy knows
// its service.
func (h *Host) routes(ctx context.Context) error {
	by := map[string]*address{}
	for _, environment := range slices.Sorted(maps.Keys(h.wanted.Environments)) {
		env := h.wanted.Environments[environment]
		for _, r := range env.Routes {
			if l := h.live[place{environment, r.Service}]; l == nil || !l.known {
				continue
			}
			a := by[r.Listen]
			if a == nil {
				a = &address{certified: map[string]acme.Authority{}}
				by[r.Listen] = a
			}
			a.add(place{environment, r.Service}, r, env.Services[r.Service])
		}
	}
	var problems []error
	for listen := range h.told {
		if by[listen] == nil { // its last route went
			h.unlisten(outsideName(listen))
			delete(h.told, listen)
		}
	}
	for listen := range h.shut {
		if by[listen] == nil {
			delete(h.shut, listen)
		}
	}
	certified := map[string]acme.Authority{}
	for listen, a := range by {
		err := h.outside(ctx, listen, a)
		if delete(h.shut, listen); err != nil {
			h.shut[listen] = err.Error()
			problems = append(problems, err)
		}
		if h.listeners[outsideName(listen)] != nil { // the authority asks there
			maps.Copy(certified, a.certified)
		}
	}
	h.names.Keep(ctx, certified)
	return errors.Join(problems...)
}

// address is what listens on one address.
type address struct {
	routes    []proxy.Route
	options   proxy.ListenerOptions
	secure    bool
	certified map[string]acme.Authority // hosts
}

func (a *address) add(at place, r Route, s *service) {
	a.routes = append(a.routes, proxy.Route{Host: r.Host, Prefix: r.Path, Service: at.String(), Preview: r.Preview})
	a.secure = a.secure || r.secure()
	if r.ACME {
		a.certified[r.Host] = acme.Authority{Directory: r.Directory, Email: r.Email}
	}
	if w, ok := s.speaks(); ok && w.Protocol == proxy.TCP {
		a.options.TCP = true
	}
	if c := (proxy.CertificateFile{Cert: r.Certificate, Key: r.Key}); r.Certificate != "" && !slices.Contains(a.options.Certificates, c) {
		a.options.Certificates = append(a.options.Certificates, c)
	}
}

// outsideName is the name of a listener for clients from outside.
func outsideName(listen string) string {
	return "outside." + strings.NewReplacer(":", "_", "[", "", "]", "").Replace(listen)
}

// unlisten lets nobody else in by a listener; h.mu is held.
func (h *Host) unlisten(name string) {
	h.proxy.Unlisten(name)
	delete(h.listeners, name)
	delete(h.kinds, name)
}

// outside sets the routes of one address, and listens there.
func (h *Host) outside(ctx context.Context, listen string, a *address) error {
	slices.SortFunc(a.routes, func(x, y proxy.Route) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Prefix, y.Prefix), cmp.Compare(x.Service, y.Service))
	})
	name, said := outsideName(listen), fmt.Sprint(a.routes, a.secure, a.options.Certificates)
	if h.told[listen] == said {
		return nil
	}
	kind := fmt.Sprint(a.secure, a.options.TCP)
	if h.listeners[name] != nil && h.kinds[name] != kind {
		h.unlisten(name)
	}
	if err := h.proxy.SetRoutes(name, a.routes); err != nil {
		return err
	}
	if h.listeners[name] == nil {
		at, err := netip.ParseAddrPort(listen)
		if err != nil {
			return fmt.Errorf("the address %q of a route: %w", listen, err)
		}
		listener, err := h.opts.Network.Listen(ctx, at)
		if err != nil {
			return fmt.Errorf("the address %s of a route: %w", listen, err)
		}
		if a.secure {
			a.options.Obtained = h.names.Certificate
		}
		if err := h.proxy.Listen(name, listener, a.options); err != nil {
			return errors.Join(err, listener.Close())
		}
		h.listeners[name], h.kinds[name] = listener, kind
	} else if a.secure {
		if err := h.proxy.SetCertificates(name, a.options.Certificates); err != nil {
			return fmt.Errorf("the certificates of %s: %w", listen, err)
		}
	}
	h.told[listen] = said
	return nil
}
