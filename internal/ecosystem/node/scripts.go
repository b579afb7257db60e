package node

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// generators are the names that scripts which generate code go by, in order.
func generators() []string {
	return []string{"generate", "codegen", "proto", "protos", "proto:generate", "generate:proto", "proto:gen", "gen", "build:proto"}
}

// codegen is a generation step whose inputs and output are known, so that it can
// run before the sources are copied. The zero value is one that has to run after.
type codegen struct {
	in  string // directory
	out string // directory
}

// scripts finds what generates and builds.
func (s *service) scripts() {
	all := s.pkg.Scripts
	if text, ok := all[s.building]; ok {
		s.build = s.building
		s.outDir = s.outputDir(text)
		s.Fact("build", "npm run "+s.build, fmt.Sprintf("%q", text), "package.json", s.pkg.line("scripts", s.build))
	} else if s.Want.Build != "" {
		s.OnConfig(codeNoBuild, "build: is one of its scripts: "+strings.Join(slices.Sorted(maps.Keys(all)), ", "), "package.json has no script %q", s.building)
	}
	for _, name := range generators() {
		if _, ok := all[name]; !ok || s.runsAlready(name) {
			continue
		}
		s.generate = name
		s.codegen = s.knownCodegen(all[name])
		s.Fact("code generation", "npm run "+name, fmt.Sprintf("%q", all[name]), "package.json", s.pkg.line("scripts", name))
		break
	}
	for _, name := range lifecycle() {
		if _, ok := all[name]; ok {
			s.rootRuns = append(s.rootRuns, name)
			s.Report(diag.Info, codeLifecycle, "package.json", s.pkg.line("scripts", name), "what it writes into node_modules does not reach production",
				"the %s script runs after the sources are there, not while packages are installed", name)
		}
	}
}

// lifecycle are the scripts that run when packages are installed.
func lifecycle() []string { return []string{"preinstall", "install", "postinstall", "prepare"} }

// runsAlready tells whether the build runs a script by itself.
func (s *service) runsAlready(name string) bool {
	if s.build == "" {
		return false
	}
	text := s.pkg.Scripts["pre"+s.building] + " ; " + s.pkg.Scripts[s.building] + " "
	return strings.Contains(text, "run "+name+" ") || strings.Contains(text, "run "+name+";")
}

// knownCodegen understands `[cd DIR &&] proto-loader-gen-types … --outDir=OUT …`,
// which reads the protos of its directory and nothing else.
func (s *service) knownCodegen(script string) codegen {
	at := "."
	if cd, rest, ok := strings.Cut(script, "&&"); ok {
		words := strings.Fields(cd)
		if len(words) != 2 || words[0] != "cd" {
			return codegen{}
		}
		at, script = words[1], rest
	}
	words := strings.Fields(script)
	if len(words) == 0 || words[0] != "proto-loader-gen-types" || strings.ContainsAny(script, "&|;<>`$") {
		return codegen{}
	}
	in, out := ecosystem.ProtoDir(s.Dir), ""
	for i, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "--outDir="):
			out = strings.TrimPrefix(w, "--outDir=")
		case (w == "--outDir" || w == "-O") && i+2 < len(words):
			out = words[i+2]
		case strings.HasSuffix(w, ".proto") && path.Dir(path.Join(at, w)) != in && !strings.HasPrefix(path.Join(at, w), in+"/"):
			return codegen{}
		case strings.HasPrefix(w, "--includeDirs"), w == "-I":
			return codegen{}
		}
	}
	out = path.Join(at, out)
	if in == "" || out == "." || strings.HasPrefix(out, "..") || s.Ignore.Own && !s.Ignore.Excludes(out) {
		return codegen{} // a stale copy from the context would lie over what is generated
	}
	return codegen{in: in, out: out}
}

// outputDir finds the directory that the build writes: the compiler's flag, then
// tsconfig's outDir, then where the start command points, then dist.
func (s *service) outputDir(build string) string {
	words := strings.Fields(build)
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
	if s.framework.out != "" {
		return s.noteOutput(s.framework.out, "where "+s.framework.name+" writes", "package.json", s.pkg.line("scripts", s.building))
	}
	for i, w := range words {
		if i+1 < len(words) && (w == "-p" || w == "--project") {
			s.project = words[i+1]
		}
		for _, flag := range []string{"--outDir", "--outdir", "--out-dir"} {
			if w == flag && i+1 < len(words) {
				return s.noteOutput(words[i+1], "build script", "package.json", s.pkg.line("scripts", s.building))
			}
			if v, ok := strings.CutPrefix(w, flag+"="); ok {
				return s.noteOutput(v, "build script", "package.json", s.pkg.line("scripts", s.building))
			}
		}
	}
	if out, file, line := compilerOutDir(s.Dir, s.project, 4); out != "" {
		return s.noteOutput(out, "outDir", file, line)
	}
	for _, entry := range []string{s.pkg.Main, lastWord(s.pkg.Scripts["start"])} {
		if first, _, nested := strings.Cut(path.Clean(entry), "/"); nested && first != "src" && first != "node_modules" && !ecosystem.Exists(s.Dir, entry) {
			return s.noteOutput(first, "where the service starts from", "package.json", 0)
		}
	}
	for _, name := range []string{"dist", "build", "lib", "out"} {
		if strings.Contains(build, name+"/") {
			return s.noteOutput(name, "build script", "package.json", s.pkg.line("scripts", s.building))
		}
	}
	return s.noteOutput("dist", "default: nothing names the directory", "", 0)
}

func (s *service) noteOutput(dir, evidence, file string, line int) string {
	dir = path.Clean(strings.Trim(dir, `"'`))
	if dir == "." || strings.HasPrefix(dir, "..") || strings.HasPrefix(dir, "/") {
		dir = "" // the build writes beside its sources
	}
	s.Fact("build output", ecosystem.Or(dir, "beside the sources"), evidence, file, line)
	return dir
}

func lastWord(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

// compilerOutDir reads outDir of a tsconfig or of what it extends, at most depth
// files deep.
func compilerOutDir(dir fs.FS, name string, depth int) (out, file string, line int) {
	name = path.Clean(name)
	if ecosystem.IsDir(dir, name) {
		name = path.Join(name, "tsconfig.json")
	}
	c, data, err := readTSConfig(dir, name)
	if err != nil || depth == 0 {
		return "", "", 0
	}
	if v := c.CompilerOptions.OutDir; v != "" {
		return path.Join(path.Dir(name), v), name, keyLines(data)["compilerOptions\x00outDir"]
	}
	if parent, ok := c.Extends.(string); ok && strings.HasPrefix(parent, ".") {
		if !strings.HasSuffix(parent, ".json") {
			parent += ".json"
		}
		return compilerOutDir(dir, path.Join(path.Dir(name), parent), depth-1)
	}
	return "", "", 0
}

// tsConfig is the part of tsconfig.json that matters here.
type tsConfig struct {
	Extends         any      `json:"extends"`
	Include         []string `json:"include"`
	Files           []string `json:"files"`
	Exclude         []string `json:"exclude"`
	CompilerOptions struct {
		OutDir string `json:"outDir"`
	} `json:"compilerOptions"`
}

func readTSConfig(dir fs.FS, name string) (tsConfig, []byte, error) {
	var c tsConfig
	if !fs.ValidPath(name) {
		return c, nil, fs.ErrInvalid
	}
	data, err := ecosystem.Read(dir, name)
	if err != nil {
		return c, nil, err
	}
	data = plainJSON(data)
	return c, data, json.Unmarshal(data, &c)
}

// plainJSON blanks comments and trailing commas, which tsconfig.json may have;
// every line stays where it is.
func plainJSON(data []byte) []byte {
	out := slices.Clone(data)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	comma := -1 // of a comma that nothing has followed yet
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
			comma = -1
		case c == '/' && i+1 < len(out) && out[i+1] == '/':
			end := i
			for end < len(out) && out[end] != '\n' {
				end++
			}
			blank(i, end)
			i = end - 1
		case c == '/' && i+1 < len(out) && out[i+1] == '*':
			end := len(out)
			if n := strings.Index(string(out[i+2:]), "*/"); n >= 0 {
				end = i + 2 + n + 2
			}
			blank(i, end)
			i = end - 1
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			out[comma] = ' '
			comma = -1
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			comma = -1
		}
	}
	return out
}

// startCommand decides on the exec form that starts the service.
func (s *service) startCommand() {
	if len(s.Want.Command) > 0 {
		s.start = s.Want.Command
		s.Configured("start", strings.Join(s.start, " "))
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
	for _, name := range []string{"start:prod", "start:production", "start"} {
		if text, ok := s.pkg.Scripts[name]; ok && (name == "start" || startsNode(text)) {
			s.startScript(name, 3)
			return
		}
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
	if s.member == "" && ecosystem.Exists(s.Dir, "nx.json") && s.pkg.Workspaces == nil {
		s.Report(diag.Error, codeNoStart, "package.json", s.pkg.line("scripts"), "give each application a package.json with its start script and list them in workspaces, as Nx's TypeScript preset does; or a Dockerfile",
			"the applications of this Nx workspace share one package.json, which says of none how it starts")
		return
	}
	s.Report(diag.Error, codeNoStart, "package.json", s.pkg.line("scripts"), `add "start": "node …" to scripts, or command: to the service in slipway.yaml`, "nothing says how the service starts")
}

// startsNode tells whether a script runs node and no tool around it.
func startsNode(script string) bool {
	for _, w := range strings.Fields(script) {
		if !strings.Contains(w, "=") {
			return w == "node"
		}
	}
	return false
}

// runs returns the script that the words run: npm run NAME and its like.
func runs(words []string) (script string, ok bool) {
	switch {
	case len(words) == 3 && words[1] == "run" && slices.Contains([]string{"npm", "pnpm", "yarn", "bun"}, words[0]):
		return words[2], true
	case len(words) == 2 && (words[0] == "yarn" || words[0] == "pnpm"):
		return words[1], true
	}
	return "", false
}

// startScript turns a script into an exec form; `npm run other` is followed.
func (s *service) startScript(name string, depth int) {
	text, line := s.pkg.Scripts[name], s.pkg.line("scripts", name)
	words := strings.Fields(text)
	if other, ok := runs(words); ok && depth > 0 && s.pkg.Scripts[other] != "" {
		s.startScript(other, depth-1)
		return
	}
	s.startWith(text, name+" script", "package.json", line)
}

// fromProcfile starts a process of the Procfile.
func (s *service) fromProcfile(p ecosystem.Process) {
	s.OtherProcesses(p)
	words := strings.Fields(p.Command)
	script, ok := runs(words)
	if len(words) == 2 && words[0] == "npm" && words[1] == "start" {
		script, ok = "start", true
	}
	if ok && s.pkg.Scripts[script] != "" {
		s.startScript(script, 3)
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
	command := strings.TrimSpace(text)
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
	if argv[0] == "bun" {
		s.Report(diag.Error, codeStartShell, file, line, hint, "the %s runs the service with Bun, which is supported for installing packages only", what)
		return
	}
	if argv[0] != "node" {
		s.Report(diag.Error, codeStartShell, file, line, hint, "the %s runs %s; production images start node itself", what, argv[0])
		return
	}
	s.start = argv
	s.Fact("start", strings.Join(argv, " "), what, file, line)
}
