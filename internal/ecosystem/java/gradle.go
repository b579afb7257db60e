package java

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// gradle is a build with Gradle. Its files are programs: Slipway reads what the
// usual statements say and runs nothing.
type gradle struct {
	file     string // its build file
	data     []byte
	settings string   // settings file, "" without one
	projects []string // directories of all projects, "." first
	version  string   // of the wrapper
	daemon   said     // the JDK that is to run it
	crlf     bool     // gradlew has line ends that no shell takes
}

var (
	gradleInclude       = pattern.Lazy(`(?m)^\s*include\b\s*(\([^)]*\)|[^\n,]*(?:,\s*[^\n,]*)*)`)
	gradleQuoted        = pattern.Lazy(`["']([^"'\n]+)["']`)
	gradleName          = pattern.Lazy(`rootProject\.name\s*=\s*["']([^"'\n]+)["']`)
	gradleApp           = pattern.Lazy(`(?m)^[^/\n]*(?:\bid\b[\s(]*["'](?:org\.springframework\.boot|io\.quarkus|application|com\.gradleup\.shadow|com\.github\.johnrengelman\.shadow)["']\)?(?:\s+version\s*\(?["'][^"']*["']\)?)?[ \t]*(?:$|//|;|\})|apply\s+plugin:\s*["'](?:application|org\.springframework\.boot)["']|(?:^|\{|;)[ \t]*application[ \t\r]*(?:$|;|\}))`)
	gradleMain          = pattern.Lazy(`\bmainClass(?:Name)?(?:\s*=\s*|\.set\(\s*)["']([\w.$]+)["']`)
	gradleWrapper       = pattern.Lazy(`gradle-(\d+(?:\.\d+)*)-(?:bin|all)\.zip`)
	gradleVersion       = pattern.Lazy(`(?m)^\s*version\s*=\s*["']([\w.-]+)["']`)
	gradleModuleVersion = pattern.Lazy(`["'][\w.-]+:([\w.-]+):(\d[^"'\n]*)["']`)
	gradleModule        = pattern.Lazy(`["']([\w.-]+):([\w.-]+)(?::[^"'\n]*)?["']`)
)

// gradleProjects are the directories that a settings file includes.
func gradleProjects(tree fs.FS, settings string) []string {
	out := []string{"."}
	data, err := ecosystem.Read(tree, settings)
	if settings == "" || err != nil {
		return out
	}
	for _, line := range gradleInclude().FindAllSubmatch(data, maxModules) {
		for _, q := range gradleQuoted().FindAllSubmatch(line[1], maxModules) {
			dir := path.Clean(strings.Trim(strings.ReplaceAll(string(q[1]), ":", "/"), "/"))
			if fs.ValidPath(dir) && dir != "." && ecosystem.IsDir(tree, dir) && !slices.Contains(out, dir) {
				out = append(out, dir)
			}
		}
	}
	return out
}

// gradleServices are the projects that apply a plugin which makes a program.
func gradleServices(dir fs.FS) []string {
	var out []string
	for _, p := range gradleProjects(dir, first(dir, ".", "settings.gradle", "settings.gradle.kts")) {
		data, err := ecosystem.Read(dir, first(dir, p, "build.gradle", "build.gradle.kts"))
		if err == nil && gradleApp().Match(gradleExpanded(dir, p, data)) {
			out = append(out, p)
		}
	}
	return out
}

// readGradle reads the settings, the build file and the wrapper.
func (s *service) readGradle() bool {
	g := &gradle{
		file:     first(s.Dir, s.at, "build.gradle", "build.gradle.kts"),
		settings: first(s.Dir, ".", "settings.gradle", "settings.gradle.kts"),
	}
	s.grade = g
	g.projects = gradleProjects(s.Dir, g.settings)
	var err error
	if g.data, err = ecosystem.Read(s.Dir, g.file); err != nil {
		s.Report(diag.Error, codeManifest, ecosystem.Or(g.file, g.settings), 0, "name the directory of a project: path: app", "no readable build file in %s", ecosystem.Or(s.At(s.at), "."))
		return false
	}
	g.data = gradleExpanded(s.Dir, s.at, g.data)
	const props = "gradle/wrapper/gradle-wrapper.properties"
	data, _ := ecosystem.Read(s.Dir, props)
	m := gradleWrapper().FindSubmatch(data)
	for _, file := range []string{"gradlew", "gradle/wrapper/gradle-wrapper.jar", props} {
		if !ecosystem.Exists(s.Dir, file) || file == props && m == nil {
			s.Report(diag.Error, codeWrapper, g.file, 0, "run: gradle wrapper, and commit gradlew and gradle/wrapper/", "%s is missing or names no version: Gradle builds with its wrapper only, Debian's Gradle is too old", file)
			return false
		}
	}
	g.version = string(m[1])
	g.daemon = s.gradleDaemon()
	if script, err := fs.ReadFile(s.Dir, "gradlew"); err == nil { // as it is: ecosystem.Read would hide the line ends
		g.crlf = bytes.Contains(script, []byte("\r\n"))
	}
	s.Fact("build tool", "Gradle "+g.version, "wrapper", props, ecosystem.LineAt(data, int64(strings.Index(string(data), "distributionUrl"))))
	return true
}

// depends returns the first dependency that a function accepts.
func (g *gradle) depends(accept func(artifact string) bool) ecosystem.Hit {
	for _, m := range gradleModule().FindAllSubmatchIndex(g.data, -1) {
		if a := string(g.data[m[4]:m[5]]); accept(a) {
			return ecosystem.Hit{Text: a, File: g.file, Line: ecosystem.LineAt(g.data, int64(m[0]))}
		}
	}
	return ecosystem.Hit{}
}

// applies tells whether the build file names a plugin.
func (g *gradle) applies(plugin string) ecosystem.Hit {
	re := regexp.MustCompile(`(?m)^[^/\n]*(?:["']` + regexp.QuoteMeta(plugin) + `["']|(?:^|\{|;)[ \t]*` + regexp.QuoteMeta(plugin) + `[ \t\r]*(?:$|;|\}))()`)
	return ecosystem.Find(re, g.file, g.data)
}

// task is what builds the module, with where the result lies.
func (s *service) task() (task, result string) {
	build := path.Join(s.at, "build")
	switch s.kind {
	case kindSpring:
		return "bootJar", build + "/libs"
	case kindQuarkus:
		return "quarkusBuild", build + "/quarkus-app"
	case kindFat:
		return "shadowJar", build + "/libs"
	default:
		return "installDist", build + "/install"
	}
}
