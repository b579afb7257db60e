package ecosystem

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// Root is a directory that names in sources are relative to, and where the
// program looks for what they name.
type Root struct {
	Dir string // relative to the build context
	To  string // absolute, in the image
}

// How sure it is that a string names something to be read.
type nameRank int

const (
	rankWord   nameRank = iota // any string
	rankPath                   // the value of a setting that is a path, by its name
	rankOpened                 // an argument of a call that opens files
	rankWanted                 // files: of slipway.yaml
)

// Namer finds the files and directories of the build context that a program reads
// while it runs: those that a string in its sources, or in a file found so, names.
//
// A name is a path ("data/seed.json"), a directory ("./ui", "templates/"), a
// pattern ("templates/*.html", fmt's and format!'s verbs are patterns too), a
// path without its extension as configuration libraries take it ("config"), or
// strings that are joined (filepath.Join("data", "seed.json")). It is looked up in
// each of Roots; the first that has it decides. The program's working directory
// is WorkDir, so a relative name lies below it in the image, whichever root had
// it; "../../ui" leads above it as it does for the program.
//
// A single word that no call opens may be anything. Of the directory of that name
// only what is neither source nor test counts, and only a few megabytes of it.
type Namer struct {
	Service  *Service
	Syntax   Syntax
	Roots    []Root
	Opens    Pattern                // text before a string that a call opens
	Source   func(name string) bool // a file of the context that the program is built from
	Embedded func(name string) bool // a path whose content is part of the program; may be nil
	Own      func(file, before string) (Root, bool)

	names map[string]mention
	order []string

	entries []string // names in the roots, sorted
}

// mention is a name as a source writes it.
type mention struct {
	rank nameRank
	hit  Hit
	root *Root // the only root that it is relative to; nil: all
}

const (
	maxName   = 200 // bytes of a string that is a name
	maxBefore = 160 // bytes before a string that are looked at
	maxNames  = 20_000
)

var (
	// pathSetting is the end of the text before the value of a setting whose name
	// says that it is a path.
	pathSetting = pattern.Lazy("(?i)(?:dir|directory|path|folder|files?|root|templates?|static|assets?|public|views?|locales?|migrations?|config|dist|www|ui|data|seeds?|schemas?|content|cert\\w*|key)[\"'`]?\\s*\\)?\\s*(?::=|[:=,(])\\s*[&(]*$")
	// joins is the text between two strings that are parts of one path.
	joins   = pattern.Lazy(`^\s*(?:,\s*|\)*\s*\.\s*(?:join|push|resolve|child)\(\s*(?:&\s*)?)$`)
	joiner  = pattern.Lazy(`(?:\bJoin\(|\bPaths?\s*(?:\.|::)\s*(?:get|of|new|from)\(|\bPathBuf::from\(|\bnew File\(|\.join\(|\.resolve\()\s*$`)
	verb    = pattern.Lazy(`%[-+# 0-9.]*[a-zA-Z]|\$?\{[^{}]*\}`)
	tagPart = pattern.Lazy(`\b(?:default|envDefault|env-default|value)\s*:\s*"([^"\\]+)"`)
)

// Look takes the names that a source file has.
func (n *Namer) Look(file string, data []byte) {
	all := Literals(n.Syntax, data)
	line, counted := 1, 0
	for i, l := range all {
		line += bytes.Count(data[counted:l.At], []byte("\n"))
		counted = l.At
		if !n.possible(file, l) {
			continue
		}
		before := string(data[max(0, l.At-maxBefore):l.At])
		if l.Raw && n.Syntax == GoSyntax && strings.Contains(l.Text, `:"`) { // a struct tag
			for _, m := range tagPart().FindAllStringSubmatch(l.Text, -1) {
				n.name(m[1], "", file, line, rankWord)
			}
			continue
		}
		n.name(l.Text, before, file, line, rankWord)
		if i > 0 && joiner().MatchString(before) { // not the first of the path
			continue
		}
		joined := l.Text
		for j := i + 1; j < len(all) && joins().Match(data[all[j-1].End:all[j].At]) && (j > i+1 || joiner().MatchString(before)); j++ {
			joined += "/" + all[j].Text
			n.name(joined, before, file, line, rankOpened)
		}
	}
}

// possible is a quick look at whether a string can name something: nearly all
// begin with no name of the roots' entries.
func (n *Namer) possible(file string, l Literal) bool {
	if len(l.Text) > maxName || l.Text == "" {
		return l.Raw
	}
	if l.Raw && strings.Contains(l.Text, `:"`) || n.Own != nil {
		if _, own := n.ownRoot(file, ""); own || l.Raw {
			return true
		}
	}
	text := l.Text
	if i := strings.IndexByte(text, ':'); i > 0 && i < 8 {
		text = strings.TrimLeft(text[i+1:], "/")
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, WorkDir+"/"), "./")
	first, _, _ := strings.Cut(text, "/")
	first, _, _ = strings.Cut(first, ":")
	if first == "" || first == "." || first == ".." || strings.ContainsAny(first, "%*?[{") {
		return !strings.Contains(text, " ")
	}
	if n.entries == nil {
		for _, r := range n.Roots {
			all, _ := fs.ReadDir(n.Service.Dir, r.Dir)
			for _, e := range all {
				n.entries = append(n.entries, e.Name())
			}
		}
		slices.Sort(n.entries)
	}
	i, _ := slices.BinarySearch(n.entries, first)
	return i < len(n.entries) && strings.HasPrefix(n.entries[i], first)
}

func (n *Namer) ownRoot(file, before string) (Root, bool) {
	if n.Own == nil {
		return Root{}, false
	}
	return n.Own(file, before)
}

// name notes a string.
func (n *Namer) name(text, before, file string, line int, rank nameRank) {
	if len(text) > maxName || len(n.names) >= maxNames || strings.ContainsAny(text, "\n\r\t<>|\"\\") || strings.TrimSpace(text) != text || text == "" {
		return
	}
	switch {
	case n.Opens != nil && n.Opens.FindSubmatchIndex([]byte(before)) != nil:
		rank = max(rank, rankOpened)
	case pathSetting().MatchString(before):
		rank = max(rank, rankPath)
	}
	var root *Root
	if r, ok := n.ownRoot(file, before); ok {
		root, rank = &r, max(rank, rankPath)
	}
	n.add(text, mention{rank, Hit{Text: text, File: file, Line: line}, root})
}

// Add notes a name that no source has whole: a file that a library opens by itself.
func (n *Namer) Add(name string, hit Hit) {
	hit.Text = name
	n.add(name, mention{rankOpened, hit, nil})
}

func (n *Namer) add(text string, f mention) {
	if n.names == nil {
		n.names = map[string]mention{}
	}
	key := text
	if f.root != nil {
		key = f.root.To + "\x00" + text
	}
	old, have := n.names[key]
	if !have {
		n.order = append(n.order, key)
	}
	if !have || f.rank > old.rank {
		n.names[key] = f
	}
}

// target is something of the context with its place in the image.
type target struct{ from, to string }

// resolve returns what a name means in the tree, and the path itself.
func (n *Namer) resolve(text string, f mention) []target {
	name := relativeName(text, f.rank)
	if name == "" {
		return nil
	}
	roots := n.Roots
	if f.root != nil {
		roots = []Root{*f.root}
		name = strings.TrimPrefix(name, "/")
	}
	if strings.HasPrefix(name, "/") {
		return nil
	}
	for _, look := range []func(Root, string, nameRank) []target{n.exactly, n.matching, n.completed} {
		for _, r := range roots {
			if out := look(r, name, f.rank); len(out) > 0 {
				return out
			}
		}
	}
	if here, there, pair := strings.Cut(f.hit.Text, ":"); pair && here != "" && strings.HasPrefix(there, "/") && !strings.HasPrefix(there, "//") { // "schema.sql:/schema.sql", of libraries that pack files
		f.hit.Text = here
		return n.resolve(here, f)
	}
	return nil
}

// relativeName is the path that a string names, with "*" for what is filled in
// while the program runs; "" when it names none.
func relativeName(text string, rank nameRank) string {
	for _, scheme := range []string{"file://", "file:", "sqlite3://", "sqlite3:", "sqlite://", "sqlite:", "path://"} {
		if rest, ok := strings.CutPrefix(text, scheme); ok {
			text, _, _ = strings.Cut(rest, "?")
			break
		}
	}
	if strings.Contains(text, "://") || strings.HasPrefix(text, "classpath:") {
		return ""
	}
	name := verb().ReplaceAllString(text, "*")
	name = strings.TrimPrefix(path.Clean(name), WorkDir+"/")
	switch bare := strings.Trim(name, "*./:-_ ,"); {
	case name == "." && rank < rankOpened, name == "..", name == "/":
		return ""
	case bare == "" && name != ".":
		return ""
	case rank < rankOpened && strings.Contains(text, "["): // an expression that text is checked against
		return ""
	}
	return name
}

// exactly finds the file or directory of that name.
func (n *Namer) exactly(r Root, name string, _ nameRank) []target {
	at := path.Join(r.Dir, name)
	if leads(at) || strings.ContainsAny(name, "*?[") || !Exists(n.Service.Dir, at) {
		return nil
	}
	return []target{{at, path.Join(r.To, name)}}
}

// matching finds what a pattern means; of one with "**", the directory above it.
func (n *Namer) matching(r Root, name string, _ nameRank) []target {
	if !strings.ContainsAny(name, "*?[") {
		return nil
	}
	if before, _, ok := strings.Cut(name, "**"); ok && before != "" && !strings.ContainsAny(before, "*?[") {
		return n.exactly(r, path.Clean(before), rankOpened)
	}
	return n.glob(r, strings.ReplaceAll(name, "**/", ""))
}

func (n *Namer) glob(r Root, name string) []target {
	if leads(path.Join(r.Dir, name)) {
		return nil
	}
	all, _ := fs.Glob(n.Service.Dir, path.Join(r.Dir, name)) // sorted; a bad pattern matches nothing
	var out []target
	for _, at := range all {
		if base := path.Base(at); strings.HasPrefix(base, ".") && !strings.HasPrefix(path.Base(name), ".") || IsDir(n.Service.Dir, at) && !strings.Contains(name, "/") {
			continue
		}
		out = append(out, target{at, path.Join(r.To, strings.TrimPrefix(at, prefixOf(r.Dir)))})
	}
	return out
}

// prefixOf is what paths below a directory begin with.
func prefixOf(dir string) string {
	if dir == "." {
		return ""
	}
	return dir + "/"
}

// completed finds what a name is the beginning of: a configuration without its
// extension, or the constant part of a path that is put together.
func (n *Namer) completed(r Root, name string, _ nameRank) []target {
	at := path.Join(r.Dir, name)
	if leads(at) || strings.ContainsAny(name, "*?[ ") || name == "." {
		return nil
	}
	var out []target
	for _, ext := range []string{".yaml", ".yml", ".json", ".toml", ".ini", ".properties", ".ron", ".hcl", ".conf"} {
		if Exists(n.Service.Dir, at+ext) && !n.Source(at+ext) {
			out = append(out, target{at + ext, path.Join(r.To, name+ext)})
		}
	}
	if len(out) > 0 || len(path.Base(name)) < 3 || !strings.Contains(name, "/") && !strings.ContainsAny(name[len(name)-1:], "._-") {
		return out
	}
	return slices.DeleteFunc(n.glob(r, name+"*"), func(t target) bool { return n.Source(t.from) })
}

// leads tells whether a path leads out of the build context.
func leads(at string) bool { return at == ".." || strings.HasPrefix(at, "../") }
