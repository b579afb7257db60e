// Package dotenv reads files of variables, as `env_file:` and --env-file name
// them: NAME=VALUE lines with comments, quotes and `export`, in any encoding that
// an editor leaves. Values are taken as they are: no variable in them is
// replaced, and nothing runs.
//
//	list, err := dotenv.Parse(".env", data)
package dotenv

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plaintext"
)

// codeLine: a line of a file of variables that is not NAME=VALUE.
const codeLine = "SLP403"

// Variable is one line. A name alone hands the caller's own value on.
type Variable struct {
	Name, Value string
	Bare        bool // a name without "="
	Line        int
}

// Parse reads a file; its name appears in findings only. All problems are
// reported at once, and no text of a value is in them: it may be a secret. When a
// name is there twice, the later line counts.
func Parse(file string, data []byte) ([]Variable, diag.Findings) {
	p := parser{file: file, lines: strings.Split(string(plaintext.UTF8(data)), "\n")}
	for p.at < len(p.lines) {
		p.line()
	}
	return p.variables, p.findings
}

type parser struct {
	file      string
	lines     []string
	at        int // index of the next line
	variables []Variable
	findings  diag.Findings
}

var name = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (p *parser) report(line int, hint, format string, args ...any) {
	p.findings = append(p.findings, diag.Finding{Code: codeLine, Place: diag.Place{File: p.file, Line: line}, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// line reads one variable, which may span lines in quotes.
func (p *parser) line() {
	number := p.at + 1
	text := strings.TrimSpace(p.lines[p.at])
	p.at++
	if text == "" || text[0] == '#' {
		return
	}
	if rest, ok := strings.CutPrefix(text, "export"); ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
		text = strings.TrimSpace(rest)
	}
	key, value, assigned := strings.Cut(text, "=")
	key = strings.TrimSpace(key)
	if !name().MatchString(key) {
		if !assigned {
			p.report(number, "write NAME=VALUE, or # before a comment", "this line is not NAME=VALUE")
			return
		}
		p.report(number, "use letters, digits and underscores", "the text before = cannot be the name of a variable")
		return
	}
	v := Variable{Name: key, Bare: !assigned, Line: number}
	if assigned {
		var ok bool
		if v.Value, ok = p.value(strings.TrimLeft(value, " \t"), number); !ok {
			return
		}
	}
	p.variables = append(p.variables, v)
}

// value reads what follows the equals sign.
func (p *parser) value(text string, number int) (string, bool) {
	if text == "" || !strings.ContainsRune(`"'`+"`", rune(text[0])) {
		return unquoted(text), true
	}
	quote := text[0]
	text = text[1:]
	for end := closing(text, quote); ; end = closing(text, quote) {
		if end >= 0 {
			rest := strings.TrimSpace(text[end+1:])
			if rest != "" && rest[0] != '#' {
				p.report(number, "put the whole value into the quotes", "text follows the closing quote")
				return "", false
			}
			if quote == '"' {
				return unescaped(text[:end]), true
			}
			return text[:end], true
		}
		if p.at == len(p.lines) {
			p.report(number, "close it with "+string(quote), "a quote is not closed")
			return "", false
		}
		text += "\n" + p.lines[p.at]
		p.at++
	}
}

// unquoted is a value up to a comment, which begins behind a space.
func unquoted(text string) string {
	for i := range len(text) {
		if text[i] == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
			text = text[:i]
			break
		}
	}
	return strings.TrimSpace(text)
}

// closing is the index of the quote that ends a value, -1 without one. Only
// double quotes have escapes.
func closing(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote:
			return i
		}
	}
	return -1
}

// unescaped replaces the escapes of double quotes; others stay as they are.
func unescaped(text string) string {
	return strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`, `\$`, `$`).Replace(text)
}

// Apply sets variables in env; a name alone takes the value that lookup finds,
// and changes nothing when there is none.
func Apply(env map[string]string, list []Variable, lookup func(string) (string, bool)) {
	for _, v := range list {
		if !v.Bare {
			env[v.Name] = v.Value
		} else if value, ok := lookup(v.Name); ok {
			env[v.Name] = value
		}
	}
}
