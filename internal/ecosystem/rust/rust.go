// Package rust knows services written in Rust: how to recognise one, which
// crates of the repository its program is made of, and the four stages that
// build it. A service is one program of a package, alone or in a workspace; its
// inputs are the packages that it depends on by path and no others. It refuses
// features of Rust that no release has, dependencies outside the repository, system
// libraries that Debian lacks, and packages of which nothing says which of several
// programs is meant; it warns of a missing or stale Cargo.lock and of a version that
// a near one replaces. It only reads files; nothing is executed.
//
//	p, findings := rust.Ecosystem{}.In(root).Plan(dir, service, fleet)
package rust

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings in Rust services. A code has one meaning for ever.
const (
	codeFeature    = "SLP249" // a feature that the package does not have
	codeManifest   = "SLP250" // Cargo.toml or Cargo.lock cannot be read
	codeVersion    = "SLP251" // a Rust that cannot be had
	codeNoProgram  = "SLP252" // no program where one is wanted
	codeWhich      = "SLP253" // several programs, and nothing says which
	codeNoLock     = "SLP254" // no Cargo.lock
	codeOutside    = "SLP255" // a package outside the repository
	codeSystem     = "SLP256" // a system library or tool that no base has
	codeStale      = "SLP258" // a Cargo.lock that does not fit a Cargo.toml
	codeOverridden = "SLP327" // .cargo/config.toml names a linker or wrapper that the toolchain lacks, and the build does without
	codeOthers     = "SLP328" // further programs of the package or workspace
	codeTarget     = "SLP480" // .cargo/config.toml names another platform than the image's
	codePrepared   = "SLP482" // queries that SQLx checks against a database while it compiles
)

// Ecosystem is Rust with cargo. The zero value knows no repository around a
// service's directory; In gives it one.
type Ecosystem struct{ root fs.FS }

// In returns the ecosystem for a repository, whose root the paths of services
// are relative to.
func (Ecosystem) In(root fs.FS) ecosystem.Language { return Ecosystem{root} }

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return "rust" }

// Recognise returns Cargo.toml when the directory has one; "" when there is none,
// and when it is a library that a package of another language is built with.
func (e Ecosystem) Recognise(dir fs.FS) string {
	if !ecosystem.Exists(dir, "Cargo.toml") {
		return ""
	}
	if (ecosystem.Exists(dir, "package.json") || ecosystem.Exists(dir, "pyproject.toml")) && len(e.Services(dir)) == 0 {
		return ""
	}
	return "Cargo.toml"
}

// Services returns the packages with programs: that of the directory and, of a
// workspace, its members. A library has none.
func (Ecosystem) Services(dir fs.FS) []string {
	m := manifestOf(dir, ".")
	if m == nil {
		return []string{"."} // which says what is wrong with it
	}
	var out []string
	if len(bins(dir, m)) > 0 {
		out = append(out, ".")
	}
	if m.Workspace == nil {
		return out
	}
	for _, pattern := range m.Workspace.Members {
		found, _ := fs.Glob(dir, path.Clean(pattern))
		for _, at := range found[:min(len(found), maxCrates)] {
			sub, err := fs.Sub(dir, at)
			if err == nil && !slices.Contains(out, at) && len(bins(sub, manifestOf(sub, "."))) > 0 {
				out = append(out, at)
			}
		}
	}
	if kept := slices.DeleteFunc(slices.Clone(out), idleDir); len(kept) > 0 {
		out = kept
	}
	return running(dir, out)
}

// running leaves out programs that people call, beside others that serve.
func running(dir fs.FS, all []string) []string {
	kept := slices.DeleteFunc(slices.Clone(all), func(at string) bool {
		return !slices.ContainsFunc(bins(subOf(dir, at), manifestOf(dir, at)), func(b target) bool {
			data, _ := ecosystem.Read(dir, path.Join(at, b.Path))
			return serves(dir, at, manifestOf(dir, at), b) || waits().Match(data)
		})
	})
	if len(kept) == 0 {
		return all
	}
	return kept
}

// waits is what a worker does and a tool does not.
var waits = pattern.Lazy(`\bloop\s*\{|\bctrl_c\(|\binterval\(|\bsignal::|\.(?:recv|consume|subscribe)\w*\(`)

func subOf(dir fs.FS, at string) fs.FS {
	sub, err := fs.Sub(dir, at)
	if err != nil {
		return dir
	}
	return sub
}

// manifestOf is the Cargo.toml of a directory, nil when it cannot be read.
func manifestOf(root fs.FS, dir string) *manifest {
	data, err := ecosystem.Read(root, path.Join(dir, "Cargo.toml"))
	if err != nil {
		return nil
	}
	m, _, err := parseManifest(data)
	if err != nil {
		return nil
	}
	return m
}

// IsExample tells whether a path is that of a workspace's own tools, tests and
// examples, which nothing deploys where there are services.
func (Ecosystem) IsExample(at string) bool { return idleDir(at) }

// IsLibrary tells whether nothing serves the program at a path: those with a window.
func (e Ecosystem) IsLibrary(at string) bool {
	m := manifestOf(e.root, at)
	return m != nil && m.Normal["tauri"] != nil
}

// idleDir knows directories whose programs are no services.
func idleDir(at string) bool {
	return slices.ContainsFunc(strings.Split(at, "/"), func(name string) bool {
		return slices.Contains([]string{"xtask", "xtasks", "examples", "example", "tests", "test", "benches", "bench", "benchmarks", "fuzz", "tools", "testbench"}, name)
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

	family   string    // of the bases
	top      string    // directory that cargo runs in: the workspace's, else the package's
	rootFile *manifest // its Cargo.toml
	crates   []*crate  // all that cargo reads
	crate    *crate    // of the program
	bin      target    // the program
	lock     *lock     // nil without Cargo.lock
	request  request   // of a file, for a version of Rust
	version  string    // of Rust, "1.96"
	natives  []string  // words of system libraries and tools, sorted
	linked   []string  // those of them that the program needs while it runs
	conf     string    // .cargo/config.toml, "" without
	vendored bool

	resolves  bool          // cargo chooses versions in the build: no lock file, or one that does not fit
	git       ecosystem.Hit // the first dependency on a git repository
	vendorDir string        // with the sources of dependencies, "" without
	onHost    bool          // .cargo/config.toml names a target, and the build does without

	namer      *ecosystem.Namer
	held       []ecosystem.Held     // what the program opens while it runs
	installed  string               // the program's name in the image
	cargoEnv   []string             // overrides of .cargo/config.toml
	strongPort bool                 // of the port found: not from vague signs
	roots      map[string]*manifest // of other workspaces, by directory

	inputs    map[string]bool // files and directories that crates are compiled with
	files     []string        // that the program reads while it runs
	evidence  ecosystem.Evidence
	ports     *ecosystem.Ports
	secure    ecosystem.Hit // the server has a certificate, under no condition
	plain     bool          // a server without one
	loopback  ecosystem.Hit
	query     ecosystem.Hit // that a database checks at compile time
	readsPort bool
	rocket    bool
	start     []string
}

// inspect reads the service's files.
func (e Ecosystem) inspect(dir fs.FS, want config.Service, fleet *config.Fleet) *service {
	root, at := e.root, want.Path
	if root == nil {
		root, at = dir, "."
	}
	s := &service{Service: ecosystem.Open(root, want, fleet), inputs: map[string]bool{}}
	bases, _ := ecosystem.Settings(fleet)
	s.family = bases.Family
	s.Context = "."
	if e.root == nil {
		s.Context = want.Path
	}
	if !s.findCrates(path.Clean(at)) {
		return s
	}
	s.request = s.pinned() // perhaps above the build context
	if !s.narrow() {
		return s
	}
	s.Name(s.crate.name)
	s.readVersion()
	if !s.chooseProgram() {
		return s
	}
	s.ReadIgnore()
	s.readConfig()
	s.newNamer()
	s.dependencies()
	s.readSources()
	s.conclude()
	s.system()
	s.features()
	s.runtimeFiles()
	s.Network(s.evidence, s.crate.manifestFile())
	s.command()
	s.CheckIgnored(s.supplied(), s.needed())
	return s
}

// supplied are the patterns for services without a .dockerignore.
func (s *service) supplied() []string {
	return ecosystem.Unhide(s.UnhidePublic(append(ecosystem.Supplied(), "**/target", "**/node_modules"), path.Clean), s.held)
}

// needed are files without which the build fails.
func (s *service) needed() []string {
	var out []string
	for _, c := range s.crates {
		out = append(out, c.manifestFile())
		if c.needed {
			src := path.Join(c.dir, "src")
			out = append(append(out, src), s.HiddenSources(src, func(name string, isDir bool) bool {
				return name != "bin" && !ofTests(name, isDir) && (isDir || strings.HasSuffix(name, ".rs"))
			})...)
		}
	}
	out = append(out, path.Join(s.crate.dir, s.bin.Path))
	if s.lock != nil {
		out = append(out, path.Join(s.top, "Cargo.lock"))
	}
	return out
}
