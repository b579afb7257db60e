package debian

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Files is the file system that a maintainer script finds. Paths are absolute.
type Files interface {
	Exists(name string) bool         // through links
	Dir(name string) bool            // likewise
	Read(name string) (string, bool) // the text of a regular file
	Glob(pattern string) []string    // sorted
}

// Setup is what a maintainer script would do to a system on which its package is
// installed for the first time.
type Setup struct {
	Alternatives []Alternative
	Accounts     []Account
	Links        []Link
	Copies       []Link   // Target is copied to Path, unless that exists
	Dirs         []string // absolute
	Sysusers     []string // files of sysusers.d by name; "" is all
	Calls        []string // further programs that it would run, sorted
}

// Alternative is one offer for a name that several packages have, as
// update-alternatives(1) takes it.
type Alternative struct {
	Name, Link, Path string
	Priority         int
	Slaves           []Alternative // without priorities
}

// Account is a user or a group of the system.
type Account struct {
	Name, Home, Shell string
	Group             bool   // a group alone
	In                string // the user's group; "" is one of its name
}

// Link is a symbolic link, or a copy.
type Link struct{ Path, Target string }

// The bounds of a script: they end loops and recursions that only a damaged one has.
const (
	mostSteps    = 20000
	mostDepth    = 30
	longestValue = 1 << 16
)

// ReadSetup reads the maintainer script of a package and follows what it would do
// when it is called with the arguments, such as "configure". It runs nothing:
// it walks the script's syntax, sees the tree's files alone, and knows the programs that
// register something. Any other program prints nothing, and fails in a condition.
func ReadSetup(script []byte, args []string, arch string, files Files) (Setup, error) {
	r := &scriptReader{files: files, arch: arch, args: args, vars: map[string]string{}, funcs: map[string]*syntax.Stmt{}}
	if err := r.script(script); err != nil {
		return Setup{}, err
	}
	slices.Sort(r.out.Calls)
	r.out.Calls = slices.Compact(r.out.Calls)
	return r.out, nil
}

// InterpreterOf is the program that a script names in its first line, without its
// directory; "" for what is no script.
func InterpreterOf(script []byte) string {
	line, _, _ := bytes.Cut(script, []byte("\n"))
	rest, ok := bytes.CutPrefix(line, []byte("#!"))
	words := strings.Fields(string(rest))
	if !ok || len(words) == 0 {
		return ""
	}
	if path.Base(words[0]) == "env" {
		words = slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "-") || strings.Contains(w, "=") })
		if len(words) == 0 {
			return ""
		}
	}
	return path.Base(words[0])
}

// script follows the text of a script.
func (r *scriptReader) script(text []byte) error {
	if in := InterpreterOf(text); !slices.Contains([]string{"sh", "bash", "dash"}, in) {
		return fmt.Errorf("the maintainer script is a program of %q", in)
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(text), "")
	if err != nil {
		return fmt.Errorf("reading the maintainer script: %w", err)
	}
	r.stmts(file.Stmts)
	return nil
}

// register notes what a program that registers something is called with. It is false
// for any other program.
func (r *scriptReader) register(name string, args []string) bool {
	switch name {
	case "update-alternatives":
		r.alternative(args)
	case "adduser", "useradd", "addgroup", "groupadd":
		r.account(name, args)
	case "systemd-sysusers":
		r.sysusers(args)
	case "mkdir":
		_, dirs := options(args, "-m", "--mode")
		r.out.Dirs = append(r.out.Dirs, absolute(dirs)...)
	case "install":
		r.install(args)
	case "ln":
		flags, names := options(args)
		if len(names) == 2 && path.IsAbs(names[1]) && slices.ContainsFunc(flags, func(f string) bool {
			return f == "--symbolic" || !strings.HasPrefix(f, "--") && strings.Contains(f, "s")
		}) {
			r.out.Links = append(r.out.Links, Link{path.Clean(names[1]), names[0]})
		}
	case "cp", "ucf":
		_, names := options(args, "--src-dir", "--state-dir")
		r.copied(names)
	default:
		return false
	}
	return true
}

// alternative notes the offers of an update-alternatives.
func (r *scriptReader) alternative(args []string) {
	var main *Alternative
	for i := 0; i < len(args); i++ {
		rest := args[i+1:]
		switch {
		case args[i] == "--install" && len(rest) >= 4:
			priority, err := strconv.Atoi(rest[3])
			if err != nil || !path.IsAbs(rest[0]) || !path.IsAbs(rest[2]) || strings.Contains(rest[1], "/") {
				return
			}
			r.out.Alternatives = append(r.out.Alternatives, Alternative{Link: rest[0], Name: rest[1], Path: rest[2], Priority: priority})
			main = &r.out.Alternatives[len(r.out.Alternatives)-1]
			i += 4
		case args[i] == "--slave" && len(rest) >= 3 && main != nil:
			if path.IsAbs(rest[0]) && path.IsAbs(rest[2]) && !strings.Contains(rest[1], "/") {
				main.Slaves = append(main.Slaves, Alternative{Link: rest[0], Name: rest[1], Path: rest[2]})
			}
			i += 3
		}
	}
}

// account notes the user or group that is made, and the user's own group.
func (r *scriptReader) account(program string, args []string) {
	a := Account{Group: strings.HasPrefix(program, "addgroup") || program == "groupadd"}
	own, names := false, []string(nil)
	for i := 0; i < len(args); i++ {
		flag, value, inline := strings.Cut(args[i], "=")
		if !strings.HasPrefix(flag, "-") {
			names = append(names, flag)
			continue
		}
		takes := slices.Contains([]string{"--home", "--home-dir", "-d", "--shell", "-s", "--ingroup", "--gid", "-g", "--uid", "-u", "--gecos", "--comment", "-c", "--firstuid", "--lastuid", "-G", "--groups"}, flag)
		if takes && !inline && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch flag {
		case "--home", "--home-dir", "-d":
			a.Home = value
		case "--shell", "-s":
			a.Shell = value
		case "--ingroup", "--gid", "-g":
			a.In = value
		case "--group":
			own = true
		}
	}
	if len(names) != 1 || !accountName(names[0]) { // two: a user is added to a group
		return
	}
	a.Name = names[0]
	if !a.Group && a.In == "" && (!own && program == "adduser") {
		a.In = "nogroup" // adduser(8): system users without --group
	}
	r.out.Accounts = append(r.out.Accounts, a)
}

// accountName reports whether a word may name a user.
func accountName(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsAny(s, ":/ \t\n,") && !strings.HasPrefix(s, "-")
}

func (r *scriptReader) sysusers(args []string) {
	_, names := options(args)
	if len(names) == 0 {
		names = []string{""}
	}
	for _, n := range names {
		r.out.Sysusers = append(r.out.Sysusers, path.Base("/"+n))
	}
}

// install notes directories and files of install(1).
func (r *scriptReader) install(args []string) {
	flags, names := options(args, "-m", "--mode", "-o", "--owner", "-g", "--group")
	if slices.ContainsFunc(flags, func(f string) bool {
		return f == "--directory" || !strings.HasPrefix(f, "--") && strings.Contains(f, "d")
	}) {
		r.out.Dirs = append(r.out.Dirs, absolute(names)...)
		return
	}
	r.copied(names)
}

// copied notes the copy of one file to another place.
func (r *scriptReader) copied(names []string) {
	if len(names) != 2 || !path.IsAbs(names[0]) || !path.IsAbs(names[1]) {
		return
	}
	if _, ok := r.files.Read(names[0]); ok {
		r.out.Copies = append(r.out.Copies, Link{path.Clean(names[1]), names[0]})
	}
}

// options separates flags from names; those listed take the next word.
func options(args []string, taking ...string) (flags, names []string) {
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--":
			return flags, append(names, args[i+1:]...)
		case strings.HasPrefix(a, "-") && a != "-":
			flags = append(flags, a)
			if slices.Contains(taking, a) {
				i++
			}
		default:
			names = append(names, a)
		}
	}
	return flags, names
}

func absolute(names []string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return !path.IsAbs(n) })
}
