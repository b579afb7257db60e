package ecosystem

import "path"

var (
	// databaseFile is a file of SQLite or another embedded database below a
	// directory; databaseHere is one in the working directory, as an argument of a
	// call that opens it.
	databaseFile = NewSign(`"(?:sqlite3?:(?://)?|file:)?((?:\./|/)?(?:[\w.-]+/)+[\w-]+\.(?:db|sqlite3?|bolt))(?:\?[^"\n]*)?"`)
	databaseHere = NewSign(`(?:[oO]pen\w*|connect\w*|[sS]qlite\w*)\([^;\n]*"(?:sqlite3?:(?://)?|file:)?(?:\./)?([\w-]+\.(?:db|sqlite3?|bolt))(?:\?[^"\n]*)?"`)
)

// databases is a cheap sign of a file that names one; most name none.
var databases = NewSign(`\.db"|\.db\?|\.sqlite|\.bolt"`)

// WritesDatabases notes the directories of database files that a source names:
// the program makes the file, and others beside it, when it starts.
func (s *Service) WritesDatabases(name string, data []byte) {
	if !databases.Match(data) {
		return
	}
	for _, sign := range []*Sign{databaseFile, databaseHere} {
		EachMatch(sign, data, func(file string, line int) { s.Writes(path.Dir(file), "the program's database "+file, name, line) })
	}
}
