// Package java knows services written for the JVM: how to recognise one, what
// its build files say about it, and the stages that build it. It knows Maven,
// alone and with modules, and Gradle with its wrapper; Spring Boot, Quarkus,
// executable jars with everything inside, and plain programs. What runs is a
// Java runtime of only the modules in use, that jlink makes. It refuses versions
// of Java that cannot be had, archives for servlet containers, and programs of
// which nothing says where they start. It only reads files; nothing is executed.
//
//	p, findings := java.Ecosystem{}.In(root).Plan(dir, service, fleet)
package java

import (
	"io/fs"
	"path"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Ecosystem is Java with Maven or Gradle. The zero value knows no repository
// around a service's directory; In gives it one.
type Ecosystem struct{ root fs.FS }

// In returns the ecosystem for a repository, whose root the paths of services
// are relative to.
func (Ecosystem) In(root fs.FS) ecosystem.Language { return Ecosystem{root} }

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return "java" }

// Recognise returns the build file of a directory, "" when there is none.
func (Ecosystem) Recognise(dir fs.FS) string {
	for _, name := range []string{"pom.xml", "build.gradle", "build.gradle.kts"} {
		if ecosystem.Exists(dir, name) {
			return name
		}
	}
	for _, name := range []string{"settings.gradle", "settings.gradle.kts"} {
		if ecosystem.Exists(dir, name) {
			return name
		}
	}
	return ""
}

// Services returns the modules that start: of a build with modules those among
// them, of a single one itself. A library has none.
func (Ecosystem) Services(dir fs.FS) []string {
	if !ecosystem.Exists(dir, "pom.xml") {
		return gradleServices(dir)
	}
	p, _, err := readPOM(dir, "pom.xml")
	if err != nil {
		return []string{"."} // to be told why
	}
	var out []string
	for _, m := range reactor(dir, p) {
		if starts(dir, m) {
			out = append(out, m.dir())
		}
	}
	return out
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

// kind is how a service is packed.
type kind string

const (
	kindSpring  kind = "Spring Boot"
	kindQuarkus kind = "Quarkus"
	kindFat     kind = "fat jar"
	kindPlain   kind = "plain jar"
)

// service is what is known of one service. Paths are relative to the build
// context.
type service struct {
	ecosystem.Service
	at    string // directory of the module
	root  fs.FS  // the repository, nil when it is not known
	below string // the build context in it
	maven *maven // nil: Gradle
	grade *gradle

	assembled  bool   // Slipway makes the bases
	jdk        string // that compiles and runs, "21"
	runner     string // JDK that the build tool runs on, jdk unless it cannot
	compiler   string // JDK that Gradle compiles with, when that is not the runner
	kind       kind
	spring     [2]int // version of Spring Boot, zero when unknown
	main       string // class that starts, of a plain program
	settings   settings
	scan       scan
	dropwizard dropwizard
	start      []string
	held       []ecosystem.Held // what the program opens while it runs
}

// inspect reads the service's files.
func (e Ecosystem) inspect(dir fs.FS, want config.Service, fleet *config.Fleet) *service {
	root, at, context := e.root, path.Clean(want.Path), "."
	if root == nil {
		root, at, context = dir, ".", want.Path
	}
	top := contextOf(root, at)
	if sub, err := fs.Sub(root, top); err == nil && top != "." {
		root, at, context = sub, ecosystem.Below(top, at), path.Join(context, top)
	}
	s := &service{Service: ecosystem.Open(root, want, fleet), at: at, root: e.root, below: top}
	s.Context = context
	bases, _ := ecosystem.Settings(fleet)
	s.assembled = bases.Family == "" || bases.Family == "debian"
	s.Name(s.buildName())
	if !s.readBuild() {
		return s
	}
	s.version()
	s.ReadIgnore()
	s.readSettings()
	names := s.namer()
	s.readSources(names)
	s.findKind()
	s.readDropwizard()
	s.command()
	s.runtimeFiles(names)
	s.network()
	s.system()
	s.CheckIgnored(s.supplied(), s.needed())
	return s
}

// readBuild reads the build files.
func (s *service) readBuild() bool {
	if ecosystem.Exists(s.Dir, path.Join(s.at, "pom.xml")) {
		return s.readMaven()
	}
	return s.readGradle()
}

// manifest is the build file of the module.
func (s *service) manifest() string {
	if s.maven != nil {
		return s.maven.module.file
	}
	return ecosystem.Or(s.grade.file, path.Join(s.at, "build.gradle"))
}

// buildName is what the build calls the module, else the name of its directory.
func (s *service) buildName() string {
	if p, _, err := readPOM(s.Dir, path.Join(s.at, "pom.xml")); err == nil && p.ArtifactID != "" {
		return p.ArtifactID
	}
	if s.at == "." {
		data, _ := ecosystem.Read(s.Dir, ecosystem.Or(first(s.Dir, ".", "settings.gradle", "settings.gradle.kts"), "settings.gradle"))
		if m := gradleName().FindSubmatch(data); m != nil {
			return string(m[1])
		}
	}
	return path.Base(s.At(s.at))
}

// contextOf is the smallest directory that holds a module and what it is built
// with.
func contextOf(root fs.FS, at string) string {
	if ecosystem.Exists(root, path.Join(at, "pom.xml")) {
		top := at
		for _, dir := range relatives(root, at) {
			top = ecosystem.CommonDir(top, dir)
		}
		return top
	}
	for dir := at; ; dir = path.Dir(dir) {
		if ecosystem.Exists(root, path.Join(dir, "settings.gradle")) || ecosystem.Exists(root, path.Join(dir, "settings.gradle.kts")) {
			return dir
		}
		if dir == "." {
			return at
		}
	}
}

// first is the place of the first of some names that exist in a directory, ""
// without one.
func first(tree fs.FS, dir string, names ...string) string {
	for _, n := range names {
		if at := path.Join(dir, n); ecosystem.Exists(tree, at) {
			return at
		}
	}
	return ""
}
