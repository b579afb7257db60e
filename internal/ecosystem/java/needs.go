package java

import (
	"path"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// since is the version of Java that releases of a framework or a tool need, or
// can run on, from one on.
type since struct {
	release [2]int
	java    int
}

// javaFor is the entry of the last release that is not newer, 0 without one.
func javaFor(table []since, release [2]int) int {
	out := 0
	for _, row := range table {
		if release[0] > row.release[0] || release[0] == row.release[0] && release[1] >= row.release[1] {
			out = row.java
		}
	}
	return out
}

// framework is one whose libraries are compiled for a later Java than a build
// file may say: the version of the language says what the program's classes are.
type framework struct {
	name       string
	artifacts  []string // bill of materials or parent, which has the version
	properties []string // of Maven, that name it
	gradle     string   // in gradle.properties
	needs      []since
}

// frameworks with the least Java of their releases (their release notes, 2026-11).
func frameworks() []framework {
	return []framework{
		{
			name: "Quarkus", artifacts: []string{"quarkus-bom", "quarkus-universe-bom"}, properties: []string{"quarkus.platform.version", "quarkus.version"},
			gradle: "quarkusPlatformVersion", needs: []since{{[2]int{2, 0}, 11}, {[2]int{3, 7}, 17}},
		},
		{
			name: "Micronaut", artifacts: []string{"micronaut-parent", "micronaut-platform", "micronaut-bom"}, properties: []string{"micronaut.version"},
			gradle: "micronautVersion", needs: []since{{[2]int{4, 0}, 17}},
		},
		{
			name: "Helidon", artifacts: []string{"helidon-se", "helidon-mp", "helidon-dependencies", "helidon-bom"}, properties: []string{"helidon.version"},
			needs: []since{{[2]int{2, 0}, 11}, {[2]int{3, 0}, 17}, {[2]int{4, 0}, 21}},
		},
		{name: "Dropwizard", artifacts: []string{"dropwizard-core", "dropwizard-bom", "dropwizard-dependencies"}, properties: []string{"dropwizard.version"}, needs: []since{{[2]int{3, 0}, 11}, {[2]int{5, 0}, 17}}},
		{name: "Javalin", artifacts: []string{"javalin", "javalin-bundle"}, properties: []string{"javalin.version"}, needs: []since{{[2]int{5, 0}, 11}, {[2]int{7, 0}, 17}}},
		{name: "Vert.x", artifacts: []string{"vertx-core", "vertx-stack-depchain"}, properties: []string{"vertx.version"}, needs: []since{{[2]int{5, 0}, 11}}},
		{name: "Jetty", artifacts: []string{"jetty-server", "jetty-bom"}, properties: []string{"jetty.version"}, needs: []since{{[2]int{10, 0}, 11}, {[2]int{12, 0}, 17}}},
	}
}

// frameworkNeeds is the least Java of the program's framework, and its name.
func (s *service) frameworkNeeds() (java int, name string) {
	if v := s.springOf(); v[0] >= 3 {
		return 17, "Spring Boot " + strconv.Itoa(v[0])
	}
	for _, f := range frameworks() {
		v := s.releaseOf(f)
		if least := javaFor(f.needs, v); least > java {
			java, name = least, f.name+" "+strconv.Itoa(v[0])
		}
	}
	return java, name
}

// springOf is the version of Spring Boot, zero when nothing names it.
func (s *service) springOf() [2]int {
	if s.maven == nil {
		return s.gradleSpringVersion()
	}
	return s.springVersion()
}

// releaseOf is the version of a framework that the build names, zero when none does.
func (s *service) releaseOf(f framework) [2]int {
	if s.maven == nil {
		return majorMinor(s.gradleRelease(f))
	}
	for _, p := range s.maven.chain {
		if p.Parent == nil {
			continue
		}
		for _, a := range f.artifacts {
			if strings.TrimSpace(p.Parent.ArtifactID) == a {
				return majorMinor(s.expand(p.Parent.Version))
			}
		}
	}
	if v := s.versionOf(f.artifacts...); v[0] > 0 {
		return v
	}
	for _, name := range f.properties {
		if text, at := s.property(name); at != nil {
			return majorMinor(s.expand(text))
		}
	}
	return [2]int{}
}

// gradleRelease is the text of a framework's version in a build with Gradle.
func (s *service) gradleRelease(f framework) string {
	for _, dir := range []string{s.at, "."} {
		props, err := ecosystem.Read(s.Dir, path.Join(dir, "gradle.properties"))
		if h, ok := readProperties(props)[f.gradle]; err == nil && ok && f.gradle != "" {
			return strings.TrimSpace(h.Text)
		}
	}
	for _, m := range gradleModuleVersion().FindAllSubmatch(s.grade.data, -1) {
		for _, a := range f.artifacts {
			if string(m[1]) == a {
				return string(m[2])
			}
		}
	}
	return ""
}

// gradleNewest is the newest Java that each Gradle runs on
// (https://docs.gradle.org/current/userguide/compatibility.html, 2026-11).
func gradleNewest(release [2]int) int {
	return javaFor([]since{
		{[2]int{2, 0}, 8}, {[2]int{4, 3}, 9}, {[2]int{4, 7}, 10}, {[2]int{5, 0}, 11}, {[2]int{5, 4}, 12}, {[2]int{6, 0}, 13}, {[2]int{6, 3}, 14}, {[2]int{6, 7}, 15},
		{[2]int{7, 0}, 16}, {[2]int{7, 3}, 17}, {[2]int{7, 5}, 18}, {[2]int{7, 6}, 19}, {[2]int{8, 3}, 20}, {[2]int{8, 5}, 21}, {[2]int{8, 8}, 22}, {[2]int{8, 10}, 23},
		{[2]int{8, 14}, 24}, {[2]int{9, 1}, 25}, {[2]int{10, 0}, 1 << 10},
	}, release)
}

// gradleOldest is the oldest Java that it runs on (the same page).
func gradleOldest(release [2]int) int {
	return javaFor([]since{{[2]int{0, 0}, 8}, {[2]int{9, 0}, 17}}, release)
}

// fitGradle decides on the JDK that runs Gradle, and on the one that compiles
// when that is another: the service's own JDK, unless the wrapper's version does
// not run on it.
func (s *service) fitGradle(level, named said) {
	release := majorMinor(s.grade.version)
	low, high := gradleOldest(release), gradleNewest(release)
	runs := func(n int) bool { return high == 0 || n == 0 || low <= n && n <= high }
	compiles := number(s.jdk)
	if named.by == ofToolchain {
		compiles = named.n()
		s.runner = strconv.Itoa(compiles)
	}
	if !runs(compiles) {
		s.runner = newestWithin(low, high)
		if compiles < low {
			s.runner = newer(low)
		}
	}
	if s.ownDaemon(named) && runs(s.grade.daemon.n()) {
		s.runner = strconv.Itoa(s.grade.daemon.n())
	}
	switch {
	case named.by == ofToolchain && s.runner != "" && (s.assembled || number(s.runner) == compiles):
		if number(s.runner) != compiles {
			s.compiler = strconv.Itoa(compiles)
		}
	case runs(compiles):
	case s.runner == "" || number(s.runner) < level.n() || named.by == ofToolchain || s.Want.Version != "" && (level.n() == 0 || level.n() > number(s.jdk)):
		s.gradleCannot(level, named)
		return
	case s.Want.Version == "":
		s.jdk = s.runner
		s.refit("Gradle " + s.grade.version + " does not run on Java " + strconv.Itoa(compiles))
	}
	if s.runner != s.jdk {
		s.Fact("JDK of Gradle", "Java "+s.runner, "Gradle "+s.grade.version+" runs on Java "+strconv.Itoa(low)+" to "+strconv.Itoa(high), "gradle/wrapper/gradle-wrapper.properties", 0)
	}
}

// ownDaemon reports settings of the JDK that runs Gradle beside those of the one
// that compiles.
func (s *service) ownDaemon(named said) bool {
	return s.assembled && named.by == ofToolchain && s.grade.daemon.text != "" && newer(s.grade.daemon.n()) == strconv.Itoa(s.grade.daemon.n())
}

// gradleCannot reports a Gradle that no JDK both runs and compiles with.
func (s *service) gradleCannot(level, named said) {
	place := level
	if named.text != "" {
		place = named
	}
	if place.file == "" {
		place.file = s.grade.file
	}
	s.Report(diag.Error, codeGradle, place.file, place.line,
		"run: gradle wrapper --gradle-version 9.1 (runs on Java 17 to 25) or 8.14.3 (on Java 8 to 24), and commit the result",
		"Gradle %s does not run on Java %s, which the build requires", s.grade.version, s.jdk)
}

// newestWithin is the newest JDK of a range, "" without one.
func newestWithin(low, high int) string {
	out := ""
	for _, jdk := range jdks() {
		if n := number(jdk); low <= n && n <= high {
			out = jdk
		}
	}
	return out
}

// refit corrects the fact about the version.
func (s *service) refit(why string) {
	for i := range s.Facts {
		if s.Facts[i].Name == "runtime" {
			s.Facts[i].Value, s.Facts[i].Evidence = "Java "+s.jdk, why
		}
	}
}
