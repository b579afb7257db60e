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
	portKey = pattern.Lazy(`^(\s*)["']?((?:[\w.-]*[._-])?port)["']?\s*[:=]\s*["']?(\d{2,5})\b`)
	tableIn = pattern.Lazy(`^\s*(?:\[+\s*([\w."-]+)\s*\]+|["']?([\w.-]+)["']?\s*[:=]\s*\{?)\s*$`)
)

// elsewhere are words of settings about servers that the program calls.
var elsewhere = pattern.Lazy(`(?i)db|database|postgres|mysql|maria|mongo|redis|cache|smtp|mail|kafka|amqp|rabbit|nats|elastic|s3|minio|metrics|prometheus|tracing|jaeger|otel|ldap|debug|admin|ssl|tls|proxy|upstream`)

// SettingsPort returns the port that a settings file among what production holds
// gives the server: the key port, at the top or in a table that speaks of no other
// server. It is weaker than what the sources say of a listening call.
func SettingsPort(dir fs.FS, held []Held) Hit {
	const maxFiles = 50
	n := 0
	var found Hit
	look := func(name string) {
		if n++; n > maxFiles || found.Found() || !slices.Contains([]string{".yaml", ".yml", ".toml", ".ini", ".json", ".properties"}, path.Ext(name)) {
			return
		}
		if data, err := Read(dir, name); err == nil && len(data) < maxConfigSize {
			found = settingsPort(name, data)
		}
	}
	for _, h := range held {
		if !h.Dir {
			look(h.From)
			continue
		}
		_ = fs.WalkDir(dir, h.From, func(name string, e fs.DirEntry, err error) error {
			if err != nil || n > maxFiles {
				return fs.SkipAll
			}
			if !e.IsDir() {
				look(name)
			}
			return nil
		})
	}
	return found
}

func settingsPort(name string, data []byte) Hit {
	type table struct {
		indent int
		name   string
	}
	var above []table
	for i, line := range strings.Split(string(data), "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if m := portKey().FindStringSubmatch(line); m != nil {
			for len(above) > 0 && above[len(above)-1].indent >= indent && !strings.HasPrefix(above[len(above)-1].name, "[") {
				above = above[:len(above)-1]
			}
			owner := m[2]
			if len(above) > 0 {
				owner += " " + above[len(above)-1].name
			}
			if p, _ := strconv.Atoi(m[3]); !elsewhere().MatchString(owner) && p > 9 && p < 65535 {
				return Hit{Text: m[3], File: name, Line: i + 1, Why: "the settings that the program reads"}
			}
			continue
		}
		if m := tableIn().FindStringSubmatch(line); m != nil {
			if m[1] != "" {
				above = []table{{-1, "[" + m[1]}}
				continue
			}
			for len(above) > 0 && above[len(above)-1].indent >= indent && !strings.HasPrefix(above[len(above)-1].name, "[") {
				above = above[:len(above)-1]
			}
			above = append(above, table{indent, m[2]})
		}
	}
	return Hit{}
}

// Ports finds ports by signs, the surest first, in the sources of a program.
type Ports struct {
	signs []*Sign
	rank  int
	Hit   Hit
}

// NewPorts returns a search for the signs, of which the last group is the number.
func NewPorts(signs []*Sign) *Ports { return &Ports{signs: signs, rank: len(signs)} }

// Rank is which of the signs was found.
func (p *Ports) Rank() int { return p.rank }

// Look keeps the surest sign of a source; limit is how many of the signs count.
func (p *Ports) Look(name string, data []byte, limit int) {
	for i, re := range p.signs[:min(p.rank, limit)] {
		for at := 0; at < len(data); {
			m := re.FindSubmatchIndex(data[at:])
			if m == nil {
				break
			}
			text := string(data[at+m[len(m)-2] : at+m[len(m)-1]])
			n, _ := strconv.Atoi(text)
			if n > 9 && n < 65535 && !IsCallee(text) && !OfAnother(string(data[at+m[0]:at+m[1]])) {
				p.Hit, p.rank = Hit{Text: text, File: name, Line: LineAt(data, int64(at+m[0]))}, i
				return
			}
			at += max(m[1], 1)
		}
	}
}

// IsCallee reports the port of a database, queue or mail server, which programs of
// this kind call.
func IsCallee(port string) bool {
	return slices.Contains([]string{"25", "465", "587", "1433", "3306", "5432", "5672", "6379", "9092", "11211", "27017"}, port)
}

// OfAnother reports the default of a setting that is about another server, such
// as a database.
func OfAnother(text string) bool {
	return anotherPort().MatchString(text)
}

var anotherPort = pattern.Lazy(`(?i)(?:\b|_)(?:db|database|postgres|pg|mysql|maria|mongo|redis|smtp|e?mail|kafka|ldap|ftp|ssh|memcached?|influx|statsd|amqp|rabbit(?:mq)?|nats|elastic\w*|metrics|prometheus|debug|admin)[_-]?(?:port|addr|host)`)
