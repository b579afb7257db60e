package detect

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// propose completes services whose compiler embeds a directory that only the build
// of a front end in the same repository writes: with files: from that service.
// Without them the program does not compile, or it serves a placeholder.
func (r repository) propose(found []Found) []Found {
	sites := slices.DeleteFunc(slices.Clone(found), func(f Found) bool { return f.Service.Ecosystem != "node" || outputFact(f) == "" })
	if len(sites) == 0 {
		return found
	}
	for i, f := range found {
		if f.Dockerfile != "" || len(f.Service.Files) > 0 {
			continue
		}
		want := config.Service{Name: f.Service.Name, Path: f.Service.Path}
		var notes []plan.Fact
		for _, e := range r.unwritten(f.Service, sites) {
			site, ok := r.siteOf(e.dir, sites)
			if !ok || slices.ContainsFunc(want.Files, func(w config.File) bool { return w.From == site.Service.Name }) {
				continue
			}
			to := ecosystem.Below(f.Service.Path, e.dir)
			want.Files = append(want.Files, config.File{From: site.Service.Name, To: to})
			notes = append(notes, plan.Fact{Name: "files", Value: to, Evidence: e.why + ", and the build of " + site.Service.Name + " writes it", File: e.file, Line: e.line})
		}
		if len(want.Files) == 0 {
			continue
		}
		if again, findings := inspect(r, want, nil); again.Service.Name != "" {
			again.Service.Path, again.Service.Files, again.Findings = want.Path, want.Files, findings
			again.Facts = append(notes, again.Facts...)
			found[i] = again
		}
	}
	return found
}

// outputFact is what a front end's build writes, relative to its directory; "" for
// services that are none.
func outputFact(f Found) string {
	for _, fact := range f.Facts {
		if fact.Name == "build output" && f.Service.Type == "static" {
			return fact.Value
		}
	}
	return ""
}

// embedded is a directory that a compiler makes part of a program.
type embedded struct {
	dir  string // relative to the repository
	why  string
	file string
	line int
}

// unwritten are the directories below a service that its sources embed and that hold
// nothing yet, or only a placeholder that lets the program compile. Sources beside
// front ends are read first: of a large repository not all are.
func (r repository) unwritten(s config.Service, sites []Found) []embedded {
	sign, ext, why := goEmbed(), ".go", "go:embed names it"
	switch s.Ecosystem {
	case "go":
	case "rust":
		sign, ext, why = rustEmbed(), ".rs", "the compiler embeds it"
	default:
		return nil
	}
	var out []embedded
	for _, top := range append(sitesBelow(s.Path, sites), s.Path) {
		dir, err := fs.Sub(r.tree, top)
		if err != nil {
			continue
		}
		ecosystem.EachSource(dir, func(name string, isDir bool) bool {
			base := path.Base(name)
			return isDir && !strings.HasPrefix(base, ".") && !skipped(base) || path.Ext(name) == ext && !strings.HasSuffix(name, "_test.go")
		}, func(name string, data []byte) {
			file := path.Join(top, name)
			for _, m := range sign.FindAllSubmatchIndex(data, -1) {
				for _, word := range strings.Fields(string(data[m[2]:m[3]])) {
					at := embeddedDir(s.Path, file, word, s.Ecosystem)
					if at != "" && !slices.ContainsFunc(out, func(e embedded) bool { return e.dir == at }) && placeholder(r.tree, at) {
						out = append(out, embedded{at, why, file, ecosystem.LineAt(data, int64(m[0]))})
					}
				}
			}
		})
	}
	return out
}

// sitesBelow are the directories of front ends that lie in a service's.
func sitesBelow(at string, sites []Found) []string {
	var out []string
	for _, s := range sites {
		if p := s.Service.Path; p != at && (at == "." || strings.HasPrefix(p, at+"/")) {
			out = append(out, p)
		}
	}
	return out
}

// embeddedDir is the directory that a pattern of an embedding source names,
// relative to the repository; "" when it is the source's own, or lies outside of
// the service.
func embeddedDir(service, file, word, language string) string {
	word = strings.TrimPrefix(strings.Trim(word, "\"`"), "all:")
	word, _, _ = strings.Cut(word, "*")
	if word = path.Clean(word); word == "." || path.IsAbs(word) || path.Ext(word) != "" {
		return ""
	}
	at := path.Join(service, word)
	if language == "go" {
		at = path.Join(path.Dir(file), word)
	}
	if at == service || at == ".." || strings.HasPrefix(at, "../") || service != "." && !strings.HasPrefix(at, service+"/") {
		return ""
	}
	return at
}

// Bounds of what only holds the place of a front end's output.
const (
	maxHeld     = 3    // files
	maxHeldSize = 2048 // bytes of a page
)

// placeholder reports a directory that does not exist, or that holds the place of
// what a build writes: hidden files, a note, one short page.
func placeholder(dir fs.FS, at string) bool {
	entries, err := fs.ReadDir(dir, at)
	if err != nil {
		return !ecosystem.Exists(dir, at)
	}
	if len(entries) > maxHeld {
		return false
	}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		info, err := e.Info()
		if e.IsDir() || err != nil {
			return false
		}
		note := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "readme") || path.Ext(name) == ".txt" || name == "placeholder" || name == "empty"
		if !note && (name != "index.html" || info.Size() > maxHeldSize) {
			return false
		}
	}
	return true
}

// outputFlag is an option of a front end's tool that names the directory of its
// output.
var outputFlag = pattern.Lazy(`--(?:outDir|out-dir|output-path|outputPath|dist-dir|dest|outdir)[= ]+([\w./-]+)`)

// siteOf is the front end whose build writes a directory: the one that says so, or
// the only one of the repository when the directory is called as outputs are.
func (r repository) siteOf(dir string, sites []Found) (Found, bool) {
	for _, s := range sites {
		if path.Join(s.Service.Path, outputFact(s)) == dir || r.scriptWrites(s.Service.Path, dir) {
			return s, true
		}
	}
	if len(sites) == 1 && usualOutput().MatchString(path.Base(dir)) {
		return sites[0], true
	}
	return Found{}, false
}

var usualOutput = pattern.Lazy(`^(?:dist|build|out|public|static|web|www|ui|client|frontend|site|webapp|assets)$`)

// scriptWrites reports a package.json with a script that writes a directory of the
// repository.
func (r repository) scriptWrites(at, dir string) bool {
	data, err := ecosystem.Read(r.tree, path.Join(at, "package.json"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(outputsOf(outputFlag(), data), func(out string) bool { return path.Join(at, out) == dir })
}

func outputsOf(flag *regexp.Regexp, data []byte) []string {
	var out []string
	for _, m := range flag.FindAllSubmatch(data, -1) {
		out = append(out, string(m[1]))
	}
	return out
}
