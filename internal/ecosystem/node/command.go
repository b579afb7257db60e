package node

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// valueFlags are options of node whose value is the next word.
func valueFlags() []string {
	return []string{"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--env-file", "--env-file-if-exists", "--title", "--icu-data-dir"}
}

// startFile is the file that the service starts from, as it is written, and its
// place in the command; "" when node starts no file.
func (s *service) startFile() (string, int) {
	if len(s.start) == 0 || path.Base(s.start[0]) != "node" && path.Base(s.start[0]) != "bun" {
		return "", 0
	}
	for i := 1; i < len(s.start); i++ {
		w := s.start[i]
		switch {
		case slices.Contains([]string{"-e", "--eval", "-p", "--print", "--run", "-"}, w):
			return "", 0
		case slices.Contains(valueFlags(), w), s.bun.runs() && slices.Contains([]string{"--preload", "--port", "--config"}, w):
			i++
		case s.bun.runs() && w == "run":
		case !strings.HasPrefix(w, "-"):
			return w, i
		}
	}
	return "", 0
}

// namedFiles are files that options of the command name, by their options.
func (s *service) namedFiles() (files [][2]string) {
	for i, w := range s.start {
		flag, value, joined := strings.Cut(w, "=")
		if !joined && i+1 < len(s.start) {
			value = s.start[i+1]
		}
		if value != "" && slices.Contains([]string{"-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file"}, flag) {
			files = append(files, [2]string{flag, value})
		}
	}
	return files
}

// plainStart takes away what starts a program in a shell of a developer: builds
// before it, which it returns, and cross-env.
func (s *service) plainStart(text string) (plain string, built []string) {
	if s.inline {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(text), s.pkg.Scripts[s.build]); ok {
			text = strings.TrimPrefix(strings.TrimSpace(rest), "&&")
		}
	}
	parts := strings.Split(text, "&&")
	for len(parts) > 1 && s.buildsAgain(strings.TrimSpace(parts[0])) {
		built = append(built, strings.TrimSpace(parts[0]))
		parts = parts[1:]
	}
	text = strings.TrimSpace(strings.Join(parts, "&&"))
	for _, wrapper := range []string{"cross-env ", "cross-env-shell ", "env ", "exec "} {
		text = strings.TrimSpace(strings.TrimPrefix(text, wrapper))
	}
	return text, built
}

// buildsAgain reports a command that is the build.
func (s *service) buildsAgain(command string) bool {
	if s.build == "" {
		return false
	}
	if script, args, ok := runs(strings.Fields(command)); ok && len(args) == 0 {
		return script == s.build || strings.TrimSpace(s.pkg.Scripts[script]) == strings.TrimSpace(s.pkg.Scripts[s.build])
	}
	return command == strings.TrimSpace(s.pkg.Scripts[s.build])
}

// withoutWrapper starts node itself where a program before it reads a file of
// variables, which stays out of the image.
func (s *service) withoutWrapper(argv []string, file string, line int) []string {
	i := slices.Index(argv, "node")
	if i < 1 || !slices.Contains([]string{"env-cmd", "dotenv", "dotenvx"}, argv[0]) {
		return argv
	}
	s.Report(diag.Warning, codeEnvFile, file, line, "set the variables at run time: env: in slipway.yaml, or slipway run -e NAME=VALUE",
		"the start reads a file of variables with %s; the image starts without it", argv[0])
	return argv[i:]
}

// dropEnvFiles starts without --env-file where the file is not in the image:
// node would end, and the variables are given when the service runs.
func (s *service) dropEnvFiles(file string, line int) {
	out := make([]string, 0, len(s.start))
	for i := 0; i < len(s.start); i++ {
		w := s.start[i]
		value, joined := strings.CutPrefix(w, "--env-file=")
		skip := 1
		if w == "--env-file" && i+1 < len(s.start) {
			value, joined, skip = s.start[i+1], true, 2
		}
		name := path.Clean(value)
		if !joined || ecosystem.Exists(s.Dir, name) && s.ships(name) {
			out = append(out, w)
			continue
		}
		i += skip - 1
		why := "does not exist"
		if ecosystem.Exists(s.Dir, name) {
			why = "stays out of the image, because it may hold secrets"
		}
		s.Report(diag.Warning, codeEnvFile, file, line, `write --env-file-if-exists=`+name+` in the script; set the variables at run time: env: in slipway.yaml, or slipway run -e NAME=VALUE`,
			"the start command reads %s, which %s; the image starts without it", name, why)
	}
	s.start = out
}

// ships reports a file of the tree, by its path, that may be in production.
func (s *service) ships(name string) bool {
	switch {
	case s.Excluded(name):
		return false
	case s.Wanted(name):
		return true
	}
	return !ecosystem.IsSecret(name) && !s.Ignore.Excludes(s.in(name))
}

// processManager starts what a configuration of PM2 names: containers have one
// process, and their platform restarts and multiplies them. It returns false for
// any other command.
func (s *service) processManager(argv []string, what, file string, line int) bool {
	const hint = `write command: ["node", "…"] for the service in slipway.yaml`
	var target string
	switch tool := path.Base(argv[0]); {
	case tool == "pm2-runtime" && len(argv) > 1:
		argv = argv[1:]
	case tool == "pm2" && len(argv) > 1:
		argv = slices.DeleteFunc(slices.Clone(argv[1:]), func(w string) bool { return w == "--no-daemon" })
	default:
		return false
	}
	for _, w := range argv {
		if w != "start" && !strings.HasPrefix(w, "-") {
			target = w
			break
		}
	}
	app, count, at := pm2App{Script: target}, 1, file
	if target == "" || isPM2Config(target) {
		if app, count, at = s.pm2Config(target); count != 1 {
			s.Report(diag.Error, codeStartShell, file, line, hint, "the %s starts %d programs with PM2; a service is one of them", what, count)
			return true
		}
	}
	if app.Script == "" {
		s.Report(diag.Error, codeStartShell, file, line, hint, "the %s starts with PM2, whose configuration names no program", what)
		return true
	}
	s.start = slices.Concat([]string{"node"}, app.NodeArgs, []string{path.Clean(app.Script)}, app.Args)
	for k, v := range app.Env {
		if text, ok := v.(string); ok {
			s.startEnv = append(s.startEnv, k+"="+text)
		}
	}
	slices.Sort(s.startEnv)
	s.Fact("start", strings.Join(s.start, " "), "the program that PM2 starts", at, 0)
	s.Report(diag.Info, codeProcessManager, file, line, "set replicas: where the image is deployed; node starts and ends with its container",
		"the %s starts with PM2; the image starts the program itself, once", what)
	return true
}

// pm2App is the part of an application of PM2 that starts it
// (https://pm2.keymetrics.io/docs/usage/application-declaration/).
type pm2App struct {
	Script   string
	Args     []string
	NodeArgs []string
	Env      map[string]any
}

func isPM2Config(name string) bool {
	base := path.Base(name)
	return strings.Contains(base, "ecosystem") || strings.Contains(base, "pm2") || strings.HasSuffix(base, ".config.js") || strings.HasSuffix(base, ".config.cjs") ||
		slices.Contains([]string{".json", ".yml", ".yaml"}, path.Ext(base))
}

// Evidence in configurations of PM2 that are programs.
var (
	pm2Script   = pattern.Lazy(`\bscript['"]?\s*:\s*['"]([^'"]+)['"]`)
	pm2Args     = pattern.Lazy(`\bargs['"]?\s*:\s*['"]([^'"]+)['"]`)
	pm2NodeArgs = pattern.Lazy(`\bnode_args['"]?\s*:\s*['"]([^'"]+)['"]`)
)

// pm2Config reads a configuration: the first application and how many there are.
func (s *service) pm2Config(name string) (pm2App, int, string) {
	names := []string{name}
	if name == "" {
		names = []string{"ecosystem.config.js", "ecosystem.config.cjs", "ecosystem.config.json", "pm2.json"}
	}
	for _, name := range names {
		data, err := ecosystem.Read(s.Dir, path.Clean(name))
		if err != nil {
			continue
		}
		if path.Ext(name) == ".json" {
			app, n := pm2JSON(data)
			return app, n, name
		}
		scripts := pm2Script().FindAllSubmatch(data, 3)
		if len(scripts) != 1 {
			return pm2App{}, len(scripts), name
		}
		app := pm2App{Script: string(scripts[0][1])}
		if m := pm2Args().FindSubmatch(data); m != nil {
			app.Args = strings.Fields(string(m[1]))
		}
		if m := pm2NodeArgs().FindSubmatch(data); m != nil {
			app.NodeArgs = strings.Fields(string(m[1]))
		}
		return app, 1, name
	}
	return pm2App{}, 0, name
}

func pm2JSON(data []byte) (pm2App, int) {
	var file struct {
		Apps []struct {
			Script   string         `json:"script"`
			Args     any            `json:"args"`
			NodeArgs any            `json:"node_args"`
			Env      map[string]any `json:"env"`
		} `json:"apps"`
	}
	if json.Unmarshal(data, &file) != nil || len(file.Apps) == 0 {
		return pm2App{}, 0
	}
	a := file.Apps[0]
	return pm2App{Script: a.Script, Args: wordsOf(a.Args), NodeArgs: wordsOf(a.NodeArgs), Env: a.Env}, len(file.Apps)
}

// wordsOf are the words of a text or of a list of them.
func wordsOf(v any) []string {
	switch v := v.(type) {
	case string:
		words, err := config.Words(v)
		if err == nil {
			return words
		}
	case []any:
		var out []string
		for _, w := range v {
			if text, ok := w.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}
