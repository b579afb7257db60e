package localrun

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// codeNobodyServes: a variable names a host that nobody serves.
const codeNobodyServes = "SLP404"

// Target is a host that a variable of a service names.
type Target struct {
	Service, Variable string
	Host              string
	Port              string // "" when the value has none
	Local             bool   // the container itself, as "localhost" is
}

var (
	hostForm  = pattern.Lazy(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$`)
	portForm  = pattern.Lazy(`^[0-9]{1,5}$`)
	dsnForm   = pattern.Lazy(`@tcp\(([^()]+)\)`) // of Go's driver for MySQL
	clientKey = pattern.Lazy(`(?i)(^|_)(HOST|HOSTNAME|ADDR|ADDRESS|ADDRESSES|BROKER|BROKERS|SERVER|SERVERS|ENDPOINT|ENDPOINTS|URL|URI|DSN)$`)
)

// Targets finds the hosts in the values of a service's variables: URLs, the lists
// of hosts that clients of clusters take, and plain addresses where the variable's
// name says that it is one.
func Targets(s Spec, env map[string]string) []Target {
	var out []Target
	for _, name := range slices.Sorted(maps.Keys(env)) {
		for _, at := range addresses(name, strings.TrimSpace(env[name])) {
			host, port := splitHost(at.address)
			t := Target{Service: s.Name, Variable: name, Host: host, Port: port}
			ip, err := netip.ParseAddr(host)
			switch {
			case err == nil && !ip.IsLoopback(), err != nil && !hostForm().MatchString(host):
				continue
			case err == nil, strings.EqualFold(host, "localhost"):
				t.Local = true
				if at.web || port == "" || port == fmt.Sprint(s.Port) {
					continue // its own address, as in PUBLIC_URL
				}
			}
			out = append(out, t)
		}
	}
	return out
}

// address is "host" or "host:port"; web ones are often those of the service
// itself, as browsers see it.
type address struct {
	address string
	web     bool
}

func addresses(name, value string) []address {
	if m := dsnForm().FindStringSubmatch(value); m != nil {
		return []address{{m[1], false}}
	}
	var out []address
	switch strings.Count(value, "://") {
	case 0:
		value = strings.ReplaceAll(value, ", ", ",")
		if clientKey().MatchString(name) && !strings.ContainsAny(value, " /@\\") {
			for one := range strings.SplitSeq(value, ",") {
				out = append(out, address{strings.TrimSpace(one), false})
			}
		}
	case 1:
		return ofURL(value)
	default: // a list of URLs
		for one := range strings.SplitSeq(value, ",") {
			out = append(out, ofURL(strings.TrimSpace(one))...)
		}
	}
	return out
}

// ofURL is the address of a URL, or the addresses of one with several hosts.
func ofURL(text string) []address {
	scheme, rest, _ := strings.Cut(text, "://")
	scheme = scheme[strings.LastIndexByte(scheme, ':')+1:] // jdbc:postgresql
	if strings.ContainsAny(scheme, " /") || slices.Contains([]string{"", "file", "unix", "sqlite", "data"}, scheme) {
		return nil
	}
	if i := strings.IndexAny(rest, "/?#;"); i >= 0 {
		if strings.Contains(rest[i:], "@") {
			return nil // a password that is not encoded, or a path with a name in it
		}
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	web := slices.Contains([]string{"http", "https", "ws", "wss"}, scheme)
	var out []address
	for one := range strings.SplitSeq(rest, ",") {
		out = append(out, address{one, web})
	}
	return out
}

// splitHost takes an address apart; the host is empty for what is none.
func splitHost(address string) (host, port string) {
	if u, err := url.Parse("//" + address); err == nil {
		host, port = u.Hostname(), u.Port()
	}
	if port != "" && !portForm().MatchString(port) {
		return "", ""
	}
	return host, port
}

// Unserved reports variables that name a host that nobody serves: no service of
// the group, and no name that resolves reports as found. Values are not shown,
// because they may hold passwords.
func Unserved(g Group, envs map[string]map[string]string, resolves func(host string) bool) diag.Findings {
	served := map[string]bool{"host.slipway.internal": true}
	for _, s := range g.Services {
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			served[strings.ToLower(name)] = true
		}
		served[strings.ToLower(s.Name+"."+g.Name)] = true
	}
	var out diag.Findings
	seen := map[string]bool{}
	for _, s := range g.Services {
		for _, t := range Targets(s, envs[s.Name]) {
			text, hint := "", ""
			switch host := strings.ToLower(t.Host); {
			case seen[t.Service+t.Variable+host], served[host]:
				continue
			case t.Local:
				text = fmt.Sprintf("%s: %s names %s:%s, which in the container is the service itself", t.Service, t.Variable, t.Host, t.Port)
				hint = fmt.Sprintf("name the service that listens there, or this machine: host.slipway.internal:%s", t.Port)
			case !resolves(host):
				text = fmt.Sprintf("%s: %s names the host %s, which is neither a service of the group nor found elsewhere", t.Service, t.Variable, t.Host)
				hint = fmt.Sprintf("start it in the same group, or set another value: slipway run -e %s:%s=…", t.Service, t.Variable)
			default:
				continue
			}
			seen[t.Service+t.Variable+strings.ToLower(t.Host)] = true
			out = append(out, diag.Finding{Code: codeNobodyServes, Severity: diag.Warning, Text: text, Hint: hint})
		}
	}
	slices.SortStableFunc(out, func(a, b diag.Finding) int { return cmp.Compare(a.Text, b.Text) })
	return out
}
