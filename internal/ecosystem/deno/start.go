package deno

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// startTasks are the names of tasks that start a service, the one for production
// first.
func startTasks() []string {
	return []string{"start:prod", "prod", "start", "preview", "serve", "dev"}
}

// usualFiles are those that services start from.
func usualFiles() []string {
	return []string{"main.ts", "main.tsx", "server.ts", "main.js", "index.ts", "app.ts", "mod.ts", "src/main.ts", "src/server.ts", "src/index.ts", "src/app.ts"}
}

// guessedPermissions are those of a service whose start no file names: what a server
// needs that writes nothing.
func guessedPermissions() []string { return []string{"--allow-env", "--allow-net", "--allow-read"} }

// buildTask finds the task that builds.
func (s *service) buildTask() {
	if text := s.settings.task("build"); text != "" {
		s.build = "build"
		s.Fact("build", "deno task build", `"`+text+`"`, s.settingsAt(), s.settings.lineOf("build"))
	}
}

// settingsAt is the file that tasks are in.
func (s *service) settingsAt() string { return ecosystem.Or(s.settings.file, "package.json") }

// startCommand decides on the exec form that starts the service.
func (s *service) startCommand() {
	if len(s.Want.Command) > 0 {
		if name, ok := taskOf(s.Want.Command); ok && s.settings.task(name) != "" {
			s.startTask(name, 4)
			return
		}
		s.start = s.Want.Command
		s.entry = fileOf(s.start)
		s.Configured("start", strings.Join(s.start, " "))
		return
	}
	if p, ok := s.Process(); ok {
		s.OtherProcesses(p)
		if name, ok := taskOf(strings.Fields(p.Command)); ok && s.settings.task(name) != "" {
			s.startTask(name, 4)
			return
		}
		port := 8000
		if s.Want.Port > 0 {
			port = s.Want.Port
		}
		s.startWith(p.WithPort(port), p.Name+" process", "Procfile", p.Line)
		return
	}
	best := ""
	for _, name := range startTasks() {
		text := s.settings.task(name)
		if text == "" || best != "" && (!restarts(s.settings.task(best)) || restarts(text)) {
			continue
		}
		best = name // one that watches for changes is the second choice
	}
	if best != "" {
		s.startTask(best, 4)
		return
	}
	s.guessStart()
}

// restarts reports a command line that watches sources.
func restarts(text string) bool { return strings.Contains(text, "--watch") }

// taskOf is the task that a command runs.
func taskOf(words []string) (string, bool) {
	if len(words) != 3 || words[0] != "deno" || words[1] != "task" || strings.HasPrefix(words[2], "-") {
		return "", false
	}
	return words[2], true
}

// startTask starts what a task runs; one that runs another is followed.
func (s *service) startTask(name string, depth int) {
	text := s.settings.task(name)
	if other, ok := taskOf(strings.Fields(text)); ok && depth > 0 && s.settings.task(other) != "" {
		s.startTask(other, depth-1)
		return
	}
	s.startWith(text, "task "+name, s.settingsAt(), s.settings.lineOf(name))
}

const hintStart = `write command: ["deno", "run", "--allow-net", "FILE"] for the service in slipway.yaml`

// startWith turns a command line into an exec form.
func (s *service) startWith(text, what, file string, line int) {
	parts := strings.Split(text, "&&")
	for len(parts) > 1 {
		name, ok := taskOf(strings.Fields(parts[0]))
		if !ok || name != s.build {
			break
		}
		parts = parts[1:] // the build has run
	}
	command := strings.TrimSpace(strings.Join(parts, "&&"))
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
	if err != nil {
		s.Report(diag.Error, codeNoStart, file, line, hintStart, "the %s cannot run without a shell: %v", what, err)
		return
	}
	if len(argv) < 2 || argv[0] != "deno" || argv[1] != "run" && argv[1] != "serve" && !strings.HasPrefix(argv[1], "-") && fileExt(argv[1]) == "" {
		s.Report(diag.Error, codeNoStart, file, line, hintStart, "the %s runs %s, which is neither deno run nor deno serve", what, argv[0])
		return
	}
	s.start = plainStart(argv)
	s.entry = fileOf(s.start)
	s.Fact("start", strings.Join(s.start, " "), what, file, line)
}

// plainStart is a command without what only developers need: watching for changes,
// downloading anew, debuggers. The program finds all that it imports in the image.
func plainStart(argv []string) []string {
	out := []string{"deno"}
	rest := argv[1:]
	if rest[0] == "run" || rest[0] == "serve" {
		out, rest = append(out, rest[0]), rest[1:]
	} else {
		out = append(out, "run")
	}
	out = append(out, "--cached-only")
	for i, w := range rest {
		flag, _, _ := strings.Cut(w, "=")
		switch {
		case !strings.HasPrefix(w, "-"):
			return append(out, rest[i:]...)
		case slices.Contains([]string{"--watch", "--watch-hmr", "--watch-exclude", "--no-clear-screen", "--reload", "-r", "--inspect", "--inspect-brk", "--inspect-wait", "--cached-only", "--frozen", "--check"}, flag):
		default:
			out = append(out, w)
		}
	}
	return out
}

// fileOf is the file that a command runs, "" when it runs none.
func fileOf(argv []string) string {
	if len(argv) < 2 || path.Base(argv[0]) != "deno" {
		return ""
	}
	for i := 1; i < len(argv); i++ {
		w := argv[i]
		switch {
		case slices.Contains([]string{"--port", "--host", "-c", "--config", "--import-map", "--lock", "--env-file", "--cert", "-L", "--log-level", "--location"}, w):
			i++
		case w == "run" || w == "serve" || strings.HasPrefix(w, "-"):
		default:
			return cleanPath(w)
		}
	}
	return ""
}

// guessStart takes a usual file that serves, with the permissions of a server.
func (s *service) guessStart() {
	for _, file := range usualFiles() {
		if !ecosystem.Exists(s.Dir, file) {
			continue
		}
		command := "run"
		if s.scan.exported.File == file && !s.scan.serves(file) {
			command = "serve"
		}
		s.start = append([]string{"deno", command, "--cached-only"}, guessedPermissions()...)
		s.start = append(s.start, file)
		s.entry = file
		s.Fact("start", strings.Join(s.start, " "), "the file exists", file, 0)
		return
	}
	s.Report(diag.Error, codeNoStart, s.settingsAt(), 0, `add "start": "deno run --allow-net main.ts" to tasks, or command: to the service in slipway.yaml`, "no start command found")
}

// checkStart reports a start that cannot work.
func (s *service) checkStart() {
	if len(s.start) == 0 || s.entry == "" || strings.Contains(s.entry, ":") || path.IsAbs(s.entry) {
		return
	}
	if !ecosystem.Exists(s.Dir, s.entry) && s.build == "" {
		s.Report(diag.Error, codeNoStart, s.settingsAt(), 0, "fix the start task", "the start file %s does not exist", s.entry)
		return
	}
	permits := func(words ...string) bool {
		return slices.ContainsFunc(s.start, func(w string) bool {
			flag, _, _ := strings.Cut(w, "=")
			short := len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.ContainsAny(w[1:], "AN")
			return slices.Contains(words, flag) || short
		})
	}
	listens := s.scan.server().Found() && len(s.start) > 1 && s.start[1] == "run"
	if listens && !permits("--allow-net", "--allow-all", "-P", "--permission-set") {
		h := s.scan.server()
		s.Report(diag.Warning, codePermissions, h.File, h.Line, "add --allow-net to the start task", "the program listens, and its start command does not permit that")
	}
}
