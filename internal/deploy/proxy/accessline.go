package proxy

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// access is a line of the access log. Texts of clients are cut, values of query
// parameters left out, and what looks like a token in a path is hidden: see readable.
type access struct {
	Time     time.Time `json:"time"`
	Listener string    `json:"listener"`
	Client   string    `json:"client"`
	Protocol string    `json:"protocol"`
	Method   string    `json:"method,omitempty"`
	Host     string    `json:"host,omitempty"`
	Path     string    `json:"path,omitempty"`
	Agent    string    `json:"user_agent,omitempty"`
	Service  string    `json:"service,omitempty"`
	Side     string    `json:"side,omitempty"`
	Upstream string    `json:"upstream,omitempty"`
	Status   int       `json:"status,omitempty"`
	GRPC     *int      `json:"grpc_status,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Retries  int       `json:"retries,omitempty"`
	In       int64     `json:"in_bytes"`
	Out      int64     `json:"out_bytes"`
	AnswerMS float64   `json:"answer_ms"` // until the headers
	TotalMS  float64   `json:"duration_ms"`
	query    string
}

// appendTo writes a line as encoding/json does, without its reflection.
func (a *access) appendTo(b []byte) []byte {
	b = a.Time.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano)
	b = appendText(append(b, `","listener":`...), a.Listener)
	b = appendText(append(b, `,"client":`...), a.Client)
	b = appendText(append(b, `,"protocol":`...), a.Protocol)
	for _, f := range [...]struct{ key, text string }{
		{`,"method":`, a.Method}, {`,"host":`, a.Host}, {`,"path":`, a.Path}, {`,"user_agent":`, a.Agent},
		{`,"service":`, a.Service}, {`,"side":`, a.Side}, {`,"upstream":`, a.Upstream},
	} {
		if f.text != "" {
			b = appendText(append(b, f.key...), f.text)
		}
	}
	if a.Status != 0 {
		b = strconv.AppendInt(append(b, `,"status":`...), int64(a.Status), 10)
	}
	if a.GRPC != nil {
		b = strconv.AppendInt(append(b, `,"grpc_status":`...), int64(*a.GRPC), 10)
	}
	if a.Reason != "" {
		b = appendText(append(b, `,"reason":`...), a.Reason)
	}
	if a.Retries != 0 {
		b = strconv.AppendInt(append(b, `,"retries":`...), int64(a.Retries), 10)
	}
	b = strconv.AppendInt(append(b, `,"in_bytes":`...), a.In, 10)
	b = strconv.AppendInt(append(b, `,"out_bytes":`...), a.Out, 10)
	b = strconv.AppendFloat(append(b, `,"answer_ms":`...), a.AnswerMS, 'f', -1, 64)
	b = strconv.AppendFloat(append(b, `,"duration_ms":`...), a.TotalMS, 'f', -1, 64)
	return append(b, "}\n"...)
}

// appendText writes a string of JSON. Few texts have something to escape.
func appendText(b []byte, text string) []byte {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		quoted, _ := json.Marshal(text) // cannot fail
		return append(b, quoted...)
	}
	return append(append(append(b, '"'), text...), '"')
}

func newAccess(l *listener, s *service, c *call, client string, o outcome) *access {
	line := &access{
		Time: l.proxy.now().UTC(), Listener: l.name, Client: client, Reason: string(o.reason),
		In: o.in, Out: o.out, AnswerMS: milliseconds(o.took), TotalMS: milliseconds(o.total),
	}
	if s != nil {
		line.Service = s.name
	}
	if c != nil {
		line.Side, line.Retries = c.side.name, c.retries
		if c.upstream != nil {
			line.Upstream = c.upstream.address
		}
	}
	return line
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// readable is a path with the names of its query's parameters. Their values may be
// tokens of any form, such as a session's number: none is logged.
func (b *batch) readable(path, query string) string {
	path = b.hide(short(path))
	if query == "" {
		return path
	}
	var names []string
	for part := range strings.SplitSeq(short(query), "&") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok: // the value of a parameter without name
			name = "…"
		case value != "":
			name += "=…"
		default:
			name += "="
		}
		names = append(names, name)
	}
	return path + "?" + b.hide(strings.Join(names, "&"))
}

// short cuts a text.
func short(s string) string {
	if len(s) > logText {
		return s[:logText] + "…"
	}
	return s
}
