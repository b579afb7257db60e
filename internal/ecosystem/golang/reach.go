package golang

import (
	"cmp"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// reached is a port that leads to a call that listens. The lower its cost, the
// surer it is.
type reached struct {
	port     int
	file     string
	line     int
	loopback bool // a host of the machine itself stands before it
	steps    int  // from the call
	cost     int
}

// reacher follows an expression to the numbers that it may be.
type reacher struct {
	*addresses
	seen map[ast.Expr]bool
	out  []reached
	cost int // of the names on the way
}

// maxSteps is how far an argument is followed.
const maxSteps = 10

// Costs of what makes a port less likely the one that clients use.
const (
	costStep      = 2
	costSurround  = 6  // a field whose surroundings are not those of the expression
	costUnreached = 30 // a default that no listening call was seen to use
	costLoopback  = 20
	costFar       = 10  // neither in the main package nor in one of settings
	costSecure    = 50  // of TLS beside a plain one
	costSide      = 100 // metrics, debugging, administration
	costElse      = 90  // of another server that this program calls
	costKind      = 60  // of an HTTP listener in a gRPC service
)

// follow adds the ports that an expression may be.
func (r *reacher) follow(v value, steps int) {
	if v.expr == nil || steps > maxSteps || r.seen[v.expr] || len(r.out) > 50 {
		return
	}
	r.seen[v.expr] = true
	to := func(e ast.Expr) {
		next := v
		next.expr = e
		r.follow(next, steps)
	}
	switch e := v.expr.(type) {
	case *ast.BasicLit:
		r.literal(e, v, steps)
	case *ast.ParenExpr:
		to(e.X)
	case *ast.StarExpr:
		to(e.X)
	case *ast.UnaryExpr:
		to(e.X)
	case *ast.SliceExpr:
		to(e.X)
	case *ast.TypeAssertExpr:
		to(e.X)
	case *ast.BinaryExpr:
		before := len(r.out)
		if to(e.Y); len(r.out) == before {
			to(e.X)
		}
	case *ast.IndexExpr:
		if key := text(e.Index); key != "" {
			r.key(key, steps+1)
			return
		}
		to(e.X)
	case *ast.CompositeLit:
		for _, el := range e.Elts {
			switch kv, ok := el.(*ast.KeyValueExpr); {
			case !ok:
				to(el)
			case portish(lastName(kv.Key)), slices.Contains([]string{"rawValue", "Value", "Default", "default", "value"}, lastName(kv.Key)):
				to(kv.Value)
			}
		}
	case *ast.Ident:
		r.ident(e, v, steps)
	case *ast.SelectorExpr:
		r.selector(e, v, steps)
	case *ast.CallExpr:
		r.call(e, v, steps)
	}
}

func (r *reacher) literal(e *ast.BasicLit, v value, steps int) {
	s := text(e)
	if e.Kind == token.INT {
		s = strings.ReplaceAll(e.Value, "_", "")
	}
	n, ok := portOf(s)
	if !ok || n > 0 && n < 10 {
		return
	}
	c := reached{port: n, file: v.file, line: r.files.Position(e.Pos()).Line, steps: steps, cost: r.cost + steps*costStep + surroundings(v.context)}
	if host, _, _ := strings.Cut(s, ":"); e.Kind == token.STRING && (strings.HasPrefix(host, "127.") || host == "localhost" || strings.HasPrefix(s, "[::1]")) {
		c.loopback = true
		c.cost += costLoopback
	}
	switch n {
	case 6060: // net/http/pprof's own example
		c.cost += costSide
	case 5432, 3306, 6379, 27017, 9092, 5672, 11211, 25, 587: // of servers that programs call
		c.cost += costElse
	}
	r.out = append(r.out, c)
}

// surroundings is the cost of the names around a value.
func surroundings(names []string) int {
	cost := 0
	for _, n := range names {
		cost = max(cost, nameCost(n))
	}
	return cost
}

// nameCost is that of a name on the way to a port.
func nameCost(name string) int {
	n := strings.ToLower(name)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(n, w) })
	}
	switch {
	case has("metric", "prom", "debug", "pprof", "admin", "probe", "redirect", "challenge", "acme", "trace", "telemetry", "healthport", "healthaddr"):
		return costSide
	case has("redis", "postgres", "mysql", "database", "smtp", "mail", "kafka", "rabbit", "mongo", "elastic", "memcache", "nats", "upstream", "backend", "proxyto", "jaeger", "otel", "remote", "client", "dial"), n == "db":
		return costElse
	case has("ssl", "tls", "https", "secure"):
		return costSecure
	}
	return 0
}

// with follows with the cost of a name added.
func (r *reacher) with(name string, follow func()) {
	before := r.cost
	r.cost += nameCost(name)
	follow()
	r.cost = before
}

// ident follows a variable, a constant or a parameter.
func (r *reacher) ident(e *ast.Ident, v value, steps int) {
	r.with(e.Name, func() {
		if i := parameter(v.fn, e.Name); i >= 0 {
			for _, c := range r.calls[v.fn.Name.Name] {
				if args := c.expr.(*ast.CallExpr).Args; i < len(args) {
					next := c
					next.expr = args[i]
					r.follow(next, steps+1)
				}
			}
		}
		all := r.values[strings.ToLower(e.Name)]
		near := slices.DeleteFunc(slices.Clone(all), func(o value) bool { return o.fn != v.fn || o.dir != v.dir })
		if len(near) == 0 {
			near = slices.DeleteFunc(slices.Clone(all), func(o value) bool { return o.dir != v.dir })
		}
		for _, o := range near {
			r.follow(o, steps+1)
		}
	})
}

// parameter is which parameter of a function has a name, -1 for none.
func parameter(fn *ast.FuncDecl, name string) int {
	if fn == nil || fn.Type.Params == nil {
		return -1
	}
	i := 0
	for _, f := range fn.Type.Params.List {
		for _, n := range f.Names {
			if n.Name == name {
				return i
			}
			i++
		}
		if len(f.Names) == 0 {
			i++
		}
	}
	return -1
}

// selector follows a field, by the keys of its tags and by what is assigned to
// fields of its name; and a constant of another package.
func (r *reacher) selector(e *ast.SelectorExpr, v value, steps int) {
	r.with(e.Sel.Name, func() {
		name := strings.ToLower(e.Sel.Name)
		if i, ok := e.X.(*ast.IndexExpr); ok && text(i.Index) != "" { // a field of an entry
			r.key(text(i.Index), steps+1)
			return
		}
		before := len(r.out)
		for _, key := range r.tags[v.dir+"."+name] {
			r.key(key, steps+1)
		}
		if len(r.out) > before { // the package's own field, and its key has a default
			return
		}
		chain := chainOf(e.X)
		for _, o := range r.values[name] {
			before := r.cost
			for _, word := range chain {
				if !slices.ContainsFunc(o.context, func(c string) bool { return strings.Contains(c, word) }) {
					r.cost += costSurround
				}
			}
			if o.dir != v.dir {
				r.cost++
			}
			r.follow(o, steps+1)
			r.cost = before
		}
		if fs, ok := e.X.(*ast.CallExpr); ok && len(r.values[name]) == 0 {
			next := v
			next.expr = fs
			r.follow(next, steps+1)
		}
		for tag, keys := range r.tags { // of a settings package
			if strings.HasSuffix(tag, "."+name) && len(r.out) == 0 {
				for _, key := range keys {
					r.key(key, steps+2)
				}
			}
		}
	})
}

// chainOf are the names before a field's, but for the first, which is a variable's.
func chainOf(e ast.Expr) []string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	return append(chainOf(sel.X), strings.ToLower(sel.Sel.Name))
}

// key follows a flag, a setting or an environment variable to its default.
func (r *reacher) key(key string, steps int) {
	r.with(key, func() {
		n := normal(key)
		for _, v := range r.keys[n] {
			r.follow(v, steps)
		}
		if len(r.keys[n]) > 0 || !strings.Contains(key, ".") {
			return
		}
		for _, v := range r.keys[normal(key[strings.LastIndexByte(key, '.')+1:])] { // "server.port" of a flag "port"
			r.follow(v, steps+1)
		}
	})
}

// call follows a call: what it formats or converts, the setting that it gets, its
// fallback, or the results of a function of the program.
func (r *reacher) call(e *ast.CallExpr, v value, steps int) {
	name := lastName(e.Fun)
	at := func(args ...ast.Expr) {
		for _, a := range args {
			next := v
			next.expr = a
			r.follow(next, steps)
		}
	}
	if key, def := defaultOf(e); key != "" {
		r.with(key, func() { at(def) })
		r.key(key, steps+1)
		return
	}
	switch {
	case name == "Sprintf" && len(e.Args) > 0:
		if s := text(e.Args[0]); strings.Contains(s, ":") {
			at(&ast.BasicLit{Kind: token.STRING, ValuePos: e.Args[0].Pos(), Value: strconv.Quote(s[strings.LastIndexByte(s, ':'):])})
		}
		for i := len(e.Args) - 1; i > 0; i-- {
			at(e.Args[i])
		}
	case name == "JoinHostPort" && len(e.Args) == 2:
		at(e.Args[1])
	case len(r.returns[name]) > 0:
		for _, o := range r.returns[name] {
			r.follow(o, steps+1)
		}
	case len(e.Args) == 0: // Flag("port", "").Default("8080").Int()
		if sel, ok := e.Fun.(*ast.SelectorExpr); ok {
			if _, chained := sel.X.(*ast.CallExpr); chained {
				at(sel.X)
			}
		}
	case portish(text(e.Args[0])):
		r.key(text(e.Args[0]), steps+1)
	default: // a conversion; numbers beside what it converts are no ports
		at(slices.DeleteFunc(slices.Clone(e.Args), func(a ast.Expr) bool {
			l, ok := a.(*ast.BasicLit)
			return ok && l.Kind == token.INT && name != "Itoa"
		})...)
	}
}

// settingsDirs are names of packages that settings are in.
func settingsDirs() []string {
	return []string{"config", "conf", "configuration", "settings", "setting", "cmd", "env", "options", "profile", "server", "app"}
}

// port returns the surest port that the program listens on, and whether its gRPC
// server is off unless a setting switches it on.
func (a *addresses) port(mainDir string, wantGRPC bool) (best reached, grpcOff bool) {
	var all []reached
	grpcSeen, grpcPort := false, false
	for _, l := range a.listens {
		r := &reacher{addresses: a, seen: map[ast.Expr]bool{}, cost: surroundings(l.context)}
		r.follow(l.value, 0)
		serves := l.grpc && a.grpc[l.dir]
		for _, c := range r.out {
			grpcSeen = grpcSeen || serves
			if c.port == 0 || c.port == 65535 {
				continue
			}
			grpcPort = grpcPort || serves
			if wantGRPC && !serves && len(a.grpc) > 0 {
				c.cost += costKind
			}
			all = append(all, c)
		}
	}
	grpcOff = grpcSeen && !grpcPort
	all = append(all, a.unreached(mainDir)...)
	for _, c := range all {
		a.found = append(a.found, c.port)
	}
	slices.SortStableFunc(all, func(x, y reached) int { return cmp.Compare(x.cost, y.cost) })
	if len(all) == 0 {
		return reached{}, grpcOff
	}
	return all[0], grpcOff
}

// unreached are defaults of that name that no call that listens was seen to use.
func (a *addresses) unreached(mainDir string) []reached {
	var out []reached
	follow := func(v value, cost int) {
		r := &reacher{addresses: a, seen: map[ast.Expr]bool{}, cost: cost}
		if v.dir != mainDir && !slices.ContainsFunc(strings.Split(v.dir, "/"), func(d string) bool { return slices.Contains(settingsDirs(), d) }) {
			r.cost += costFar
		}
		r.follow(v, 0)
		out = append(out, slices.DeleteFunc(r.out, func(c reached) bool { return c.port == 0 || c.port == 65535 })...)
	}
	for i, key := range []string{"port", "httpport", "serverport", "listenaddr", "listenaddress", "listen", "addr", "address", "httpaddr", "bind", "bindaddr", "serveraddr", "appport", "apiport", "webport", "httplistenaddr", "grpcport"} {
		for _, v := range a.keys[key] {
			follow(v, costUnreached+i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.values)) {
		if portish(name) {
			for _, v := range a.values[name] {
				if v.dir == mainDir || strings.HasPrefix(name, "default") {
					follow(v, costUnreached+costFar+nameCost(name))
				}
			}
		}
	}
	return out
}

// hit is a port as evidence.
func (c reached) hit() ecosystem.Hit {
	if c.port == 0 {
		return ecosystem.Hit{}
	}
	return ecosystem.Hit{Text: strconv.Itoa(c.port), File: c.file, Line: c.line}
}
