package proof

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// defaultPath is the search path of a container whose image sets none (runc and
// the Docker Engine agree).
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// start follows the start command through wrappers and interpreters to the
// program of the service.
func (c *check) start() {
	argv := append(slices.Clone(c.Config.Entrypoint), c.Config.Cmd...)
	if len(argv) == 0 || argv[0] == "" {
		c.broken(CodeNothing, c.startPlace(), c.setting(`command: ["node", "server.js"]`), "the image has neither an entrypoint nor a command")
		return
	}
	c.whereItStarts()
	c.variables(argv)
	for wrapped := range 8 { // wrappers of wrappers end
		file, ok := c.program(argv[0])
		if !ok {
			return
		}
		if !c.isProgram(argv[0], file, wrapped > 0) {
			return
		}
		c.started = true
		if file.ELF != nil {
			c.loads(file)
		}
		inner, more := unwrap(argv)
		if file.Shebang != "" && !more {
			if !c.interpreted(argv[0], file) {
				return
			}
			inner, more = c.entrypoint(argv, file)
		}
		if !more {
			c.language(argv, file)
			return
		}
		argv = inner
	}
}

// find looks a program up as execvp does: a bare name in PATH.
func (c *check) find(name string) (layer.File, bool) {
	if strings.Contains(name, "/") {
		return c.tree.Lookup(c.abs(name))
	}
	dirs := c.env["PATH"]
	if dirs == "" {
		dirs = defaultPath
	}
	var first layer.File
	found := false
	for dir := range strings.SplitSeq(dirs, ":") {
		f, ok := c.tree.Lookup(c.abs(path.Join(dir, name)))
		if !ok || f.Kind == layer.Directory {
			continue
		}
		if c.may(f, 1) {
			return f, true
		}
		if !found {
			first, found = f, true
		}
	}
	return first, found
}

// program finds what is to be executed and reports why that fails.
func (c *check) program(name string) (layer.File, bool) {
	f, ok := c.find(name)
	if !ok {
		c.broken(CodeProgram, c.startPlace(), c.programHint(name), "the start command runs %s, which is not in the image", name)
		return f, false
	}
	at := "/" + f.Path
	if dir, closed := c.closedTo(f.Path); closed {
		c.broken(CodeExecute, c.startPlace(), "chmod a+rx "+dir, "the user %s cannot enter %s, where the start command's %s is", c.user.name, dir, path.Base(at))
		return f, false
	}
	if f.Kind == layer.Directory {
		c.broken(CodeExecute, c.startPlace(), "name the program in it", "the start command runs %s, which is a directory", at)
		return f, false
	}
	if !c.may(f, 1) {
		c.broken(CodeExecute, c.startPlace(), "git update-index --chmod=+x "+strings.TrimPrefix(at, "/app/")+", or chmod a+rx "+at+" in the build",
			"the start command runs %s, which the user %s cannot execute (mode %04o, owner %d:%d)", at, c.user.name, f.Mode, f.UID, f.GID)
		return f, false
	}
	return f, true
}

// programHint is the next thing to do about a missing program.
func (c *check) programHint(name string) string {
	base := path.Base(name)
	if words := strings.Fields(name); len(words) > 1 {
		if _, ok := c.find(words[0]); ok {
			return "write the words apart: " + c.setting("command: "+quotedWords(words))
		}
	}
	switch {
	case base == "sh" || base == "bash":
		return c.setting("shell: true")
	case slices.Contains([]string{"npm", "npx", "yarn", "pnpm"}, base):
		return "start the program itself: " + c.setting(`command: ["node", "FILE"]`)
	case strings.HasPrefix(name, "/app/") || strings.HasPrefix(name, "./"):
		return "let the build write it there, or " + c.setting("command:") + " with another program"
	}
	return "add it to the dependencies, or " + c.setting("packages: {runtime: ["+packageOfProgram(base)+"]}")
}

// interpreted checks the interpreter of a script.
func (c *check) interpreted(name string, script layer.File) bool {
	if !c.may(script, 4) {
		c.broken(CodeRead, c.startPlace(), "chmod a+r /"+script.Path, "the user %s cannot read the script %s", c.user.name, "/"+script.Path)
		return false
	}
	line := script.Shebang
	if strings.HasSuffix(line, "\r") {
		c.broken(CodeInterpreter, c.place(script.Path, 1, ""), "end its lines with LF: *.sh text eol=lf in .gitattributes",
			"%s has Windows line endings, so its interpreter is not found", name)
		return false
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return true
	}
	program := words[0]
	f, ok := c.tree.Lookup(program)
	if ok && path.Base(program) == "env" && len(words) > 2 && !strings.HasPrefix(words[1], "-") {
		c.broken(CodeInterpreter, c.place(script.Path, 1, ""), "write #!/usr/bin/env -S "+strings.Join(words[1:], " "),
			"the first line of %s passes env one argument, %q, and there is no program of that name", name, strings.Join(words[1:], " "))
		return false
	}
	if ok && path.Base(program) == "env" && len(words) > 1 {
		program = envProgram(words[1:])
		f, ok = c.find(program)
	}
	if program == "" {
		return true
	}
	if !ok || f.Kind == layer.Directory {
		c.broken(CodeInterpreter, c.place(script.Path, 1, ""), c.programHint(program), "the script %s requires the interpreter %s, which is not in the image", name, program)
		return false
	}
	if !c.may(f, 1) {
		c.broken(CodeExecute, c.place(script.Path, 1, ""), "chmod a+rx /"+f.Path, "the user %s cannot execute %s, the interpreter of %s", c.user.name, program, name)
		return false
	}
	if f.ELF != nil {
		c.loads(f)
	}
	return true
}

// envProgram is the program that env starts.
func envProgram(words []string) string {
	for _, w := range words {
		if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
			return w
		}
	}
	return ""
}

// unwrap returns the command that a wrapper starts.
func unwrap(argv []string) (inner []string, ok bool) {
	rest := argv[1:]
	switch path.Base(argv[0]) {
	case "tini", "tini-static", "dumb-init", "catatonit", "docker-init":
		for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
			flag := rest[0]
			rest = rest[1:]
			if flag == "--" {
				break
			}
			if (flag == "-e" || flag == "-p" || flag == "-r") && len(rest) > 0 {
				rest = rest[1:]
			}
		}
	case "env":
		for len(rest) > 0 && (strings.HasPrefix(rest[0], "-") || strings.Contains(rest[0], "=")) {
			rest = rest[1:]
		}
	case "su-exec", "gosu":
		rest = rest[min(1, len(rest)):]
	case "sh", "bash", "dash", "ash":
		return unwrapShell(rest)
	default:
		return nil, false
	}
	return rest, len(rest) > 0
}

// unwrapShell returns the command of sh -c, when it is one plain command.
func unwrapShell(rest []string) ([]string, bool) {
	if len(rest) < 2 || !strings.HasPrefix(rest[0], "-") || !strings.HasSuffix(rest[0], "c") {
		return nil, false
	}
	words := strings.Fields(rest[1])
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 || strings.ContainsAny(rest[1], "$`\"'\\(){}<>|&;*?[]~!#\n=") || slices.Contains(shellBuiltins(), words[0]) {
		return nil, false
	}
	return words, true
}

// shellBuiltins are commands that a shell has itself.
func shellBuiltins() []string {
	return []string{
		"cd", "echo", "exit", "export", "set", "true", "false", "test", "[", ":", ".", "source", "eval", "exec", "printf", "read", "trap", "umask", "unset", "ulimit", "wait", "if", "for", "while", "case",
		"command", "type", "kill", "pwd", "alias", "shift", "until", "return", "local",
	}
}

// language checks what the program itself reads when it starts.
func (c *check) language(argv []string, file layer.File) {
	name := path.Base(argv[0])
	switch {
	case name == "node" || name == "nodejs":
		c.node(argv[1:])
	case pythonName(name):
		c.python(argv, file, argv[1:])
	case name == "java":
		c.java(argv[1:], file)
	case name == "nginx":
		c.nginx(argv[1:])
	case name == "bun" || name == "deno":
	default:
		c.script(argv, file)
		c.flagFiles(argv[1:])
	}
}

// script checks a program that is a script: its language is that of its
// interpreter.
func (c *check) script(argv []string, file layer.File) {
	words := strings.Fields(file.Shebang)
	if len(words) == 0 {
		return
	}
	name := path.Base(words[0])
	if name == "env" {
		name = path.Base(envProgram(words[1:]))
	}
	switch {
	case pythonName(name):
		c.pythonTool(argv, words[0])
	case name == "node":
		c.node(append([]string{"/" + file.Path}, argv[1:]...))
	}
}

// flagFiles checks files that flags name for certain: --config FILE. They may be
// mounted when the service runs.
func (c *check) flagFiles(args []string) {
	for a := (arguments{rest: args}); a.next(); {
		if a.flag != "--config" && a.flag != "--config-file" && a.flag != "--env-file" {
			continue
		}
		if value := a.operand(); strings.ContainsAny(value, "/.") && !strings.Contains(value, ":") {
			if !c.tree.Exists(c.abs(value)) {
				c.warn(CodeFile, c.startPlace(), c.fileHint(value)+", or mount it", "the start command names %s, which is not in the image", value)
			}
		}
	}
}

// file checks that a file is there and that the user may read it.
func (c *check) file(name, who string) (layer.File, bool) {
	f, ok := c.tree.Lookup(c.abs(name))
	if !ok {
		c.broken(CodeFile, c.startPlace(), c.fileHint(name), "%s names %s, which is not in the image", who, name)
		return f, false
	}
	return f, c.readable(f)
}

// readable checks that the user may read a file that exists.
func (c *check) readable(f layer.File) bool {
	if dir, closed := c.closedTo(f.Path); closed {
		c.broken(CodeRead, c.startPlace(), "chmod a+rx "+dir, "the user %s cannot enter %s, where %s is", c.user.name, dir, path.Base(f.Path))
		return false
	}
	if !c.may(f, 4) {
		c.broken(CodeRead, c.startPlace(), "chmod a+r /"+f.Path, "the user %s cannot read /%s (mode %04o, owner %d:%d)", c.user.name, f.Path, f.Mode, f.UID, f.GID)
		return false
	}
	return true
}

// fileHint is the next thing to do about a file that is not in the image.
func (c *check) fileHint(name string) string {
	inApp := strings.TrimPrefix(c.abs(name), "/app/")
	if base := path.Base(name); base == ".env" || strings.HasPrefix(base, ".env.") {
		return "images contain no " + base + ": pass the variables with env_file: " + inApp + " in slipway.yaml, and start without the flag or with --env-file-if-exists"
	}
	if c.inSources(inApp) {
		return c.setting("files: [" + inApp + "]")
	}
	if slices.ContainsFunc(c.Service.Stages, func(s plan.Stage) bool { return s.Name == plan.StageBuilder }) {
		return "the build did not write it: check its output directory, then " + c.setting("output:") + " or command:"
	}
	return c.setting("command:") + " with the file to start"
}
