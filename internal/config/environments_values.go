package config

import (
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// target is where an environment runs.
type target struct {
	kind  string
	hosts []string // user@host[:port]
}

const targetHint = "host, kubernetes, or ssh://USER@HOST[:PORT]"

func (t *target) decodeNode(d *decoder, n ast.Node, path string) {
	list, many := n.(*ast.SequenceNode)
	word, ok := text(n)
	switch {
	case many:
		for i, item := range list.Values {
			t.decodeHost(d, item, d.child(path, i, item))
		}
		if len(list.Values) == 0 {
			d.report(codeTarget, path, targetHint, "the list of targets is empty")
		}
	case !ok:
		d.report(codeWrongType, path, targetHint, "%s must be text or a list, not %s", last(path), describe(n))
	case word == TargetHost, word == TargetKubernetes:
		t.kind = word
	case strings.HasPrefix(word, "ssh:"):
		t.decodeHost(d, n, path)
	default:
		hint := targetHint
		if near := diag.Nearest(word, []string{TargetHost, TargetKubernetes}); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		d.report(codeTarget, path, hint, "%q is not a target", clip(word))
	}
}

// The parts of an address of ssh. None begins with a dash, which ssh would take for an
// option.
var (
	sshUserForm = pattern.Lazy(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$`)
	hostForm    = pattern.Lazy(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
)

// decodeHost reads one address of ssh.
func (t *target) decodeHost(d *decoder, n ast.Node, path string) {
	const hint = "write ssh://USER@HOST or ssh://USER@HOST:PORT"
	word, ok := text(n)
	if !ok {
		d.report(codeWrongType, path, hint, "the address of a host must be text, not %s", describe(n))
		return
	}
	u, err := url.Parse(word)
	if err == nil && u.User != nil {
		if _, secret := u.User.Password(); secret {
			d.report(codeTarget, path, "use a key: ssh-copy-id "+u.User.Username()+"@"+u.Hostname(), "the address of a host has a password")
			d.hide(d.findings[len(d.findings)-1])
			return
		}
	}
	switch address, err := addressOf(u, err); {
	case !err:
		d.report(codeTarget, path, hint, "%q is not the address of a host", clip(word))
	case slices.Contains(t.hosts, address):
		d.report(codeDuplicate, path, "delete one", "the host %s is listed twice", address)
	default:
		t.kind, t.hosts = TargetSSH, append(t.hosts, address)
	}
}

// addressOf returns the user@host[:port] of a parsed ssh://user@host[:port].
func addressOf(u *url.URL, err error) (string, bool) {
	if err != nil || u.Scheme != "ssh" || u.User == nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	_, notIP := netip.ParseAddr(u.Hostname())
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return "", false
		}
	}
	return u.User.Username() + "@" + u.Host, sshUserForm().MatchString(u.User.Username()) && (notIP == nil || hostForm().MatchString(u.Hostname()))
}

// JSONSchema makes the schema of a target.
func (target) JSONSchema() *jsonschema.Schema {
	address := &jsonschema.Schema{Type: "string", Pattern: "^ssh://[^@/]+@[^/]+/?$"}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string", Enum: []any{TargetHost, TargetKubernetes}},
		address,
		{Type: "array", Items: address, MinItems: new(uint64(1))},
	}}
}

// strategy is a word, or a map of it to its settings.
type strategy struct{ deploy.Strategy }

// strategyForm is its map; one key is written.
type strategyForm struct {
	Recreate  *recreateForm  `yaml:"recreate,omitempty" jsonschema_description:"The running containers end before the new ones start."`
	Rolling   *rollingForm   `yaml:"rolling,omitempty" jsonschema_description:"A few containers at a time."`
	BlueGreen *blueGreenForm `yaml:"blue-green,omitempty" jsonschema_description:"All new containers start beside the running ones, then the traffic switches."`
	Canary    *canaryForm    `yaml:"canary,omitempty" jsonschema_description:"The new containers get rising parts of the traffic."`
}

type recreateForm struct{}

type rollingForm struct {
	Surge       *int `yaml:"surge,omitempty" jsonschema:"minimum=0" jsonschema_description:"Containers that may run beside the wanted ones; 1 when left out."`
	Unavailable *int `yaml:"unavailable,omitempty" jsonschema:"minimum=0" jsonschema_description:"Wanted containers that may be missing; 0 when left out."`
}

type blueGreenForm struct {
	Preview listen `yaml:"preview,omitempty" jsonschema_description:"Port, or address and port, on which the new containers answer until the traffic switches. For hosts; on Kubernetes it is the Service NAME-preview."`
	Keep    *span  `yaml:"keep,omitempty" jsonschema_description:"How long the replaced containers stay ready to go back to; 10m when left out."`
}

type canaryForm struct {
	Steps  []int    `yaml:"steps,omitempty" jsonschema_description:"Parts of the traffic in percent, rising; 10 and 50 when left out."`
	Every  duration `yaml:"every,omitempty" jsonschema_description:"How long each part is watched; 5m when left out."`
	Sticky bool     `yaml:"sticky,omitempty" jsonschema_description:"Whether a client of HTTP stays on its side, by a cookie. For hosts."`
	Keep   *span    `yaml:"keep,omitempty" jsonschema_description:"How long the replaced containers stay ready to go back to; 10m when left out."`
}

func (s *strategy) decodeNode(d *decoder, n ast.Node, path string) {
	before := len(d.findings)
	if word, ok := text(n); ok {
		if d.choose(strategyKind(""), word, path) {
			s.Strategy = defaultStrategy(word)
		}
		return
	}
	if _, scalar := n.(ast.ScalarNode); scalar {
		d.report(codeWrongType, path, "such as rolling, or {canary: {steps: [10, 50], every: 5m}}", "%s must be a strategy, not %s", last(path), describe(n))
		return
	}
	var form strategyForm
	d.decodeStruct(n, reflect.ValueOf(&form).Elem(), path)
	if len(d.findings) > before {
		return
	}
	if _, written := d.at[path+"/canary/steps"]; written && form.Canary.Steps == nil {
		form.Canary.Steps = []int{}
	}
	all := form.read()
	if len(all) != 1 {
		d.report(codeStrategy, path, "such as {canary: {steps: [10, 50], every: 5m}}", "a strategy is one of %s, not %d of them", strings.Join(strategyKind("").choices(), ", "), len(all))
		return
	}
	s.Strategy = all[0]
	if err := s.Check(); err != nil {
		at, hint := path+"/"+s.Kind, "such as {rolling: {surge: 1, unavailable: 0}}"
		if s.Kind == deploy.Canary {
			at, hint = at+"/steps", "such as {canary: {steps: [10, 50]}}"
		}
		d.report(codeStrategy, at, hint, "%s", err)
	}
}

// read returns the strategies that are written.
func (f strategyForm) read() (all []deploy.Strategy) {
	if f.Recreate != nil {
		all = append(all, defaultStrategy(deploy.Recreate))
	}
	if r := f.Rolling; r != nil {
		s := defaultStrategy(deploy.Rolling)
		s.Surge, s.Unavailable = *or(r.Surge, &s.Surge), *or(r.Unavailable, &s.Unavailable)
		all = append(all, s)
	}
	if b := f.BlueGreen; b != nil {
		s := defaultStrategy(deploy.BlueGreen)
		s.Keep = b.Keep.or(s.Keep)
		if b.Preview.IsValid() {
			s.Preview = b.Preview.String()
		}
		all = append(all, s)
	}
	if c := f.Canary; c != nil {
		s := defaultStrategy(deploy.Canary)
		s.Every, s.Keep = or(time.Duration(c.Every), s.Every), c.Keep.or(s.Keep)
		s.Sticky = c.Sticky
		if c.Steps != nil {
			s.Percent = c.Steps
		}
		all = append(all, s)
	}
	return all
}

// JSONSchema makes the schema of a strategy: a word, or a map with one key.
func (strategy) JSONSchema() *jsonschema.Schema {
	whole := inlineSchema(strategyForm{})
	whole.MinProperties, whole.MaxProperties = new(uint64(1)), new(uint64(1))
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{enum(strategyKind("")), whole}}
}

// JSONSchema makes the schema of a choice.
func (c strategyKind) JSONSchema() *jsonschema.Schema { return enum(c) }

// listen is where a proxy takes connections; the zero value is not written.
type listen struct{ netip.AddrPort }

// everywhere is every address of a host, IPv4 too.
func everywhere(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.IPv6Unspecified(), port)
}

func (l *listen) decodeNode(d *decoder, n ast.Node, path string) {
	const hint = "such as 8080, or 127.0.0.1:8080 for one address"
	s, ok := scalarText(n)
	if !ok {
		d.report(codeWrongType, path, hint, "%s must be a port or an address, not %s", last(path), describe(n))
		return
	}
	if port, err := strconv.ParseUint(strings.TrimPrefix(s, ":"), 10, 16); err == nil && port > 0 {
		l.AddrPort = everywhere(uint16(port))
		return
	}
	at, err := netip.ParseAddrPort(s)
	switch {
	case err != nil || at.Port() == 0:
		d.report(codePort, path, hint, "%q is neither a port nor an address with one", clip(s))
	case at.Addr().IsUnspecified():
		l.AddrPort = everywhere(at.Port())
	default:
		l.AddrPort = at
	}
}

// JSONSchema makes the schema of a port or address.
func (listen) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "integer", Minimum: "1", Maximum: "65535"},
		{Type: "string", Pattern: `^([0-9.]*:|\[[0-9a-fA-F:.]+\]:)?[0-9]{1,5}$`},
	}}
}

// cores is a part of the machine's processors.
type cores float64

func (c *cores) decodeNode(d *decoder, n ast.Node, path string) {
	const hint = "such as 0.5, 2 or 500m"
	s, ok := scalarText(n)
	if !ok {
		d.report(codeWrongType, path, hint, "%s must be a number of cores, not %s", last(path), describe(n))
		return
	}
	number, milli := strings.CutSuffix(s, "m")
	v, err := strconv.ParseFloat(number, 64)
	if milli {
		v /= 1000
	}
	if err != nil || !(v >= 0.01 && v <= 1024) {
		d.report(codeAmount, path, hint+", from 0.01 to 1024", "%q is not a number of cores", clip(s))
		return
	}
	*c = cores(v)
}

// JSONSchema makes the schema of cores.
func (cores) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "number", Minimum: "0.01", Maximum: "1024"},
		{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)?m?$`},
	}}
}

// amount is any number.
type amount float64

func (a *amount) decodeNode(d *decoder, n ast.Node, path string) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		if v, err := strconv.ParseFloat(n.GetToken().Value, 64); err == nil {
			*a = amount(v)
			return
		}
	}
	d.report(codeWrongType, path, "such as 1.5, without quotes", "%s must be a number, not %s", last(path), describe(n))
}

// JSONSchema makes the schema of a number.
func (amount) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "number"} }

// rate is a number of percent.
type rate float64

func (r *rate) decodeNode(d *decoder, n ast.Node, path string) {
	s, _ := scalarText(n)
	v, ok := readPercent(s)
	if !ok || v > 100 {
		d.report(codeAmount, path, "such as 1 or 1%", "%s must be percent from 0 to 100, not %s", last(path), describe(n))
		return
	}
	*r = rate(v)
}

// JSONSchema makes the schema of percent.
func (rate) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "number", Minimum: "0", Maximum: "100"}, {Type: "string", Pattern: `^[0-9]+(\.[0-9]+)? ?%?$`}}}
}

// span is a time span from nothing to 90 days.
type span time.Duration

func (t *span) decodeNode(d *decoder, n ast.Node, path string) {
	const hint = "write a number and a unit: 0s, 10m, 12h, 2d"
	s, _ := scalarText(n)
	v, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var count uint64
		count, err = strconv.ParseUint(days, 10, 16)
		v = time.Duration(count) * 24 * time.Hour
	}
	if err != nil || v < 0 || v > 90*24*time.Hour {
		d.report(codeDuration, path, hint+", at most 90d", "%s cannot be %s", last(path), describe(n))
		return
	}
	*t = span(v)
}

// or returns the span, or the other where it is not written.
func (t *span) or(otherwise time.Duration) time.Duration {
	if t == nil {
		return otherwise
	}
	return time.Duration(*t)
}

// JSONSchema makes the schema of a span.
func (span) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+d|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`}
}

func (a *approval) decodeNode(d *decoder, n ast.Node, path string) {
	word, ok := text(n)
	if !ok {
		d.report(codeWrongType, path, "write required or none", "%s must be a word, not %s", last(path), describe(n))
		return
	}
	if d.choose(*a, word, path) {
		*a = approval(word)
	}
}

func (a *analysis) decodeNode(d *decoder, n ast.Node, path string) {
	if word, ok := text(n); ok && word == "off" {
		a.off = true
		return
	}
	if _, scalar := n.(ast.ScalarNode); scalar {
		d.report(codeWrongType, path, "write off, or a map such as {error_rate: 1, p95: 1.5}", "%s must be off or a map, not %s", last(path), describe(n))
		return
	}
	d.decodeStruct(n, reflect.ValueOf(&a.analysisForm).Elem(), path)
}

// JSONSchema makes the schema of an analysis.
func (analysis) JSONSchema() *jsonschema.Schema { return orOff(inlineSchema(analysisForm{})) }

// decodeNode never repeats what is written: it may be the secret itself.
func (s *secretSource) decodeNode(d *decoder, n ast.Node, path string) {
	before := len(d.findings)
	if _, scalar := n.(ast.ScalarNode); scalar {
		d.report(codeSource, path, "move the value out of slipway.yaml and write where it is, such as {env: NAME} or {command: sops -d FILE}", "%s is a value in plain text", last(path))
	} else {
		type written secretSource // decoded field by field
		d.decode(n, reflect.ValueOf((*written)(s)).Elem(), path)
	}
	for _, f := range d.findings[before:] {
		d.hide(f)
	}
}
