package ecosystem

import (
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
	dataOption = NewSign(`(?i)\bdefault_value\s*=\s*"` + dataValue + `"[^\n\]]*\)\]\s*(?:pub(?:\([^)]*\))?\s+)?` + dataName + `\s*:`)
	// dataHere is the working directory itself, which needs no more of a name.
	dataHere = NewSign(`\b[dD]ata\s*(?::=|=|:)\s*"(\.(?:/[\w.-]+)*/?)"`)

	// engineHere opens an embedded database that is a directory.
	engineHere = NewSign(`\b(?:badger\.(?:DefaultOptions|LSMOnlyOptions)|pebble\.Open|leveldb\.OpenFile|bleve\.(?:New|Open)|sled::open|DB::open_default)\(\s*"` + dataValue + `"`)
	// sqliteURL is an address of SQLite, whose file the program makes.
	sqliteURL = NewSign(`"(sqlite3?:/{0,2}(?:\./)?[\w./-]+)(?:\?[^"\n]*)?"`)
	// databaseSaid is a setting whose value is a file of an embedded database.
	databaseSaid = NewSign(`(?::=|=|\w:|"[\w.-]+"\)?,(?:\s*"\w?",)?)\s*"((?:file:)?(?:\./)?[\w-]+\.(?:db|sqlite3?|bolt))(?:\?[^"\n]*)?"`)

	// createdHere is a file that a program writes by its plain name.
	createdHere = NewSign(`\b(?:os\.(?:Create|WriteFile)|ioutil\.WriteFile|File::create|fs::write)\(\s*"((?:\./)?[\w.-]+(?:/[\w.-]+)*)"|\bos\.OpenFile\(\s*"((?:\./)?[\w.-]+(?:/[\w.-]+)*)"[^)\n]*\bos\.O_CREATE`)
)

// savesData is a cheap sign of a file that has a default place for data; most have
// none.
var savesData = pattern.Lazy(`(?i)data|db|storage|upload|state|media|sqlite|sled|bleve|\.Create\(|WriteFile|OpenFile|File::create|fs::write`)

// databaseExtensions are those of files that are databases.
func databaseExtensions() []string { return []string{".db", ".sqlite", ".sqlite3", ".bolt", ".bleve"} }

// WritesDefaults notes the places that a program keeps its data in when no setting
// says otherwise: defaults of flags, settings, variables and fields whose names say
// so. A relative one lies below the working directory, as the program finds it.
func (s *Service) WritesDefaults(name string, data []byte) {
	if !savesData().Match(data) {
		return
	}
	for _, sign := range []*Sign{dataFlag, dataFallback, dataAssigned, dataMacro, dataTag, dataOption, dataHere} {
		EachMatch(sign, data, func(value string, line int) {
			if dir := dataDirectory(value, false); dir != "" {
				s.Writes(dir, "the default place of the program's data, "+value, name, line)
			}
		})
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
