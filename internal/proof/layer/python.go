package layer

import (
	"bytes"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// What Python sources say on one line.
var (
	pyImport = pattern.Lazy(`^(\s*)import\s+(.+)$`)
	pyFrom   = pattern.Lazy(`^(\s*)from\s+(\.*[\w.]*)\s+import\s*\(?([\w\s,]*)`)
	pyBlock  = pattern.Lazy(`^(\s*)(try|if|elif|else|except|finally|with|for|while|def|async def|class|match|case)\b([^#]*)`)
	pyList   = pattern.Lazy(`\b(?:subprocess\.)?(run|call|check_call|check_output|Popen|create_subprocess_exec)\(\s*\[?\s*f?["']([^"'\n]+)["']`)
	pyShell  = pattern.Lazy(`\b(?:os\.(?:system|popen)|subprocess\.(?:getoutput|getstatusoutput)|(?:asyncio\.)?create_subprocess_shell)\(\s*(f?)["']([^"'\n]*)["']?`)
	pyTLS    = pattern.Lazy(`\badd_secure_port\(|\bssl_certfile\s*=|\bssl_context\s*=`)
	pyPlain  = pattern.Lazy(`\badd_insecure_port\(`)
)

// pyFrame is a block by its indentation.
type pyFrame struct {
	indent int
	when   Certainty
}

// pySource is a source of Python while it is read.
type pySource struct {
	out    Source
	frames []pyFrame
	loops  map[string][]string // literals of the lists that loops go through, by variable
	lists  map[string][]string // … that names are assigned
	homes  map[string]bool     // names of paths below the user's home
}

// Python reads what a source of Python imports, runs and writes. It goes by
// lines; those within texts of several lines are passed over.
func Python(data []byte) *Source {
	s := &pySource{loops: map[string][]string{}, lists: map[string][]string{}, homes: map[string]bool{}}
	quote := ""
	line := 0
	for len(data) > 0 {
		text, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		line++
		start := string(text)
		if quote != "" {
			at := strings.Index(start, quote)
			if at < 0 {
				continue
			}
			start, quote = start[at+3:], ""
			if strings.Trim(start, " \t\r)],") == "" {
				continue
			}
		}
		var code string
		code, quote = pyCode(start)
		first := line
		for open := pyDepth(code); open > 0 && quote == "" && len(data) > 0 && line-first < 200; { // the statement goes on
			text, rest, _ = bytes.Cut(data, []byte("\n"))
			data = rest
			line++
			var more string
			more, quote = pyCode(string(text))
			code += " " + strings.TrimSpace(more)
			open += pyDepth(more)
		}
		s.statement(code, first)
	}
	return s.out.orNil()
}

// pyCode is a line without its comment; quote is that of a text that goes on.
func pyCode(line string) (code, quote string) {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case '#':
			return line[:i], ""
		case '"', '\'':
			triple := strings.Repeat(string(c), 3)
			if strings.HasPrefix(line[i:], triple) {
				end := strings.Index(line[i+3:], triple)
				if end < 0 {
					return line[:i], triple
				}
				i += end + 5
				continue
			}
			for i++; i < len(line) && line[i] != c; i++ {
				if line[i] == '\\' {
					i++
				}
			}
		}
	}
	return strings.TrimRight(line, " \t\r"), ""
}

// pyDepth is how many brackets a line opens more than it closes, roughly.
func pyDepth(code string) int {
	n := 0
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '(', '[', '{':
			n++
		case ')', ']', '}':
			n--
		case '"', '\'':
			for i++; i < len(code) && code[i] != c; i++ {
				if code[i] == '\\' {
					i++
				}
			}
		}
	}
	if strings.HasSuffix(code, "\\") {
		n = max(n, 1)
	}
	return n
}

// statement takes one logical line.
func (s *pySource) statement(code string, line int) {
	trimmed := strings.TrimLeft(code, " \t")
	if trimmed == "" {
		return
	}
	indent := len(code) - len(trimmed)
	for n := len(s.frames); n > 0 && s.frames[n-1].indent >= indent; n = len(s.frames) {
		s.frames = s.frames[:n-1]
	}
	when := Surely
	if n := len(s.frames); n > 0 {
		when = s.frames[n-1].when
	}
	if m := pyBlock().FindStringSubmatch(code); m != nil {
		s.frames = append(s.frames, pyFrame{indent, max(when, pyOpens(m[2], m[3]))})
		if m[2] == "if" && !strings.HasSuffix(code, ":") { // all on one line
			when = max(when, Perhaps)
		}
	}
	s.importing(code, line, when)
	if strings.Contains(code, "sys.path") || strings.Contains(code, "site.addsitedir") {
		s.out.Rewires = true
	}
	s.acts(code, line)
}

// pyOpens says how sure it is that a block runs.
func pyOpens(keyword, condition string) Certainty {
	switch keyword {
	case "try":
		return Guarded
	case "if", "elif":
		if strings.Contains(condition, "TYPE_CHECKING") || strings.Contains(condition, "DEBUG") || strings.Contains(condition, "sys.platform") || strings.Contains(condition, "version_info") {
			return Guarded
		}
		if strings.Contains(condition, "__name__") {
			return Surely
		}
		return Perhaps
	case "else", "except":
		return Guarded // of a try, or what an if does otherwise
	case "with":
		if strings.Contains(condition, "suppress") {
			return Guarded
		}
		return Surely
	case "class", "finally":
		return Surely
	}
	return Perhaps
}

func (s *pySource) importing(code string, line int, when Certainty) {
	if m := pyFrom().FindStringSubmatch(code); m != nil && m[2] != "__future__" {
		i := Import{Name: m[2], Line: line, When: when}
		for part := range strings.SplitSeq(m[3], ",") {
			if words := strings.Fields(part); len(words) > 0 {
				i.Names = append(i.Names, words[0])
			}
		}
		s.out.Imports = append(s.out.Imports, i)
		return
	}
	m := pyImport().FindStringSubmatch(code)
	if m == nil {
		return
	}
	for part := range strings.SplitSeq(m[2], ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		name, _, _ = strings.Cut(name, ";")
		if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == "" {
			s.out.Imports = append(s.out.Imports, Import{Name: name, Line: line, When: when})
		}
	}
}

// acts notes what a statement runs, writes and serves.
func (s *pySource) acts(code string, line int) {
	if m := pyShell().FindStringSubmatch(code); m != nil {
		s.out.Calls = append(s.out.Calls, Call{Program: firstWord(pyTemplate(m[2], m[1] != "")), Shell: true, Line: line})
	} else if m := pyList().FindStringSubmatchIndex(code); m != nil && s.subprocess(code[m[0]:m[3]]) {
		call := Call{Program: code[m[4]:m[5]], Line: line}
		if strings.Contains(code, "shell=True") {
			call.Shell = true
			call.Program = firstWord(call.Program, false)
		} else if strings.ContainsAny(call.Program, " {") {
			call.Program = "" // a name with a blank, or one that is put together
		}
		if call.Program != "" || call.Shell {
			s.out.Calls = append(s.out.Calls, call)
		}
	}
	s.writes(code, line)
	s.asks(code, line)
	if pyTLS().MatchString(code) {
		s.out.TLS = firstLine(s.out.TLS, line)
	}
	if pyPlain().MatchString(code) {
		s.out.Plain = firstLine(s.out.Plain, line)
	}
}

// subprocess tells whether a call is one of the module's, by its name or because
// the names were imported from it.
func (s *pySource) subprocess(call string) bool {
	if strings.HasPrefix(call, "subprocess.") || strings.HasPrefix(call, "create_subprocess_exec") {
		return true
	}
	if !strings.HasPrefix(call, "Popen") && !strings.HasPrefix(call, "check_") {
		return false // run and call are names of many things
	}
	for _, i := range s.out.Imports {
		if i.Name == "subprocess" {
			return true
		}
	}
	return false
}

// pyTemplate is a line of which the part before the first expression counts.
func pyTemplate(text string, formatted bool) (line string, cut bool) {
	if formatted {
		line, _, cut = strings.Cut(text, "{")
		return line, cut
	}
	return text, false
}

func group(m []string) string {
	if len(m) < 2 {
		return ""
	}
	return m[1]
}
