package proxy

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"sync"
)

// bodyBuffer is the size of a buffer for bodies, as in httputil.ReverseProxy.
const bodyBuffer = 32 << 10

// buffers lends buffers to httputil.ReverseProxy.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bodyBuffer]byte); ok {
		return p[:]
	}
	return make([]byte, bodyBuffer)
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[bodyBuffer]byte)(p)) }

// newReverse makes what hands a service's requests on.
func (p *Proxy) newReverse(s *service) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport:  attempts{},
		BufferPool: &buffers{},
		ErrorLog:   p.quiet,
		Rewrite:    func(r *httputil.ProxyRequest) { rewrite(r, s.opts.Protocol) },
		ModifyResponse: func(res *http.Response) error {
			x := exchangeOf(res.Request.Context())
			x.answered = p.now()
			x.res = res
			if res.StatusCode == http.StatusSwitchingProtocols {
				x.answer.status = res.StatusCode
				x.upgraded, _ = res.Body.(*upgraded)
			}
			res.Header.Del(Reason)
			if x.call.cookie >= 0 {
				res.Header.Add("Set-Cookie", stickyCookie(s.name, x.call.cookie, x.secure))
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			x := exchangeOf(r.Context())
			x.answer.refuse(explain(r.Context(), err))
		},
	}
}

// rewrite makes the request for the upstream. httputil.ReverseProxy has removed the
// headers that are for one hop, and the client's own claims about where it comes from.
func rewrite(r *httputil.ProxyRequest, protocol Protocol) {
	x := exchangeOf(r.In.Context())
	r.Out.URL.Scheme = "http"
	r.Out.URL.RawQuery = r.In.URL.RawQuery // as it was: the proxy reads no parameter
	r.Out.Host = r.In.Host
	if up := r.Out.Header.Get("Upgrade"); up != "" && (protocol == H2C || strings.Contains(strings.ToLower(up), "h2c")) {
		r.Out.Header.Del("Upgrade") // to h2c: what follows would go past the routes
		r.Out.Header.Del("Connection")
		r.Out.Header.Del("Http2-Settings")
	}
	if x.trusted {
		for _, name := range []string{"X-Forwarded-For", "Forwarded"} {
			if v := r.In.Header[name]; len(v) > 0 {
				r.Out.Header[name] = v
			}
		}
	} else {
		r.Out.Header.Del("X-Real-Ip")
	}
	r.SetXForwarded()
	proto := r.Out.Header.Get("X-Forwarded-Proto")
	if x.trusted { // the first proxy knows what the client used
		for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host"} {
			if v := r.In.Header.Get(name); v != "" {
				r.Out.Header.Set(name, v)
			}
		}
	}
	element := "for=" + quotedNode(x.peer) + ";host=" + quoted(r.In.Host) + ";proto=" + proto
	if prior := r.Out.Header["Forwarded"]; len(prior) > 0 {
		element = strings.Join(prior, ", ") + ", " + element
	}
	r.Out.Header.Set("Forwarded", element)
}

// quotedNode writes an address for Forwarded (RFC 7239, section 6).
func quotedNode(address string) string {
	if strings.Contains(address, ":") {
		return `"[` + address + `]"`
	}
	return address
}

// quoted writes a quoted string (RFC 9110, section 5.6.4).
func quoted(s string) string { return `"` + escapes.Replace(s) + `"` }

// escapes is made once: its tables take 5 KB.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// clientOf returns the address of the client: that of the connection, or the last one
// that a trusted proxy names.
func clientOf(r *http.Request, peer string, trusted bool) string {
	if !trusted {
		return peer
	}
	for _, line := range r.Header["X-Forwarded-For"] {
		for part := range strings.SplitSeq(line, ",") {
			if a, err := netip.ParseAddr(strings.TrimSpace(part)); err == nil {
				peer = a.Unmap().String()
			}
		}
	}
	return peer
}

// read counts the bytes of a request's body.
type read struct {
	io.ReadCloser
	x *exchange
}

func (b *read) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.x.in.Add(int64(n))
	return n, err
}
