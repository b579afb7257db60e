package ecosystem

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// widened is the directory of a file that a source names, when it is small: what
// lies beside a template or a seed is as often read under a name that no string
// has whole.
func (h *holder) widened(t target, f mention) target {
	up := target{path.Dir(t.from), path.Dir(t.to)}
	inSource := f.hit.File != "" && h.Syntax.has(f.hit.File)
	if !inSource || h.holdsKey(t.from) || IsDir(h.Service.Dir, t.from) || h.Source(t.from) || IsSecret(t.from) || h.isRoot(up.from) || h.project(up.from) || up.to == WorkDir || !placeable(up.to) || Needless(h.own(up.from), true) != "" {
		return t
	}
	w := &dirWalk{holder: &holder{Namer: &Namer{Service: &Service{Dir: h.Service.Dir, Want: h.Service.Want, Ignore: h.Service.Ignore}, Roots: h.Roots, Source: h.Source, Embedded: h.Embedded}}, f: mention{rank: rankPath}}
	if _, _ = w.parts(up); w.bytes > maxDoubt || w.entries > maxBeside {
		return t
	}
	return up
}

// maxBeside is how many neighbours a named file brings along.
const maxBeside = 200

// isRoot reports a root of names, or a directory above one.
func (h *holder) isRoot(at string) bool {
	return at == "." || slices.ContainsFunc(h.Roots, func(r Root) bool { return r.Dir == at || strings.HasPrefix(r.Dir, at+"/") })
}

// holdsKey reports a private key that its name does not give away.
func (h *holder) holdsKey(at string) bool {
	if path.Ext(at) != ".pem" {
		return false
	}
	data, err := Read(h.Service.Dir, at)
	return err == nil && bytes.Contains(data[:min(len(data), maxConfigSize)], []byte("PRIVATE KEY-----"))
}

// takeDir adds a directory: whole where nothing in it is left out, else the
// largest parts of it of which that is true.
func (h *holder) takeDir(t target, f mention) {
	switch {
	case h.excluded(t.from, f):
		return
	case h.compiledIn(t.from, f):
		return
	case f.isWord() && (Needless(h.own(t.from), true) != "" || h.project(t.from)):
		return
	}
	w := &dirWalk{holder: h, f: f}
	parts, _ := w.parts(t)
	limit := int64(maxLoose)
	if f.isWord() && f.rank == rankWord {
		limit = maxDoubt
	}
	if len(parts) == 0 || w.entries > maxHeldEntries {
		return
	}
	if f.rank < rankOpened && w.bytes > limit {
		h.Service.LeaveOut(WhyLarge, t.from)
		return
	}
	before := len(h.held)
	h.held = append(h.held, parts...)
	if len(h.held) > before && f.hit.File != "" {
		h.Service.Fact("runtime files", strings.TrimPrefix(t.to, WorkDir+"/"), "named in the sources", f.hit.File, f.hit.Line)
	}
	for _, c := range w.configs {
		h.mentions(c)
	}
}

// project reports the directory of another program, whose sources are no files of
// this one.
func (h *holder) project(at string) bool {
	return slices.ContainsFunc([]string{"package.json", "go.mod", "Cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts", "pyproject.toml"}, func(m string) bool {
		return Exists(h.Service.Dir, path.Join(at, m))
	}) && !slices.ContainsFunc(h.Roots, func(r Root) bool { return r.Dir == at })
}

// dirWalk looks through a directory that a name means.
type dirWalk struct {
	*holder
	f       mention
	bytes   int64
	entries int
	configs []target
}

// parts returns what of a directory is held; whole means all of it.
func (w *dirWalk) parts(t target) (out []Held, whole bool) {
	entries, err := fs.ReadDir(w.Service.Dir, t.from)
	if err != nil {
		return nil, false
	}
	whole = true
	for _, e := range entries {
		at := target{path.Join(t.from, e.Name()), path.Join(t.to, e.Name())}
		if w.entries++; w.entries > maxHeldEntries {
			return nil, false
		}
		if w.leaves(at.from, e) {
			whole = false
			continue
		}
		if !e.IsDir() {
			if info, err := e.Info(); err == nil {
				w.bytes += info.Size()
			}
			if isConfig(at.from) {
				w.configs = append(w.configs, at)
			}
			out = append(out, Held{From: at.from, To: at.to})
			continue
		}
		below, all := w.parts(at)
		whole = whole && all
		out = append(out, below...)
	}
	if whole && t.from != "." {
		return []Held{{From: t.from, To: t.to, Dir: true}}, true
	}
	return out, false
}

// leaves decides whether an entry of a directory is left out.
func (w *dirWalk) leaves(at string, e fs.DirEntry) bool {
	s := w.Service
	if w.f.rank == rankWanted {
		if !e.IsDir() && IsSecret(at) {
			s.LeaveOut(WhySecret, at)
			return true
		}
		return e.Name() == "node_modules" || e.Name() == ".git"
	}
	switch why := Needless(w.own(at), e.IsDir()); {
	case e.IsDir() && e.Name() == "node_modules":
		return true
	case why == WhyVersionControl && !e.IsDir(): // .gitkeep: not worth taking the directory apart
		return false
	case why != "":
		s.LeaveOut(why, at)
		return true
	case w.excluded(at, mention{rank: rankPath}):
		return true
	case !e.IsDir() && w.holdsKey(at):
		s.LeaveOut(WhySecret, at)
		return true
	case e.IsDir():
		return w.compiledIn(at, w.f) || w.f.isWord() && w.project(at)
	}
	return w.Source(at) || w.compiledIn(at, w.f)
}
