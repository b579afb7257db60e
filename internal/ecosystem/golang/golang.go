// Package golang knows services written in Go: how to recognise one, which
// packages its binary is made of, and the four stages that build it. A service
// is a main package of a module, alone, in a workspace, or with vendored
// dependencies; its inputs are the packages that it imports and no others. It
// refuses versions of Go that cannot be had, directories outside the repository,
// C libraries that no base has, and modules of which nothing says which of
// several programs is meant. It only reads files; nothing is executed.
//
//	p, findings := golang.Ecosystem{}.In(root).Plan(dir, service, fleet)
package golang

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings in Go services. A code has one meaning for ever.
const (
	codeModule   = "SLP240" // go.mod or go.work cannot be read
	codeNoModule = "SLP241" // a main package outside of any module
	codeVersion  = "SLP242" // a Go that cannot be had
	codeNoMain   = "SLP243" // no main package where one is wanted
	codeWhich    = "SLP244" // several main packages, and nothing says which
	codeNoSum    = "SLP245" // no go.sum
	codeOutside  = "SLP246" // a module outside the repository
	codeCLibrary = "SLP247" // a C library or compiler that no base has
	codeSource   = "SLP248" // a source file that cannot be read
	codeDotenv   = "SLP324" // the program ends without a .env, which no image holds
	codeEmbed    = "SLP325" // go:embed names what is not in the repository
	codeOthers   = "SLP326" // further programs of the module
	codePort     = "SLP329" // slipway.yaml says another port than the program listens on
	codeStale    = "SLP481" // go.mod, go.sum or vendor lack a module that the program needs
)

// Ecosystem is Go with modules. The zero value knows no repository around a
// service's directory; In gives it one.
type Ecosystem struct{ root fs.FS }

// In returns the ecosystem for a repository, whose root the paths of services
// are relative to.
func (Ecosystem) In(root fs.FS) ecosystem.Language { return Ecosystem{root} }

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return "go" }

// Recognise returns the file that makes a directory a Go module or, in a known
// repository, a main package; "" when there is none.
func (e Ecosystem) Recognise(dir fs.FS) string {
	if ecosystem.Exists(dir, "go.mod") {
		return "go.mod"
	}
	if e.root == nil {
		return ""
	}
	return mainFile(dir, ".")
}

// Services returns the main packages of a module that are services: the module
// itself when there is one program, else the directories of each. A library has
// none.
func (Ecosystem) Services(dir fs.FS) []string {
	all := programs(dir)
	if len(all) == 1 {
		return []string{"."}
	}
	if s := serving(dir, modulePath(dir), all); len(s) > 0 { // the others are called by people
		all = s
	}
	return slices.DeleteFunc(slices.Clone(all), func(at string) bool { // one that people call, not a service
		stem, client := strings.CutSuffix(at, "client")
		return client && slices.Contains(all, stem+"server")
	})
}

// Inspect completes a service, of which at least the name and path are known,
// with what its files say, and returns the evidence.
func (e Ecosystem) Inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings) {
	s := e.inspect(dir, want, fleet)
	return s.Want, s.Facts, s.Findings
}

// Plan returns the stages of a service. With an error among the findings, the
// plan is not to be built.
func (e Ecosystem) Plan(dir fs.FS, want config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	s := e.inspect(dir, want, fleet)
	if s.Findings.Errors() != nil {
		return plan.Service{}, s.Findings
	}
	return s.plan(fleet), s.Findings
}

// service is what is known of one service. Paths are relative to the build
// context.
type service struct {
	ecosystem.Service

	fleet     *config.Fleet // nil without slipway.yaml
	module    *module       // that the program belongs to
	modules   []*module     // all that the build reads, the program's first
	workspace *workspace    // nil without go.work
	mainDir   string        // directory of the main package
	binary    string        // name of the program
	minor     string        // of Go, "1.26"
	vendored  bool          // vendor/ holds the dependencies
	modMod    bool          // go completes go.mod and go.sum in the build
	private   ecosystem.Hit // a module from a server with a login
	privacy   string        // GOPRIVATE of it
	cgo       ecosystem.Hit // why a C compiler is needed
	graph     graph         // packages of the program
	namer     *ecosystem.Namer
	held      []ecosystem.Held // what the program opens while it runs
	callers   map[string]bool  // sources that ask for their own path
	dotenv    ecosystem.Hit    // the program ends without a .env
	readsPort bool             // the program reads $PORT
	gin       bool             // the program uses Gin
	start     []string

	commands    []subcommand // that the program has
	commandUses []subcommand // what is done with variables of commands

	evidence    ecosystem.Evidence // of the network
	addresses   *addresses         // nil until a source speaks of one
	vaguePort   ecosystem.Hit      // in a file that listens
	host        hostFlag           // by which it listens on every address
	vagueRank   int
	namedByCode bool          // generated code names the service of the health check
	served      ecosystem.Hit // the gRPC service that generated code names
	ginRun      ecosystem.Hit // Run without an address
}

// inspect reads the service's files.
func (e Ecosystem) inspect(dir fs.FS, want config.Service, fleet *config.Fleet) *service {
	root, at := e.root, want.Path
	if root == nil {
		root, at = dir, "."
	}
	s := &service{Service: ecosystem.Open(root, want, fleet), fleet: fleet, callers: map[string]bool{}}
	s.Context = "."
	if e.root == nil {
		s.Context = want.Path
	}
	if !s.findModule(path.Clean(at)) || !s.narrow() {
		return s
	}
	s.Name(s.module.shortName())
	s.version()
	if !s.chooseMain(path.Clean(at), e.root == nil) {
		return s
	}
	s.ReadIgnore()
	s.newNamer()
	s.readSources()
	s.conclude()
	s.dependencies()
	s.findPrivate()
	s.compiler()
	s.runtimeFiles()
	s.Network(s.evidence, path.Join(s.module.dir, "go.mod"))
	s.command()
	s.CheckIgnored(s.supplied(), s.needed())
	return s
}

// programs returns the directories of main packages that are services: the
// module's root and what lies under cmd, else the other directories that do not
// look like examples and tools, else those that lie deeper, else the examples.
func programs(dir fs.FS) []string {
	var out []string
	if mainFile(dir, ".") != "" {
		out = append(out, ".")
	}
	entries, _ := fs.ReadDir(dir, "cmd")
	for _, e := range entries {
		if at := "cmd/" + e.Name(); e.IsDir() && mainFile(dir, at) != "" && !ecosystem.Exists(dir, at+"/go.mod") {
			out = append(out, at)
		}
	}
	if mainFile(dir, "cmd") != "" {
		out = append(out, "cmd")
	}
	if len(out) > 0 {
		return out
	}
	entries, _ = fs.ReadDir(dir, ".")
	for _, e := range entries {
		if e.IsDir() && !idleDir(e.Name()) && mainFile(dir, e.Name()) != "" && !ecosystem.Exists(dir, e.Name()+"/go.mod") {
			out = append(out, e.Name())
		}
	}
	if len(out) > 0 {
		return out
	}
	if out = deepPrograms(dir, "."); len(out) > 0 {
		return out
	}
	for _, at := range []string{"examples", "example", "_examples"} {
		if ecosystem.IsDir(dir, at) && !ecosystem.Exists(dir, at+"/go.mod") {
			out = append(out, deepPrograms(dir, at)...)
		}
	}
	return out
}

// Bounds of the search for programs below the first level of a module.
const (
	maxProgramDepth = 4
	maxProgramDirs  = 2000
)

// deepPrograms returns the directories of main packages at and below one of a
// module, without those that hold no services and without other modules.
func deepPrograms(dir fs.FS, top string) []string {
	var out []string
	dirs := 0
	_ = fs.WalkDir(dir, top, func(at string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || dirs > maxProgramDirs:
			return fs.SkipAll
		case !e.IsDir() || at == ".":
			return nil
		case at != top && (idleDir(e.Name()) || e.Name() == "internal" || ecosystem.Exists(dir, at+"/go.mod")) || strings.Count(at, "/") >= maxProgramDepth:
			return fs.SkipDir
		}
		dirs++
		if mainFile(dir, at) != "" {
			out = append(out, at)
			return fs.SkipDir
		}
		return nil
	})
	return out
}

// IsExample tells whether a path is that of an example or a test, which nothing
// deploys where there are services.
func (Ecosystem) IsExample(at string) bool {
	return slices.ContainsFunc(strings.Split(at, "/"), func(name string) bool {
		return slices.Contains([]string{"examples", "example", "_examples", "test", "tests", "e2e", "benchmark", "benchmarks"}, name)
	})
}

// idleDir knows directories whose programs are no services.
func idleDir(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || slices.Contains([]string{
		"vendor", "testdata", "test", "tests", "e2e", "examples", "example", "tools", "tool", "scripts", "script", "hack", "build", "ci", "docs", "misc", "node_modules",
	}, name)
}

// command decides on the exec form that starts the service.
func (s *service) command() {
	target := ecosystem.WorkDir + "/" + s.binary
	if len(s.Want.Command) == 0 {
		s.start = []string{target}
		if c, ok := s.servingCommand(); ok && (s.Want.Type == "http" || s.Want.Type == "grpc") {
			s.start = append(s.start, c.use)
			s.Fact("start", strings.Join(s.start, " "), "the command that starts the server; the program alone prints its help", c.hit.File, c.hit.Line)
		} else {
			s.Fact("start", target, "the program in "+show(s.mainDir), path.Join(s.mainDir, mainFile(s.Dir, s.mainDir)), 0)
		}
		if s.host.Found() {
			s.start = append(s.start, s.host.all())
			s.Fact("argument", s.host.all(), "the flag's default is "+s.host.given+", which nothing outside of the container reaches", s.host.File, s.host.Line)
		}
		return
	}
	s.start = slices.Clone(s.Want.Command)
	if slices.Contains([]string{s.binary, path.Base(s.mainDir), s.module.shortName()}, path.Base(s.start[0])) {
		s.start[0] = target
	}
	s.Configured("start", strings.Join(s.start, " "))
}

func show(dir string) string {
	if dir == "." {
		return "the module's root"
	}
	return dir
}
