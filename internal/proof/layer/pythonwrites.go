package layer

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// What Python sources write to. The argument of a call goes up to its comma or
// its end, with calls in it.
const pyArgument = `((?:[^(),\n]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))+)`

var (
	pyOpen  = pattern.Lazy(`\bopen\(\s*` + pyArgument + `\s*,\s*(?:mode\s*=\s*)?["'][rb]*[wax+]`)
	pyMake  = pattern.Lazy(`\bos\.(?:makedirs|mkdir)\(\s*` + pyArgument)
	pyPath  = pattern.Lazy(`(\b[A-Za-z_][\w.]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?|\([^()]*(?:\([^()]*\)[^()]*)*\))\.(?:mkdir|write_text|write_bytes|touch)\(`)
	pyHome  = pattern.Lazy(`\bPath\.home\(|\bexpanduser\(|\benviron(?:\.get)?[\[(]\s*["']HOME["']|\bgetenv\(\s*["']HOME["']`)
	pyLoop  = pattern.Lazy(`\bfor\s+([A-Za-z_]\w*)\s+in\s+([^:]*)`)
	pyLists = pattern.Lazy(`^\s*([A-Za-z_]\w*)(?:\s*:[^=]+)?\s*=\s*([(\[{].*)$`)
	pyGiven = pattern.Lazy(`^\s*([A-Za-z_][\w.]*)(?:\s*:[^=]+)?\s*=\s*([^=].*)$`)
	pyWord  = pattern.Lazy(`^[rbuRBU]?(?:"([^"\\{}]*)"|'([^'\\{}]*)')$`)
	pyJoin  = pattern.Lazy(`^(?:os\.)?(?:path\.)?(?:join|Path)\((.+)\)$`)
	pyForm  = pattern.Lazy(`^[fF](?:"([^"\\]*)"|'([^'\\]*)')$`)
	pyName  = pattern.Lazy(`^[A-Za-z_]\w*$`)
	pyNames = pattern.Lazy(`[A-Za-z_][\w.]*`)
)

// writes notes the relative paths that a statement writes to, and the first write
// below the user's home. To read from there is no fault: whoever does copes with
// its absence.
func (s *pySource) writes(code string, line int) {
	if m := pyLists().FindStringSubmatch(code); m != nil {
		if words := pyWords(m[2]); words != nil {
			s.lists[m[1]] = words
		}
	}
	if m := pyLoop().FindStringSubmatch(code); m != nil {
		over := strings.TrimRight(strings.TrimSpace(m[2]), "]) \t")
		if words := pyWords(m[2]); words != nil {
			s.loops[m[1]] = words
		} else if words, ok := s.lists[over]; ok {
			s.loops[m[1]] = words
		} else {
			delete(s.loops, m[1])
		}
	}
	if m := pyGiven().FindStringSubmatch(code); m != nil && s.ofHome(m[2]) {
		s.homes[m[1]] = true
	}
	if !strings.Contains(code, "open(") && !strings.Contains(code, "os.m") && !strings.Contains(code, ".mkdir(") && !strings.Contains(code, ".write_") && !strings.Contains(code, ".touch(") {
		return
	}
	for _, call := range []string{group(pyOpen().FindStringSubmatch(code)), group(pyMake().FindStringSubmatch(code)), group(pyPath().FindStringSubmatch(code))} {
		if call == "" {
			continue
		}
		if s.ofHome(call) {
			s.out.Home = firstLine(s.out.Home, line)
			continue
		}
		for _, p := range s.paths(call) {
			if p != "" && !path.IsAbs(p) {
				s.out.Writes = append(s.out.Writes, Write{Path: p, Line: line})
			}
		}
	}
}

// ofHome reports an expression of a path below the user's home.
func (s *pySource) ofHome(expression string) bool {
	if pyHome().MatchString(expression) {
		return true
	}
	if len(s.homes) == 0 {
		return false
	}
	for _, name := range pyNames().FindAllString(expression, 20) {
		if s.homes[name] {
			return true
		}
		if before, _, ok := strings.Cut(name, "."); ok && s.homes[before] && before != "self" {
			return true
		}
	}
	return false
}

// paths are the literal paths that an expression means: one, or one for each turn
// of a loop.
func (s *pySource) paths(expression string) []string {
	e := strings.TrimSpace(expression)
	if m := pyJoin().FindStringSubmatch(e); m != nil {
		out := []string{""}
		for part := range strings.SplitSeq(m[1], ",") {
			more := s.paths(part)
			var next []string
			for _, a := range out {
				for _, b := range more {
					next = append(next, path.Join(a, b))
				}
			}
			out = next
		}
		return out
	}
	if m := pyWord().FindStringSubmatch(e); m != nil {
		return []string{m[1] + m[2]}
	}
	if pyName().MatchString(e) {
		return s.loops[e]
	}
	if m := pyForm().FindStringSubmatch(e); m != nil {
		before, rest, _ := strings.Cut(m[1]+m[2], "{")
		name, after, _ := strings.Cut(rest, "}")
		var out []string
		for _, word := range s.loops[name] {
			if !strings.Contains(after, "{") {
				out = append(out, before+word+after)
			}
		}
		return out
	}
	return nil
}

// maxWords is more than any list of directories has.
const maxWords = 50

// pyWords are the texts of a list that a source writes out; nil when something in
// it is no text.
func pyWords(list string) []string {
	list = strings.TrimSpace(list)
	for len(list) > 1 && strings.ContainsRune("([{", rune(list[0])) {
		list = strings.TrimSpace(strings.TrimRight(list[1:], ")]} \t"))
	}
	if !strings.ContainsAny(list, "\"'") {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(strings.TrimRight(list, ", )]}"), ",") {
		m := pyWord().FindStringSubmatch(strings.TrimSpace(part))
		if m == nil || len(out) == maxWords {
			return nil
		}
		out = append(out, m[1]+m[2])
	}
	return out
}
