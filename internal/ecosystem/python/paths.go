package python

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// operand is an expression of one line that may be a path: the text up to the
// end of an argument, with calls in it.
const operand = `((?:\{[\w.]+\}|[^()\n,}]|\((?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\))*\))+)`

// Signs of a directory that the program makes, or of a file that it writes.
var (
	makesDir  = ecosystem.NewSign(`\bos\.(?:makedirs|mkdir)\(\s*` + operand)
	makesPath = ecosystem.NewSign(`(?m)^\s*([^=\n]+?)\.mkdir\(`)
	writes    = ecosystem.NewSign(`\bopen\(\s*` + operand + `\s*,\s*(?:mode\s*=\s*)?f?['"][wax]`)
	logs      = ecosystem.NewSign(`\b(?:\w*FileHandler|logger\.add|TinyDB|shelve\.open|sqlite3\.connect|dbm\.open)\(\s*(?:filename\s*=\s*)?` + operand)
	folders   = ecosystem.NewSign(`(?m)\b(?:UPLOAD_FOLDER|UPLOAD_DIR|UPLOADS_DIR|MEDIA_ROOT|UPLOADED_\w+_DEST)['"]?\]?\s*=\s*([^\n]+)$`)
	djangoDB  = ecosystem.NewSign(`['"]NAME['"]\s*:\s*` + operand)
	sqlite    = ecosystem.NewSign(`['"]sqlite(?:\+\w+)?:///([^'"\n]+)['"]`)

	assigned = pattern.Lazy(`(?m)^[ \t]*(?:app\.config\[['"])?([A-Za-z_]\w*)(?:['"]\])?(?:\s*:\s*[\w.]+)?\s*=\s*([^=\n][^\n]*)$`)
)

// paths is what a program's expressions say of paths: the values of names
// that are assigned once, and where the file lies.
type paths struct {
	file  string            // below the working directory
	names map[string]string // expressions, by name
	loops []loop            // over literal lists, in the order of their places
}

// written is what a source says that its program writes.
type written struct {
	name     string // of a directory, or of a file in it; marked when relative to a file
	file     string
	line     int
	isFile   bool
	database bool
}

// seekWritten notes what a source says that its program writes.
func (c *scan) seekWritten(file string, text []byte) {
	p := paths{file: file, names: map[string]string{}}
	for _, m := range assigned().FindAllSubmatch(text, 400) {
		if _, twice := p.names[string(m[1])]; !twice {
			p.names[string(m[1])] = string(bytes.TrimSpace(m[2]))
		}
	}
	p.loops = loopsOf(text, p.names)
	for i, sign := range []*ecosystem.Sign{makesDir, makesPath, folders, writes, logs, djangoDB} {
		for at := 0; at < len(text) && len(c.written) < maxWritten; {
			m := sign.FindSubmatchIndex(text[at:])
			if m == nil {
				break
			}
			for _, name := range p.values(string(text[at+m[2]:at+m[3]]), at+m[2]) {
				if (sign != djangoDB || isDatabase(name)) && len(c.written) < maxWritten {
					c.written = append(c.written, written{name: name, file: file, line: ecosystem.LineAt(text, int64(at+m[2])), isFile: i > 2})
				}
			}
			at += max(m[1], 1)
		}
	}
	if h := ecosystem.Find(sqlite, file, text); h.Found() && !strings.ContainsAny(h.Text, "{}:") {
		c.written = append(c.written, written{h.Text, file, h.Line, true, true})
	}
}

// runs reports a source that is part of the program, and no script beside it.
func (s *service) runs(file string) bool {
	return s.django.settings != "" || len(s.reached) == 0 || s.reached[file]
}

// isDatabase reports the name of an SQLite file, and not that of a database on a
// server.
func isDatabase(name string) bool {
	return slices.Contains([]string{".sqlite3", ".sqlite", ".db"}, path.Ext(name))
}

// owned are the files and directories of the tree that the program writes to.
// They get the user's ownership, as those that are made for it have.
func (s *service) owned() []string {
	var out []string
	for _, w := range s.scan.written {
		name := s.fromCwd(w.name)
		if w.isFile && s.runs(w.file) && ecosystem.Exists(s.Dir, name) && !ecosystem.IsDir(s.Dir, name) && s.leftOut(name) == "" {
			out = append(out, name)
		}
	}
	for _, dir := range s.Writable() {
		if rel, ok := strings.CutPrefix(dir, ecosystem.WorkDir+"/"); ok && ecosystem.IsDir(s.Dir, rel) && s.leftOut(rel) == "" && len(s.index.tops[rel]) == 0 {
			out = append(out, rel) // with what is in it; modules stay root's
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// maxWritten is more than any service writes to by name.
const maxWritten = 200

// findWritten notes the directories that the program writes to. They are made in
// the image, because everything else in it is root's.
func (s *service) findWritten() {
	for _, w := range s.scan.written {
		if !s.runs(w.file) {
			continue
		}
		name := w.name
		if w.database && s.has("flask-sqlalchemy") && !path.IsAbs(name) {
			name = instance + "/" + name // where Flask-SQLAlchemy puts it
		}
		dir, evidence := s.fromCwd(name), "created by the program"
		if w.isFile {
			dir, evidence = path.Dir(dir), "the program writes "+path.Base(dir)+" there"
		}
		if !strings.HasPrefix(dir, "..") {
			s.Writes(dir, evidence, w.file, w.line)
		}
	}
}

// fromCwd is a path below the working directory of the image.
func (s *service) fromCwd(name string) string {
	if rest, ok := strings.CutPrefix(name, instance); ok {
		return path.Join(s.root, "instance", rest)
	}
	if rest, ok := strings.CutPrefix(name, here); ok {
		return path.Clean("./" + rest)
	}
	if path.IsAbs(name) {
		return name
	}
	return path.Join(s.cwd, name)
}

// here marks a path that begins where a file of the service lies, and not where
// the program runs.
const here = "\x00"

// instance marks a path in Flask's directory for what an instance writes.
const instance = "\x01"

var (
	wholeLiteral = pattern.Lazy(`^[rbuRBU]?(?:"([^"\\{}]*)"|'([^'\\{}]*)')$`)
	formatted    = pattern.Lazy(`^[fF][rR]?(?:"([^"\\]*)"|'([^'\\]*)')$`)
	defaultOf    = pattern.Lazy(`^(?:os\.)?(?:environ\.get|getenv)\(\s*['"]\w+['"]\s*,\s*(.+)\)$`)
	configured   = pattern.Lazy(`^(?:\w+\.)*(?:config|settings)(?:\[|\.get\()['"](\w+)['"][\])]$`)
	joined       = pattern.Lazy(`^(?:os\.)?(?:path\.)?join\((.+)\)$`)
	wrapped      = pattern.Lazy(`^(?:os\.path\.(?:abspath|realpath|normpath)|(?:pathlib\.)?Path|str|os\.fspath)\((.+)\)$`)
	parent       = pattern.Lazy(`^(?:os\.)?(?:path\.)?dirname\((.+)\)$`)
	suffixed     = pattern.Lazy(`^(.+?)\.(?:resolve\(\)|absolute\(\)|parent|parents\[(\d)\]|expanduser\(\)|as_posix\(\))$`)
)

// maxExpression bounds how far names and calls are followed.
const maxExpression = 12

// value is the path that an expression means, as far as a line can say.
func (p paths) value(expression string, depth int) (string, bool) {
	e := strings.TrimSpace(expression)
	if e == "" || depth > maxExpression || len(e) > 300 {
		return "", false
	}
	again := func(text string) (string, bool) { return p.value(text, depth+1) }
	if m := wholeLiteral().FindStringSubmatch(e); m != nil {
		return m[1] + m[2], true
	}
	if m := formatted().FindStringSubmatch(e); m != nil {
		return p.format(m[1]+m[2], depth)
	}
	switch e {
	case "__file__":
		return here + p.file, true
	case "app.root_path", "current_app.root_path":
		return here + path.Dir(p.file), true
	case "app.instance_path", "current_app.instance_path":
		return instance, true
	}
	if inner := strings.TrimSuffix(strings.TrimPrefix(e, "("), ")"); len(inner) == len(e)-2 && balanced(inner) {
		return again(inner)
	}
	if m := configured().FindStringSubmatch(e); m != nil {
		e = m[1]
	}
	if m := joined().FindStringSubmatch(e); m != nil && balanced(m[1]) {
		return p.join(split(m[1], ','), depth)
	}
	if parts := split(e, '/'); len(parts) > 1 {
		return p.join(parts, depth)
	}
	if m := wrapped().FindStringSubmatch(e); m != nil && balanced(m[1]) {
		return p.join(split(m[1], ','), depth)
	}
	if m := defaultOf().FindStringSubmatch(e); m != nil && balanced(m[1]) {
		return again(m[1])
	}
	if m := parent().FindStringSubmatch(e); m != nil && balanced(m[1]) {
		v, ok := again(m[1])
		return dirOf(v), ok
	}
	if m := suffixed().FindStringSubmatch(e); m != nil {
		v, ok := again(m[1])
		switch {
		case m[2] != "":
			for range m[2][0] - '0' + 1 {
				v = dirOf(v)
			}
		case strings.HasSuffix(e, ".parent"):
			v = dirOf(v)
		}
		return v, ok
	}
	if name := e[strings.LastIndexByte(e, '.')+1:]; p.names[name] != "" && p.names[name] != e {
		return again(p.names[name])
	}
	return "", false
}

// format puts the values of names into the text of an f-string; only the first
// part may begin where a file lies.
func (p paths) format(text string, depth int) (string, bool) {
	out := ""
	for text != "" {
		before, rest, more := strings.Cut(text, "{")
		out += before
		if !more {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		v, ok := p.value(name, depth+1)
		if !closed || !ok || out != "" && strings.HasPrefix(v, here) {
			return "", false
		}
		out, text = out+v, after
	}
	return out, out != ""
}

// dirOf is the directory of a path, as path.Dir, and keeps the mark.
func dirOf(name string) string {
	if rest, ok := strings.CutPrefix(name, here); ok {
		return here + path.Dir(rest)
	}
	return path.Dir(name)
}

// join puts operands together; an absolute one begins anew.
func (p paths) join(parts []string, depth int) (string, bool) {
	out := ""
	for i, part := range parts {
		v, ok := p.value(part, depth+1)
		switch {
		case !ok:
			return "", false
		case i == 0 || strings.HasPrefix(v, "/") || strings.HasPrefix(v, here):
			out = v
		case strings.HasPrefix(out, here):
			out = here + path.Join(strings.TrimPrefix(out, here), v)
		default:
			out = path.Join(out, v)
		}
	}
	return out, true
}

// split cuts at a character outside of parentheses and quotes.
func split(text string, at byte) []string {
	var out []string
	depth, from, quote := 0, 0, byte(0)
	for i := range len(text) {
		switch b := text[i]; {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '(' || b == '[':
			depth++
		case b == ')' || b == ']':
			depth--
		case b == at && depth == 0:
			out, from = append(out, text[from:i]), i+1
		}
	}
	if last := text[from:]; strings.TrimSpace(last) != "" || len(out) == 0 {
		out = append(out, last)
	}
	return out
}

// balanced reports a text whose parentheses close each other: the end of a
// pattern was that of its call.
func balanced(text string) bool {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}

// absent are the topmost directories below the working directory that the program writes to
// and the repository does not have. Production makes them, empty.
func (s *service) absent() []string {
	var out []string
	for _, dir := range s.Writable() {
		rel, ok := strings.CutPrefix(dir, ecosystem.WorkDir+"/")
		if !ok || ecosystem.Exists(s.Dir, rel) {
			continue
		}
		for up := path.Dir(rel); up != "." && !ecosystem.Exists(s.Dir, up); up = path.Dir(up) {
			rel = up
		}
		out = append(out, rel)
	}
	return slices.Compact(out)
}
