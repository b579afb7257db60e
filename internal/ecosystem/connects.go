package ecosystem

import (
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// serverURL is an address of a server in a URL of its own kind, with JDBC's and
// R2DBC's prefixes, and without a user's name.
var serverURL = pattern.Lazy(`\b(postgres(?:ql)?|mysql|mariadb|sqlserver|mongodb|rediss?|amqps?|nats|cassandra|clickhouse|db2)://(?:[^@/\s"']*@)?([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?(?:[^\w:.-]|$)`)

// oracleURL is Oracle's own way to write one.
var oracleURL = pattern.Lazy(`\bjdbc:oracle:thin:[^@\s"']*@(?:tcps?:)?/{0,2}([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?`)

// usualPort is the port on which the servers of a kind of URL listen by default
// (IANA, and the projects' documentation).
func usualPort(scheme string) string {
	return map[string]string{
		"postgres": "5432", "postgresql": "5432", "mysql": "3306", "mariadb": "3306", "sqlserver": "1433", "mongodb": "27017", "redis": "6379", "rediss": "6379",
		"amqp": "5672", "amqps": "5671", "nats": "4222", "cassandra": "9042", "clickhouse": "8123", "db2": "50000", "oracle": "1521",
	}[scheme]
}

// ServerAddress is the host and port of the first server that a text names by its
// URL, "" without one.
func ServerAddress(text string) string {
	if m := serverURL().FindStringSubmatch(text); m != nil {
		return address(m[2], m[3], usualPort(m[1]))
	}
	if m := oracleURL().FindStringSubmatch(text); m != nil {
		return address(m[1], m[2], usualPort("oracle"))
	}
	return ""
}

func address(host, port, usual string) string {
	if port == "" {
		port = usual
	}
	return host + ":" + port
}

var plainAddress = pattern.Lazy(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5}$`)

// Connects notes the address of a server that a program needs beside it.
func (s *Service) Connects(address, file string, line int) {
	if plainAddress().MatchString(address) {
		note(&s.uses.connects, plan.Use{Name: strings.ToLower(address), File: s.At(file), Line: line})
	}
}

// serversNeeded are those addresses.
func (s *Service) serversNeeded() []plan.Use {
	return sortedUses(s.uses.connects, func(string) bool { return false })
}
