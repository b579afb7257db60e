package debian

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// piece is a part of a word: what was quoted is neither split nor a pattern.
type piece struct {
	text   string
	quoted bool
	split  bool // came from an expansion outside of quotes
}

// fields expands words to what a command gets, file names by patterns included.
func (r *scriptReader) fields(words []*syntax.Word) []string {
	var out []string
	for _, w := range words {
		if len(w.Parts) == 1 {
			if q, ok := w.Parts[0].(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
				if p, ok := q.Parts[0].(*syntax.ParamExp); ok && p.Param != nil && p.Param.Value == "@" && p.Exp == nil {
					out = append(out, r.args...)
					continue
				}
			}
		}
		for _, f := range split(r.pieces(w.Parts, false)) {
			out = append(out, r.named(f)...)
		}
	}
	return out
}

// split cuts pieces into fields at the white space of expansions.
func split(pieces []piece) [][]piece {
	var out [][]piece
	var now []piece
	open := false
	for _, p := range pieces {
		if !p.split {
			now, open = append(now, p), true
			continue
		}
		parts := strings.FieldsFunc(p.text, isBlank)
		if open && p.text != "" && isBlank(rune(p.text[0])) {
			out, now, open = append(out, now), nil, false
		}
		for i, part := range parts {
			if i > 0 {
				out, now = append(out, now), nil
			}
			now, open = append(now, piece{text: part}), true
		}
		if open && len(parts) > 0 && isBlank(rune(p.text[len(p.text)-1])) {
			out, now, open = append(out, now), nil, false
		}
	}
	if open {
		out = append(out, now)
	}
	return out
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\n' }

// named is a field, or the files that match it.
func (r *scriptReader) named(pieces []piece) []string {
	text, pattern, wild := "", "", false
	for _, p := range pieces {
		text += p.text
		if p.quoted {
			pattern += quoteMeta(p.text)
			continue
		}
		pattern += p.text
		wild = wild || strings.ContainsAny(p.text, "*?[")
	}
	if wild && path.IsAbs(text) {
		if found := r.files.Glob(pattern); len(found) > 0 {
			return found
		}
	}
	return []string{text}
}

func quoteMeta(s string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(s)
}

// text expands a word that is neither split nor a pattern.
func (r *scriptReader) text(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	out := ""
	for _, p := range r.pieces(w.Parts, false) {
		out += p.text
	}
	return out
}

// pattern expands a word to a pattern, in which what was quoted is literal.
func (r *scriptReader) pattern(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	out := ""
	for _, p := range r.pieces(w.Parts, false) {
		if p.quoted {
			p.text = quoteMeta(p.text)
		}
		out += p.text
	}
	return out
}

func (r *scriptReader) pieces(parts []syntax.WordPart, quoted bool) []piece {
	var out []piece
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			out = append(out, literal(p.Value, quoted)...)
		case *syntax.SglQuoted:
			out = append(out, piece{text: p.Value, quoted: true})
		case *syntax.DblQuoted:
			out = append(out, piece{quoted: true}) // an empty one is a field, too
			out = append(out, r.pieces(p.Parts, true)...)
		case *syntax.ParamExp:
			out = append(out, piece{text: r.parameter(p), quoted: quoted, split: !quoted})
		case *syntax.CmdSubst:
			out = append(out, piece{text: r.substitution(p.Stmts), quoted: quoted, split: !quoted})
		}
	}
	return out
}

// literal resolves backslashes.
func literal(s string, quoted bool) []piece {
	var out []piece
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			return append(out, piece{text: s, quoted: quoted})
		}
		switch next := s[i+1]; {
		case next == '\n':
			out = append(out, piece{text: s[:i], quoted: quoted})
		case quoted && !strings.ContainsRune("$`\"\\", rune(next)):
			out = append(out, piece{text: s[:i+2], quoted: true})
		default:
			out = append(out, piece{text: s[:i], quoted: quoted}, piece{text: string(next), quoted: true})
		}
		s = s[i+2:]
	}
}

// substitution is what commands print.
func (r *scriptReader) substitution(list []*syntax.Stmt) string {
	outer := r.captured
	r.captured = &strings.Builder{}
	st := r.apart(func() status { return r.stmts(list) })
	text := strings.TrimRight(r.captured.String(), "\n")
	r.captured, r.last = outer, st
	return text
}

// parameter expands a variable.
func (r *scriptReader) parameter(p *syntax.ParamExp) string {
	if p.Param == nil || p.Index != nil || p.Excl {
		return ""
	}
	value, set := r.value(p.Param.Value)
	if p.Length {
		return strconv.Itoa(len(value))
	}
	if p.Exp == nil {
		return value
	}
	word := p.Exp.Word
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.AssignUnset:
		return choose(set, value, func() string { return r.text(word) })
	case syntax.DefaultUnsetOrNull, syntax.AssignUnsetOrNull:
		return choose(value != "", value, func() string { return r.text(word) })
	case syntax.AlternateUnset:
		return choose(!set, "", func() string { return r.text(word) })
	case syntax.AlternateUnsetOrNull:
		return choose(value == "", "", func() string { return r.text(word) })
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		return without(value, r.pattern(word), p.Exp.Op)
	}
	return value
}

func choose(first bool, value string, other func() string) string {
	if first {
		return value
	}
	return other()
}

// value is that of a variable, and whether it has one.
func (r *scriptReader) value(name string) (string, bool) {
	switch name {
	case "@", "*":
		return strings.Join(r.args, " "), len(r.args) > 0
	case "#":
		return strconv.Itoa(len(r.args)), true
	case "?":
		return strconv.Itoa(max(0, int(r.last))), true
	case "0":
		return "postinst", true
	case "DPKG_MAINTSCRIPT_NAME":
		return "postinst", true
	case "DPKG_MAINTSCRIPT_ARCH":
		return r.arch, true
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n > 0 && n <= len(r.args) {
			return r.args[n-1], true
		}
		return "", false
	}
	v, ok := r.vars[name]
	return v, ok
}

// without cuts the part of a value that matches a pattern.
func without(value, pattern string, op syntax.ParExpOperator) string {
	prefix := op == syntax.RemSmallPrefix || op == syntax.RemLargePrefix
	longest := op == syntax.RemLargePrefix || op == syntax.RemLargeSuffix
	best := -1
	for i := range len(value) + 1 {
		part := value[i:]
		if prefix {
			part = value[:i]
		}
		if !matches(pattern, part) {
			continue
		}
		if best < 0 || prefix == longest { // later is longer of a prefix, and shorter of a suffix
			best = i
		}
	}
	switch {
	case best < 0:
		return value
	case prefix:
		return value[best:]
	}
	return value[:best]
}

// matches reports whether a text matches a pattern of the shell, in which a star
// crosses slashes.
func matches(pattern, text string) bool {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*':
			b.WriteString(`.*`)
		case c == '?':
			b.WriteString(`.`)
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '[' && strings.IndexByte(pattern[i:], ']') > 1:
			end := i + strings.IndexByte(pattern[i:], ']')
			class := strings.Replace(pattern[i+1:end], "!", "^", 1)
			b.WriteString("[" + strings.ReplaceAll(class, `\`, `\\`) + "]")
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re, err := regexp.Compile(`(?s)^(?:` + b.String() + `)$`)
	return err == nil && re.MatchString(text)
}
