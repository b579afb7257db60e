package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// outputDir finds the directory that the build writes: what slipway.yaml says,
// the framework's, the compiler's flag, then tsconfig's outDir, then where the
// service starts from when nothing is there yet. Without one the build is taken
// to work on the tree as it is: whatever it writes is in production.
func (s *service) outputDir(build string) string {
	s.project = "tsconfig.json"
	if s.site != nil {
		return s.siteTop()
	}
	if s.Want.Output != "" {
		s.Configured("build output", s.Want.Output)
		return s.Want.Output
	}
	if strings.HasPrefix(build, "nest build") && ecosystem.Exists(s.Dir, "tsconfig.build.json") {
		s.project = "tsconfig.build.json" // Nest's default
	}
	line := s.pkg.line("scripts", s.building)
	if s.framework.out != "" {
		return s.noteOutput(s.framework.out, "the output directory of "+s.framework.name, "package.json", line)
	}
	words := strings.Fields(s.unfolded(build, 3))
	for i, w := range words {
		if i+1 < len(words) && (w == "-p" || w == "--project") {
			s.project = words[i+1]
		}
		for _, flag := range []string{"--outDir", "--outdir", "--out-dir", "--output-path"} {
			if w == flag && i+1 < len(words) {
				return s.noteOutput(words[i+1], "build script", "package.json", line)
			}
			if v, ok := strings.CutPrefix(w, flag+"="); ok {
				return s.noteOutput(v, "build script", "package.json", line)
			}
		}
	}
	if dir, _ := s.nxProgram(); dir != "" {
		return s.noteOutput(dir, "outputPath", "project.json", 0)
	}
	if out, file, line := compilerOutDir(s.Dir, s.project, 4); out != "" {
		return s.noteOutput(out, "outDir", file, line)
	}
	for _, entry := range []string{s.pkg.Main, lastWord(s.pkg.Scripts["start:prod"]), lastWord(s.pkg.Scripts["start"])} {
		first, _, nested := strings.Cut(path.Clean(entry), "/")
		if nested && first != "src" && first != "node_modules" && fs.ValidPath(path.Clean(entry)) && !s.isModule(entry) {
			return s.noteOutput(first, "directory of the start file", "package.json", 0)
		}
	}
	s.Fact("build output", "beside the sources", "no file names a directory", "", 0)
	return ""
}

func (s *service) noteOutput(dir, evidence, file string, line int) string {
	dir = path.Clean(strings.Trim(dir, `"'`))
	if dir == "." || strings.HasPrefix(dir, "..") || strings.HasPrefix(dir, "/") {
		dir = "" // the build writes beside its sources
	}
	s.Fact("build output", ecosystem.Or(dir, "beside the sources"), evidence, file, line)
	return dir
}

// isModule reports a path that node finds a file of the tree for.
func (s *service) isModule(entry string) bool {
	_, ok := moduleFile(s.Dir, entry)
	return ok
}

// moduleFile is the file that node loads for a path.
func moduleFile(dir fs.FS, entry string) (string, bool) {
	entry = path.Clean(entry)
	if !fs.ValidPath(entry) {
		return "", false
	}
	for _, end := range []string{"", ".js", ".cjs", ".mjs", ".json", ".node", "/index.js", "/index.cjs", "/index.mjs"} {
		if name := path.Clean(entry + end); ecosystem.Exists(dir, name) && !ecosystem.IsDir(dir, name) {
			return name, true
		}
	}
	return "", false
}

// builtAnew reports a directory that the build makes, of which a copy in the
// repository is left over from an earlier one. One that the repository keeps,
// because its .gitignore does not name it, is a source as well.
func (s *service) builtAnew(name string) bool {
	return (s.outDir != "" && name == s.outDir || s.build != "" && slices.Contains(ownOutputs(), name)) && !s.keptInGit(name)
}

// ownOutputs are directories of frameworks that hold what they have made.
func ownOutputs() []string {
	return []string{".next", ".nuxt", ".output", ".svelte-kit", ".vinxi", ".docusaurus", ".angular", "storybook-static"}
}

// keptInGit reports a directory that a .gitignore, of which there is one, does
// not name.
func (s *service) keptInGit(name string) bool {
	found := false
	for _, at := range []struct {
		dir  fs.FS
		path string
	}{{s.Dir, name}, {s.top, s.in(name)}, {s.repo, s.At(name)}} {
		if at.dir == nil {
			continue
		}
		data, err := ecosystem.Read(at.dir, ".gitignore")
		if err != nil {
			continue
		}
		found = true
		if gitIgnores(string(data), at.path) {
			return false
		}
	}
	return found
}

// gitIgnores reports a path that lines of a .gitignore name, as far as they are
// plain: the last that does decides.
func gitIgnores(text, name string) bool {
	out := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, not := strings.CutPrefix(line, "!")
		line = strings.TrimSuffix(strings.TrimSuffix(line, "/**"), "/")
		glob, rooted := strings.CutPrefix(line, "/")
		if !rooted && !strings.Contains(glob, "/") {
			glob = "**/" + glob
		}
		parts := strings.Split(name, "/")
		for i := range parts {
			if globMatch(glob, strings.Join(parts[:i+1], "/")) {
				out = !not
			}
		}
	}
	return out
}

func lastWord(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

// compilers are programs of build scripts that turn sources into others, each
// into a directory of its own.
func compilers() []string {
	return []string{
		"tsc", "tspc", "ttsc", "nest", "swc", "tsup", "esbuild", "ncc", "webpack", "rollup", "rolldown", "tsdown", "vite", "babel", "unbuild", "pkgroll", "parcel", "rspack",
		"rsbuild", "remix", "react-router", "astro", "svelte-kit", "nuxt", "next", "turbo", "nx", "bun", "gulp",
	}
}

// compiles reports a build that calls a compiler.
func (s *service) compiles() bool {
	if s.build == "" {
		return false
	}
	return s.framework.out != "" || slices.ContainsFunc(s.buildWords(), func(w string) bool { return slices.Contains(compilers(), w) })
}

// buildWords are the words of the build script and of the scripts that it calls.
func (s *service) buildWords() []string {
	return strings.FieldsFunc(s.unfolded(s.pkg.Scripts[s.building], 3), func(r rune) bool { return strings.ContainsRune(" \t\"';&|(){}=", r) })
}

// runsTypeScript reports a service that may run TypeScript as it is: production
// has a package for it.
func (s *service) runsTypeScript() bool {
	for _, name := range []string{"tsx", "ts-node", "ts-node-dev", "@swc-node/register", "@swc/register", "esbuild-register", "jiti", "sucrase"} {
		if _, ok := s.pkg.Dependencies[name]; ok {
			return true
		}
	}
	file, _ := s.startFile()
	return isTypeScript(file)
}

func isTypeScript(file string) bool {
	return slices.Contains([]string{".ts", ".mts", ".cts", ".tsx"}, path.Ext(file))
}
