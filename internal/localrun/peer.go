package localrun

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// refusedAddress is an address of the container itself, as programs log one that
// they cannot connect to.
var refusedAddress = pattern.Lazy(`(?:localhost|127\.0\.0\.1|\[?::1\]?)[^0-9\n]{1,12}([0-9]{2,5})\b`)

// usualServers are the servers that usually listen on a port (IANA, and the
// projects' defaults).
func usualServers() map[int]string {
	return map[int]string{
		5432: "PostgreSQL", 3306: "MySQL", 1433: "SQL Server", 6379: "Redis", 27017: "MongoDB", 9200: "Elasticsearch", 5672: "RabbitMQ", 9092: "Kafka", 11211: "memcached", 4222: "NATS", 2379: "etcd", 8500: "Consul", 25: "a mail server", 1025: "a mail server",
	}
}

// peer returns the port on localhost that the service's last lines say refused its
// connection, 0 without one. In a container, localhost is the container itself.
func (e Evidence) peer() int {
	for _, line := range e.LastLines {
		if !strings.Contains(strings.ToLower(line), "refused") {
			continue
		}
		if m := refusedAddress().FindStringSubmatch(line); m != nil {
			if port, _ := strconv.Atoi(m[1]); port > 0 && port < 65536 && port != e.Port {
				return port
			}
		}
	}
	return 0
}

// refused says what the service did not reach.
func (e Evidence) refused() string {
	port := e.peer()
	if port == 0 {
		return ""
	}
	text := fmt.Sprintf("; nothing listens on localhost:%d inside its container", port)
	if name := usualServers()[port]; name != "" {
		text += ", the usual port of " + name
	}
	return text
}

// unknownHost are the ways in which programs log a host name that does not resolve:
// Node.js, Go, PostgreSQL's library, Java, Python's clients.
var unknownHost = pattern.Lazy(`(?:ENOTFOUND|EAI_AGAIN)\s+([\w.-]+)|lookup ([\w.-]+)(?: on [^:]+:\d+)?: no such host|host name "([\w.-]+)" to address|UnknownHostException: ([\w.-]+)|connecting to ([\w.-]+):\d+\. (?:Name or service not known|Temporary failure)`)

// stranger returns the host that the service's last lines say does not exist, ""
// without one.
func (e Evidence) stranger() string {
	for _, line := range e.LastLines {
		m := unknownHost().FindStringSubmatch(line)
		for i := 1; i < len(m); i++ {
			if m[i] != "" {
				return strings.TrimRight(m[i], ".")
			}
		}
	}
	return ""
}
