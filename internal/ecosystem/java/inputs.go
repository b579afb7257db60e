package java

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// supplied are the patterns for a service without a .dockerignore.
func (s *service) supplied() []string {
	return append(ecosystem.Supplied(), "**/target", "**/build", "**/.gradle", "**/bin", "**/src/test", "**/*.iml", "**/*.md")
}

// needed are the files that a .dockerignore must not keep out.
func (s *service) needed() []string {
	var out []string
	for _, args := range s.buildFiles() {
		for _, a := range args[:len(args)-1] {
			out = append(out, strings.TrimSuffix(a, "/"))
		}
	}
	for _, step := range s.copies() {
		out = append(out, strings.TrimSuffix(step.Args[0], "/"))
	}
	return out
}

// copies brings in the sources of the modules that the service is built from,
// its own last.
func (s *service) copies() []plan.Step {
	var own []string  // directories of all modules
	var want []string // of those that are needed
	if s.maven != nil {
		for _, p := range s.maven.modules {
			own = append(own, p.dir())
		}
		for _, p := range s.maven.needed {
			want = append(want, p.dir())
		}
	} else {
		own, want = s.grade.projects, s.gradleNeeds()
	}
	slices.SortStableFunc(want, func(a, b string) int {
		if (a == s.at) != (b == s.at) {
			return ternaryInt(a == s.at)
		}
		return strings.Compare(a, b)
	})
	var out []plan.Step
	for _, dir := range want {
		for _, at := range sourceDirs(s.Dir, dir, own) {
			if !s.Ignore.Own || !s.Ignore.Excludes(at) || path.Base(at) == "src" {
				out = append(out, ecosystem.CopyDir(at))
			}
		}
	}
	return out
}

func ternaryInt(ok bool) int {
	if ok {
		return 1
	}
	return -1
}

// sourceDirs are the directories of a module that a build may read: not those of
// other modules, of what a build makes, and of what only people read.
func sourceDirs(tree fs.FS, dir string, modules []string) []string {
	var out []string
	entries, _ := fs.ReadDir(tree, dir)
	for _, e := range entries {
		at := path.Join(dir, e.Name())
		skip := !e.IsDir() || strings.HasPrefix(e.Name(), ".") ||
			slices.Contains([]string{"target", "build", "out", "bin", "docs", "doc", "gradle", "buildSrc", "build-logic", "node_modules", "k8s", "helm", "deploy"}, e.Name()) ||
			slices.ContainsFunc(modules, func(m string) bool { return m == at || strings.HasPrefix(m, at+"/") })
		if !skip {
			out = append(out, at)
		}
	}
	return out
}

// gradleNeeds are the projects that the service's build file names, and those
// that they name.
func (s *service) gradleNeeds() []string {
	needed := []string{s.at}
	for i := 0; i < len(needed); i++ { // grows
		data, err := ecosystem.Read(s.Dir, first(s.Dir, needed[i], "build.gradle", "build.gradle.kts"))
		if err != nil {
			continue
		}
		for _, p := range s.grade.projects {
			name := ":" + strings.ReplaceAll(p, "/", ":")
			for _, quote := range []string{`"`, `'`} {
				if strings.Contains(string(data), "project("+quote+name+quote) && !slices.Contains(needed, p) {
					needed = append(needed, p)
				}
			}
		}
	}
	return needed
}
