// Package layer reads the tar stream of an image's layer once and keeps an index
// of it: every path with its mode and owner, and the few facts about contents that
// checks of an image need later (the libraries of an ELF file, the interpreter of
// a script, the imports of a source, a secret). Indexes of several layers merge
// into the tree that a container sees. The package opens nothing and judges
// nothing; the rules are in package proof.
//
//	index, err := layer.Read(tarStream)
//	tree := layer.Merge([]*layer.Index{base, index})
//	file, ok := tree.Lookup("/usr/bin/node")
package layer

import "github.com/slipway-build/slipway/internal/secret"

// Kind is the type of an entry.
type Kind uint8

// The kinds of entries. Whiteout and Opaque hide what lower layers have.
const (
	Regular Kind = iota
	Directory
	Symlink
	Hardlink
	Device
	Other // a pipe or a socket
	Whiteout
	Opaque // a directory whose lower contents are hidden
)

// Entry is one path of a layer.
type Entry struct {
	Path     string   // clean, without a leading slash; "" is the root
	Link     string   // target of a link; of a hard link a path like Path
	Size     int64    // bytes of a regular file
	SHA256   [32]byte // of a regular file
	Mode     uint16   // the lower twelve bits: permissions, setuid, setgid, sticky
	UID, GID uint32
	Kind     Kind
}

// Facts is what is kept of a file's content. The zero value says nothing.
type Facts struct {
	ELF     *ELF           `json:"elf,omitempty"`
	Jar     *Jar           `json:"jar,omitempty"`
	Source  *Source        `json:"source,omitempty"`
	Program *Program       `json:"program,omitempty"` // of Go and Rust: what it was compiled from
	Shebang string         `json:"shebang,omitempty"` // the first line without "#!"
	Secret  string         `json:"secret,omitempty"`  // in words: "a private key"
	Tokens  []secret.Match `json:"tokens,omitempty"`  // of the service's own files
	// Unsearched says that the file is too long to search all of it for secrets.
	Unsearched bool     `json:"unsearched,omitempty"`
	Capable    bool     `json:"capable,omitempty"` // has file capabilities
	Odd        bool     `json:"odd,omitempty"`     // an ELF file that could not be read
	Text       string   `json:"text,omitempty"`    // the content of a few small files, see keepsText
	Dirs       []string `json:"dirs,omitempty"`    // directories that a loader's cache names
}

// Index is what one layer holds. It is read only once made and safe for
// concurrent use.
type Index struct {
	Bytes   int64   // of regular files, hard links counted once
	Entries []Entry // by path, each once
	Facts   map[string]Facts
}

// Source is what a program's text says, of JavaScript, TypeScript and Python.
type Source struct {
	Imports []Import `json:"imports,omitempty"`
	Calls   []Call   `json:"calls,omitempty"`
	Writes  []Write  `json:"writes,omitempty"`
	Asks    []Ask    `json:"asks,omitempty"`
	Home    int      `json:"home,omitempty"`    // line that writes below the user's home
	TLS     int      `json:"tls,omitempty"`     // line that starts a server with TLS
	Plain   int      `json:"plain,omitempty"`   // line that starts one without
	Rewires bool     `json:"rewires,omitempty"` // changes where modules are looked for
	ESM     bool     `json:"esm,omitempty"`     // has import or export declarations
	Makes   bool     `json:"makes,omitempty"`   // makes a require of its own
}

// Import is a module that a source names.
type Import struct {
	Name  string    `json:"name"`            // as written: "./db", "express", "pkg.mod", ".sibling"
	Names []string  `json:"names,omitempty"` // of Python's "from Name import …": attributes, or modules below it
	Line  int       `json:"line"`
	When  Certainty `json:"when,omitempty"`
	By    Way       `json:"by,omitempty"`
}

// Way is how a source of JavaScript imports a module.
type Way uint8

// The ways.
const (
	ByImport Way = iota // a declaration, a call, or Python's statement
	ByRequire
	ByAttributes // a declaration that says of which type the module is
	ByCall       // import(…)
)

// Ask is a thing of the system that a source asks for by a literal name.
type Ask struct {
	What Thing  `json:"what"`
	Name string `json:"name,omitempty"`
	Line int    `json:"line"`
}

// Thing is a kind of things that a source asks for.
type Thing uint8

// The kinds of things.
const (
	Library Thing = iota // a shared library that it loads itself
	Zone                 // a time zone
	Locale
	Account // the name of the user that it runs as
)

// Certainty says whether a statement runs when its file does.
type Certainty uint8

// The certainties.
const (
	Surely  Certainty = iota // at the top level
	Perhaps                  // in a function or under a condition
	Guarded                  // its failure is caught, or it is for development only
)

// Call is a program that a source runs.
type Call struct {
	Program string `json:"program,omitempty"` // empty: only known when it runs
	Shell   bool   `json:"shell,omitempty"`   // through /bin/sh
	Line    int    `json:"line"`
}

// Write is a relative path that a source makes or opens for writing.
type Write struct {
	Path   string `json:"path"`
	Beside bool   `json:"beside,omitempty"` // relative to the source, not to the working directory
	Line   int    `json:"line"`
}
