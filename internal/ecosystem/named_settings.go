package ecosystem

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	settingLine = pattern.Lazy(`^(\s*)(?:- )?["']?([A-Za-z_][\w.-]*)["']?\s*[:=]\s*(?:"([^"]*)"|'([^']*)'|([^\s"'#,;{}]+))`)
	tableIn     = pattern.Lazy(`^\s*(?:\[+\s*([\w."-]+)\s*\]+|["']?([\w.-]+)["']?\s*[:=]\s*\{?)\s*$`)
	portKey     = pattern.Lazy(`(?:^|[._-])port$`)
	hostKey     = pattern.Lazy(`(?i)(?:^|[._-])(?:host|hostname|server|addr|address)$`)
	digits      = pattern.Lazy(`^\d{2,5}$`)
)

// elsewhere are words of settings about servers that the program calls.
var elsewhere = pattern.Lazy(`(?i)db|database|postgres|mysql|maria|mongo|redis|cache|smtp|mail|kafka|amqp|rabbit|nats|elastic|s3|minio|metrics|prometheus|tracing|jaeger|otel|ldap|debug|admin|ssl|tls|proxy|upstream`)

// serverTables are words of tables about servers that a program does not start
// without, with the port on which those listen by default, "" where it depends.
func serverTables() []serverTable {
	return []serverTable{
		{"postgres", "5432"}, {"mysql", "3306"}, {"maria", "3306"}, {"mongo", "27017"}, {"redis", "6379"}, {"amqp", "5672"}, {"rabbit", "5672"}, {"nats", "4222"},
		{"kafka", "9092"}, {"clickhouse", "8123"}, {"database", ""}, {"datasource", ""}, {"db", ""}, {"sql", ""},
	}
}

type serverTable struct{ word, port string }

// setting is a line of a settings file in YAML, TOML, JSON, INI or the like.
type setting struct {
	table, key, value string
	line              int
}

// owner is what the setting is about: its table, and what its key begins with.
func (s setting) owner() string {
	if i := strings.LastIndexAny(s.key, "._-"); i >= 0 {
		return s.table + " " + s.key[:i]
	}
	return s.table
}

// settingsIn reads them as far as lines tell: strings of several lines and
// references are beyond it.
func settingsIn(data []byte) (all []setting) {
	type table struct {
		indent int
		name   string
	}
	var above []table
	leave := func(indent int) {
		for len(above) > 0 && above[len(above)-1].indent >= indent && !strings.HasPrefix(above[len(above)-1].name, "[") {
			above = above[:len(above)-1]
		}
	}
	for i, line := range strings.Split(string(data), "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if m := settingLine().FindStringSubmatch(line); m != nil {
			leave(indent)
			found := setting{key: m[2], value: m[3] + m[4] + m[5], line: i + 1}
			if len(above) > 0 {
				found.table = above[len(above)-1].name
			}
			all = append(all, found)
			continue
		}
		if m := tableIn().FindStringSubmatch(line); m != nil {
			if m[1] != "" {
				above = []table{{-1, "[" + m[1]}}
				continue
			}
			leave(indent)
			above = append(above, table{indent, m[2]})
		}
	}
	return all
}

// ReadSettings reads the settings files among what production holds, for the port that
// they give the server and for the servers that they name. The port is that of the
// key port, at the top or in a table that speaks of no other server; it is weaker
// than what the sources say of a listening call.
func (s *Service) ReadSettings(held []Held) (port Hit) {
	const maxFiles = 50
	n := 0
	look := func(name string) {
		if n++; n > maxFiles || !slices.Contains([]string{".yaml", ".yml", ".toml", ".ini", ".json", ".properties"}, path.Ext(name)) {
			return
		}
		data, err := Read(s.Dir, name)
		if err != nil || len(data) >= maxConfigSize {
			return
		}
		all := settingsIn(data)
		if !port.Found() {
			port = settingsPort(name, all)
		}
		for _, server := range settingsServers(all) {
			s.Connects(server.value, name, server.line)
		}
	}
	for _, h := range held {
		if !h.Dir {
			look(h.From)
			continue
		}
		_ = fs.WalkDir(s.Dir, h.From, func(name string, e fs.DirEntry, err error) error {
			if err != nil || n > maxFiles {
				return fs.SkipAll
			}
			if !e.IsDir() {
				look(name)
			}
			return nil
		})
	}
	return port
}

func settingsPort(name string, all []setting) Hit {
	for _, s := range all {
		if p, err := strconv.Atoi(s.value); err == nil && portKey().MatchString(s.key) && digits().MatchString(s.value) && !elsewhere().MatchString(s.key+" "+s.table) && p > 9 && p < 65535 {
			return Hit{Text: s.value, File: name, Line: s.line, Why: "the settings that the program reads"}
		}
	}
	return Hit{}
}

// settingsServers are the addresses of servers: those of URLs, and those of a host
// and a port in a table of such a server. The values are host:port.
func settingsServers(all []setting) (servers []setting) {
	tables := serverTables()
	for _, s := range all {
		if a := ServerAddress(s.value); a != "" {
			servers = append(servers, setting{value: a, line: s.line})
			continue
		}
		owner := strings.ToLower(s.owner())
		i := slices.IndexFunc(tables, func(t serverTable) bool { return strings.Contains(owner, t.word) })
		if i < 0 || !hostKey().MatchString(s.key) {
			continue
		}
		host, port, _ := strings.Cut(s.value, ":")
		if port == "" {
			port = tables[i].port
			for _, p := range all {
				if p.owner() == s.owner() && portKey().MatchString(strings.ToLower(p.key)) && digits().MatchString(p.value) {
					port = p.value
				}
			}
		}
		if port != "" {
			servers = append(servers, setting{value: host + ":" + port, line: s.line})
		}
	}
	return servers
}
