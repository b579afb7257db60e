package layer

import (
	"slices"
	"strings"
)

// frame is what a brace opened.
type frame struct {
	when     Certainty
	brackets int // open ones of other kinds when it began
}

// bracket is an open parenthesis and the word before it.
type bracket struct {
	word string
	dev  bool // what it holds asks for development or production
}

// script is a source of JavaScript while it is read.
type script struct {
	tokens   []token
	typed    bool // TypeScript: imports may be of types only, which are erased
	out      Source
	frames   []frame
	brackets []bracket
	closed   bracket // the last that was closed
	depends  bool    // the statement has a condition so far
	dev      bool    // … on development or production

	child  map[string]string // functions that run programs, by the name that they have here
	shells map[string]bool   // names of modules that have such functions
	paths  map[string]Write  // constants that hold relative paths
	homes  map[string]bool   // names of paths below the user's home
	sqlite bool
}

// readScript reads what a source of JavaScript or TypeScript imports, runs and
// writes.
func readScript(data []byte, typed bool) *Source {
	s := &script{tokens: tokens(data), typed: typed, child: map[string]string{}, shells: map[string]bool{}, paths: map[string]Write{}, homes: map[string]bool{}}
	for i := range s.tokens {
		s.follow(i)
		if t := s.tokens[i]; t.kind == 'n' {
			s.look(i, t)
		}
	}
	return s.out.orNil()
}

// orNil drops a source that says nothing.
func (s *Source) orNil() *Source {
	if len(s.Imports) == 0 && len(s.Calls) == 0 && len(s.Writes) == 0 && len(s.Asks) == 0 && s.Home == 0 && s.TLS == 0 && s.Plain == 0 && !s.Rewires && !s.ESM && !s.Makes {
		return nil
	}
	return s
}

// tok returns a token by its place, an empty one outside.
func (s *script) tok(i int) token {
	if i < 0 || i >= len(s.tokens) {
		return token{}
	}
	return s.tokens[i]
}

// follow keeps account of blocks and conditions.
func (s *script) follow(i int) {
	t := s.tokens[i]
	switch {
	case t.kind == '{':
		s.frames = append(s.frames, frame{max(s.when(), s.opens(i)), len(s.brackets)})
		s.depends, s.dev = false, false
	case t.kind == '}':
		if n := len(s.frames); n > 0 {
			s.brackets = s.brackets[:min(len(s.brackets), s.frames[n-1].brackets)]
			s.frames = s.frames[:n-1]
		}
		s.depends, s.dev = false, false
	case t.kind == '(':
		s.brackets = append(s.brackets, bracket{word: s.wordBefore(i)})
	case t.kind == ')':
		if n := len(s.brackets); n > 0 {
			s.closed, s.brackets = s.brackets[n-1], s.brackets[:n-1]
			if s.closed.word == "if" {
				s.depends, s.dev = true, s.dev || s.closed.dev
			}
		}
	case t.kind == ';':
		s.depends, s.dev = false, false
	case t.is("&&"), t.is("||"), t.is("??"), t.is("?"), t.is("=>"), t.is("else"):
		s.depends = true
	case t.kind == 'n' && t.fresh && slices.Contains([]string{"const", "let", "var", "import", "export", "function", "class"}, t.text) && s.tok(i+1).kind != '(':
		s.depends, s.dev = false, false
	}
	if t.text == "NODE_ENV" || t.kind == 's' && (t.text == "development" || t.text == "production" || t.text == "test") {
		s.dev = true
		for j := range s.brackets {
			s.brackets[j].dev = true
		}
	}
}

// wordBefore is the keyword or function that a parenthesis belongs to.
func (s *script) wordBefore(i int) string {
	if t := s.tok(i - 1); t.kind == 'n' {
		return t.text
	}
	return ""
}

// opens says how sure it is that a block runs when what is around it does.
func (s *script) opens(i int) Certainty {
	switch before := s.tok(i - 1); {
	case before.is("try"):
		return Guarded
	case before.is("else"), before.is("=>"), before.is("catch"):
		return Perhaps
	case before.kind == ')':
		if s.closed.dev && s.closed.word == "if" {
			return Guarded
		}
		return Perhaps
	}
	return Surely
}

// when says how sure it is that the statement runs.
func (s *script) when() Certainty {
	out := Surely
	if n := len(s.frames); n > 0 {
		out = s.frames[n-1].when
	}
	if s.depends {
		out = max(out, Perhaps)
		if s.dev {
			out = Guarded
		}
	}
	return out
}

// look takes what a name begins.
func (s *script) look(i int, t token) {
	after := s.tok(i-1).is(".") || s.tok(i-1).is("?.")
	switch {
	case t.text == "import" && !after:
		s.importing(i)
	case t.text == "export" && !after && len(s.frames) == 0:
		s.out.ESM = true
		s.exporting(i)
	case t.text == "require" && !after && s.tok(i+1).kind == '(' && s.tok(i+2).kind == 's' && s.tok(i+3).kind != '+':
		s.imports(s.tok(i+2), s.when(), ByRequire)
		s.bind(i, s.tok(i+2).text)
	case t.text == "createRequire", t.text == "require" && !after && (s.tok(i+1).is("=") || s.tok(i-1).is("var") || s.tok(i-1).is("function")):
		s.out.Makes = true
	case t.text == "userInfo" && after && s.tok(i+1).kind == '(':
		s.out.Asks = append(s.out.Asks, Ask{What: Account, Line: int(t.line)})
	case t.text == "_resolveFilename", t.text == "_nodeModulePaths", t.text == "registerHooks":
		s.out.Rewires = true
	case s.isHome(i):
		s.home(i)
	case t.text == "promisify" && s.tok(i+1).kind == '(':
		s.promise(i)
	case s.tok(i+1).kind == '(' || s.tok(i+1).kind == ')' && s.tok(i+2).kind == '(':
		s.called(i, after)
	case t.text == "const" || t.text == "let" || t.text == "var":
		if w, ok := s.path(i + 3); ok && s.tok(i+2).is("=") {
			s.paths[s.tok(i+1).text] = w
		}
		if s.tok(i+2).is("=") && s.ofHome(i+3) {
			s.homes[s.tok(i+1).text] = true
		}
	}
}

// imports notes a module.
func (s *script) imports(name token, when Certainty, by Way) {
	if name.text == "" || len(name.text) > 300 {
		return
	}
	s.out.Imports = append(s.out.Imports, Import{Name: name.text, Line: int(name.line), When: when, By: by})
	for _, prefix := range []string{"module-alias", "tsconfig-paths", "app-module-path", "ts-node", "tsx", "@swc-node/register", "esbuild-register", "@babel/register"} {
		if name.text == prefix || strings.HasPrefix(name.text, prefix+"/") {
			s.out.Rewires = true
		}
	}
	s.sqlite = s.sqlite || name.text == "better-sqlite3" || name.text == "sqlite3"
}

// maxClause is how many tokens a list of imported names may have.
const maxClause = 2000

// importing reads an import declaration or call.
func (s *script) importing(i int) {
	switch next := s.tok(i + 1); {
	case next.kind == '(':
		if name := s.tok(i + 2); name.kind == 's' && s.tok(i+3).kind != '+' {
			s.imports(name, max(s.when(), Perhaps), ByCall)
			s.bind(i, name.text)
		}
	case next.kind == '.' || len(s.frames) > 0:
	case next.kind == 's':
		s.out.ESM = true
		s.imports(next, s.declared(), s.way(i+1))
	default:
		if next.is("type") && !s.tok(i+2).is("from") && s.tok(i+2).kind != ',' {
			return
		}
		for j := i + 1; j < i+maxClause && j < len(s.tokens); j++ {
			if t := s.tok(j); t.kind == ';' || t.kind == '=' || t.kind == '(' {
				return
			}
			if s.tok(j).is("from") && s.tok(j+1).kind == 's' {
				s.out.ESM = true
				s.imports(s.tok(j+1), s.declared(), s.way(j+1))
				s.names(i+1, j, s.tok(j+1).text)
				return
			}
		}
	}
}

// way is that of a declaration whose module is at a token.
func (s *script) way(i int) Way {
	if next := s.tok(i + 1); next.is("with") || next.is("assert") {
		return ByAttributes
	}
	return ByImport
}

// declared is how sure an import declaration is.
func (s *script) declared() Certainty {
	if s.typed {
		return Perhaps
	}
	return Surely
}

// exporting reads "export … from".
func (s *script) exporting(i int) {
	if next := s.tok(i + 1); next.kind != '*' && next.kind != '{' {
		return
	}
	for j := i + 1; j < i+maxClause && j < len(s.tokens); j++ {
		if t := s.tok(j); t.kind == ';' || t.kind == '=' || t.kind == '(' {
			return
		}
		if s.tok(j).is("from") && s.tok(j+1).kind == 's' {
			s.imports(s.tok(j+1), s.declared(), s.way(j+1))
			return
		}
		if s.tok(j).kind == '}' && !s.tok(j+1).is("from") {
			return
		}
	}
}
