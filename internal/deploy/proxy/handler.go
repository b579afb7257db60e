package proxy

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// exchange is one HTTP request with its answer, as far as they have come. It is the
// request's context, too.
type exchange struct {
	context.Context
	answer   *answer
	call     *call // nil: none was admitted
	res      *http.Response
	upgraded *upgraded
	in       atomic.Int64 // bytes of the body
	peer     string       // the address of the connection
	client   string       // of the client, as far as it is known
	trusted  bool         // the connection is a proxy's whose headers count
	secure   bool         // it has TLS
	began    time.Time
	answered time.Time // when the headers came; zero: not yet
}

// exchangeKey is the context key of an *exchange.
type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// Value finds the exchange itself, and what net/http put into the context.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// ServeHTTP hands one request on.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s, _ := r.Context().Value(slotKey{}).(*slot); s != nil {
		s.use()
	}
	peer := host(r.RemoteAddr)
	x := &exchange{answer: &answer{ResponseWriter: w}, peer: peer, began: l.proxy.now(), secure: r.TLS != nil, trusted: l.trusts(peer)}
	x.client = clientOf(r, peer, x.trusted)
	var s *service
	whole := false
	defer func() { l.finish(x, s, r, whole) }() // also of a panic, with which net/http ends a connection
	var to *target
	var no *refusal
	switch {
	case r.Method == http.MethodConnect || r.Method == "PRI": // of a broken HTTP/2 preface
		no = refuse(reasonMethod)
	case r.URL.Opaque != "": // "GET x:y", which has no path
		no = refuse(reasonBadPath)
	default:
		if to, no = l.routes.Load().match(r.Host, r.URL.Path); to != nil {
			s = to.service
		}
	}
	if no != nil {
		x.answer.refuse(no)
		whole = true
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	cut := func() {
		cancel(errCut)
		rc := http.NewResponseController(w) // of a client that neither reads nor writes
		end := time.Now().Add(lastWords)
		_, _ = rc.SetReadDeadline(end), rc.SetWriteDeadline(end)
	}
	if x.call, no = s.admit(ctx, cut, to.preview, func(sticky bool) (int, bool) { return bucket(s.name, r, sticky) }); no != nil {
		x.answer.refuse(no)
		whole = true
		return
	}
	if r.ProtoMajor == 1 {
		x.answer.closing = func() bool { return l.proxy.closing.Load() || x.call.draining() }
		if r.Body != nil && r.Body != http.NoBody { // else net/http takes the rest of the body when the answer begins
			_ = http.NewResponseController(w).EnableFullDuplex()
		}
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &read{r.Body, x}
	}
	x.Context = ctx
	s.reverse.ServeHTTP(x.answer, r.WithContext(x))
	whole = true
}

// draining reports that a call's side is.
func (c *call) draining() bool {
	c.service.mu.Lock()
	defer c.service.mu.Unlock()
	return c.side.drain != nil
}

// bucket says where a request of a split service belongs, and whether the client is to
// be told.
func bucket(service string, r *http.Request, sticky bool) (int, bool) {
	if !sticky {
		return anywhere(), false
	}
	if c, err := r.Cookie(cookieName(service)); err == nil {
		if at, err := strconv.Atoi(c.Value); err == nil && at >= 0 && at < buckets {
			return at, false
		}
	}
	return anywhere(), !isGRPC(r.Header.Get("Content-Type"))
}

// isGRPC reports a content type of native gRPC, whose clients keep no cookies. Those of
// gRPC-Web are browsers.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, "application/grpc")
	return ok && !strings.HasPrefix(rest, "-web")
}

func cookieName(service string) string { return "slipway-split-" + service }

// stickyCookie is the line that tells a client its bucket. It ends with the browser.
func stickyCookie(service string, at int, secure bool) string {
	c := http.Cookie{Name: cookieName(service), Value: strconv.Itoa(at), Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	return c.String()
}

// finish counts a request out, measures and logs it. An answer that is not whole was
// begun and broke off.
func (l *listener) finish(x *exchange, s *service, r *http.Request, whole bool) {
	now := l.proxy.now()
	if !whole {
		x.answer.reason = reasonBroke
		switch {
		case x.call != nil && x.call.wasCut.Load():
			x.answer.reason = reasonDrained
		case r.Context().Err() != nil:
			x.answer.reason = reasonGone
		}
	}
	o := outcome{
		status: x.answer.status, reason: x.answer.reason, whole: whole,
		in: x.in.Load(), out: x.answer.bytes, took: x.answered.Sub(x.began), total: now.Sub(x.began),
	}
	if x.answered.IsZero() {
		o.took = o.total
	}
	if x.upgraded != nil {
		o.in, o.out = o.in+x.upgraded.in.Load(), o.out+x.upgraded.out.Load()
	}
	if x.res != nil {
		o.grpc = grpcStatus(x.res)
	}
	if x.call != nil {
		x.call.end()
		x.call.side.observe(now, o)
	} else {
		l.proxy.metrics.refuse(s, o.reason)
	}
	l.proxy.accesses.write(l, x, s, r, o)
}

// grpcStatus returns the status of a gRPC answer; -1: it has none.
func grpcStatus(res *http.Response) int {
	for _, h := range []http.Header{res.Trailer, res.Header} {
		if v := h.Get("Grpc-Status"); v != "" {
			if n, err := strconv.Atoi(v); err == nil {
				return n
			}
		}
	}
	return -1
}
