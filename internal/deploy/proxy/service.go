package proxy

import (
	"maps"
	"net"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-build/slipway/internal/diag"
)

// Protocol is what the upstreams of a service speak.
type Protocol string

// The protocols. Clients of an HTTP or H2C service may speak HTTP/1.1 or HTTP/2.
const (
	HTTP Protocol = "http" // HTTP/1.1, with upgrades such as WebSocket
	H2C  Protocol = "h2c"  // HTTP/2 without TLS, for gRPC; no upgrades
	TCP  Protocol = "tcp"  // bytes
)

// ServiceOptions are those of one service. Zero limits are the defaults below.
type ServiceOptions struct {
	Protocol      Protocol
	MaxRequests   int           // open at once, TCP connections too; 0: 10,000
	DialTimeout   time.Duration // to connect to an upstream; 0: 2 s
	AnswerTimeout time.Duration // from a sent request to the headers of its answer; 0: none
}

// service is one service with its sides.
type service struct {
	name    string
	opts    ServiceOptions
	proxy   *Proxy
	reverse *httputil.ReverseProxy

	mu      sync.Mutex
	sides   map[string]*side
	main    *side
	split   *split
	preview *side // nil: none is in preview
	paused  *pause
	waiting int // requests that wait for Resume
	gauge   prometheus.Gauge
	calls   int // open ones of all sides
}

// side is one group of upstreams. The service's mutex guards it.
type side struct {
	name      string
	upstreams []*upstream
	next      int
	calls     map[*call]struct{}
	drain     *drain // nil: not drained
	window    *window
	metrics   sideMetrics
}

// AddService declares a service.
func (p *Proxy) AddService(name string, o ServiceOptions) error {
	if !slices.Contains([]Protocol{HTTP, H2C, TCP}, o.Protocol) {
		return diag.Fail(diag.ExitUsage, "service %q has the unknown protocol %q", name, o.Protocol).WithHint("use http, h2c or tcp")
	}
	if !validName(name) {
		return badName("service", name)
	}
	if o.MaxRequests < 0 || o.DialTimeout < 0 || o.AnswerTimeout < 0 {
		return diag.Fail(diag.ExitUsage, "service %q has a negative limit", name).WithHint("leave it out for the default")
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = 10_000
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 2 * time.Second
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.services[name] != nil {
		return diag.Fail(diag.ExitUsage, "service %q already exists", name).WithHint("remove it first, or take another name")
	}
	s := &service{name: name, opts: o, proxy: p, sides: map[string]*side{}, gauge: p.metrics.waiting.WithLabelValues(name)}
	s.reverse = p.newReverse(s)
	p.services[name] = s
	return nil
}

// RemoveService forgets a service that has no route and no open request.
func (p *Proxy) RemoveService(name string) error {
	s, err := p.service(name)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for listener, t := range p.tables {
		if t.Load().uses(s) {
			return diag.Fail(diag.ExitUsage, "service %q has a route on listener %q", name, listener).WithHint("set that listener's routes without it first")
		}
	}
	if n := s.open(); n > 0 {
		return diag.Fail(diag.ExitUsage, "service %q has %d open requests", name, n).WithHint("drain its sides first")
	}
	s.closeIdle()
	p.metrics.forget(name, "")
	delete(p.services, name)
	return nil
}

// AddUpstream adds an address, IP and port, to a side, which exists from its first
// upstream on. One that the side already has is no error.
func (p *Proxy) AddUpstream(service, name, address string) error {
	s, err := p.service(service)
	if err != nil {
		return err
	}
	if !validName(name) {
		return badName("side", name)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil || at.Port() == 0 {
		return diag.Fail(diag.ExitUsage, "%q is not the address of an upstream of service %q", address, service).Because(err).
			WithHint("write an IP address and a port, such as 10.0.0.2:8080 or [fd00::2]:8080")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sd := s.sides[name]
	if sd == nil {
		sd = &side{name: name, calls: map[*call]struct{}{}, window: newWindow(), metrics: p.metrics.side(service, name)}
		s.sides[name] = sd
	}
	if slices.ContainsFunc(sd.upstreams, func(u *upstream) bool { return u.address == at.String() }) {
		return nil
	}
	sd.upstreams = append(slices.Clone(sd.upstreams), newUpstream(at.String(), s.opts))
	return nil
}

// RemoveUpstream takes an address from a side. Its open requests go on.
func (p *Proxy) RemoveUpstream(service, side, address string) error {
	s, sd, err := p.side(service, side)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, u := range sd.upstreams {
		if u.address == address {
			sd.upstreams = slices.Concat(sd.upstreams[:i], sd.upstreams[i+1:])
			u.closeIdle()
			return nil
		}
	}
	return diag.Fail(diag.ExitUsage, "side %q of service %q has no upstream %s", side, service, address).WithHint("its upstreams: %v", addresses(sd.upstreams))
}

// RemoveSide forgets a side, with its statistics, that gets no requests and has none.
func (p *Proxy) RemoveSide(service, side string) error {
	s, sd, err := p.side(service, side)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.main == sd || s.preview == sd || s.split != nil && s.split.side == sd || len(sd.calls) > 0 {
		return diag.Fail(diag.ExitUsage, "side %q of service %q is in use", side, service).WithHint("switch to another side and drain this one first")
	}
	for _, u := range sd.upstreams {
		u.closeIdle()
	}
	p.metrics.forget(service, side)
	delete(s.sides, side)
	return nil
}

// service finds a service by its name.
func (p *Proxy) service(name string) (*service, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.services[name]; s != nil {
		return s, nil
	}
	return nil, diag.Fail(diag.ExitUsage, "there is no service %q", name).WithHint("%s", known(slices.Sorted(maps.Keys(p.services)), name, "add it first"))
}

// side finds a service and one of its sides.
func (p *Proxy) side(service, name string) (*service, *side, error) {
	s, err := p.service(service)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sd := s.sides[name]; sd != nil {
		return s, sd, nil
	}
	return nil, nil, diag.Fail(diag.ExitUsage, "service %q has no side %q", service, name).
		WithHint("%s", known(slices.Sorted(maps.Keys(s.sides)), name, "add an upstream to it first"))
}

// open counts the open requests of a service, and those that wait.
func (s *service) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls + s.waiting
}

func (s *service) closeIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sd := range s.sides {
		for _, u := range sd.upstreams {
			u.closeIdle()
		}
	}
}

// validName reports a name that can be part of a cookie's name and of a label.
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' && c != '+' {
			return false
		}
	}
	return name != "" && len(name) <= 100
}

func badName(what, name string) error {
	return diag.Fail(diag.ExitUsage, "%q is not a name of a %s", name, what).WithHint("use up to 100 letters, digits, dots, dashes and underscores")
}

// known is a hint about a name that does not exist.
func known(names []string, name, otherwise string) string {
	if near := diag.Nearest(name, names); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	return otherwise
}

func addresses(list []*upstream) []string {
	out := make([]string, len(list))
	for i, u := range list {
		out[i] = u.address
	}
	return out
}

// host returns the address of a connection without its port.
func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}
