package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// bunOf is what is known of Bun as the runtime of a service. The zero value is a
// service that runs on Node.js.
type bunOf struct {
	version string // of its base: "1", or one release; "" for Node.js
}

func (b bunOf) runs() bool { return b.version != "" }

// bunReleases are the last releases of the minors of Bun 1, read from the npm registry
// on 2026-11-29.
const bunReleases = "1.0.36 1.1.45 1.2.23 1.3.14 1.4.5"

// bunPort is where Bun.serve listens unless PORT or its options say otherwise
// (https://bun.sh/docs/runtime/http/server).
const bunPort = "3000"

// bunServer are servers of Bun alone: its own, and a module that exports one.
var bunServer = anyOf{
	ecosystem.NewSign(`\bBun\.serve(?:<[^>\n]*>)?\(`), ecosystem.NewSign(`\bexport default \{[^}]*\bfetch\b`), ecosystem.NewSign(`\bserve\(\s*\{`),
}

// What bunfig.toml says to a running program, and credentials that it holds itself.
var (
	bunSettings = pattern.Lazy(`(?m)^\s*(?:preload|jsx\w*|smol|logLevel|define|loader|telemetry)\s*=|^\s*\[(?:serve|define|loader|run|console)\b`)
	bunToken    = pattern.Lazy(`\b(?:token|password)\s*=\s*(["'])[^"'$]`)
)

// shipsSettings reports a bunfig.toml that the running program needs. One with a
// credential stays in the build.
func (s *service) shipsSettings() bool {
	if !s.bun.runs() {
		return false
	}
	data, err := ecosystem.Read(s.Dir, "bunfig.toml")
	return err == nil && bunSettings().Match(data) && !bunToken().Match(data)
}

// checkSettings reports a credential in bunfig.toml, as in .npmrc.
func (s *service) checkSettings() {
	if s.manager.name != "bun" {
		return
	}
	data, err := ecosystem.Read(s.top, "bunfig.toml")
	if err != nil {
		return
	}
	if h := ecosystem.Find(bunToken(), "bunfig.toml", data); bunToken().Match(data) {
		s.Findings = append(s.Findings, diag.Finding{Code: codeToken, Severity: diag.Warning, Place: diag.Place{File: s.At(s.topFile("bunfig.toml")), Line: h.Line},
			Text: s.Want.Name + ": bunfig.toml holds a credential, which stays in the build cache",
			Hint: "write $NPM_TOKEN in its place and revoke this one"})
	}
}

// useBun makes Bun the runtime, which the start command asks for.
func (s *service) useBun() {
	if s.bun.runs() {
		return
	}
	s.Findings = slices.DeleteFunc(s.Findings, func(f diag.Finding) bool {
		return slices.Contains([]string{ecosystem.CodeNearest, ecosystem.CodeEnded, codeVersion}, f.Code)
	})
	at := slices.IndexFunc(s.Facts, func(f plan.Fact) bool { return f.Name == "runtime" })
	s.bun.version = "1"
	s.bunVersion()
	if at >= 0 && len(s.Facts) > 0 { // in the place of Node.js
		s.Facts[at] = s.Facts[len(s.Facts)-1]
		s.Facts = s.Facts[:len(s.Facts)-1]
	}
	if s.manager.name != "bun" {
		return
	}
	s.manager.version = s.bun.version
	for i, f := range s.Facts {
		if f.Name == "package manager" {
			s.Facts[i].Value, s.Facts[i].Evidence = "bun "+s.bun.version, "lock file, the Bun of the runtime"
		}
	}
}

// bunVersion decides on the release, with one fact.
func (s *service) bunVersion() {
	h := s.bunEvidence()
	if h.Text == "" {
		s.Fact("runtime", "Bun "+s.bun.version, "default: no file names a version", "", 0)
		return
	}
	version, near, err := Release(h.Text, bunReleases)
	switch {
	case err != nil && h.File == "":
		s.OnConfig(ecosystem.CodeRuntime, "write version: 1", "%v", err)
	case err != nil:
		s.Report(diag.Error, ecosystem.CodeRuntime, h.File, h.Line, "write a version that exists, such as 1", "%v", err)
	case near:
		s.Unwise(ecosystem.CodeNearest, h.File, h.Line, "test with Bun "+version+" and write that", "there is no base of Bun %s; the image has %s", h.Text, version)
	}
	if err == nil {
		s.bun.version = version
	}
	if h.File == "" {
		s.Configured("runtime", "Bun "+s.bun.version)
		return
	}
	s.Fact("runtime", "Bun "+s.bun.version, "requires \""+h.Text+"\"", h.File, h.Line)
}

// bunTool is the line of Bun in a file of asdf or mise.
var bunTool = pattern.Lazy(`(?m)^\s*bun\s+([^\s#]+)`)

// bunEvidence is the strongest statement about the version of Bun; without a file it
// is that of slipway.yaml.
func (s *service) bunEvidence() ecosystem.Hit {
	if s.Want.Version != "" {
		return ecosystem.Hit{Text: s.Want.Version}
	}
	for _, top := range []bool{false, true} {
		dir, pkg, in := s.Dir, s.pkg, func(n string) string { return n }
		if top {
			dir, pkg, in = s.top, s.topManifest(), s.topFile
		}
		hits := []ecosystem.Hit{ecosystem.VersionFile(dir, ".bun-version")}
		if data, err := ecosystem.Read(dir, ecosystem.ToolVersions); err == nil {
			hits = append(hits, ecosystem.Find(bunTool(), ecosystem.ToolVersions, data))
		}
		hits = append(hits, ecosystem.MiseTool(dir, "bun"))
		named := func(text string, keys ...string) {
			if text != "" {
				hits = append(hits, ecosystem.Hit{Text: text, File: "package.json", Line: pkg.line(keys...)})
			}
		}
		if v, ok := strings.CutPrefix(pkg.PackageManager, "bun@"); ok {
			v, _, _ = strings.Cut(v, "+")
			named(v, "packageManager")
		}
		named(pkg.devRuntime("bun"), "devEngines", "runtime")
		named(pkg.Engines["bun"], "engines", "bun")
		for _, h := range hits {
			if h.Found() {
				h.File = in(h.File)
				return h
			}
		}
	}
	return ecosystem.Hit{}
}

// forBun reports a service whose files are written for Bun, whatever starts it.
func (s *service) forBun() bool {
	for _, name := range []string{"@types/bun", "bun-types"} {
		if s.pkg.DevDeps[name]+s.pkg.Dependencies[name]+s.pkg.PeerDeps[name] != "" {
			return true
		}
	}
	return s.pkg.Engines["bun"] != "" || ecosystem.Exists(s.Dir, ".bun-version")
}

// startOfBun finds the start of a service for Bun that has no start script: what the
// script of developers runs, the module that package.json names, or a usual file.
func (s *service) startOfBun() bool {
	if s.framework.name != "" || s.manager.name != "bun" && !s.forBun() {
		return false
	}
	for _, name := range []string{"serve", "dev"} {
		if words := strings.Fields(s.pkg.Scripts[name]); len(words) > 1 && words[0] == "bun" && s.bunFile(words) != "" {
			s.startScript(name, nil, 3)
			return true
		}
	}
	starts := func(file, why, at string, line int) bool {
		found, ok := s.moduleFile(file)
		if file == "" || !ok || !isTypeScript(found) && !s.forBun() {
			return false
		}
		s.start = []string{"bun", found}
		s.useBun()
		s.Fact("start", strings.Join(s.start, " "), why, at, line)
		return true
	}
	if starts(s.pkg.Module, "module", "package.json", s.pkg.line("module")) || starts(s.pkg.Main, "main", "package.json", s.pkg.line("main")) {
		return true
	}
	for _, file := range []string{"index.ts", "server.ts", "src/index.ts", "src/server.ts", "src/main.ts", "main.ts", "index.tsx", "src/index.tsx"} {
		if starts(file, guessed, file, 0) {
			return true
		}
	}
	return false
}

// guessed is the evidence of start files that are known by their names alone.
const guessed = "the file exists"

// bunFile is the file that a command of Bun runs, "" when it runs none.
func (s *service) bunFile(words []string) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "run" || strings.HasPrefix(w, "-"):
		default:
			if _, ok := s.moduleFile(w); ok || path.Ext(w) != "" || strings.Contains(w, "/") {
				return w
			}
			return ""
		}
	}
	return ""
}

// withBun turns a command of Bun into one that runs the program itself: without run,
// and without what restarts it when a source changes. It is false for commands that
// run no file.
func (s *service) withBun(argv []string) ([]string, bool) {
	file := s.bunFile(argv)
	if file == "" {
		return nil, false
	}
	out := []string{"bun"}
	before := true
	for _, w := range argv[1:] {
		if before && (slices.Contains([]string{"run", "--watch", "--hot", "--no-clear-screen", "--bun", "-b"}, w)) {
			continue
		}
		before = before && w != file
		out = append(out, w)
	}
	s.useBun()
	return out, true
}

// moduleFile is the file that the runtime loads for a path: Bun finds TypeScript too.
func (s *service) moduleFile(entry string) (string, bool) {
	if file, ok := moduleFile(s.Dir, entry); ok {
		return file, true
	}
	for _, end := range []string{".ts", ".tsx", ".mts", ".cts", "/index.ts", "/index.tsx"} {
		if file, ok := moduleFile(s.Dir, path.Clean(entry)+end); ok && (s.bun.runs() || s.forBun() || s.manager.name == "bun") {
			return file, true
		}
	}
	return "", false
}
