package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// checkStart reports, before any step runs, a start that cannot work: TypeScript
// that nothing compiles, and files that are not there and that nothing makes.
func (s *service) checkStart() {
	if s.framework.start != nil || s.framework.complete || len(s.start) == 0 {
		return
	}
	for _, f := range s.namedFiles() {
		s.checkNamed(f[0], f[1])
	}
	entry, _ := s.startFile()
	if s.runner.name != "" || entry == "" || path.IsAbs(entry) || strings.HasPrefix(path.Clean(entry), "..") {
		return
	}
	file, exists := s.moduleFile(entry)
	switch {
	case exists && isTypeScript(file) && s.bun.runs():
	case exists && isTypeScript(file):
		s.checkTypeScript(entry)
	case exists && s.Ignore.Excludes(s.in(file)): // CheckIgnored reports it
	case exists && !s.ships(file):
		s.reportStart("the start file %s stays out of the image", entry)
	case exists:
	case s.changesTree():
		s.checkMade(entry)
	case ecosystem.Exists(s.Dir, "tsconfig.json") && s.node.major < 24 && !s.bun.runs():
		s.Report(diag.Error, codeNoBuild, "package.json", s.pkg.line("scripts"), `add "build": "tsc" to scripts`, "no script compiles the TypeScript source of %s", entry)
	default:
		s.reportStart("the start file %s does not exist", entry)
	}
}

// checkTypeScript reports TypeScript that this node does not run.
func (s *service) checkTypeScript(entry string) {
	loads := len(s.namedFiles()) > 0 || s.runsTypeScriptWith()
	if s.node.major < 24 && !loads {
		s.Report(diag.Error, codeNoBuild, "package.json", s.pkg.line("scripts"), `add "build": "tsc" to scripts`, "no script compiles the TypeScript source of %s", entry)
	}
}

// runsTypeScriptWith reports options of the command that make node run TypeScript.
func (s *service) runsTypeScriptWith() bool {
	return slices.ContainsFunc(s.start, func(w string) bool {
		return w == "--experimental-strip-types" || w == "--experimental-transform-types" || strings.Contains(w, "ts-node")
	})
}

// reportStart is an error about where the service starts from.
func (s *service) reportStart(format, entry string) {
	if len(s.Want.Command) > 0 {
		s.OnConfig(codeNoStart, "correct command: of the service", format, entry)
		return
	}
	s.Report(diag.Error, codeNoStart, "package.json", max(s.pkg.line("scripts", "start:prod"), s.pkg.line("scripts", "start"), s.pkg.line("main")),
		`fix the start script, or add "build" to scripts`, format, entry)
}

// changesTree reports a service whose tree is another one after the build.
func (s *service) changesTree() bool {
	return s.build != "" || s.generate != "" || s.prisma.generate || len(s.rootRuns) > 0
}

// checkMade reports a start file that the build cannot make: compilers alone
// write into one known directory, from sources of the same name.
func (s *service) checkMade(entry string) {
	if s.build == "" && s.onlyPreparesPackages() {
		s.reportStart("%s, which the service starts from, does not exist, and no script builds", entry)
		return
	}
	words := s.buildWords()
	alone := slices.ContainsFunc(words, func(w string) bool { return w == "tsc" || w == "nest" }) &&
		!slices.ContainsFunc(words, func(w string) bool {
			return w != "tsc" && w != "nest" && slices.Contains(compilers(), w) || slices.Contains([]string{"node", "cp", "mv", "copyfiles", "cpx", "rsync", "tar", "make", "sh", "bash", "ts-node", "tsx", "lerna", "gulp", "grunt"}, w)
		}) && !s.nestBundles() && s.generate == "" && len(s.rootRuns) == 0
	if !alone || s.outDir == "" || s.member != "" {
		return
	}
	line := max(s.pkg.line("scripts", "start:prod"), s.pkg.line("scripts", "start"), s.pkg.line("main"))
	clean := path.Clean(entry)
	if clean == s.outDir {
		clean += "/index.js"
	}
	if !strings.HasPrefix(clean, s.outDir+"/") {
		s.Report(diag.Error, codeNoStart, "package.json", line, "fix the start script, or outDir in "+s.project, "the start file %s does not exist; the build writes to %s", entry, s.outDir)
		return
	}
	base := strings.TrimSuffix(path.Base(clean), path.Ext(clean))
	if found, all := s.hasSource(base, path.Ext(clean) == ""); !found && all {
		s.Report(diag.Error, codeNoStart, "package.json", line, "fix the start script", "the start file %s has no source: no file is named %s.ts", entry, base)
	}
}

// onlyPreparesPackages reports a service whose own install scripts generate clients
// or change packages, and make nothing that could be started.
func (s *service) onlyPreparesPackages() bool {
	if s.generate != "" {
		return false
	}
	for _, run := range s.rootRuns {
		text := strings.TrimPrefix(run, "npm run ")
		if called := s.pkg.Scripts[text]; called != "" {
			text = s.unfolded(called, 3)
		}
		for _, command := range commandsOf(text) {
			words := strings.Fields(strings.TrimPrefix(command, "npx "))
			if !slices.Contains([]string{"prisma", "patch-package", "husky", "npm", "yarn", "pnpm"}, path.Base(words[0])) {
				return false
			}
		}
	}
	return true
}

// nestBundles reports a Nest application that webpack or swc builds, or several
// in one: their outputs have other names.
func (s *service) nestBundles() bool {
	data, err := ecosystem.Read(s.Dir, "nest-cli.json")
	return err == nil && (strings.Contains(string(data), "webpack") || strings.Contains(string(data), "monorepo") || strings.Contains(string(data), "entryFile"))
}

// hasSource looks for a source of a name; all is false when the tree was too
// large to see whole.
func (s *service) hasSource(base string, index bool) (found, all bool) {
	seen := 0
	all = true
	_ = fs.WalkDir(s.Dir, ".", func(p string, e fs.DirEntry, err error) error {
		if seen++; seen > maxTree {
			all = false
			return fs.SkipAll
		}
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not found
		}
		if e.IsDir() {
			if e.Name() == "node_modules" || p != "." && strings.HasPrefix(e.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		ext := path.Ext(p)
		stem := strings.TrimSuffix(e.Name(), ext)
		if stem == base && slices.Contains([]string{".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"}, ext) || index && stem == "index" && path.Base(path.Dir(p)) == base {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found, all
}

// checkNamed reports a file that an option of the start names and that is not in
// the image.
func (s *service) checkNamed(flag, value string) {
	if !strings.HasPrefix(value, ".") && flag != "--env-file" || strings.HasPrefix(path.Clean(value), "..") {
		return // a package, or a file beyond the service
	}
	file, exists := moduleFile(s.Dir, value)
	below := s.outDir != "" && strings.HasPrefix(path.Clean(value), s.outDir+"/")
	why := "does not exist"
	switch {
	case exists && s.ships(file), below && s.build != "", !exists && s.changesTree() && flag != "--env-file":
		return
	case exists:
		why = "stays out of the image"
	}
	const hint = "fix the start script, or name the file in files: of the service in slipway.yaml"
	if len(s.Want.Command) > 0 {
		s.OnConfig(codeStartFlag, "correct command: of the service, or name the file in files:", "%s names %s, which %s", flag, value, why)
		return
	}
	s.Report(diag.Error, codeStartFlag, "package.json", max(s.pkg.line("scripts", "start:prod"), s.pkg.line("scripts", "start")), hint, "%s of the start command names %s, which %s", flag, value, why)
}
