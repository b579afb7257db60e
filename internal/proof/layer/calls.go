package layer

import (
	"path"
	"slices"
	"strings"
)

// runners tells whether a module has functions that run programs.
func runners(module string) bool {
	return slices.Contains([]string{"child_process", "node:child_process", "execa", "cross-spawn", "shelljs"}, module)
}

// shellFunctions pass a whole line to /bin/sh.
func shellFunctions() []string {
	return []string{"exec", "execSync", "execaCommand", "execaCommandSync"}
}

// programFunctions start a program by its name.
func programFunctions() []string {
	return []string{"spawn", "spawnSync", "execFile", "execFileSync", "execa", "execaSync", "sync"}
}

// bind notes by which names a required module is known: "const cp = require(…)",
// "const { exec } = require(…)", "const x = __importStar(require(…))".
func (s *script) bind(i int, module string) {
	if !runners(module) {
		return
	}
	for j := i - 1; j > i-60 && j >= 0; j-- {
		switch t := s.tok(j); {
		case t.kind == ';':
			return
		case t.kind == '=':
			if s.tok(j-1).kind == '}' {
				for from := j - 2; from > j-60 && from >= 0; from-- {
					if s.tok(from).kind == '{' {
						s.names(from, j, module)
						return
					}
				}
				return
			}
			s.shells[s.tok(j-1).text] = true
			return
		}
	}
}

// names notes the imported names of a module that runs programs.
func (s *script) names(from, to int, module string) {
	if !runners(module) {
		return
	}
	braces := false
	for j := from; j < to; j++ {
		switch t := s.tok(j); {
		case t.kind == '{':
			braces = true
		case t.kind != 'n' || t.is("as"):
		case !braces: // the default export, or "* as name"
			s.shells[t.text] = true
			if module == "execa" || module == "cross-spawn" {
				s.child[t.text] = "spawn"
			}
		case s.tok(j+1).is("as") || s.tok(j+1).kind == ':':
			s.child[s.tok(j+2).text] = t.text
			j += 2
		default:
			s.child[t.text] = t.text
		}
	}
}

// promise notes "const run = promisify(exec)".
func (s *script) promise(i int) {
	function := s.tok(i + 2)
	if s.tok(i+3).kind == '.' {
		function = s.tok(i + 4)
	}
	for j := i - 1; j > i-8 && j >= 0; j-- {
		if s.tok(j).kind == '=' && s.tok(j-1).kind == 'n' {
			if name := s.child[function.text]; name != "" {
				s.child[s.tok(j-1).text] = name
			} else if s.tok(i+3).kind == '.' && s.shells[s.tok(i+2).text] {
				s.child[s.tok(j-1).text] = function.text
			}
		}
	}
}

// called looks at the call of a function.
func (s *script) called(i int, member bool) {
	name, object := s.tok(i).text, ""
	if member {
		object = s.tok(i - 2).text
	}
	first := i + 2
	if s.tok(i+1).kind == ')' {
		first = i + 3
	}
	function := s.child[name]
	if member {
		function = ""
		if s.shells[object] || strings.Contains(object, "child_process") || object == "default" && s.shells[s.tok(i-4).text] {
			function = name
		}
	}
	switch {
	case function != "":
		s.runs(function, first)
	case slices.Contains(writers(), name):
		if w, ok := s.path(first); ok {
			s.writes(w, i)
		}
		s.writesHome(first)
	case name == "multer" && s.tok(first).kind == '{' && s.tok(first+1).is("dest"):
		if w, ok := s.path(first + 3); ok {
			s.writes(w, i)
		}
	case name == "Database" && s.sqlite:
		if w, ok := s.path(first); ok && w.Path != ":memory:" {
			s.writes(w, i)
		}
	default:
		s.serves(name, object, i)
	}
}

// serves notes the start of a server.
func (s *script) serves(name, object string, i int) {
	line := int(s.tok(i).line)
	if object == "default" {
		object = s.tok(i - 4).text
	}
	switch {
	case name == "createServer" && strings.HasPrefix(object, "https"), name == "createSecureServer", name == "createSsl":
		s.out.TLS = firstLine(s.out.TLS, line)
	case name == "createServer" && strings.HasPrefix(object, "http"), name == "createInsecure", name == "listen" && object == "app":
		s.out.Plain = firstLine(s.out.Plain, line)
	}
}

func firstLine(has, line int) int {
	if has > 0 {
		return has
	}
	return line
}

// runs notes a program that is run with the arguments from a token on.
func (s *script) runs(function string, first int) {
	arg := s.tok(first)
	call := Call{Line: int(arg.line), Shell: slices.Contains(shellFunctions(), function)}
	if !call.Shell && !slices.Contains(programFunctions(), function) {
		return
	}
	if !call.Shell {
		call.Shell = s.asksForShell(first)
	}
	switch {
	case arg.kind != 's' && arg.kind != 't':
	case call.Shell:
		call.Program = firstWord(arg.text, arg.kind == 't')
	case arg.kind == 's':
		call.Program = arg.text
	}
	if call.Program != "" || call.Shell {
		s.out.Calls = append(s.out.Calls, call)
	}
}

// asksForShell looks for "shell: true" among the arguments of a call.
func (s *script) asksForShell(first int) bool {
	depth := 1
	for j := first; j < first+maxClause && j < len(s.tokens); j++ {
		switch t := s.tok(j); {
		case t.kind == '(':
			depth++
		case t.kind == ')':
			if depth--; depth == 0 {
				return false
			}
		case t.is("shell") && s.tok(j+1).kind == ':':
			return s.tok(j+2).is("true") || s.tok(j+2).kind == 's'
		}
	}
	return false
}

// firstWord is the program that a line of shell starts, "" when it is not plain.
// cut says that the line goes on after what is known of it.
func firstWord(line string, cut bool) string {
	words := strings.Fields(line)
	for i, w := range words {
		if name, _, ok := strings.Cut(w, "="); ok && !strings.ContainsAny(name, "/-.$\"'") {
			continue // a variable for the program
		}
		if strings.ContainsAny(w, "$`\"'\\(){}<>|&;*?[]~!#") || cut && i == len(words)-1 && !strings.HasSuffix(line, " ") {
			return strings.TrimRight(plainPart(w), ";")
		}
		return w
	}
	return ""
}

// plainPart is a word that only a semicolon follows.
func plainPart(w string) string {
	if name, ok := strings.CutSuffix(w, ";"); ok && !strings.ContainsAny(name, "$`\"'\\(){}<>|&;*?[]~!#") {
		return name
	}
	return ""
}

// writers make or open for writing what their first argument names.
func writers() []string {
	return []string{
		"mkdir", "mkdirSync", "mkdirp", "mkdirpSync", "ensureDir", "ensureDirSync", "outputFile", "outputFileSync",
		"writeFile", "writeFileSync", "appendFile", "appendFileSync", "createWriteStream",
	}
}

func (s *script) writes(w Write, i int) {
	if w.Path == "" || path.IsAbs(w.Path) || strings.Contains(w.Path, "://") {
		return
	}
	w.Line = int(s.tok(i).line)
	s.out.Writes = append(s.out.Writes, w)
}

// path reads an expression for a relative path: a string, a constant, or join
// and resolve of them. Where only its beginning is known, the directory counts.
func (s *script) path(i int) (Write, bool) {
	switch t := s.tok(i); {
	case t.kind == 's':
		if s.tok(i+1).kind == '+' {
			return directoryOf(t.text)
		}
		return Write{Path: t.text}, t.text != ""
	case t.kind == 't':
		return directoryOf(t.text)
	case t.kind == 'n' && s.tok(i+1).kind != '.' && s.tok(i+1).kind != '(':
		w, ok := s.paths[t.text]
		return w, ok
	case t.is("path") && s.tok(i+1).kind == '.':
		return s.path(i + 2)
	case strings.HasPrefix(t.text, "path_") && s.tok(i+1).kind == '.': // as TypeScript compiles it
		if s.tok(i + 2).is("default") {
			return s.path(i + 4)
		}
		return s.path(i + 2)
	case (t.is("join") || t.is("resolve")) && s.tok(i+1).kind == '(':
		return s.joined(i + 2)
	}
	return Write{}, false
}

// joined reads the arguments of join.
func (s *script) joined(i int) (Write, bool) {
	var out Write
	for first := true; i < len(s.tokens); first = false {
		switch t := s.tok(i); {
		case t.kind == ')':
			return out, out.Path != ""
		case t.kind == ',':
		case first && t.is("__dirname"):
			out.Beside = true
		case first && t.is("process") && s.tok(i+2).is("cwd"):
			i += 4
		case first && t.is("import") && s.tok(i+2).is("meta") && s.tok(i+4).is("dirname"):
			out.Beside = true
			i += 4
		case t.kind == 's':
			out.Path = path.Join(out.Path, t.text)
		case first && s.paths[t.text].Path != "" && s.tok(i+1).kind == ',':
			out = s.paths[t.text]
		default: // from here on it is not known: the directory
			return Write{Path: out.Path, Beside: out.Beside}, out.Path != ""
		}
		i++
	}
	return Write{}, false
}

// directoryOf is the directory of which a path's beginning is known.
func directoryOf(beginning string) (Write, bool) {
	dir := path.Dir(beginning)
	if !strings.Contains(beginning, "/") {
		return Write{}, false
	}
	return Write{Path: dir}, dir != "." && dir != "/"
}
