package node

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Evidence of writing. The group is the expression that names the place.
var (
	makesDir   = ecosystem.NewSign(`\b(?:mkdir|mkdirSync|mkdirp|mkdirpSync|ensureDir|ensureDirSync)\(\s*`)
	writesFile = ecosystem.NewSign(`\b(?:createWriteStream|writeFile|writeFileSync|appendFile|appendFileSync|outputFile|outputFileSync|outputJson|writeJson)\(\s*`)
	uploads    = ecosystem.NewSign(`\b(?:multer|upload)\w*\(\s*\{[^}]*\bdest['"]?\s*:\s*|\buploadDir['"]?\s*[:=]\s*`)
	stored     = ecosystem.NewSign(`\bdestination\b[^}]{0,200}?\b(?:cb|callback|done)\(\s*null\s*,\s*`)
	storage    = pattern.Lazy(`\b(?:filename|dirname|logDir|logDirectory)['"]?\s*:\s*(['"\x60][\w./-]*(?:log|logs)[\w./%-]*['"\x60])`)
	database   = ecosystem.NewSign(`\b(?:new Database|new sqlite3?\.Database|new DatabaseSync)\(\s*`)
)

// writes notes the directories that a source writes to below the working
// directory: those that it makes, and those of files that it writes.
func (u *uses) writes(file string, data []byte) {
	if !containsAny(data, "mkdir", "rite", "nsureDir", "appendFile", "utput", "multer", "upload", "Database", "logs", ".log") {
		return
	}
	text := string(data)
	note := func(at int, dir bool) {
		expression := argument(text[at:])
		for _, p := range u.placesOf(expression, text, file, 3) {
			u.writesTo(p, dir, file, ecosystem.LineAt(data, int64(at)))
		}
	}
	for _, sign := range []struct {
		p   ecosystem.Pattern
		dir bool
	}{{makesDir, true}, {writesFile, false}, {uploads, true}, {stored, true}, {database, false}} {
		for at, n := 0, 0; n < 50; n++ {
			m := sign.p.FindSubmatchIndex(data[at:])
			if m == nil {
				break
			}
			note(at+m[1], sign.dir)
			at += m[1]
		}
	}
	if !containsAny(data, "logs/", "logs'", "logs\"", ".log'", ".log\"") {
		return
	}
	for _, m := range storage().FindAllStringSubmatchIndex(text, 10) {
		value := strings.Trim(text[m[2]:m[3]], "'\"`")
		u.writesTo(value, path.Ext(value) == "", file, ecosystem.LineAt(data, int64(m[0])))
	}
}

// writesTo notes one place, relative to the service's directory.
func (u *uses) writesTo(at string, dir bool, file string, line int) {
	s := u.s
	at = path.Clean(at)
	if !dir {
		at = path.Dir(at)
	}
	first, _, _ := strings.Cut(at, "/")
	if at == "." || strings.HasPrefix(at, "..") || first == "node_modules" || s.outDir != "" && first == s.outDir || strings.ContainsAny(at, " '\"`$*?{}()\\") {
		return
	}
	if path.IsAbs(at) {
		s.Writes(at, "written by the program", file, line)
		return
	}
	if slices.Contains([]string{"src", "lib", "routes", "controllers", "test", "tests"}, at) {
		return // code, which tools of developers write
	}
	before := len(s.Writable())
	s.Writes(s.in(at), "written by the program", file, line)
	if len(s.Writable()) > before && ecosystem.IsDir(s.Dir, at) {
		s.moved = append(s.moved, at)
	}
}

// argument is the first argument of a call, up to the comma or bracket that ends it.
func argument(text string) string {
	depth := 0
	quote := byte(0)
	for i := 0; i < len(text) && i < 400; i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			if depth == 0 {
				return text[:i]
			}
			depth--
		case depth == 0 && (c == ',' || c == ';' || c == '\n' && strings.TrimSpace(text[:i]) != ""):
			return text[:i]
		}
	}
	return ""
}

var (
	identifier = pattern.Lazy(`^[A-Za-z_$][\w$]*$`)
	pathCall   = pattern.Lazy(`^(?:path\.|nodePath\.|_path\.)?(?:join|resolve|normalize)\(`)
	anchored   = pattern.Lazy("^`\\$\\{\\s*(__dirname|import\\.meta\\.dirname|process\\.cwd\\(\\))\\s*\\}/([\\w./-]+)`$")
	added      = pattern.Lazy(`^(__dirname|process\.cwd\(\))\s*\+\s*['"]/([\w./-]+)['"]$`)
	defaulted  = pattern.Lazy(`^[\w$.()\[\]'"-]+\s*(?:\|\||\?\?)\s*`)
	property   = pattern.Lazy(`^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$`)
	literalRE  = pattern.Lazy("^['\"`]([\\w./@+-]+)['\"`]$")
)

// placesOf evaluates an expression that names a path: literals, path.join over
// them, __dirname, names of the same file. What it cannot evaluate is nowhere.
func (u *uses) placesOf(expression, text, file string, depth int) []string {
	e := strings.TrimSpace(expression)
	if depth == 0 || e == "" {
		return nil
	}
	if m := literalRE().FindStringSubmatch(e); m != nil {
		return []string{m[1]}
	}
	if loc := defaulted().FindStringIndex(e); loc != nil {
		return u.placesOf(e[loc[1]:], text, file, depth)
	}
	for _, re := range []*regexp.Regexp{anchored(), added()} {
		if m := re.FindStringSubmatch(e); m != nil {
			return []string{path.Join(u.anchor(m[1], file), m[2])}
		}
	}
	if base := u.anchor(e, file); base != "" {
		return []string{base}
	}
	if loc := pathCall().FindStringIndex(e); loc != nil {
		return u.joined(e[loc[1]:], text, file, depth)
	}
	if property().MatchString(e) {
		return u.propertyOf(e, text, file, depth)
	}
	if !identifier().MatchString(e) {
		return nil
	}
	if each := elements(e, text); each != nil {
		var out []string
		for _, part := range each {
			out = append(out, u.placesOf(part, text, file, depth-1)...)
		}
		return out
	}
	if m := regexp.MustCompile(`\b(?:const|let|var)\s+` + regexp.QuoteMeta(e) + `(?:\s*:\s*\w+)?\s*=\s*`).FindStringIndex(text); m != nil {
		return u.placesOf(argument(text[m[1]:]), text, file, depth-1)
	}
	return nil
}

// propertyOf evaluates what the same file assigns to a property: of an object, or of
// the class that it declares.
func (u *uses) propertyOf(e, text, file string, depth int) []string {
	owner, name, _ := strings.Cut(e, ".")
	forms := []string{`\b` + regexp.QuoteMeta(e) + `\s*=\s*`}
	if !strings.Contains(name, ".") {
		forms = append(forms, `\bstatic\s+(?:readonly\s+)?`+regexp.QuoteMeta(name)+`(?:\s*:\s*\w+)?\s*=\s*`)
		if owner != "this" {
			forms = append(forms, `\b`+regexp.QuoteMeta(owner)+`\s*=\s*\{[^{}]*?\b`+regexp.QuoteMeta(name)+`\s*:\s*`)
		}
	}
	for _, form := range forms {
		for _, m := range regexp.MustCompile(form).FindAllStringIndex(text, 3) {
			if at := u.placesOf(argument(text[m[1]:]), text, file, depth-1); at != nil {
				return at
			}
		}
	}
	return nil
}

// parts are the arguments of a call, or the elements of a list, of which the text
// begins after the opening bracket.
func parts(text string) []string {
	var out []string
	for len(out) < 12 {
		a := argument(text)
		if strings.TrimSpace(a) != "" {
			out = append(out, a)
		}
		if len(a) >= len(text) || text[len(a)] != ',' {
			return out
		}
		text = strings.TrimLeft(text[len(a)+1:], " \t\r\n")
	}
	return out
}

// anchor is the directory that an expression stands for, relative to the
// service's: of a compiled source, that of what was compiled from it.
func (u *uses) anchor(e, file string) string {
	switch e {
	case "process.cwd()":
		return "."
	case "__dirname", "import.meta.dirname":
		dir := path.Dir(file)
		if u.s.outDir == "" || !isTypeScript(file) {
			return dir
		}
		first, rest, _ := strings.Cut(dir, "/")
		if first == "src" || first == "." {
			return path.Join(u.s.outDir, rest)
		}
		return path.Join(u.s.outDir, dir)
	}
	return ""
}
