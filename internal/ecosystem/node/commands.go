package node

import (
	"path"
	"slices"
	"strings"
)

// work names what the builder does.
func (s *service) work() string {
	switch {
	case s.generate != "" && s.build != "":
		return "The sources, code generation and the build."
	case s.build != "":
		return "The sources and the build."
	}
	return "The program's files."
}

// run returns the command that starts a script, without npm's start-up time
// where nothing of npm's is asked for: from Node.js 22 on, node runs it; before,
// a script of plain compilers runs as it is written.
func (s *service) run(script string) string {
	all := s.pkg.Scripts
	_, pre := all["pre"+script]
	_, post := all["post"+script]
	text := all[script]
	switch {
	case s.inline && script == s.build:
		return s.inBin(text)
	case s.bun.runs() && s.manager.name == "bun":
		return "bun run " + script
	case pre || post || strings.Contains(text, "npm_") || strings.Contains(text, "INIT_CWD"):
	case s.node.major >= 22:
		return "node --run " + script
	case plainCompilers(text):
		return s.inBin(text)
	}
	return "npm run " + script
}

// inBin runs a command with the programs of the packages on its path.
func (s *service) inBin(command string) string {
	bin := path.Join(s.workDir(), "node_modules/.bin")
	if s.member != "" {
		bin = path.Join(s.workDir(), s.member, "node_modules/.bin") + ":" + bin
	}
	return "( PATH=" + bin + ":$PATH && " + command + " )"
}

// plainCompilers tells whether a script is a chain of compilers, code generators
// and commands for files that read neither npm's variables nor a configuration
// which is a program and might.
func plainCompilers(script string) bool {
	known := []string{"tsc", "tsc-alias", "swc", "esbuild", "proto-loader-gen-types", "pbjs", "pbts", "protoc", "cd", "cp", "mkdir", "rm", "rimraf", "copyfiles"}
	if strings.ContainsAny(script, "$`;|<>()\\\n#%") || strings.Contains(strings.ReplaceAll(script, "&&", ""), "&") {
		return false
	}
	for part := range strings.SplitSeq(script, "&&") {
		words := strings.Fields(part)
		if len(words) == 0 || !slices.Contains(known, words[0]) {
			return false
		}
	}
	return true
}
