package baseimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/plan"
)

// configuring counts the ways in which this package has configured the packages that
// services name. It rises as assembly does, for bases with such packages alone.
const configuring = 1

// assemblyOf is the way in which a base is made: see assembly.
func assemblyOf(ref string) int {
	if _, packages := plan.PackagesOf(ref); len(packages) > 0 {
		return assembly + configuring
	}
	return assembly
}

// configure does to a tree what the maintainer scripts of its packages would do,
// as far as they register something, but for accounts, which it returns. It reads the
// scripts and runs none.
func configure(t tree, pins []debian.Pin, debs []debian.Deb, arch string) []debian.Account {
	var all debian.Setup
	for i, p := range pins {
		if slices.Contains(configuredHere(), p.Name) {
			continue
		}
		s := setupOf(t, debs[i], arch)
		all.Alternatives = append(all.Alternatives, s.Alternatives...)
		all.Accounts = append(all.Accounts, s.Accounts...)
		for _, file := range s.Sysusers {
			all.Accounts = append(all.Accounts, t.sysusers(file)...)
		}
		t.made(s)
	}
	t.alternatives(all.Alternatives)
	t.plugins()
	return all.Accounts
}

// configuredHere are packages of which finish does what their scripts do.
func configuredHere() []string {
	return []string{"base-files", "base-passwd", "ca-certificates", "ca-certificates-java", "libc-bin", "tzdata"}
}

// setupOf follows the scripts of a package. One that is not of the shell does nothing.
func setupOf(t tree, d debian.Deb, arch string) (out debian.Setup) {
	for _, script := range []struct {
		text []byte
		args []string
	}{{d.Preinst, []string{"install"}}, {d.Postinst, []string{"configure", ""}}} {
		if len(script.text) == 0 {
			continue
		}
		s, err := debian.ReadSetup(script.text, script.args, arch, treeFiles{t})
		if err != nil {
			continue
		}
		out.Alternatives = append(out.Alternatives, s.Alternatives...)
		out.Accounts = append(out.Accounts, s.Accounts...)
		out.Links = append(out.Links, s.Links...)
		out.Copies = append(out.Copies, s.Copies...)
		out.Dirs = append(out.Dirs, s.Dirs...)
		out.Sysusers = append(out.Sysusers, s.Sysusers...)
		out.Calls = append(out.Calls, s.Calls...)
	}
	return out
}

// treeFiles is a tree as scripts see it.
type treeFiles struct{ t tree }

func (f treeFiles) at(name string) *node {
	p, err := cleanPath(name)
	if err != nil {
		return nil
	}
	return f.t.resolve(p)
}

func (f treeFiles) Exists(name string) bool { return f.at(name) != nil || f.Dir(name) }

func (f treeFiles) Dir(name string) bool {
	n := f.at(name)
	return n != nil && n.kind == tar.TypeDir
}

func (f treeFiles) Read(name string) (string, bool) {
	n := f.at(name)
	if n == nil || n.kind != tar.TypeReg {
		return "", false
	}
	return string(n.data.text()), true
}

func (f treeFiles) Glob(pattern string) []string {
	pattern, err := cleanPath(pattern)
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range sorted(f.t) {
		if ok, _ := path.Match(pattern, p); ok {
			out = append(out, "/"+p)
		}
	}
	return out
}

// free returns the path in the tree that a script gives, if nothing has it and it can
// be a file there.
func (t tree) free(name string) (string, bool) {
	p, err := cleanPath(name)
	if err != nil || p == "" || strings.HasSuffix(p, ".dpkg-new") || t[p] != nil {
		return "", false
	}
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if up := t[dir]; up != nil && up.kind != tar.TypeDir {
			return "", false
		}
	}
	return p, true
}

// made adds the directories, copies and links of scripts where nothing is yet.
func (t tree) made(s debian.Setup) {
	for _, d := range s.Dirs {
		if p, ok := t.free(d); ok && !keptEmpty(p) {
			t.dir(p, 0o755)
		}
	}
	for _, c := range s.Copies {
		from := treeFiles{t}.at(c.Target)
		if p, ok := t.free(c.Path); ok && from != nil && from.kind == tar.TypeReg {
			t[p] = &node{kind: tar.TypeReg, mode: from.mode, data: from.data}
		}
	}
	for _, l := range s.Links {
		if p, ok := t.free(l.Path); ok {
			t.symlink(p, l.Target)
		}
	}
}

// keptEmpty reports whether a directory holds what a machine makes while it runs.
func keptEmpty(p string) bool { return p == "run" || strings.HasPrefix(p, "run/") }

// alternatives does what update-alternatives does: of the offers for a name whose file
// exists, that with the highest priority wins, and of equals the first by its path.
func (t tree) alternatives(offers []debian.Alternative) {
	best := map[string]debian.Alternative{}
	for _, o := range offers {
		if !(treeFiles{t}).Exists(o.Path) {
			continue
		}
		b, have := best[o.Name]
		if !have || o.Priority > b.Priority || o.Priority == b.Priority && o.Path < b.Path {
			best[o.Name] = o
		}
	}
	for _, name := range sorted(best) {
		o := best[name]
		if !t.alternative(o) {
			continue
		}
		for _, s := range o.Slaves {
			if (treeFiles{t}).Exists(s.Path) {
				t.alternative(s)
			}
		}
	}
}

// alternative makes the two links of a name. It is false when a package has a file in
// the place of the first, which update-alternatives leaves alone too.
func (t tree) alternative(o debian.Alternative) bool {
	at := "etc/alternatives/" + o.Name
	p, ok := t.free(o.Link)
	if !ok || t[at] != nil {
		return false
	}
	t.symlink(p, "/"+at)
	t.symlink(at, o.Path)
	return true
}

// sysusers reads the accounts of a file of sysusers.d(5).
func (t tree) sysusers(file string) (out []debian.Account) {
	for _, p := range sorted(t) {
		if path.Dir(p) != "usr/lib/sysusers.d" || file != "/" && path.Base(p) != file || t[p].kind != tar.TypeReg {
			continue
		}
		for line := range bytes.Lines(t[p].data.text()) {
			f := fieldsOf(string(line))
			if len(f) < 2 || strings.ContainsAny(f[1], ":/%") {
				continue
			}
			switch strings.TrimRight(f[0], "!-") {
			case "g":
				out = append(out, debian.Account{Name: f[1], Group: true})
			case "u":
				a := debian.Account{Name: f[1]}
				if len(f) > 4 && f[4] != "-" {
					a.Home = f[4]
				}
				if len(f) > 5 && f[5] != "-" {
					a.Shell = f[5]
				}
				out = append(out, a)
			}
		}
	}
	return out
}

// fieldsOf are the words of a line; one in quotes may have spaces, and a "#" begins a
// comment.
func fieldsOf(line string) (out []string) {
	for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimSpace(line) {
		if quote := line[0]; quote == '"' || quote == '\'' {
			word, rest, _ := strings.Cut(line[1:], string(quote))
			out, line = append(out, word), rest
			continue
		}
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return append(out, line)
		}
		out, line = append(out, line[:i]), line[i:]
	}
	return out
}

// firstSystemID is the first number of accounts that packages make (Debian Policy
// 9.2.2).
const firstSystemID = 100

// accounts adds users and groups to etc/passwd and etc/group, in the order in which
// packages make them.
func (t tree) accounts(all []debian.Account) {
	passwd, group := newRecords(t, "passwd"), newRecords(t, "group")
	groupOf := func(name string) int {
		if id, have := group.ids[name]; have {
			return id
		}
		id := group.next()
		group.add(name, id, fmt.Sprintf("%s:x:%d:", name, id))
		return id
	}
	for _, a := range all {
		if strings.ContainsAny(a.Home+a.Shell, ":\n") {
			continue
		}
		if a.Group {
			groupOf(a.Name)
			continue
		}
		if _, have := passwd.ids[a.Name]; have {
			continue
		}
		in, home, shell := a.In, a.Home, a.Shell
		if in == "" {
			in = a.Name
		}
		if home == "" {
			home = "/nonexistent"
		}
		if shell == "" {
			shell = "/usr/sbin/nologin"
		}
		id := passwd.next()
		passwd.add(a.Name, id, fmt.Sprintf("%s:x:%d:%d::%s:%s", a.Name, id, groupOf(in), home, shell))
	}
	passwd.write(t)
	group.write(t)
}

// records are the accounts of etc/passwd or etc/group.
type records struct {
	file  string
	text  string
	ids   map[string]int // by name
	taken map[int]bool
	added bool
}

func newRecords(t tree, name string) *records {
	r := &records{file: "etc/" + name, ids: map[string]int{}, taken: map[int]bool{}}
	n := t[r.file]
	if n == nil || n.kind != tar.TypeReg {
		return r
	}
	r.text = string(n.data.text())
	for line := range strings.Lines(r.text) {
		f := strings.Split(line, ":")
		var id int
		if len(f) > 2 {
			if _, err := fmt.Sscan(f[2], &id); err == nil {
				r.ids[f[0]], r.taken[id] = id, true
			}
		}
	}
	return r
}

func (r *records) next() int {
	id := firstSystemID
	for r.taken[id] {
		id++
	}
	return id
}

func (r *records) add(name string, id int, line string) {
	r.ids[name], r.taken[id], r.added = id, true, true
	r.text += line + "\n"
}

func (r *records) write(t tree) {
	if r.added {
		t.file(r.file, 0o644, []byte(r.text))
	}
}
