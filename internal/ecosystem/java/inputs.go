package java

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// supplied are the patterns for a service without a .dockerignore. What builds
// make is named by its place: a package may be called build.
func (s *service) supplied() []string {
	out := append(ecosystem.Supplied(), "**/.gradle", "**/src/test", "**/*.iml", "**/*.md")
	for _, dir := range s.moduleDirs() {
		out = append(out, path.Join(dir, "target"), path.Join(dir, "build"), path.Join(dir, "bin"))
	}
	s.LookForSecrets(path.Join(s.at, "src/main/resources"))
	return ecosystem.Unhide(s.UnhidePublic(out, path.Clean), s.held)
}

// moduleDirs are the directories of all modules.
func (s *service) moduleDirs() []string {
	if s.maven == nil {
		return s.grade.projects
	}
	var out []string
	for _, p := range s.maven.modules {
		out = append(out, p.dir())
	}
	return out
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
		dir := strings.TrimSuffix(step.Args[0], "/")
		out = append(append(out, dir), s.HiddenSources(dir, func(name string, isDir bool) bool {
			return isDir && name != "test" && name != "src/test" || slices.Contains([]string{".java", ".kt", ".scala", ".groovy"}, path.Ext(name))
		})...)
	}
	return out
}

// copies brings in the sources of the modules that the service is built from,
// its own last.
func (s *service) copies() []plan.Step {
	var want []string
	if s.maven != nil {
		for _, p := range s.maven.needed {
			want = append(want, p.dir())
		}
	} else {
		want = s.gradleNeeds()
	}
	slices.SortStableFunc(want, func(a, b string) int {
		if (a == s.at) != (b == s.at) {
			return ternaryInt(a == s.at)
		}
		return strings.Compare(a, b)
	})
	var out []plan.Step
	for _, dir := range want {
		if files := sourceFiles(s.Dir, dir); len(files) > 0 {
			out = append(out, plan.Step{Op: plan.OpCopy, Args: append(files, into(dir))})
		}
		for _, at := range sourceDirs(s.Dir, dir, s.moduleDirs()) {
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

// sourceFiles are the files beside a build file that plugins read: settings of
// Lombok, of code checks and of assemblies.
func sourceFiles(tree fs.FS, dir string) []string {
	var out []string
	entries, _ := fs.ReadDir(tree, dir)
	for _, e := range entries {
		if n := e.Name(); !e.IsDir() && n != "pom.xml" && (n == "lombok.config" || path.Ext(n) == ".xml") {
			out = append(out, path.Join(dir, n))
		}
	}
	return out
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
