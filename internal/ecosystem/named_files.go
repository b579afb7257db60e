package ecosystem

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings about files that programs name. A code has one meaning
// for ever.
const (
	CodeKey      = "SLP320" // a private key that the sources name is part of the image
	CodeNoFile   = "SLP321" // files: of slipway.yaml names nothing
	CodeUnbuilt  = "SLP322" // the program opens a directory that a front end's build writes
	CodeNamedOut = "SLP323" // .dockerignore or exclude: keeps out what the program opens
)

// Reasons of LeftOut that only compiled languages have.
const (
	WhyUnnamed = "no source names it"
	WhyLarge   = "the sources contain its name, but no call opens it, and it is large"
	WhyProject = "sources of another project"
)

const (
	maxDoubt       = 4 << 20  // bytes of a directory that only a word names
	maxLoose       = 32 << 20 // bytes of one that a path names, but no call opens
	maxHeldEntries = 20_000   // of a directory that is looked through
)

// Held is a file or directory that production holds.
type Held struct {
	From string // relative to the build context
	To   string // absolute, in the image
	Dir  bool
	Key  bool // a private key: readable by the program's user alone
}

// holder collects what production holds.
type holder struct {
	*Namer
	held   []Held
	done   map[target]bool
	opened map[string]bool // what is left out and yet opened, already reported
}

// Files returns what production holds, without what lies in a directory that it
// holds whole, sorted by place in the image, and notes facts, findings and what is
// left out.
func (n *Namer) Files() []Held {
	h := &holder{Namer: n, done: map[target]bool{}, opened: map[string]bool{}}
	h.wanted()
	for i := 0; i < len(n.order); i++ { // grows
		f := n.names[n.order[i]]
		targets := n.resolve(f.hit.Text, f)
		if len(targets) == 0 {
			h.unbuilt(f)
		}
		for _, t := range targets {
			h.take(h.widened(t, f), f)
		}
	}
	h.rest()
	n.Service.leftOut = slices.DeleteFunc(n.Service.leftOut, func(l plan.LeftOut) bool { // of a directory, before a name of its own brought it in
		return slices.ContainsFunc(h.held, func(f Held) bool { return f.From == l.Path })
	})
	return covered(h.held)
}

// wanted takes files: of slipway.yaml, which win over every reason to leave out.
func (h *holder) wanted() {
	s := h.Service
	for i, f := range s.Want.Files {
		if f.From != "" {
			continue
		}
		to := path.Join(WorkDir, f.To)
		found := false
		for _, r := range append([]Root{{Dir: relativeTo(s.Context, s.Want.Path), To: WorkDir}}, h.Roots...) {
			at := path.Join(r.Dir, f.Path)
			targets := h.glob(r, f.Path)
			if !strings.ContainsAny(f.Path, "*?[") && Exists(s.Dir, at) && !leads(at) {
				targets = []target{{at, to}}
			}
			for _, t := range targets {
				if len(targets) > 1 && f.To != f.Path { // a pattern: to: is a directory
					t.to = path.Join(to, path.Base(t.from))
				}
				h.take(t, mention{rank: rankWanted, hit: Hit{Text: f.Path}})
			}
			if found = len(targets) > 0; found {
				break
			}
		}
		if !found {
			s.OnConfig(CodeNoFile, "fix the path, or delete the entry", "files: names %s, which does not exist", s.Want.Files[i].Path)
		}
	}
}

// relativeTo is a path of the repository relative to the build context.
func relativeTo(context, at string) string {
	switch {
	case context == "." || context == "":
		return path.Clean(at)
	case at == context:
		return "."
	}
	return strings.TrimPrefix(at, context+"/")
}

// isWord reports a name that may be anything: a word without a slash or a dot.
func (f mention) isWord() bool {
	return f.rank < rankOpened && !strings.ContainsAny(f.hit.Text, "./*%{")
}

// take adds what a name means.
func (h *holder) take(t target, f mention) {
	if h.done[t] || !placeable(t.to) {
		return
	}
	h.done[t] = true
	if IsDir(h.Service.Dir, t.from) {
		h.takeDir(t, f)
		return
	}
	h.takeFile(t, f)
}

// placeable reports a place in the image that is the service's own.
func placeable(to string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(to, "/"), "/")
	return first != "" && !slices.Contains([]string{"bin", "boot", "dev", "etc", "home", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var"}, first)
}

func (h *holder) takeFile(t target, f mention) {
	s := h.Service
	key := IsSecret(t.from) && !strings.HasPrefix(path.Base(t.from), ".") || h.holdsKey(t.from)
	switch {
	case f.rank == rankWanted:
	case IsSecret(t.from) && !key:
		s.LeaveOut(WhySecret, t.from)
		return
	case f.isWord() && Needless(h.own(t.from), false) != "":
		return
	case f.rank < rankOpened && h.Source(t.from), h.compiledIn(t.from, f):
		return
	case h.excluded(t.from, f):
		return
	}
	if key && f.rank != rankWanted {
		s.Report(diag.Warning, CodeKey, f.hit.File, f.hit.Line, "mount the key at run time, and write exclude: ["+h.own(t.from)+"] for it in slipway.yaml",
			"the program opens the private key %s, so the image holds it", t.from)
	}
	h.hold(Held{From: t.from, To: t.to, Key: key}, f)
	h.mentions(t)
}

// hold adds an entry, with its fact when a name of its own brought it in.
func (h *holder) hold(e Held, f mention) {
	h.held = append(h.held, e)
	if f.hit.File != "" {
		h.Service.Fact("runtime files", strings.TrimPrefix(e.To, WorkDir+"/"), "named in the sources", f.hit.File, f.hit.Line)
	}
}

func (h *holder) embedded(at string) bool { return h.Embedded != nil && h.Embedded(at) }

// compiledIn reports what a name means and the program already holds.
func (h *holder) compiledIn(at string, f mention) bool {
	return f.rank < rankOpened && f.root == nil && h.embedded(at)
}

// own is a path relative to the root that holds it, as exclude: and Needless take it.
func (h *holder) own(at string) string {
	for _, r := range h.Roots {
		if rest, ok := strings.CutPrefix(at, prefixOf(r.Dir)); ok {
			return rest
		}
	}
	return at
}

// excluded reports what .dockerignore and exclude: keep out.
func (h *holder) excluded(at string, f mention) bool {
	s, why := h.Service, ""
	switch {
	case f.rank == rankWanted:
		return false
	case s.Excluded(h.own(at)) || s.Excluded(relativeTo(relativeTo(s.Context, s.Want.Path), at)):
		why = WhyExcluded
	case s.Ignore.Excludes(at):
		why = WhyIgnored
		if f.rank == rankOpened && !h.opened[at] {
			h.opened[at] = true
			s.Report(diag.Warning, CodeNamedOut, f.hit.File, f.hit.Line, "write files: ["+h.own(at)+"] for the service in slipway.yaml, or add !"+at+" to .dockerignore",
				"the program opens %s, which .dockerignore excludes", at)
		}
	default:
		return false
	}
	s.LeaveOut(why, at)
	return true
}
