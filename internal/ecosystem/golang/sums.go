package golang

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	modpath "golang.org/x/mod/module"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// gap is what go.mod, go.sum or vendor lack of what the program needs.
type gap struct {
	why, file string
	line      int
	required  bool // by go.mod: only the checksums are missing
}

// dependencies looks at what the modules need from outside. What go.mod and go.sum
// lack, go chooses and adds in the build.
func (s *service) dependencies() {
	listed := path.Join(s.top(), "vendor/modules.txt")
	if s.vendored = ecosystem.Exists(s.Dir, listed); s.vendored {
		g := s.vendorGap(listed)
		if g.why == "" {
			s.Fact("dependencies", "vendored", "committed to the repository", listed, 0)
			return
		}
		s.vendored = false
		s.Unwise(codeStale, g.file, g.line, s.inModule("go mod vendor")+", and commit vendor", "%s; the build downloads the modules instead", g.why)
	}
	sum := path.Join(s.module.dir, "go.sum")
	work := s.workspace != nil && ecosystem.Exists(s.Dir, path.Join(s.workspace.dir, "go.work.sum"))
	tidy := s.inModule("go mod tidy")
	g := s.gap()
	switch {
	case len(s.graph.imports) == 0 && !ecosystem.Exists(s.Dir, sum) || work && !ecosystem.Exists(s.Dir, sum):
		return
	case !ecosystem.Exists(s.Dir, sum):
		name := s.graph.sorted()[0]
		hit := s.graph.imports[name]
		s.modMod = s.workspace == nil
		s.Unwise(codeNoSum, path.Join(s.module.dir, "go.mod"), 0, tidy+", and commit go.sum",
			"go.sum is missing, but %s:%d imports %s; the build trusts the modules that it downloads", s.At(hit.File), hit.Line, name)
		s.Fact("dependencies", "modules", "no checksums", path.Join(s.module.dir, "go.mod"), 0)
	case g.why != "" && s.workspace != nil:
		s.Report(diag.Error, codeStale, g.file, g.line, tidy+", and commit go.mod and go.sum", "%s, and go adds nothing to a module of a workspace", g.why)
	case g.why != "":
		s.modMod = true
		then := "go chooses its newest version in each build, so builds can differ"
		if g.required {
			then = "the build trusts the module that it downloads"
		}
		s.Unwise(codeStale, g.file, g.line, tidy+", and commit go.mod and go.sum", "%s; %s", g.why, then)
		s.Fact("dependencies", "modules", "go completes them", sum, 0)
	default:
		s.Fact("dependencies", "modules", "checksums", sum, 0)
	}
	if g.why != "" && !g.required {
		s.newEnough()
	}
}

// newEnough compiles with the usual Go at least: go chooses the newest version of
// a module that go.mod lacks, which old releases cannot compile.
func (s *service) newEnough() {
	if s.Want.Version != "" || minorNumber(s.minor) >= minorNumber(defaultMinor) {
		return
	}
	s.minor = defaultMinor
	for i := range s.Facts {
		if s.Facts[i].Name == "runtime" {
			s.Facts[i].Value = "Go " + defaultMinor
			s.Facts[i].Evidence += ", and the newest modules need a newer one"
		}
	}
}

// gap returns the first imported package whose module go.mod or go.sum lack.
func (s *service) gap() gap {
	have := s.sums()
	for _, name := range s.graph.sorted() {
		hit := s.graph.imports[name]
		mod, version := s.provider(name)
		if mod == "" {
			return gap{why: fmt.Sprintf("go.mod requires no module with %s", name), file: hit.File, line: hit.Line}
		}
		if version == "" || s.workspace != nil { // a directory; a workspace's versions are those of all modules
			continue
		}
		if !have[mod+" "+version] || !have[mod+" "+version+"/go.mod"] {
			return gap{why: fmt.Sprintf("go.sum lacks %s %s, which has %s", mod, version, name), file: hit.File, line: hit.Line, required: true}
		}
	}
	if s.workspace != nil {
		return gap{}
	}
	for _, r := range s.module.file.Require { // go reads the go.mod of each
		if mod, version := s.replaced(r.Mod.Path, r.Mod.Version); version != "" && !have[mod+" "+version+"/go.mod"] {
			return gap{why: fmt.Sprintf("go.sum lacks the go.mod of %s %s", mod, version), file: path.Join(s.module.dir, "go.mod"), line: r.Syntax.Start.Line, required: true}
		}
	}
	return gap{}
}

// sums are the lines of go.sum without their digests.
func (s *service) sums() map[string]bool {
	have := map[string]bool{}
	data, _ := ecosystem.Read(s.Dir, path.Join(s.module.dir, "go.sum"))
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 {
			have[f[0]+" "+f[1]] = true
		}
	}
	return have
}

// provider returns the required module that a package is in, with its version, ""
// for a directory.
func (s *service) provider(name string) (mod, version string) {
	for _, m := range s.modules {
		for _, r := range m.file.Require {
			at := r.Mod.Path
			if (name == at || strings.HasPrefix(name, at+"/")) && len(at) > len(mod) {
				mod, version = at, r.Mod.Version
			}
		}
	}
	if mod == "" {
		return "", ""
	}
	replacement, version := s.replaced(mod, version)
	return replacement, version
}

// replaced returns what go reads in place of a module; no version for a directory.
func (s *service) replaced(mod, version string) (string, string) {
	all := s.module.file.Replace
	if s.workspace != nil {
		all = append(slices.Clone(all), s.workspace.file.Replace...)
	}
	for _, r := range all {
		if r.Old.Path != mod || r.Old.Version != "" && r.Old.Version != version {
			continue
		}
		if modfile.IsDirectoryPath(r.New.Path) {
			return mod, ""
		}
		return r.New.Path, r.New.Version
	}
	return mod, version
}

// vendorGap returns the first requirement that vendor/modules.txt does not have,
// with which go refuses the directory (go.dev/ref/mod#vendoring).
func (s *service) vendorGap(listed string) gap {
	if s.workspace != nil || s.module.file.Go == nil || minorNumber(minorOf(s.module.file.Go.Version)) < 14 {
		return gap{}
	}
	data, _ := ecosystem.Read(s.Dir, listed)
	have := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "#" {
			have[f[1]+" "+f[2]] = true
		}
	}
	for _, r := range s.module.file.Require {
		if !have[r.Mod.Path+" "+r.Mod.Version] {
			return gap{why: fmt.Sprintf("vendor/modules.txt lacks %s %s, which go.mod requires", r.Mod.Path, r.Mod.Version), file: path.Join(s.module.dir, "go.mod"), line: r.Syntax.Start.Line}
		}
	}
	return gap{}
}

// privacy is a setting that keeps modules from public servers.
var privacy = pattern.Lazy(`\bGO(?:PRIVATE|NOPROXY)\b["'` + "`" + `]?\s*(?:[:?]?=|:|,|\s)\s*["'` + "`" + `]?([\w./*,-]*[\w/*])`)

// privateFiles say how people and CI build the repository.
func privateFiles() []string {
	return []string{"Makefile", "makefile", "GNUmakefile", "Taskfile.yml", "Taskfile.yaml", "justfile", ".envrc", "Dockerfile", ".gitlab-ci.yml", ".github/workflows/*.y*ml", "mise.toml", "README.md"}
}

// findPrivate looks for a required module that comes from a server with a login.
func (s *service) findPrivate() {
	for _, dir := range []string{s.module.dir, s.top(), "."} {
		for _, p := range privateFiles() {
			names, _ := fs.Glob(s.Dir, path.Join(dir, p))
			for _, name := range names {
				data, err := ecosystem.Read(s.Dir, name)
				if err != nil || s.private.Found() {
					continue
				}
				h := ecosystem.Find(privacy(), name, data)
				for _, m := range s.modules {
					for _, r := range m.file.Require {
						if h.Found() && modpath.MatchPrefixPatterns(h.Text, r.Mod.Path) {
							s.private, s.privacy = ecosystem.Hit{Text: r.Mod.Path, File: h.File, Line: h.Line}, h.Text
						}
					}
				}
			}
		}
	}
	if s.private.Found() {
		s.Fact("private modules", s.privacy, s.private.Text+" is one; its server gets the login of --secret id=netrc,src=$HOME/.netrc", s.private.File, s.private.Line)
	}
}
