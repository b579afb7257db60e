package ecosystem

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// mentionedPath are words of settings and pages that can be paths: with a slash or an
// extension, or the whole value of a setting.
var mentionedPath = pattern.Lazy(`["'(=\s:,\[-]((?:\.{1,2}/)?[\w@.-]+(?:/[\w@.*-]+)+/?|(?:\./)?[\w@-][\w@.-]*\.[A-Za-z][\w]{0,9}|\./[\w@.-]+/?)["')\s,;\]>?#]`)

// isConfig reports a file that may name others: settings, pages and templates.
func isConfig(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".toml", ".ini", ".properties", ".conf", ".ron", ".xml", ".html", ".htm", ".tmpl", ".gohtml", ".tera", ".hbs", ".j2"}, strings.ToLower(path.Ext(name)))
}

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
			why := h.needless(at, e.IsDir())
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
		if name != at && h.needless(name, e.IsDir()) != "" {
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

// Limits of the settings and pages that are searched for names.
const (
	maxConfigs    = 300
	maxConfigSize = 256 << 10
)
