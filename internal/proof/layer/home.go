package layer

// isHome reports a token that means the user's home: os.homedir() or
// process.env.HOME.
func (s *script) isHome(i int) bool {
	t := s.tok(i)
	return t.text == "homedir" && s.tok(i+1).kind == '(' || t.text == "HOME" && s.tok(i-2).is("env")
}

// maxStatement is how many tokens of a statement are looked through.
const maxStatement = 60

// home notes the name that a path below the home is given.
func (s *script) home(i int) {
	for j := i - 1; j > i-maxStatement && j >= 0; j-- {
		switch t := s.tok(j); {
		case t.kind == ';' || t.is("const") || t.is("let") || t.is("var"):
			return
		case t.kind == '=' && s.tok(j-1).kind == 'n':
			s.homes[s.tok(j-1).text] = true
			return
		}
	}
}

// writesHome notes a call that writes below the home: its first argument is made
// of it.
func (s *script) writesHome(first int) {
	if s.ofHome(first) {
		s.out.Home = firstLine(s.out.Home, int(s.tok(first).line))
	}
}

// ofHome reports an expression that is made of the home or of a name below it.
func (s *script) ofHome(first int) bool {
	depth := 0
	for j := first; j < first+maxStatement && j < len(s.tokens); j++ {
		switch t := s.tok(j); {
		case t.kind == '(':
			depth++
		case t.kind == ')':
			if depth--; depth < 0 {
				return false
			}
		case t.kind == ',' && depth == 0, t.kind == ';', j > first && (t.is("const") || t.is("let") || t.is("var") || t.is("function")):
			return false
		case s.isHome(j):
			return true
		case t.kind == 'n' && s.homes[t.text] && s.tok(j+1).kind != '.' && (!s.tok(j-1).is(".") || s.tok(j-2).is("this")):
			return true
		}
	}
	return false
}
