package golang

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

var (
	// opens is the text before a string that a call opens, of the standard library
	// and of web frameworks.
	opens = ecosystem.NewSign(`(?:\bos\.(?:Open|OpenFile|ReadFile|ReadDir|Stat|Lstat|DirFS|OpenRoot|OpenInRoot)|\bioutil\.Read\w+|\bfilepath\.(?:Glob|Walk|WalkDir)|\bhttp\.(?:Dir|ServeFile)|\bParseFiles|\bParseGlob|\bLoadHTML\w+|\.Static\w*|\.File\w*|\bServeFile\w*|\bLoadX509KeyPair|\bNewServerTLSFromFile|\bListenAndServeTLS|\bListenTLS|\bRunTLS|\bStartTLS|\bServeTLS|\bSetConfigFile|\bhtml\.New|\btemplate\.New\w*Engine|\bReadConfig|\bLoadConfig\w*|\bDecodeFile|\bLoadFile|\bMustLoad\w*|\bgodotenv\.\w+)\([^;{}]*$`)

	embedLines = ecosystem.NewSign(`(?m)^//go:embed[ \t]+`)
	caller     = ecosystem.NewSign(`\bruntime\.Caller\(`)

	// dotenvFatal ends the program when there is no .env.
	dotenvFatal = ecosystem.NewSign(`\bgodotenv\.(?:Load|Overload|Read)\([^()]*\)[^}]{0,120}?\b(?:log\.(?:Fatal|Panic)\w*|panic|os\.Exit)\(`)
)

// newNamer prepares the search for files that the program opens by name. They are
// looked up in the module, beside the main package and in the workspace, and the
// program finds them from its working directory.
func (s *service) newNamer() {
	s.namer = &ecosystem.Namer{
		Service: &s.Service, Syntax: ecosystem.GoSyntax, Opens: opens,
		Source: isBuildInput, Embedded: s.isEmbedded, Own: s.besideSource,
	}
	for _, dir := range []string{s.module.dir, s.mainDir, s.top()} {
		if !slices.ContainsFunc(s.namer.Roots, func(r ecosystem.Root) bool { return r.Dir == dir }) {
			s.namer.Roots = append(s.namer.Roots, ecosystem.Root{Dir: dir, To: ecosystem.WorkDir})
		}
	}
}

// isBuildInput reports what a Go program is built from.
func isBuildInput(name string) bool {
	switch base := path.Base(name); base {
	case "go.mod", "go.sum", "go.work", "go.work.sum":
		return true
	default:
		return slices.Contains([]string{".go", ".s", ".c", ".h", ".cc", ".cpp", ".hpp", ".templ"}, path.Ext(base))
	}
}

// isEmbedded reports a path that go:embed makes part of the program.
func (s *service) isEmbedded(at string) bool {
	return slices.ContainsFunc(s.graph.embedded, func(e string) bool {
		if ok, _ := path.Match(e, at); ok {
			return true
		}
		return strings.HasPrefix(at, e+"/")
	})
}

// besideSource is the root of names that are joined to runtime.Caller's path:
// -trimpath makes it begin with the package's import path.
func (s *service) besideSource(file, _ string) (ecosystem.Root, bool) {
	if !s.callers[file] {
		return ecosystem.Root{}, false
	}
	dir := path.Dir(file)
	for _, m := range s.modules {
		if dir == m.dir || strings.HasPrefix(dir, m.dir+"/") || m.dir == "." {
			return ecosystem.Root{Dir: dir, To: path.Join(ecosystem.WorkDir, m.path, relative(m.dir, dir))}, true
		}
	}
	return ecosystem.Root{}, false
}

// lookNames takes the names that a source has, behind its imports.
func (s *service) lookNames(name string, data []byte, imports int) {
	if caller.Match(data) {
		s.callers[name] = true
	}
	s.namer.Look(name, blanked(data, imports))
	s.dotenv.Keep(ecosystem.Find(dotenvFatal, name, data))
}

// blanked hides the beginning of a source without moving its lines.
func blanked(data []byte, end int) []byte {
	out := slices.Clone(data)
	for i := range out[:min(end, len(out))] {
		if out[i] != '\n' {
			out[i] = ' '
		}
	}
	return out
}

// runtimeFiles finds what production holds beside the program.
func (s *service) runtimeFiles() {
	s.held = s.namer.Files()
	s.ReadSettings(s.held) // for the servers that they name
	s.binary = ecosystem.Installed(s.binary, s.held)
	if s.dotenv.Found() {
		s.Report(diag.Warning, codeDotenv, s.dotenv.File, s.dotenv.Line, "ignore the error, and write the variables under env: in slipway.yaml or pass them to slipway run",
			"the program exits when .env does not exist, and images contain no .env")
	}
}
