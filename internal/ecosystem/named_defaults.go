package ecosystem

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// Parts of the signs of a default place for data. A name says what it is for
// (dataDir, DB_PATH, "storage-folder"); a value is a path of one or more plain
// names, "." among them.
const (
	dataName  = `(?:[\w.-]*?[\W_])?\w*?(?:data|database|db|storage|upload|state|media)s?[-_.]?(?:base)?(?:dir|directory|path|folder|root|home|location)`
	dataValue = `((?:sqlite3?:|file:)?/*(?:\.{1,2}/)*[\w.-]+(?:/[\w.-]+)*/?)(?:\?[^"\n]*)?`
	fromHere  = `(?:(?:filepath|path)\.Join\(\s*(?:"\.",|(?:base|exe|exec|cwd|wd|root|work|current|pwd)\w*,)\s*)?`
	wrapped   = `(?:\w+::from\(\s*|Some\(\s*)*`
)

var (
	// dataFlag is a key with its default: of flags, settings and environment
	// variables alike.
	dataFlag = NewSign(`(?i)"` + dataName + `"\s*\)?\s*(?:,\s*"\w?")?,\s*` + fromHere + `"` + dataValue + `"`)
	// dataFallback is that of Rust: a method of the result.
	dataFallback = NewSign(`(?i)"` + dataName + `"\s*\)\s*\.\s*unwrap_or(?:_else)?\([^";\n]{0,60}"` + dataValue + `"`)
	// dataAssigned is a variable, a constant or a field.
	dataAssigned = NewSign(`(?i)\b` + dataName + `(?:\s*:\s*&?(?:'static\s+)?\w+\s*=|\s+string\s*=|\s*(?::=|=|:))\s*` + wrapped + fromHere + `"` + dataValue + `"`)
	// dataMacro is an entry of a macro's table: its first string is the default.
	dataMacro = NewSign(`(?i)^\s*` + dataName + `\s*:\s*\w+\s*,[^"\n]{0,40}"` + dataValue + `"`)
	// dataTag is the default in a field's tag, and dataOption in the attribute of one.
	dataTag    = NewSign("(?i)\\b" + dataName + "\\s+string\\s+`[^`\n]*\\b(?:envDefault|env-default|default):\"" + dataValue + `"`)
	dataOption = NewSign(`\bdefault_value\s*=\s*"` + dataValue + `"[^\n\]]*\)\]\s*(?:pub(?:\([^)]*\))?\s+)?(?i:` + dataName + `)\s*:`)
	// dataHere is the working directory itself, which needs no more of a name.
	dataHere = NewSign(`\b[dD]ata[ \t]*(?::=|=|:)[ \t]*"(\.(?:/[\w.-]+)*/?)"`)

	// engineHere opens an embedded database that is a directory.
	engineHere = NewSign(`\b(?:badger\.(?:DefaultOptions|LSMOnlyOptions)|pebble\.Open|leveldb\.OpenFile|bleve\.(?:New|Open)|sled::open|DB::open_default)\([ \t]*"` + dataValue + `"`)
	// sqliteURL is an address of SQLite, whose file the program makes.
	sqliteURL = NewSign(`"(sqlite3?:/{0,2}(?:\./)?[\w./-]+)(?:\?[^"\n]*)?"`)
	// databaseSaid is a setting whose value is a file of an embedded database.
	databaseSaid = NewSign(`(?::=|=|\w:|"[\w.-]+"\)?,(?:[ \t]*"\w?",)?)[ \t]*"((?:file:)?(?:\./)?[\w-]+\.(?:db|sqlite3?|bolt))(?:\?[^"\n]*)?"`)

	// createdHere is a file that a program writes by its plain name.
	createdHere = NewSign(`\b(?:os\.(?:Create|WriteFile)|ioutil\.WriteFile|File::create|fs::write)\([ \t]*"((?:\./)?[\w.-]+(?:/[\w.-]+)*)"|\bos\.OpenFile\([ \t]*"((?:\./)?[\w.-]+(?:/[\w.-]+)*)"[^)\n]*\bos\.O_CREATE`)
)

// databaseExtensions are those of files that are databases.
func databaseExtensions() []string { return []string{".db", ".sqlite", ".sqlite3", ".bolt", ".bleve"} }

// WritesDefaults notes the places that a program keeps its data in when no setting
// says otherwise: defaults of flags, settings, variables and fields whose names say
// so. A relative one lies below the working directory, as the program finds it.
func (s *Service) WritesDefaults(name string, data []byte) {
	note := func(value string, line int) {
		if dir := dataDirectory(value, false); dir != "" {
			s.Writes(dir, "the default place of the program's data, "+value, name, line)
		}
	}
	eachLineOfData(data, func(text []byte, line int) {
		for _, sign := range []*Sign{dataFlag, dataFallback, dataAssigned, dataMacro, dataTag} {
			EachMatch(sign, text, func(value string, _ int) { note(value, line) })
		}
	})
	for _, sign := range []*Sign{dataOption, dataHere} {
		EachMatch(sign, data, note)
	}
	for _, sign := range []*Sign{sqliteURL, databaseSaid} {
		EachMatch(sign, data, func(value string, line int) {
			if dir := dataDirectory(value, true); dir != "" {
				s.Writes(dir, "the program's database "+value, name, line)
			}
		})
	}
	EachMatch(engineHere, data, func(dir string, line int) { s.Writes(dir, "the program's database "+dir, name, line) })
	EachMatch(createdHere, data, func(file string, line int) {
		s.Writes(path.Dir(file), "the program writes "+file, name, line)
	})
}

// dataPlace returns the offset of a name of a place for data in lower-case text, at
// or after an offset; -1 when there is none.
func dataPlace(low []byte, from int) int {
	for at := from; at < len(low); {
		i := bytes.IndexAny(low[at:], "dsum") // what the words begin with
		if i < 0 {
			return -1
		}
		at += i
		for _, word := range []string{"data", "db", "storage", "upload", "state", "media"} {
			rest, ok := bytes.CutPrefix(low[at:], []byte(word))
			if !ok {
				continue
			}
			rest = bytes.TrimPrefix(rest, []byte("s"))
			rest = bytes.TrimPrefix(rest, []byte("base"))
			rest = bytes.TrimLeft(rest[:min(len(rest), 12)], "-_.")
			rest = bytes.TrimPrefix(rest, []byte("base"))
			for _, place := range []string{"dir", "path", "folder", "root", "home", "location"} {
				if bytes.HasPrefix(rest, []byte(place)) {
					return at
				}
			}
		}
		at++
	}
	return -1
}

// eachLineOfData calls fn for the lines that have a string and the name of a place
// for data: few have, and their signs are slow to search for.
func eachLineOfData(data []byte, fn func(text []byte, line int)) {
	low := lowered(data)
	for at := 0; at < len(low); {
		found := dataPlace(low, at)
		if found < 0 {
			return
		}
		begin, end := bytes.LastIndexByte(low[:found], '\n')+1, len(low)
		if i := bytes.IndexByte(low[found:], '\n'); i >= 0 {
			end = found + i
		}
		if text := data[begin:end]; len(text) <= maxDataLine && bytes.IndexByte(text, '"') >= 0 {
			fn(text, LineAt(data, int64(begin)))
		}
		at = end + 1
	}
}

// lowered is ASCII in lower case, byte by byte.
func lowered(data []byte) []byte {
	out := bytes.Clone(data)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}

// maxDataLine is the longest line that is looked at; longer ones are generated.
const maxDataLine = 400

// drivers are values of settings that name a kind of database, not a place.
func drivers() []string {
	return []string{"sqlite", "sqlite3", "postgres", "postgresql", "mysql", "mariadb", "memory", "redis", "none", "true", "false", "local", "bolt", "badger", "filesystem", "s3"}
}

// scheme begins an address of a file.
var scheme = pattern.Lazy(`^(?:sqlite3?|file):(?://)?`)

// dataDirectory is the directory that a value means: the value itself, or the one
// that its file lies in; "" for files that are no databases, and for what is no
// place.
func dataDirectory(value string, file bool) string {
	at := scheme().ReplaceAllString(value, "")
	switch ext := path.Ext(path.Base(at)); {
	case at == "" || slices.Contains(drivers(), at) || strings.HasPrefix(path.Clean(at), "..") || strings.Contains(at, "memory"):
		return ""
	case slices.Contains(databaseExtensions(), ext):
		return path.Dir(at)
	case file || at != value && path.Base(at) == at:
		return path.Dir(at)
	case ext != "" && ext != at && strings.Trim(path.Base(at), ".") != "" && !strings.HasPrefix(path.Base(at), "."):
		return "" // a file that is read
	}
	return at
}
