package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// lifecycle are the scripts that run when packages are installed.
func lifecycle() []string { return []string{"preinstall", "install", "postinstall", "prepare"} }

// The kinds of commands in install scripts, by what becomes of them.
type lifecycleKind int

const (
	changesPackages lifecycleKind = iota // perhaps: nobody knows what it does
	nothingToDo                          // it prepares the machine of a developer
	patchesPackages                      // patch-package
	generates                            // code, from the sources
	buildsService                        // what the build does anyhow
)

// lifecycleOf sorts a command of an install script.
func (s *service) lifecycleOf(command string) lifecycleKind {
	words := strings.Fields(command)
	for len(words) > 0 && (slices.Contains([]string{"npx", "--yes", "-y", "--no-install", "yarn", "pnpm", "bunx", "exec", "cross-env", "dotenv", "--"}, words[0]) && len(words) > 1 || strings.Contains(words[0], "=")) {
		if s.pkg.Scripts[words[1%len(words)]] != "" && (words[0] == "yarn" || words[0] == "pnpm") {
			break // yarn NAME runs a script
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return nothingToDo
	}
	tool := path.Base(words[0])
	second := ""
	if len(words) > 1 {
		second = words[1]
	}
	switch {
	case slices.Contains([]string{
		"husky", "lefthook", "simple-git-hooks", "is-ci", "yorkie", "ghooks", "pre-commit", "git", "only-allow", "exit", "true", ":", "echo", "opencollective", "opencollective-postinstall",
		"skip-ci", "check-node-version", "chmod", "test", "[", "pinst",
	}, tool), tool == "node" && strings.Contains(command, "husky"):
		return nothingToDo
	case tool == "patch-package":
		return patchesPackages
	case tool == "prisma" && second == "generate", tool == "nuxt" && second == "prepare", tool == "nuxi" && second == "prepare", tool == "svelte-kit" && second == "sync", tool == "astro" && second == "sync",
		tool == "fumadocs-mdx", tool == "panda" && second == "codegen", slices.Contains(codeTools(), tool):
		return generates
	case s.buildsAgain(strings.Join(words, " ")), slices.Contains([]string{"tsc", "tsup", "unbuild", "nest"}, tool) && s.build != "":
		return buildsService
	}
	if script, args, ok := runs(words); ok && len(args) == 0 && s.pkg.Scripts[script] != "" {
		return s.kindOf(s.pkg.Scripts[script])
	}
	return changesPackages
}

// kindOf is the most that a script does; of several things that differ, nobody
// knows.
func (s *service) kindOf(script string) lifecycleKind {
	kind := nothingToDo
	for _, command := range commandsOf(script) {
		switch k := s.lifecycleOf(command); {
		case k == nothingToDo || k == kind:
		case kind == nothingToDo:
			kind = k
		default:
			return changesPackages
		}
	}
	return kind
}

// lifecycleScripts decides on the service's own install scripts: what changes
// packages has to reach production.
func (s *service) lifecycleScripts() {
	for _, name := range lifecycle() {
		text, ok := s.pkg.Scripts[name]
		if !ok {
			continue
		}
		line := s.pkg.line("scripts", name)
		kind := changesPackages
		var rest []string // besides patch-package
		for _, command := range commandsOf(text) {
			if s.lifecycleOf(command) == patchesPackages && !strings.Contains(text, "||") {
				s.patchCommand(command, "package.json", line)
			} else {
				rest = append(rest, command)
			}
		}
		if kind = s.kindOf(strings.Join(rest, " && ")); len(rest) == 0 {
			continue
		}
		switch kind {
		case nothingToDo:
			s.Fact("install script", name+" does not run", "it only sets up a developer's machine", "package.json", line)
		case buildsService:
			s.Fact("install script", name+" does not run", "the build does the same", "package.json", line)
		case generates:
			s.rootRuns = append(s.rootRuns, strings.Join(rest, " && "))
			s.Fact("install script", name, "generates code, so it runs after the sources are copied", "package.json", line)
		default:
			s.rootRuns = append(s.rootRuns, "npm run "+name)
			s.carries = s.site == nil
			s.Report(diag.Info, codeLifecycle, "package.json", line, "patch-package with patches/ needs no sources, so a source change would not rebuild the packages",
				"the %s script may change packages, so production packages come from the stage that runs it, with the sources", name)
		}
	}
	s.topPatches()
}

// topPatches looks for patch-package in the install scripts of a workspace's root.
func (s *service) topPatches() {
	if s.member == "" {
		return
	}
	for _, name := range lifecycle() {
		for _, command := range commandsOf(s.root.Scripts[name]) {
			if s.lifecycleOf(command) == patchesPackages {
				s.patchCommand(command, s.topFile("package.json"), s.root.line("scripts", name))
			}
		}
	}
}

// patchCommand notes that packages are patched.
func (s *service) patchCommand(command, file string, line int) {
	words := strings.Fields(command)
	at := slices.IndexFunc(words, func(w string) bool { return path.Base(w) == "patch-package" })
	s.patches = append([]string{"patch-package"}, words[at+1:]...)
	s.patchDir = "patches"
	for i, w := range words {
		if w == "--patch-dir" && i+1 < len(words) {
			s.patchDir = path.Clean(words[i+1])
		} else if v, ok := strings.CutPrefix(w, "--patch-dir="); ok {
			s.patchDir = path.Clean(v)
		}
	}
	s.Fact("patches", s.patchDir, "patch-package patches installed packages, in production too", file, line)
}

// patched is the command that patches the packages of the working directory, ""
// for none. Where some packages are missing, patches of them are passed over;
// that all of them fit is seen where all packages are.
func (s *service) patched(complete bool) string {
	if len(s.patches) == 0 || !ecosystem.IsDir(s.top, s.patchDir) {
		return ""
	}
	command := strings.Join(s.patches, " ")
	if complete {
		return "CI=true npx --yes " + command
	}
	bin := path.Join(s.workDir(), "node_modules/.bin")
	return "env -u CI -u NODE_ENV PATH=" + bin + ":$PATH " + command
}

// carryFile is where the packages stage keeps the script below.
const carryFile = "/opt/slipway/carry.mjs"

// carryScript takes packages that an install script has changed to where those
// for production were installed: each whole, where the version is the same, and
// what was generated beside them. Arguments: the directories that hold both
// node_modules, and the member of a workspace.
const carryScript = `import { cpSync, existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [from, to, member] = process.argv.slice(2);
const isDir = (at) => existsSync(at) && lstatSync(at).isDirectory();
const version = (at) => (existsSync(join(at, "package.json")) ? JSON.parse(readFileSync(join(at, "package.json"), "utf8")).version : undefined);
const own = (at) => cpSync(join(from, at), join(to, at), { recursive: true, force: true, verbatimSymlinks: true, filter: (p) => !p.slice(join(from, at).length).includes("/node_modules") });

function carry(modules) {
  if (!isDir(join(from, modules))) return;
  for (const name of readdirSync(join(from, modules)).sort()) {
    const at = join(modules, name);
    if (!isDir(join(from, at)) || name === ".bin" || name === ".cache") continue;
    if (name === ".pnpm") {
      for (const each of readdirSync(join(from, at)).sort()) if (isDir(join(to, at, each))) carry(join(at, each, "node_modules"));
    } else if (name.startsWith("@")) {
      carry(at);
    } else if (name.startsWith(".")) {
      own(at);
    } else if (isDir(join(to, at)) && version(join(from, at)) === version(join(to, at))) {
      own(at);
      carry(join(at, "node_modules"));
    }
  }
}
carry("node_modules");
if (member) carry(join(member, "node_modules"));
`

// carry brings packages that scripts have changed to those for production.
func (s *service) carry() []plan.Step {
	return []plan.Step{{Op: plan.OpCopy, Args: []string{carryFile}, Content: carryScript, Comment: "Copies packages changed by install scripts to the production packages."}}
}
