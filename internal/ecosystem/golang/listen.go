package golang

import (
	"go/ast"
	"go/token"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// addresses is what the sources say of the addresses that the program listens on:
// the calls that listen, and what leads to their arguments. Names are compared
// without types: a field is found by its name, those of the same package and of
// the same surroundings first.
type addresses struct {
	files   *token.FileSet
	listens []listen
	values  map[string][]value  // of variables, constants and fields, by name
	keys    map[string][]value  // defaults of flags, settings and environment variables, by key
	returns map[string][]value  // results of functions, by name
	calls   map[string][]value  // calls of functions of the program, by name
	tags    map[string][]string // keys in the tags of fields, by "directory.name"
	grpc    map[string]bool     // directories of packages that make a gRPC server
	reads   map[string]bool     // environment variables, upper case
	hosts   []hostFlag          // flags whose default is this machine alone
	found   []int               // all ports that were found
	auto    bool                // a library reads environment variables by the keys' names
	plain   ecosystem.Hit       // a listening call without TLS
	secure  ecosystem.Hit       // one with TLS, in no branch
}

// value is an expression with where it stands.
type value struct {
	expr    ast.Expr
	dir     string // of the package
	file    string
	fn      *ast.FuncDecl // that it is in, nil outside of functions
	context []string      // names of what surrounds it, in lower case
}

// listen is the address argument of a call that listens.
type listen struct {
	value
	grpc bool // may serve gRPC
}

func newAddresses() *addresses {
	return &addresses{
		files: token.NewFileSet(), values: map[string][]value{}, keys: map[string][]value{}, returns: map[string][]value{},
		calls: map[string][]value{}, tags: map[string][]string{}, grpc: map[string]bool{}, reads: map[string]bool{},
	}
}

// tells is a cheap sign that a file may say something of addresses.
var tells = ecosystem.NewSign(`[Ll]isten|LISTEN|Serve|[Pp]ort\b|PORT|[Pp]ort[A-Z:"]|[Aa]ddr|ADDR|\.Run\(|\.Start\(|NewServer|AutomaticEnv`)

// collect takes what a file of a package says.
func (a *addresses) collect(f *ast.File, name string) {
	c := &collector{addresses: a, file: name, dir: path.Dir(name)}
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			c.stack = c.stack[:len(c.stack)-1]
			return true
		}
		c.node(n)
		c.stack = append(c.stack, n)
		return true
	})
}

type collector struct {
	*addresses
	file, dir string
	stack     []ast.Node
}

func (c *collector) value(e ast.Expr) value {
	v := value{expr: e, dir: c.dir, file: c.file}
	for _, n := range c.stack {
		switch n := n.(type) {
		case *ast.FuncDecl:
			v.fn = n
			v.context = append(v.context, strings.ToLower(n.Name.Name))
		case *ast.CompositeLit:
			v.context = append(v.context, strings.ToLower(lastName(n.Type)))
		case *ast.KeyValueExpr:
			v.context = append(v.context, strings.ToLower(lastName(n.Key)))
		}
	}
	return v
}

func (c *collector) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.ReturnStmt:
		if v := c.value(nil); v.fn != nil {
			for _, r := range n.Results {
				v.expr = r
				c.returns[v.fn.Name.Name] = append(c.returns[v.fn.Name.Name], v)
			}
		}
	case *ast.ValueSpec:
		for i, id := range n.Names {
			if len(n.Values) == len(n.Names) {
				c.assign(id.Name, n.Values[i])
			}
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if name := lastName(l); name != "" && name != "_" && (len(n.Lhs) == len(n.Rhs) || i == 0) {
				c.assign(name, n.Rhs[min(i, len(n.Rhs)-1)])
			}
		}
	case *ast.KeyValueExpr:
		c.keyValue(n)
	case *ast.Field:
		c.field(n)
	case *ast.CompositeLit:
		c.element(n)
	case *ast.CallExpr:
		c.call(n)
	case *ast.BasicLit:
		if s := text(n); s != "" && s == strings.ToUpper(s) && portish(s) {
			c.reads[s] = true
		}
	}
}

func (c *collector) assign(name string, e ast.Expr) {
	key := strings.ToLower(name)
	c.values[key] = append(c.values[key], c.value(e))
}

// keyValue takes a field of a struct, or an entry of a map that says more of a
// setting.
func (c *collector) keyValue(n *ast.KeyValueExpr) {
	if s := text(n.Key); s != "" && portish(s) {
		v := c.value(n.Value)
		c.keys[normal(s)] = append(c.keys[normal(s)], v)
		return
	}
	name := lastName(n.Key)
	if name == "" {
		return
	}
	c.assign(name, n.Value)
	if name == "Addr" && len(c.stack) > 0 {
		if l, ok := c.stack[len(c.stack)-1].(*ast.CompositeLit); ok && strings.HasSuffix(lastName(l.Type), "Server") {
			c.listens = append(c.listens, listen{value: c.value(n.Value)})
		}
	}
}

// element takes a flag that is a struct: &cli.IntFlag{Name: "port", Value: 8080}.
func (c *collector) element(n *ast.CompositeLit) {
	var key string
	var def ast.Expr
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return
		}
		switch lastName(kv.Key) {
		case "Name":
			key = text(kv.Value)
		case "Value", "Default", "DefaultValue":
			def = kv.Value
		}
	}
	if key != "" && def != nil && portish(key) {
		c.keys[normal(key)] = append(c.keys[normal(key)], c.value(def))
	}
}

// field takes what the tags of a struct say.
func (c *collector) field(n *ast.Field) {
	if n.Tag == nil || len(n.Names) != 1 {
		return
	}
	tag := reflect.StructTag(text(n.Tag))
	name := n.Names[0].Name
	keyed := portish(name)
	for _, k := range []string{"mapstructure", "koanf", "env", "envconfig", "yaml", "json", "toml", "flag", "long", "name", "arg", "conf", "config", "cli", "split_words"} {
		word, _, _ := strings.Cut(tag.Get(k), ",")
		if word = strings.TrimLeft(word, "-"); word == "" || !portish(word) {
			continue
		}
		keyed = true
		if k == "env" || k == "envconfig" {
			c.reads[strings.ToUpper(word)] = true
		}
		c.tags[c.dir+"."+strings.ToLower(name)] = append(c.tags[c.dir+"."+strings.ToLower(name)], normal(word))
	}
	if !keyed {
		return
	}
	for _, k := range []string{"default", "envDefault", "env-default"} {
		if d := tag.Get(k); d != "" {
			c.assign(name, &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(d), ValuePos: n.Tag.Pos()})
		}
	}
	if env := tag.Get("env"); strings.Contains(env, "default=") { // sethvargo/go-envconfig
		_, d, _ := strings.Cut(env, "default=")
		c.assign(name, &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(d), ValuePos: n.Tag.Pos()})
	}
}

// call takes a call that listens, defines a default, or hands an address on.
func (c *collector) call(n *ast.CallExpr) {
	name := lastName(n.Fun)
	switch name {
	case "NewServer":
		if sel, ok := n.Fun.(*ast.SelectorExpr); ok && strings.Contains(strings.ToLower(lastName(sel.X)), "grpc") {
			c.grpc[c.dir] = true
		}
	case "AutomaticEnv", "BindEnv":
		c.auto = true
	}
	c.transport(name, n)
	if at := listenArg(name, n); at >= 0 && at < len(n.Args) {
		c.listens = append(c.listens, listen{value: c.value(n.Args[at]), grpc: strings.HasPrefix(name, "Listen") && !strings.Contains(name, "Serve")})
	}
	c.takeHostFlag(n)
	if key, def := defaultOf(n); key != "" {
		v := c.value(def)
		c.keys[normal(key)] = append(c.keys[normal(key)], v)
		if len(n.Args) > 0 { // fs.IntVar(&port, "port", 8080, …)
			if u, ok := n.Args[0].(*ast.UnaryExpr); ok && u.Op == token.AND {
				if to := strings.ToLower(lastName(u.X)); to != "" {
					c.values[to] = append(c.values[to], v)
				}
			}
		}
	}
	if name != "" && len(n.Args) > 0 && len(c.calls[name]) < 20 {
		c.calls[name] = append(c.calls[name], c.value(n))
	}
}

// transport notes whether the program listens with TLS, and whether always.
func (c *collector) transport(name string, n *ast.CallExpr) {
	hit := ecosystem.Hit{Text: name, File: c.file, Line: c.files.Position(n.Pos()).Line, Why: name + " has a certificate"}
	switch name {
	case "ListenAndServeTLS", "NewServerTLSFromFile", "RunTLS", "StartTLS", "ListenTLS", "ServeTLS", "NewServerTLSFromCert":
		if c.branched() {
			c.plain.Keep(hit)
			return
		}
		c.secure.Keep(hit)
	case "ListenAndServe", "Run", "Start":
		if len(n.Args) > 0 || name == "ListenAndServe" {
			c.plain.Keep(hit)
		}
	}
}

// branched tells whether what is looked at is done under a condition.
func (c *collector) branched() bool {
	for i, n := range c.stack[:max(0, len(c.stack)-1)] {
		s, ok := n.(*ast.IfStmt)
		if ok && (c.stack[i+1] == ast.Node(s.Body) || s.Else != nil && c.stack[i+1] == ast.Node(s.Else)) {
			return true
		}
		if _, ok := n.(*ast.CaseClause); ok {
			return true
		}
	}
	return false
}

// listenArg is which argument of a call is an address to listen on, -1 for other
// calls.
func listenArg(name string, n *ast.CallExpr) int {
	isText := func(i int, words ...string) bool { return i < len(n.Args) && slices.Contains(words, text(n.Args[i])) }
	switch name {
	case "ListenAndServe", "ListenAndServeTLS", "RunTLS", "StartTLS", "ListenTLS":
		return 0
	case "Listen", "ListenTCP", "ListenPacket":
		switch {
		case isText(0, "unix", "unixgram", "udp"):
			return -1
		case isText(1, "tcp", "tcp4", "tcp6"): // net.ListenConfig's, with a context
			return 2
		case len(n.Args) >= 2 && (isText(0, "tcp", "tcp4", "tcp6") || text(n.Args[0]) == ""):
			return 1
		}
		return 0
	case "Run", "Start":
		if len(n.Args) == 0 {
			return -1
		}
		if _, isInt := portOf(text(n.Args[0])); isInt && strings.Contains(text(n.Args[0]), ":") {
			return 0
		}
		if _, dynamic := n.Args[0].(*ast.BasicLit); !dynamic && addressish(n.Args[0]) {
			return 0
		}
	}
	return -1
}

// addressish reports an expression whose parts speak of an address.
func addressish(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			found = found || portish(n.Name)
		case *ast.BasicLit:
			found = found || text(n) == ":" || portish(text(n))
		}
		return !found
	})
	return found
}

// defaultOf returns the key and the default of a call that has both: a flag, a
// setting, an environment variable with a fallback.
func defaultOf(n *ast.CallExpr) (string, ast.Expr) {
	if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Default" && len(n.Args) == 1 { // kingpin
		for x, ok := sel.X.(*ast.CallExpr); ok; x, ok = chained(x) {
			if lastName(x.Fun) == "Flag" && len(x.Args) > 0 && portish(text(x.Args[0])) {
				return text(x.Args[0]), n.Args[0]
			}
		}
	}
	for i, arg := range n.Args[:max(0, len(n.Args)-1)] {
		key := text(arg)
		if key == "" || !portish(key) || strings.ContainsAny(key, " :%/") {
			continue
		}
		def := n.Args[i+1]
		if len(text(def)) == 1 && i+2 < len(n.Args) { // a shorthand
			def = n.Args[i+2]
		}
		return key, def
	}
	return "", nil
}

func chained(x *ast.CallExpr) (*ast.CallExpr, bool) {
	sel, ok := x.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, false
	}
	next, ok := sel.X.(*ast.CallExpr)
	return next, ok
}
