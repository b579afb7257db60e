package baseimage

import (
	"archive/tar"
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/event"
)

// withInterpreters pins the packages of a spec. Interpreters that it leaves out, because
// others want them for maintainer scripts alone, come back when a program is written
// for one.
func (c *chooser) withInterpreters(ctx context.Context, base spec.Base, x *debian.Index) ([]debian.Pin, error) {
	named := base.More // what was added is not looked at: each interpreter has scripts of its own
	for {
		c.mu.Lock()
		pins, err := debian.Choose(base, x)
		c.mu.Unlock()
		if err != nil || len(base.More) == 0 {
			return pins, err
		}
		missing, err := c.interpreters(ctx, base, x, pins, named)
		if err != nil || len(missing) == 0 {
			return pins, err
		}
		base.More = append(slices.Clone(base.More), missing...) // each round adds some, of a handful
		for _, m := range missing {
			base.Without = slices.DeleteFunc(slices.Clone(base.Without), func(p string) bool { return slices.Contains(spec.Whole(m), p) })
		}
	}
}

// interpreters are the packages of interpreters that programs in the pins need and that
// are not among them. Looked at are the packages that depend on one that was left out, and
// those that were named and consist of scripts: Debian declares no dependency on what
// every system has.
func (c *chooser) interpreters(ctx context.Context, base spec.Base, x *debian.Index, pins []debian.Pin, names []string) ([]string, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(pins, func(p debian.Pin) bool { return p.Name == name })
	}
	named, err := c.namedPrograms(ctx, base, x, pins, names)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	declared := map[string][]string{} // left-out dependencies by package
	for _, p := range pins {
		for _, d := range x.Depends(p.Name) {
			if slices.Contains(base.Without, d) && !has(d) {
				declared[p.Name] = append(declared[p.Name], d)
			}
		}
	}
	c.mu.Unlock()
	var missing []string
	for _, p := range pins {
		if slices.Contains(base.Debian, p.Name) || !named[p.Name] && len(declared[p.Name]) == 0 {
			continue
		}
		_, t, err := c.a.unpackDeb(ctx, base, p)
		if err != nil {
			return nil, err
		}
		scripts, compiled := programsOf(t)
		for _, in := range sorted(scripts) {
			for _, from := range packagesOfInterpreter(in) {
				if slices.Contains(declared[p.Name], from) && !has(from) {
					missing = append(missing, from)
					break
				}
			}
			if from := packagesOfInterpreter(in); named[p.Name] && !compiled && len(from) > 0 && !slices.ContainsFunc(from, has) && !slices.ContainsFunc(from, func(f string) bool { return slices.Contains(missing, f) }) {
				missing = append(missing, from[len(from)-1])
			}
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing), nil
}

// namedPrograms are the packages that were named, by the names that the release has;
// of one that is empty, as those of moved packages are, those that it depends on.
func (c *chooser) namedPrograms(ctx context.Context, base spec.Base, x *debian.Index, pins []debian.Pin, names []string) (map[string]bool, error) {
	named := map[string]bool{}
	queue := slices.Clone(names)
	for i := 0; i < len(queue); i++ {
		c.mu.Lock()
		now, _ := x.Find(queue[i])
		depends := x.Depends(now)
		c.mu.Unlock()
		at := slices.IndexFunc(pins, func(p debian.Pin) bool { return p.Name == now })
		if at < 0 || named[now] || slices.Contains(base.Debian, now) || slices.Contains(spec.CalledByPath(), now) {
			continue
		}
		named[now] = true
		_, t, err := c.a.unpackDeb(ctx, base, pins[at])
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(sorted(t), func(p string) bool { return t[p].kind != tar.TypeDir && !strings.HasPrefix(p, "usr/share/doc/") }) {
			queue = append(queue, depends...)
		}
	}
	return named, nil
}

// packagesOfInterpreter are the packages that have an interpreter, the whole one first
// and the least that runs a script last.
func packagesOfInterpreter(name string) []string {
	switch {
	case name == "perl" || strings.HasPrefix(name, "perl5"):
		return []string{"perl", "perl-base"}
	case name == "sh" || name == "dash":
		return []string{"dash"}
	case name == "bash":
		return []string{"bash"}
	case name == "python3":
		return []string{"python3", "python3-minimal"}
	case name == "env":
		return []string{"coreutils"}
	case name == "tclsh":
		return []string{"tcl"}
	case name == "ruby" || name == "gawk" || name == "zsh" || name == "guile":
		return []string{name}
	}
	return nil
}

// programsOf are the interpreters that programs of a package name, with the one that
// looks for them, and whether it has a program that needs none.
func programsOf(t tree) (scripts map[string]bool, compiled bool) {
	scripts = map[string]bool{}
	for _, p := range sorted(t) {
		if dir := path.Dir(p); dir != "usr/bin" && dir != "usr/sbin" {
			continue
		}
		n := t.resolve(p)
		if n == nil || n.kind != tar.TypeReg {
			continue
		}
		start := n.data.start(4096)
		if in := debian.InterpreterOf(start); in != "" {
			scripts[in] = true
			if line, _, _ := bytes.Cut(start, []byte("\n")); bytes.Contains(line, []byte("/env ")) {
				scripts["env"] = true
			}
		} else if bytes.HasPrefix(start, []byte("\x7fELF")) {
			compiled = true
		}
	}
	return scripts, compiled
}

// noteMoved says which of the named packages have another name in the release.
func (c *chooser) noteMoved(base spec.Base, x *debian.Index) {
	for _, name := range base.More {
		c.mu.Lock()
		now, ok := x.Find(name)
		c.mu.Unlock()
		if ok && now != name {
			c.a.events.Emit(event.Note{Text: "Debian " + base.Suite + " has " + name + " as " + now})
		}
	}
}
