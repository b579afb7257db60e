package ecosystem

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
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
	WhyLarge   = "a source has its name as a word, but no call opens it, and it is large"
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
			s.OnConfig(CodeNoFile, "correct the path, or delete the entry", "files: names %s, which does not exist", s.Want.Files[i].Path)
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
		s.Report(diag.Warning, CodeKey, f.hit.File, f.hit.Line, "mount the key when the service runs, and write exclude: ["+h.own(t.from)+"] for it in slipway.yaml",
			"the program opens the private key %s, so the image holds it", t.from)
	}
	h.hold(Held{From: t.from, To: t.to, Key: key}, f)
	h.mentions(t)
}

// holdsKey reports a private key that its name does not give away.
func (h *holder) holdsKey(at string) bool {
	if path.Ext(at) != ".pem" {
		return false
	}
	data, err := Read(h.Service.Dir, at)
	return err == nil && bytes.Contains(data[:min(len(data), maxConfigSize)], []byte("PRIVATE KEY-----"))
}

// hold adds an entry, with its fact when a name of its own brought it in.
func (h *holder) hold(e Held, f mention) {
	h.held = append(h.held, e)
	if f.hit.File != "" {
		h.Service.Fact("runtime files", strings.TrimPrefix(e.To, WorkDir+"/"), "a source names it", f.hit.File, f.hit.Line)
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
		h.Service.Fact("runtime files", strings.TrimPrefix(t.to, WorkDir+"/"), "a source names the directory", f.hit.File, f.hit.Line)
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

// mentionedPath are words of settings and pages that can be paths: with a slash or an
// extension, or the whole value of a setting.
var mentionedPath = pattern.Lazy(`["'(=\s:,\[-]((?:\.{1,2}/)?[\w@.-]+(?:/[\w@.*-]+)+/?|(?:\./)?[\w@-][\w@.-]*\.[A-Za-z][\w]{0,9}|\./[\w@.-]+/?)["')\s,;\]>?#]`)

// isConfig reports a file that may name others: settings, pages and templates.
func isConfig(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".toml", ".ini", ".properties", ".conf", ".ron", ".xml", ".html", ".htm", ".tmpl", ".gohtml", ".tera", ".hbs", ".j2"}, strings.ToLower(path.Ext(name)))
}

// Limits of the settings and pages that are searched for names.
const (
	maxConfigs    = 300
	maxConfigSize = 256 << 10
)

// mentions takes the names that a held file has in turn: settings name key files,
// pages name others beside them.
func (h *holder) mentions(t target) {
	s := h.Service
	if !isConfig(t.from) || len(h.done) > maxConfigs {
		return
	}
	info, err := fs.Stat(s.Dir, t.from)
	if err != nil || info.Size() > maxConfigSize {
		return
	}
	data, err := Read(s.Dir, t.from)
	if err != nil {
		return
	}
	beside := Root{Dir: path.Dir(t.from), To: path.Dir(t.to)}
	padded := []byte("\n" + string(data) + "\n")
	for at := 0; at < len(padded); {
		m := mentionedPath().FindSubmatchIndex(padded[at:])
		if m == nil {
			return
		}
		name := string(padded[at+m[2] : at+m[3]])
		hit := Hit{Text: name, File: t.from, Line: LineAt(data, int64(at+m[2]-1))}
		h.add(name, mention{rankWord, hit, nil})
		h.add(name, mention{rankWord, hit, &beside})
		at += m[3]
	}
}

// unbuilt reports a directory that a call opens and that a front end's build has
// yet to write.
func (h *holder) unbuilt(f mention) {
	name := relativeName(f.hit.Text, f.rank)
	if f.rank != rankOpened || f.hit.File == "" || strings.ContainsAny(name, "*?[") {
		return
	}
	for _, r := range h.Roots {
		at := path.Join(r.Dir, name)
		for dir := path.Dir(at); dir != "." && dir != r.Dir && !leads(dir); dir = path.Dir(dir) {
			if !Exists(h.Service.Dir, path.Join(dir, "package.json")) {
				continue
			}
			out := strings.TrimPrefix(at, dir+"/")
			if first, _, _ := strings.Cut(out, "/"); !slices.Contains([]string{"dist", "build", "out", "public", ".output", "www"}, first) {
				return
			}
			h.Service.Report(diag.Warning, CodeUnbuilt, f.hit.File, f.hit.Line, h.Service.FromHint(dir, strings.TrimPrefix(at, prefixOf(r.Dir))),
				"the program opens %s, which the build of %s writes; the image lacks it", at, dir)
			return
		}
	}
}

// FromHint is the line of slipway.yaml that takes what a front end's build writes.
func (s *Service) FromHint(project, to string) string {
	name := path.Base(project)
	return "make " + s.At(project) + " a service and write files: [{from: " + name + ", to: " + to + "}] for " + Or(s.Want.Name, "this service") + " in slipway.yaml"
}

// FromAnother reports a path of the build context that files: takes from another
// service's output.
func (s *Service) FromAnother(at string) bool {
	at = strings.TrimSuffix(at, "/*")
	return slices.ContainsFunc(s.Want.Files, func(f config.File) bool {
		to := path.Join(relativeTo(s.Context, s.Want.Path), Or(f.To, f.Path))
		return f.From != "" && (at == to || strings.HasPrefix(at, prefixOf(to)) || strings.HasPrefix(to, prefixOf(at)) || strings.HasSuffix(at, "/"+f.To))
	})
}

// rest notes what of the roots production does not hold.
func (h *holder) rest() {
	for i, r := range h.Roots {
		if i > 0 && (r.Dir == "." || strings.HasPrefix(h.Roots[0].Dir, r.Dir+"/")) { // a workspace holds other services
			continue
		}
		entries, _ := fs.ReadDir(h.Service.Dir, r.Dir)
		for _, e := range entries {
			at := path.Join(r.Dir, e.Name())
			if e.Name() == "slipway.yaml" || e.Name() == "slipway.lock" || slices.ContainsFunc(h.Roots, func(o Root) bool { return o.Dir == at || strings.HasPrefix(o.Dir, at+"/") }) || h.holds(at) {
				continue
			}
			why := Needless(h.own(at), e.IsDir())
			switch {
			case why != "" || e.IsDir() && e.Name() == "node_modules":
			case !e.IsDir() && (h.Source(at) || h.embedded(at)):
				continue
			case e.IsDir() && (h.embedded(at) || !h.data(at)):
				continue
			case e.IsDir() && h.project(at):
				why = WhyProject
			default:
				why = WhyUnnamed
			}
			if why != "" {
				h.Service.LeaveOut(why, at)
			}
		}
	}
}

// holds reports a path of which production holds something.
func (h *holder) holds(at string) bool {
	return slices.ContainsFunc(h.held, func(e Held) bool {
		return e.From == at || strings.HasPrefix(e.From, at+"/") || strings.HasPrefix(at, e.From+"/")
	})
}

// data reports a directory with a file that the program is not built from.
func (h *holder) data(at string) bool {
	found, seen := false, 0
	_ = fs.WalkDir(h.Service.Dir, at, func(name string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > 2000 {
			return fs.SkipAll
		}
		if name != at && Needless(h.own(name), e.IsDir()) != "" {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !e.IsDir() && !h.Source(name) && !h.embedded(name) && !slices.Contains([]string{".md", ".proto", ".txt"}, path.Ext(name)) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// covered sorts by place, and leaves out what a directory brings along.
func covered(all []Held) []Held {
	slices.SortFunc(all, func(a, b Held) int { return strings.Compare(a.To+"\x00"+a.From, b.To+"\x00"+b.From) })
	var out []Held
	places := map[string]bool{}
	for _, e := range all {
		if places[e.To] || slices.ContainsFunc(out, func(o Held) bool {
			return o.Dir && strings.HasPrefix(e.To, o.To+"/") && e.From == o.From+strings.TrimPrefix(e.To, o.To)
		}) {
			continue
		}
		places[e.To] = true
		out = append(out, e)
	}
	return out
}

// maxHeldCopies is how many instructions copy what production holds; of more,
// the builder puts it together.
const maxHeldCopies = 12

// outFiles is where the builder puts together what production holds.
const outFiles = "/out/files"

// CopyHeld returns the steps that bring files into production: straight from the
// context, so that a changed template compiles nothing; when that were too many,
// by way of the builder, whose sources lie below src and whose further steps are
// returned too.
func CopyHeld(all []Held, src string, owner string) (builder, production []plan.Step) {
	type group struct{ to, owner string }
	files := map[group][]string{}
	var order []group
	for _, e := range all {
		if e.Dir {
			production = append(production, plan.Step{Op: plan.OpCopy, Link: true, Args: []string{e.From + "/", e.To + "/"}})
			continue
		}
		g := group{to: path.Dir(e.To) + "/"}
		if e.Key {
			g.owner = owner
		}
		if path.Base(e.From) != path.Base(e.To) {
			g.to = e.To
		}
		if files[g] == nil {
			order = append(order, g)
		}
		files[g] = append(files[g], e.From)
	}
	for _, g := range order {
		production = append(production, plan.Step{Op: plan.OpCopy, Link: true, Chown: g.owner, Args: append(files[g], g.to)})
	}
	if len(production) <= maxHeldCopies {
		if len(production) > 0 {
			production[0].Comment = "Files that the program opens by their names."
		}
		return nil, production
	}
	return heldInBuilder(all, src)
}

// heldInBuilder copies whole directories to the builder, and of them what
// production holds to a directory that is copied at once.
func heldInBuilder(all []Held, src string) (builder, production []plan.Step) {
	tops := map[string]bool{}
	var command, loose []string
	var dirs []string
	for _, e := range all {
		if top, _, nested := strings.Cut(e.From, "/"); nested || e.Dir {
			tops[top] = true
		} else {
			loose = append(loose, e.From)
		}
		dirs = append(dirs, outFiles+path.Dir(e.To))
		command = append(command, "cp -R "+strings.Join(Quoted([]string{src + "/" + e.From, outFiles + e.To}), " "))
	}
	slices.Sort(dirs)
	for _, top := range sortedNames(tops) {
		builder = append(builder, CopyDir(top))
	}
	if len(loose) > 0 {
		builder = append(builder, plan.Step{Op: plan.OpCopy, Args: append(loose, "./")})
	}
	builder = append(builder, plan.Step{Op: plan.OpRun, Comment: "Files that the program opens by their names.",
		Shell: "mkdir -p " + strings.Join(Quoted(slices.Compact(dirs)), " ") + " && " + strings.Join(command, " && ")})
	return builder, []plan.Step{{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outFiles + "/", "/"}}}
}

func sortedNames(set map[string]bool) []string {
	var out []string
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
