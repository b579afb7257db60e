package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// startCommand decides on the exec form that starts the service.
func (s *service) startCommand() {
	if script, args, ok := runs(s.Want.Command); ok && s.pkg.Scripts[script] != "" {
		s.startScript(script, args, 3)
		return
	}
	if len(s.Want.Command) > 0 {
		s.start = s.Want.Command
		s.Configured("start", strings.Join(s.start, " "))
		if path.Base(s.start[0]) == "bun" {
			s.useBun()
		}
		return
	}
	if s.framework.start != nil {
		s.start = s.frameworkStart()
		s.Fact("start", strings.Join(s.start, " "), s.framework.name+"'s server", "package.json", s.pkg.line("scripts", s.building))
		return
	}
	if p, ok := s.Process(); ok {
		s.fromProcfile(p)
		return
	}
	if dir, file := s.nxProgram(); dir != "" {
		s.start = []string{"node", path.Join(dir, file)}
		s.Fact("start", strings.Join(s.start, " "), "output of the Nx project's build", "project.json", 0)
		return
	}
	for _, name := range startScripts() {
		if text, ok := s.pkg.Scripts[name]; ok && (name == "start" || s.startsNode(text)) {
			s.startScript(name, nil, 3)
			return
		}
	}
	if s.startOfBun() {
		return
	}
	if m := s.pkg.Main; m != "" {
		s.start = []string{"node", path.Clean(m)}
		s.Fact("start", "node "+path.Clean(m), "main", "package.json", s.pkg.line("main"))
		return
	}
	for _, name := range []string{"server.js", "index.js", "app.js", "main.js", "src/server.js", "src/index.js"} {
		if ecosystem.Exists(s.Dir, name) {
			s.start = []string{"node", name}
			s.Fact("start", "node "+name, "the file exists", name, 0)
			return
		}
	}
	if s.framework.name != "" {
		return // what is missing for it is reported
	}
	s.noStart()
}

// noStart reports a service that nothing starts.
func (s *service) noStart() {
	if s.member == "" && ecosystem.Exists(s.Dir, "nx.json") && s.pkg.Workspaces == nil {
		s.Report(diag.Error, codeNoStart, "package.json", s.pkg.line("scripts"), "give each application a package.json with its start script and list them in workspaces, as Nx's TypeScript preset does; or a Dockerfile",
			"the applications of this Nx workspace share one package.json, which has no start script for any of them")
		return
	}
	if _, ok := union(s.pkg.Dependencies, s.pkg.DevDeps)["wrangler"]; ok {
		s.Report(diag.Error, codeNoStart, "package.json", s.pkg.line("scripts"), "add a server for Node.js (for Hono: @hono/node-server) and a start script that runs it",
			"no start command found: wrangler runs this program in the runtime of Cloudflare Workers, which no image has")
		return
	}
	s.Report(diag.Error, codeNoStart, "package.json", s.pkg.line("scripts"), hintNoStart, "no start command found")
}

const hintNoStart = `add "start": "node …" to scripts, or command: to the service in slipway.yaml`

// suggestStart names the file that starts a server in the hint of a service whose
// start command was not found.
func (s *service) suggestStart(f found) {
	file := ecosystem.Or(f.GRPC.File, f.HTTP.File)
	if len(s.start) > 0 || file == "" || isTypeScript(file) {
		return
	}
	for i := range s.Findings {
		if s.Findings[i].Hint == hintNoStart {
			s.Findings[i].Hint = `add "start": "node ` + file + `", which starts a server, to scripts, or command: to the service in slipway.yaml`
		}
	}
}

// startsNode tells whether a script runs node and no tool around it.
func (s *service) startsNode(script string) bool {
	script, _ = s.plainStart(script)
	for _, w := range strings.Fields(script) {
		if !strings.Contains(w, "=") {
			return w == "node"
		}
	}
	return false
}

// runs returns the script that the words run, and the arguments that it gets: npm
// run NAME -- ARGUMENT and its like.
func runs(words []string) (script string, args []string, ok bool) {
	if len(words) < 2 || !slices.Contains([]string{"npm", "pnpm", "yarn", "bun"}, words[0]) {
		return "", nil, false
	}
	tool, rest := words[0], words[1:]
	switch {
	case (rest[0] == "run" || rest[0] == "run-script") && len(rest) > 1:
		rest = rest[1:]
	case tool == "yarn", tool == "pnpm", tool == "bun", tool == "npm" && rest[0] == "start":
	default:
		return "", nil, false
	}
	script, args = rest[0], rest[1:]
	switch {
	case strings.HasPrefix(script, "-"):
		return "", nil, false // an option, such as that for another directory
	case len(args) > 0 && args[0] == "--":
		args = args[1:]
	case len(args) > 0 && tool == "npm":
		return "", nil, false // which are npm's own
	}
	return script, args, true
}

// startScript turns a script with arguments into an exec form; `npm run other` is
// followed.
func (s *service) startScript(name string, args []string, depth int) {
	text, line := s.pkg.Scripts[name], s.pkg.line("scripts", name)
	if other, more, ok := runs(strings.Fields(text)); ok && depth > 0 && s.pkg.Scripts[other] != "" {
		s.startScript(other, slices.Concat(more, args), depth-1)
		return
	}
	s.checkPrestart(name)
	if len(args) > 0 {
		text += " " + strings.Join(args, " ")
	}
	s.startWith(text, name+" script", "package.json", line)
}

// fromProcfile starts a process of the Procfile.
func (s *service) fromProcfile(p ecosystem.Process) {
	s.OtherProcesses(p)
	if script, args, ok := runs(strings.Fields(p.Command)); ok && s.pkg.Scripts[script] != "" {
		s.startScript(script, args, 3)
		return
	}
	port := defaultPort
	if s.Want.Port > 0 {
		port = s.Want.Port
	}
	s.startWith(p.WithPort(port), p.Name+" process", "Procfile", p.Line)
}

// startWith turns a command line into an exec form.
func (s *service) startWith(text, what, file string, line int) {
	command, built := s.plainStart(text)
	if len(built) > 0 {
		s.Fact("start", "without "+strings.Join(built, " && "), "the build already does it", file, line)
	}
	for {
		first, rest, ok := strings.Cut(command, " ")
		variable, _, assigns := strings.Cut(first, "=")
		if !ok || !assigns || strings.ContainsAny(variable, "-/.\"'") || strings.ContainsAny(first, "\"'$`\\") {
			break
		}
		s.startEnv = append(s.startEnv, first)
		command = strings.TrimSpace(rest)
	}
	argv, err := config.Words(command)
	const hint = `write command: ["node", "…"] for the service in slipway.yaml`
	if err != nil {
		s.Report(diag.Error, codeStartShell, file, line, hint, "the %s cannot run without a shell: %v", what, err)
		return
	}
	if s.processManager(argv, what, file, line) {
		return
	}
	if argv[0] == "tsx" && len(argv) > 1 && s.pkg.Dependencies["tsx"] != "" {
		argv = slices.Concat([]string{"node", "--import", "tsx"}, argv[1:])
	}
	argv = s.withRunner(s.withoutWrapper(argv, file, line))
	if path.Base(argv[0]) == "bun" {
		plain, ok := s.withBun(argv)
		if !ok {
			s.Report(diag.Error, codeStartShell, file, line, `write command: ["bun", "FILE"] for the service in slipway.yaml`, "the %s runs %s, which is no file of the service", what, strings.Join(argv, " "))
			return
		}
		argv = plain
	}
	if argv[0] != "node" && argv[0] != "bun" {
		s.Report(diag.Error, codeStartShell, file, line, s.programHint(argv), "the %s runs %s; production images start node itself", what, argv[0])
		return
	}
	s.start = argv
	s.dropEnvFiles(file, line)
	s.Fact("start", strings.Join(s.start, " "), what, file, line)
}
