package detect

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// codeUnsupported tells of a directory that looks like a program and is no
// service: of a language that Slipway does not plan, or without its manifest. A
// code has one meaning for ever.
const codeUnsupported = "SLP230"

// stranger is a sign of a program that no ecosystem plans.
type stranger struct {
	language string
	files    []string              // patterns of names, of which one has to be there
	says     func() *regexp.Regexp // what that file has to say; nil for nothing
	never    func() *regexp.Regexp // what makes it no program, such as a test project
	beside   []string              // names of which one has to be there too; nil for none
	without  []string              // manifests: it is a program of a language that Slipway plans, but none of these is here or above
	strong   bool                  // even where an ecosystem recognises the directory too
}

// Signs of programs.
var (
	dotnetProgram = pattern.Lazy(`Sdk="Microsoft\.NET\.Sdk\.(?:Web|Worker|BlazorWebAssembly)"|<OutputType>\s*(?:Win)?Exe\s*<|Microsoft\.NET\.Sdk\.Functions`)
	dotnetTests   = pattern.Lazy(`Microsoft\.NET\.Test\.Sdk|<IsTestProject>\s*true`)
	phpLibrary    = pattern.Lazy(`"type"\s*:\s*"(?:library|[\w-]+-(?:bundle|plugin|module))"`)
	mixProgram    = pattern.Lazy(`\bmod:\s*\{|\breleases:|\bescript:`)
	swiftProgram  = pattern.Lazy(`\.executableTarget\(|\.executable\(`)
	cmakeProgram  = pattern.Lazy(`(?i)\badd_executable\s*\(`)
	zolaSite      = pattern.Lazy(`(?m)^\s*base_url\s*=`)
	flutter       = pattern.Lazy(`(?m)^\s*sdk:\s*flutter\b`)
	goProgram     = pattern.Lazy(`(?s)\bpackage main\b.*\bfunc main\(\)`)
	rustProgram   = pattern.Lazy(`\bfn main\(`)
	javaProgram   = pattern.Lazy(`\bstatic\s+(?:final\s+)?void\s+main\s*\(`)
	pythonServer  = pattern.Lazy(`(?m)^\s*(?:from|import)\s+(?:flask|fastapi|django|aiohttp|tornado|bottle|sanic|starlette|falcon|http\.server|grpc)\b`)
	nodeServer    = pattern.Lazy(`(?:require\(|from\s+)['"](?:node:)?(?:https?|express|fastify|koa|net)['"]`)
)

// strangers are the signs, in the order in which they are looked for: one finding
// for a directory.
func strangers() []stranger {
	return []stranger{
		{language: "C#", files: []string{"*.csproj"}, says: dotnetProgram, never: dotnetTests, strong: true},
		{language: "F#", files: []string{"*.fsproj"}, says: dotnetProgram, never: dotnetTests, strong: true},
		{language: "Visual Basic", files: []string{"*.vbproj"}, says: dotnetProgram, never: dotnetTests, strong: true},
		{language: "PHP", files: []string{"composer.json"}, never: phpLibrary, strong: true},
		{language: "PHP", files: []string{"index.php", "artisan"}, strong: true},
		{language: "Zola", files: []string{"config.toml"}, says: zolaSite, beside: []string{"content", "templates", "sass"}, strong: true},
		{language: "Ruby", files: []string{"config.ru"}, strong: true},
		{language: "Ruby", files: []string{"Gemfile"}, beside: []string{"app.rb", "main.rb", "server.rb", "_config.yml", "Procfile"}},
		{language: "Elixir", files: []string{"mix.exs"}, says: mixProgram, strong: true},
		{language: "Erlang", files: []string{"rebar.config"}},
		{language: "Swift", files: []string{"Package.swift"}, says: swiftProgram},
		{language: "Dart", files: []string{"pubspec.yaml"}, never: flutter, beside: []string{"bin"}},
		{language: "Scala", files: []string{"build.sbt"}},
		{language: "Clojure", files: []string{"project.clj", "deps.edn"}},
		{language: "Haskell", files: []string{"*.cabal", "stack.yaml"}},
		{language: "Crystal", files: []string{"shard.yml"}},
		{language: "Nim", files: []string{"*.nimble"}},
		{language: "Zig", files: []string{"build.zig"}},
		{language: "OCaml", files: []string{"dune-project"}},
		{language: "Perl", files: []string{"app.psgi", "cpanfile"}},
		{language: "R", files: []string{"plumber.R", "app.R", "server.R"}},
		{language: "C or C++", files: []string{"CMakeLists.txt"}, says: cmakeProgram},
		{language: "Go", files: []string{"*.go"}, says: goProgram, without: []string{"go.mod"}},
		{language: "Rust", files: []string{"main.rs"}, says: rustProgram, without: []string{"Cargo.toml"}},
		{language: "Java", files: []string{"Main.java", "App.java", "Application.java", "Server.java"}, says: javaProgram, without: []string{"pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"}},
		{language: "Python", files: []string{"main.py", "app.py", "server.py", "wsgi.py", "asgi.py", "manage.py"}, says: pythonServer, without: []string{"requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "setup.cfg", "requirements", "environment.yml"}},
		{language: "Node.js", files: []string{"package.json5", "package.yaml"}, without: []string{"package.json"}}, // which pnpm alone reads
		{language: "Node.js", files: []string{"server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs"}, says: nodeServer, without: []string{"package.json"}},
	}
}

// bystanders are directories whose programs nobody takes for services.
func bystanders() []string {
	return []string{"test", "tests", "e2e", "spec", "scripts", "tools", "hack", "docs", "doc", "examples", "example", "samples", "fixtures", "templates", "benchmarks", "bench", "third_party", "deps"}
}

// strangersSeen are the programs without an ecosystem that the walk has met.
type strangersSeen struct {
	findings diag.Findings
	dirs     []string // of the findings
	language []string
}

// look notes what a directory looks like. described is the file by which an
// ecosystem recognises it, "" when none does.
func (s *strangersSeen) look(root fs.FS, dir, described string) {
	below, err := fs.Sub(root, dir)
	if err != nil || OwnDockerfile(below) != "" || slices.ContainsFunc(strings.Split(dir, "/"), func(p string) bool { return slices.Contains(bystanders(), p) }) {
		return
	}
	entries, _ := fs.ReadDir(below, ".")
	for _, c := range strangers() {
		file := c.in(below, entries)
		if file == "" || described != "" && !c.strong || c.manifestAbove(root, dir) || s.partOf(dir, c.language) {
			continue
		}
		s.dirs, s.language = append(s.dirs, dir), append(s.language, c.language)
		s.findings = append(s.findings, c.finding(dir, file, described))
		return
	}
}

// partOf tells whether the program lies in one of the same language.
func (s *strangersSeen) partOf(dir, language string) bool {
	for i, up := range s.dirs {
		if s.language[i] == language && language != "C#" && (up == "." || strings.HasPrefix(dir, up+"/")) {
			return true
		}
	}
	return false
}

// without drops the findings about directories that hold a service with a
// Dockerfile of its own: it builds them.
func (s *strangersSeen) without(services []string) diag.Findings {
	var out diag.Findings
	for i, f := range s.findings {
		dir := s.dirs[i]
		if dir == "." || !slices.ContainsFunc(services, func(p string) bool { return strings.HasPrefix(p, dir+"/") }) {
			out = append(out, f)
		}
	}
	return out
}

// in returns the file of a directory that is the sign, "" when there is none.
func (c stranger) in(dir fs.FS, entries []fs.DirEntry) string {
	if c.beside != nil && !slices.ContainsFunc(c.beside, func(name string) bool { return ecosystem.Exists(dir, name) }) {
		return ""
	}
	for _, e := range entries {
		if e.IsDir() || !slices.ContainsFunc(c.files, func(p string) bool { ok, _ := path.Match(p, e.Name()); return ok }) {
			continue
		}
		if c.says == nil && c.never == nil {
			return e.Name()
		}
		data, err := ecosystem.Read(dir, e.Name())
		if err != nil || c.says != nil && !c.says().Match(data) || c.never != nil && c.never().Match(data) {
			continue
		}
		return e.Name()
	}
	return ""
}

// manifestAbove tells whether the program has its manifest after all: those of
// packages lie above their programs.
func (c stranger) manifestAbove(root fs.FS, dir string) bool {
	for up := dir; c.without != nil; up = path.Dir(up) {
		if slices.ContainsFunc(c.without, func(name string) bool { return ecosystem.Exists(root, path.Join(up, name)) }) {
			return true
		}
		if up == "." {
			break
		}
	}
	return false
}

func (c stranger) finding(dir, file, described string) diag.Finding {
	f := diag.Finding{Code: codeUnsupported, Severity: diag.Warning, Place: diag.Place{File: path.Join(dir, file)},
		Text: dir + ": " + c.language + " is not supported", Hint: "add a Dockerfile to " + dir + "/"}
	if c.without != nil {
		f.Text = fmt.Sprintf("%s: this %s program has no %s, so it is not a service", dir, c.language, c.without[0])
		f.Hint = fmt.Sprintf("add %s or a Dockerfile to %s/", c.without[0], dir)
	}
	if described != "" {
		f.Text += ", only the part that " + described + " describes"
	}
	if dir == "." {
		f.Text, f.Hint = strings.TrimPrefix(f.Text, ".: "), strings.Replace(f.Hint, "./", "this directory", 1)
	}
	return f
}
