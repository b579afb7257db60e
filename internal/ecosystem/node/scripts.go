package node

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// scripts finds what generates and builds, and what install scripts do.
func (s *service) scripts() {
	if s.Want.Build == "" && s.pkg.Scripts[s.building] == "" {
		s.buildOfStart()
	}
	if s.Want.Build == "" && s.pkg.Scripts[s.building] == "" && s.pkg.Scripts["heroku-postbuild"] != "" {
		s.building = "heroku-postbuild" // which takes the place of build where it exists
	}
	s.buildByAnotherName()
	all := s.pkg.Scripts
	if text, ok := all[s.building]; ok {
		s.build = s.building
		s.outDir = s.outputDir(text)
		if s.inline {
			why := "first command of the start script"
			if s.strangers != nil {
				why = "of this application alone"
			}
			s.Fact("build", text, why, "package.json", s.pkg.line("scripts"))
		} else {
			s.Fact("build", "npm run "+s.build, fmt.Sprintf("%q", text), "package.json", s.pkg.line("scripts", s.build))
		}
	} else if s.Want.Build != "" {
		s.OnConfig(codeNoBuild, "build: is one of its scripts: "+strings.Join(slices.Sorted(maps.Keys(all)), ", "), "package.json has no script %q", s.building)
	}
	s.findGenerator()
	s.lifecycleScripts()
}

// buildByAnotherName takes a script with a usual name for the build of a service
// that has none called build and starts from a file that is not there.
func (s *service) buildByAnotherName() {
	if s.Want.Build != "" || s.pkg.Scripts[s.building] != "" || !s.startsFromNothing() {
		return
	}
	for _, name := range []string{"build:production", "build:prod", "build:server", "compile", "build:ts", "tsc"} {
		if s.pkg.Scripts[name] != "" {
			s.building = name
			return
		}
	}
}

// startsFromNothing reports a start script that names a file in a directory of the
// service which is not in the tree.
func (s *service) startsFromNothing() bool {
	for _, name := range startScripts() {
		words := strings.Fields(s.unfolded(s.pkg.Scripts[name], 3))
		for i, w := range words {
			if i > 0 && words[0] != "" && slices.Contains(words[:i], "node") && !strings.HasPrefix(w, "-") && strings.Contains(path.Clean(w), "/") && plainPath().MatchString(path.Clean(w)) {
				return !s.isModule(w)
			}
		}
	}
	return false
}

// startScripts are the names of scripts that start a service, the one for
// production first.
func startScripts() []string { return []string{"start:prod", "start:production", "start"} }

// buildOfStart takes what a start script compiles for the build of a service
// that has no script for it: "tsc && node dist/a.js", or a prestart script.
func (s *service) buildOfStart() {
	for _, name := range startScripts() {
		text, ok := s.pkg.Scripts[name]
		if !ok {
			continue
		}
		build := s.pkg.Scripts["pre"+name]
		if i := strings.LastIndex(text, "&&"); i > 0 {
			build = strings.TrimSpace(text[:i])
		}
		if !s.onlyCompiles(build) {
			continue
		}
		pkg := *s.pkg // others may share it
		pkg.Scripts = maps.Clone(pkg.Scripts)
		pkg.Scripts[s.building] = build
		s.pkg, s.inline = &pkg, true
		return
	}
}

// onlyCompiles reports a script of compilers and of commands that clear for them.
func (s *service) onlyCompiles(script string) bool {
	found := false
	for _, command := range commandsOf(s.unfolded(script, 2)) {
		words := strings.Fields(strings.TrimPrefix(command, "npx "))
		tool := path.Base(words[0])
		compiles := slices.Contains([]string{"tsc", "nest", "swc", "babel", "webpack", "esbuild", "tsup", "rollup"}, tool)
		if !compiles && !slices.Contains([]string{"rm", "rimraf", "del-cli", "mkdir", "cp", "copyfiles", "tsc-alias", "npm", "yarn", "pnpm"}, tool) {
			return false
		}
		found = found || compiles
	}
	return found
}

// checkPrestart reports a script before the start that the image does not run.
func (s *service) checkPrestart(name string) {
	text := s.pkg.Scripts["pre"+name]
	if text == "" || s.onlyCompiles(text) || s.kindOf(text) != changesPackages {
		return
	}
	s.Report(diag.Warning, codePrestart, "package.json", s.pkg.line("scripts", "pre"+name), "run it as a service of type job, or as part of the program",
		"the pre%s script does not run when the image starts", name)
}
