package testreport

import (
	"bytes"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/slipway-build/slipway/internal/pattern"
)

// decoded is the content in UTF-8, without a byte order mark. PowerShell redirects
// in UTF-16.
func decoded(content []byte) []byte {
	switch {
	case bytes.HasPrefix(content, []byte{0xef, 0xbb, 0xbf}):
		return content[3:]
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		return fromUTF16(content[2:], 0)
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		return fromUTF16(content[2:], 1)
	}
	return content
}

// fromUTF16 reads pairs of bytes; low is the index of the low one.
func fromUTF16(content []byte, low int) []byte {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = uint16(content[2*i+low]) | uint16(content[2*i+1-low])<<8
	}
	return []byte(string(utf16.Decode(units)))
}

// lines yields the lines of a text with their numbers, without line ends and colours.
func lines(content []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for n := 1; len(content) > 0; n++ {
			line, rest, _ := bytes.Cut(content, []byte("\n"))
			content = rest
			if bytes.IndexByte(line, 0x1b) >= 0 {
				line = colour().ReplaceAll(line, nil)
			}
			if !yield(n, strings.ToValidUTF8(string(bytes.TrimSuffix(line, []byte("\r"))), "\uFFFD")) {
				return
			}
		}
	}
}

// searched is how much of a text is searched for the line that betrays its format:
// programs print before their report begins.
const searched = 256 << 10

// lineOf recognises a text by one of its lines.
func lineOf(expression string) func(*intake) bool {
	is := pattern.Lazy(`(?m)` + strings.TrimSuffix(expression, "$") + map[bool]string{true: `\r?$`}[strings.HasSuffix(expression, "$")])
	return func(in *intake) bool {
		return !in.markup() && is().Match(in.content[:min(len(in.content), searched)])
	}
}

// markup reports whether the content begins as XML does.
func (in *intake) markup() bool { return bytes.HasPrefix(bytes.TrimSpace(in.head()), []byte("<")) }

func (in *intake) head() []byte { return in.content[:min(len(in.content), 4<<10)] }

// tidy is a path with slashes, without a scheme and without needless parts.
func tidy(p string) string {
	p = strings.TrimPrefix(strings.TrimSpace(p), "file://")
	if p == "" {
		return ""
	}
	if !strings.Contains(p, "/") {
		p = strings.ReplaceAll(p, `\`, "/")
	}
	return oneLine(path.Clean(p))
}

// seconds reads "1.5", and "1,234.5" as Surefire writes it in some languages.
func seconds(s string) time.Duration {
	f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(s), ",", ""), 64)
	if err != nil {
		return 0
	}
	return duration(f, time.Second)
}

// duration is 0 for what cannot be one.
func duration(f float64, unit time.Duration) time.Duration {
	if f = f * float64(unit); f > 0 && f < float64(maxDuration) {
		return time.Duration(f).Round(time.Microsecond)
	}
	return 0
}

// number is 0 for what is none.
func number(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0
	}
	return n
}

// firstLine is the first line with words in it.
func firstLine(s string) string {
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// joined puts texts under each other.
func joined(texts ...string) string {
	var out []string
	for _, t := range texts {
		if t = strings.Trim(t, "\r\n"); strings.TrimSpace(t) != "" {
			out = append(out, t)
		}
	}
	return strings.Join(out, "\n")
}

// decimal is 0 for what is no number.
func decimal(s string) float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || f != f || f < 0 || f > 1e18 {
		return 0
	}
	return f
}
