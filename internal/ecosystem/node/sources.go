package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// findSources decides which entries of the service's directory the build reads,
// and which of them production needs. What is not known is copied: a missing
// input breaks a build, one too many only costs cache hits.
func (s *service) findSources() {
	entries, err := fs.ReadDir(s.Dir, ".")
	if err != nil {
		s.Report(diag.Error, codeManifest, "package.json", 0, "", "the directory cannot be read: %v", err)
		return
	}
	for _, e := range entries {
		name := e.Name()
		if s.isInput(name, e.IsDir()) {
			s.sources = append(s.sources, name)
		}
	}
	if s.site != nil {
		s.sources = append(s.sources, s.environmentFiles()...)
		return
	}
	if s.framework.complete {
		return
	}
	if s.build == "" {
		s.runtime = s.sources
		s.checkCompiled()
		return
	}
	for _, name := range s.sources {
		if slices.Contains(runtimeDirs(), name) && ecosystem.IsDir(s.Dir, name) {
			s.runtime = append(s.runtime, name)
		}
	}
	if s.outDir == "" {
		s.runtime = s.sources
	}
	if len(s.runtime) > 0 && s.outDir != "" {
		s.Fact("runtime files", strings.Join(s.runtime, ", "), "directories that programs read while they run", "", 0)
	}
}

// runtimeDirs are directories that programs read while they run.
func runtimeDirs() []string {
	return []string{"proto", "protos", "public", "views", "templates", "static", "assets", "config", "locales", "migrations"}
}

// checkCompiled reports TypeScript that nothing compiles.
func (s *service) checkCompiled() {
	if len(s.start) < 2 || s.start[0] != "node" {
		return
	}
	entry := s.start[len(s.start)-1]
	ts := strings.HasSuffix(entry, ".ts") || !ecosystem.Exists(s.Dir, entry) && ecosystem.Exists(s.Dir, "tsconfig.json")
	if ts && s.major < 24 {
		s.Report(diag.Error, codeNoBuild, "package.json", s.pkg.line("scripts"), `add "build": "tsc" to scripts`, "nothing compiles the TypeScript that %s comes from", entry)
	} else if !ts && strings.HasSuffix(entry, "js") && !ecosystem.Exists(s.Dir, path.Clean(entry)) {
		s.Report(diag.Error, codeNoStart, "package.json", s.pkg.line("scripts", "start"), `correct the start script, or add "build" to scripts`, "%s, which the service starts from, does not exist", entry)
	}
}

// isInput tells whether the build may read an entry of the directory.
func (s *service) isInput(name string, dir bool) bool {
	switch {
	case name == "node_modules", name == s.outDir, s.Ignore.Excludes(s.in(name)):
		return false
	case name == "package.json", name == s.manager.lock, slices.Contains(s.manager.files, name), strings.HasPrefix(name, ".yarn"), strings.HasPrefix(name, ".pnp."):
		return false // copied before
	case s.mentioned(name):
		return true
	case name == "project.json" && !s.orchestrated("nx"), name == "turbo.json" && !s.orchestrated("turbo"):
		return false
	case dir:
		return !s.isIdleDir(name)
	}
	return !isIdleFile(name)
}

// mentioned tells whether a script of the build names an entry.
func (s *service) mentioned(name string) bool {
	for _, script := range []string{s.generate, s.build, "pre" + s.build, "post" + s.build, "pre" + s.generate} {
		words := strings.FieldsFunc(s.pkg.Scripts[script], func(r rune) bool { return strings.ContainsRune(" =/'\":;&|(),", r) })
		if slices.Contains(words, name) {
			return true
		}
	}
	return false
}

// isIdleDir knows directories that no build of a service reads.
func (s *service) isIdleDir(name string) bool {
	if strings.HasPrefix(name, ".") || slices.Contains([]string{"coverage", "docs", "doc", "examples", "bench", "k8s", "deploy", "helm"}, name) {
		return true
	}
	if !slices.Contains([]string{"test", "tests", "__tests__", "__mocks__", "e2e", "spec", "cypress"}, name) {
		return false
	}
	if s.build == "" || !ecosystem.Exists(s.Dir, s.project) {
		return true
	}
	c, _, err := readTSConfig(s.Dir, s.project)
	if err != nil {
		return false
	}
	if slices.Contains(c.Exclude, name) {
		return true
	}
	if c.Include == nil && c.Files == nil {
		return false // the compiler reads everything
	}
	return !slices.ContainsFunc(append(c.Include, c.Files...), func(p string) bool {
		first, _, _ := strings.Cut(strings.TrimPrefix(p, "./"), "/")
		return first == name || strings.Contains(first, "*") || first == "." || first == ""
	})
}

// isIdleFile knows files that no build of a service reads.
func isIdleFile(name string) bool {
	lower := strings.ToLower(name)
	switch path.Ext(lower) {
	case ".md", ".log", ".tsbuildinfo", ".lock":
		return true
	}
	for _, prefix := range []string{
		"license", "licence", "notice", "readme", "changelog", "dockerfile", "docker-compose", "compose.", "makefile", "procfile", "jest.config.",
		"vitest.config.", "playwright.config.", "cypress.config.", "eslint.config.", "prettier.config.", "commitlint.config.", "lint-staged.config.", "nodemon.json", "slipway.",
		".git", ".docker", ".editorconfig", ".eslint", ".prettier", ".nvmrc", ".node-version", ".tool-versions", ".env", ".ds_store", ".mocharc", ".nycrc", ".travis", ".npmignore",
	} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return false
}

// copies returns the COPY operands of the sources: one list for the files of the
// directory, then one a directory, those that change least first.
func copies(dir fs.FS, names []string) (files []string, dirs []string) {
	for _, name := range names {
		if ecosystem.IsDir(dir, name) {
			dirs = append(dirs, name)
		} else {
			files = append(files, name)
		}
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return weight(a) - weight(b) })
	return files, dirs
}

// weight orders directories by how often they change.
func weight(name string) int {
	switch name {
	case "proto", "protos":
		return 0
	case "src", "lib", "app":
		return 2
	}
	return 1
}
