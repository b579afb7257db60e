package java

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// taking is how a jar of Spring Boot is taken apart.
type taking int

const (
	byTools  taking = iota // jarmode tools, Spring Boot 3.3 and later
	byLayers               // jarmode layertools, from 2.4 on, where layers are on by default
	byHand                 // jar xf: no jarmode, or no layers
	byItself               // the build looks at the jar, because nothing names the version
)

// How the build files turn off what the jarmodes need.
var (
	noLayers = pattern.Lazy(`(?s)<layers>\s*<enabled>\s*false|\blayered\s*\{[^}]*\benabled\b[\s=.(set]*false|\blayered\.enabled\b[\s=.(set]*false`)
	noTools  = pattern.Lazy(`<includeTools>\s*false|\bincludeTools\b[\s=.(set]*false`)
)

// takes decides on it: https://docs.spring.io/spring-boot/docs/2.4.0/maven-plugin,
// "Layered jars", and the release notes of 2.3, 2.4 and 3.3.
func (s *service) takes() taking {
	text := s.springSettings()
	switch v := s.spring; {
	case v != [2]int{} && (noLayers().Match(text) || noTools().Match(text)):
		return byHand
	case noLayers().Match(text) || noTools().Match(text), v == [2]int{}:
		return byItself
	case v[0] > 3 || v[0] == 3 && v[1] >= 3:
		return byTools
	case v[0] == 3 || v[0] == 2 && v[1] >= 4:
		return byLayers
	}
	return byHand
}

// springSettings is the text in which the plugin of Spring Boot is configured.
func (s *service) springSettings() []byte {
	if s.maven == nil {
		return s.grade.data
	}
	if g, _ := s.plugin("spring-boot-maven-plugin"); g != nil {
		return g.Inner
	}
	return nil
}

// archive is the ending of the file that Spring Boot packs.
func (s *service) archive() string {
	if s.maven != nil && s.maven.module.Packaging == "war" {
		return "War"
	}
	return "Jar"
}

// launchFile holds the arguments of java for a jar that only the build knows.
const launchFile = "launch"

// springStart is the command that starts it.
func (s *service) springStart() []string {
	switch s.takes() {
	case byTools:
		return []string{"java", "-jar", "app.jar"}
	case byItself:
		return []string{"java", "@" + launchFile}
	}
	launcher := "org.springframework.boot.loader."
	if s.spring[0] > 3 || s.spring[0] == 3 && s.spring[1] >= 2 {
		launcher += "launch."
	}
	return []string{"java", launcher + s.archive() + "Launcher"}
}

// layers takes a jar of Spring Boot apart: libraries to one directory, the
// program to another.
func (s *service) layers(jar string) []string {
	const (
		dir     = "/tmp/layers"
		tools   = "java " + firstCompiler + " -Djarmode=tools -jar /tmp/app.jar extract --layers --destination " + dir
		parts   = "mkdir -p dependencies spring-boot-loader snapshot-dependencies application"
		toDeps  = "cp -R dependencies/. spring-boot-loader/. " + outDeps
		toApp   = "cp -R snapshot-dependencies/. application/. " + outApp
		mainOf  = `sed -n 's/^Main-Class: *\([^[:space:]]*\).*/\1/p' META-INF/MANIFEST.MF > `
		hasTool = "jar tf /tmp/app.jar | grep -q '/spring-boot-jarmode-tools-'"
	)
	byHandSteps := func(dir string) []string {
		return []string{
			"mkdir -p " + dir, "cd " + dir, "jar xf /tmp/app.jar",
			"for lib in *-INF/lib org; do mkdir -p " + outDeps + "/$(dirname $lib) && mv $lib " + outDeps + "/$lib || exit 1; done",
			"cp -R . " + outApp,
		}
	}
	out := []string{"cp " + jar + " /tmp/app.jar"}
	switch s.takes() {
	case byTools:
		return append(out, tools, "cd "+dir, parts, toDeps, toApp)
	case byLayers:
		return append(out, "mkdir "+dir, "cd "+dir, "java "+firstCompiler+" -Djarmode=layertools -jar /tmp/app.jar extract", parts, toDeps, toApp)
	case byHand:
		return append(out, byHandSteps(dir)...)
	}
	own := []string{tools, "cd " + dir, parts, toDeps, toApp, "echo '-jar app.jar' > " + outApp + "/" + launchFile}
	if noLayers().Match(s.springSettings()) || noTools().Match(s.springSettings()) {
		return append(append(out, byHandSteps(dir)...), mainOf+outApp+"/"+launchFile)
	}
	hand := append(byHandSteps(dir), mainOf+outApp+"/"+launchFile)
	return append(out, "if "+hasTool+"; then "+strings.Join(own, " && ")+"; else "+strings.Join(hand, " && ")+"; fi")
}

// repackage is the goal that puts the libraries into the jar.
var repackage = pattern.Lazy(`<goal>\s*repackage\s*</goal>`)

// repackages tells whether Spring Boot's plugin packs the module: its parent
// configures it to, or an execution does. A plugin without either leaves a thin
// jar. What a parent outside of the repository does is not known; it is taken for
// one that does.
func (s *service) repackages() bool {
	last := s.maven.chain[len(s.maven.chain)-1]
	if last.Parent != nil {
		return true
	}
	for _, p := range s.maven.chain {
		if repackage().Match(p.data) {
			return true
		}
	}
	return false
}

// Where a build with Gradle names the version of Spring Boot.
var (
	springClasspath = pattern.Lazy(`["']org\.springframework\.boot:spring-boot-gradle-plugin:(\d+\.\d+)`)
	springPlugin    = pattern.Lazy(`["']org\.springframework\.boot["']\)?\s+version\s*\(?["'](\d+\.\d+)`)
)

// gradleSpringVersion is the version of Spring Boot that the build files name.
func (s *service) gradleSpringVersion() [2]int {
	files := []string{s.grade.file, s.grade.settings}
	if top := first(s.Dir, ".", "build.gradle", "build.gradle.kts"); top != s.grade.file {
		files = append(files, top)
	}
	for _, file := range files {
		data, err := ecosystem.Read(s.Dir, file)
		if file == "" || err != nil {
			continue
		}
		data = gradleExpanded(s.Dir, s.at, data)
		for _, re := range []*regexp.Regexp{springPlugin(), springClasspath()} {
			if m := re.FindSubmatch(data); m != nil {
				return majorMinor(string(m[1]))
			}
		}
	}
	return [2]int{}
}

// boots tells whether the program is one of Spring Boot, however it is packed.
func (s *service) boots() bool {
	return s.kind == kindSpring || s.depends(func(a string) bool { return strings.HasPrefix(a, "spring-boot-starter") }).Found()
}

// jarOf is the jar that a command starts, "" without one.
func jarOf(command []string) string {
	i := slices.Index(command, "-jar")
	if i < 0 || i+1 >= len(command) {
		return ""
	}
	return path.Clean(command[i+1])
}
