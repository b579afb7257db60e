package python

import (
	"bytes"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// imported is a module that a source imports.
type imported struct {
	module string // "shop.db"; of a relative import what follows the dots
	dots   int    // of a relative import
	names  []string
	maybe  bool // the program does without: it is tried, or for type checkers
	line   int
}

var (
	importForm = pattern.Lazy(`^(\s*)import\s+([\w., \t]+)`)
	fromForm   = pattern.Lazy(`^(\s*)from\s+(\.*)([\w.]*)\s+import\s+(.*)$`)
	tryForm    = pattern.Lazy(`^(\s*)(?:try\s*:|if\s+(?:typing\.|t\.)?TYPE_CHECKING\s*:)`)
	wordForm   = pattern.Lazy(`\w+`)
)

// maxImports is more than any module has.
const maxImports = 500

// imports reads the import statements of a source without its strings and
// comments. An import below `try:` or `if TYPE_CHECKING:` may fail, and so may
// what takes its place below `except ImportError:`.
func imports(text []byte) []imported {
	var out []imported
	tried := -1 // how far the enclosing try: is indented
	for i, l := range bytes.Split(text, []byte("\n")) {
		trimmed := bytes.TrimSpace(l)
		if len(trimmed) == 0 {
			continue
		}
		indent := len(l) - len(bytes.TrimLeft(l, " \t"))
		if tried >= 0 && indent <= tried && !bytes.HasPrefix(trimmed, []byte("except")) && !bytes.HasPrefix(trimmed, []byte("else")) && !bytes.HasPrefix(trimmed, []byte("finally")) {
			tried = -1
		}
		if m := tryForm().FindSubmatch(l); m != nil && tried < 0 {
			tried = len(m[1])
			continue
		}
		if len(out) >= maxImports {
			return out
		}
		out = append(out, statement(l, i+1, tried >= 0)...)
	}
	return out
}

// statement returns what one line imports.
func statement(l []byte, line int, maybe bool) []imported {
	if m := fromForm().FindSubmatch(l); m != nil {
		im := imported{module: string(m[3]), dots: len(m[2]), maybe: maybe, line: line}
		for _, part := range strings.Split(strings.Trim(string(m[4]), "()\\ \t\r"), ",") {
			if w := wordForm().FindString(part); w != "" {
				im.names = append(im.names, w)
			}
		}
		return []imported{im}
	}
	m := importForm().FindSubmatch(l)
	if m == nil {
		return nil
	}
	var out []imported
	for _, part := range strings.Split(string(m[2]), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		if name != "" {
			out = append(out, imported{module: name, maybe: maybe, line: line})
		}
	}
	return out
}

// top is the first name of a module.
func top(module string) string {
	t, _, _ := strings.Cut(module, ".")
	return t
}

// isStandard reports a module of Python's standard library (3.13, without those
// that no program imports by name).
func isStandard(name string) bool {
	return slices.Contains(strings.Fields(`abc aifc argparse array ast asyncio atexit audioop base64 bdb binascii bisect builtins bz2 calendar cgi cgitb chunk cmath cmd code codecs
	codeop collections colorsys compileall concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils
	doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc getopt getpass gettext glob graphlib grp gzip hashlib heapq
	hmac html http imaplib imghdr imp importlib inspect io ipaddress itertools json keyword linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder
	multiprocessing netrc nntplib ntpath numbers operator optparse os pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty
	pwd py_compile pyclbr pydoc queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site smtplib sndhdr
	socket socketserver spwd sqlite3 ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap
	threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle types typing unicodedata unittest urllib uu uuid venv warnings wave weakref
	webbrowser wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo __future__`), name)
}
