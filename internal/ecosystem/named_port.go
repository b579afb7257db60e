package ecosystem

import (
	"slices"
	"strconv"

	"github.com/slipway-build/slipway/internal/pattern"
)

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
