package java

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// jdks are the versions of the JDK that the bases have, oldest first: those of
// Debian trixie. Both compile for Java 8 and all later ones up to their own.
func jdks() []string { return []string{"21", "25"} }

const (
	oldest     = 8
	defaultJDK = "21"
)

// said is what a file says about the version of Java.
type said struct {
	text, file string
	line       int
	exact      bool // Gradle looks for this JDK and no other
}

// javaVendor is what version managers write before the number.
var javaVendor = pattern.Lazy(`^(?:[A-Za-z]\w*-)+`)

var javaNumber = pattern.Lazy(`(?:^|[^\d.])(?:1\.)?(\d{1,3})(?:[^\d]|$)`)

// feature is 21 of "21", "1.8"'s 8, 17 of "17.0.9-tem", "temurin-17.0.9+9" or
// "VERSION_17"; 0 of what names no version.
func feature(text string) int {
	m := javaNumber().FindStringSubmatch(javaVendor().ReplaceAllString(text, ""))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// version decides on the JDK and the version of the language.
func (s *service) version() {
	const what = "runtime"
	v := s.versionSaid()
	choices := "Java " + strings.Join(jdks(), " and ")
	hint := "Debian has " + choices + ", which compile for Java 8 and later; bases: official in slipway.yaml uses images from a registry"
	n := feature(v.text)
	s.release = n
	jdk := defaultJDK
	for _, have := range slices.Backward(jdks()) {
		if i, _ := strconv.Atoi(have); n <= i {
			jdk = have
		}
	}
	newest, _ := strconv.Atoi(jdks()[len(jdks())-1])
	if w := s.Want.Version; w != "" {
		s.wantedVersion(w, n, hint)
		return
	}
	switch {
	case v.text == "":
		s.jdk = defaultJDK
		s.Fact(what, "Java "+s.jdk, "default: nothing names a version", "", 0)
	case n == 0:
		s.Report(diag.Error, codeVersion, v.file, v.line, hint, "%q is not a Java version", v.text)
	case n < oldest:
		s.Report(diag.Error, codeVersion, v.file, v.line, hint, "no supported JDK compiles for Java %d", n)
	case n > newest && s.assembled:
		s.Report(diag.Error, codeVersion, v.file, v.line, hint, "it requires Java %d, which the bases do not have", n)
	case v.exact && s.assembled && !slices.Contains(jdks(), strconv.Itoa(n)):
		s.Report(diag.Error, codeVersion, v.file, v.line, "write a toolchain of "+strings.Join(jdks(), " or ")+" with options.release = "+strconv.Itoa(n)+"; bases: official in slipway.yaml uses images from a registry",
			"Gradle's toolchain requires JDK %d; Debian has %s", n, choices)
	case v.exact || n > newest:
		s.jdk = strconv.Itoa(n)
		s.Fact(what, "Java "+s.jdk, "requires "+v.text, v.file, v.line)
	case strconv.Itoa(n) == jdk:
		s.jdk = jdk
		s.Fact(what, "Java "+jdk, "requires "+v.text, v.file, v.line)
	default:
		s.jdk = jdk
		s.Fact(what, "Java "+jdk, "compiles for Java "+strconv.Itoa(n), v.file, v.line)
	}
}

// wantedVersion takes what slipway.yaml says.
func (s *service) wantedVersion(text string, least int, hint string) {
	n := feature(text)
	jdk := strconv.Itoa(n)
	switch {
	case n == 0 || s.assembled && !slices.Contains(jdks(), jdk):
		s.ReportWanted(codeVersion, s.manifest(), hint, "JDK %q does not exist", text)
	case n < least:
		s.ReportWanted(codeVersion, s.manifest(), "write version: \""+strconv.Itoa(least)+"\", or leave it out", "Java %d cannot compile for the Java %d that the build file requires", n, least)
	default:
		s.jdk = jdk
		s.Configured("runtime", "Java "+jdk)
	}
}

// versionSaid is the strongest statement: that of the build file, then those of
// version managers.
func (s *service) versionSaid() said {
	v := s.mavenVersion()
	if s.maven == nil {
		v = s.gradleVersion()
	}
	if v.text != "" {
		return v
	}
	for _, f := range []struct {
		name string
		line *regexp.Regexp
	}{
		{".java-version", regexp.MustCompile(`(?m)^\s*([^#\s]+)`)},
		{".sdkmanrc", regexp.MustCompile(`(?m)^\s*java\s*=\s*(\S+)`)},
		{".tool-versions", regexp.MustCompile(`(?m)^\s*java\s+(\S+)`)},
		{"system.properties", regexp.MustCompile(`(?m)^\s*java\.runtime\.version\s*=\s*(\S+)`)},
	} {
		for _, dir := range slices.Compact([]string{s.at, "."}) {
			name := path.Join(dir, f.name)
			data, err := ecosystem.Read(s.Dir, name)
			if err != nil {
				continue
			}
			if h := ecosystem.Find(f.line, name, data); h.Found() {
				return said{text: h.Text, file: name, line: h.Line}
			}
		}
	}
	if s.maven != nil && s.springParent() {
		return said{text: "17", file: s.maven.module.file, line: s.maven.module.line("spring-boot-starter-parent")}
	}
	return said{}
}

// springParent tells whether the parent is Spring Boot's, which sets Java 17
// since 3.0.
func (s *service) springParent() bool {
	last := s.maven.chain[len(s.maven.chain)-1]
	return last.Parent != nil && last.Parent.ArtifactID == "spring-boot-starter-parent" && majorMinor(last.Parent.Version)[0] >= 3
}

// mavenVersion looks at properties and the compiler's settings, in the order in
// which maven-compiler-plugin prefers them.
func (s *service) mavenVersion() said {
	if s.maven == nil {
		return said{}
	}
	compiler, at := s.plugin("maven-compiler-plugin")
	for _, name := range []string{"release", "maven.compiler.release", "java.version", "target", "maven.compiler.target", "source", "maven.compiler.source", "jdk.version"} {
		if !strings.Contains(name, ".") {
			if text := compiler.setting(name); text != "" && feature(s.expand(text)) > 0 {
				return said{text: s.expand(text), file: at.file, line: at.line("<" + name + ">" + text)}
			}
			continue
		}
		if text, p := s.property(name); p != nil && text != "" {
			if text = s.expand(text); !strings.Contains(text, "${") {
				return said{text: text, file: p.file, line: p.line("<" + name + ">")}
			}
		}
	}
	return said{}
}

// gradleVersion looks at the build files of the module and of the root.
func (s *service) gradleVersion() said {
	for _, file := range slices.Compact([]string{s.grade.file, first(s.Dir, ".", "build.gradle", "build.gradle.kts")}) {
		data, err := ecosystem.Read(s.Dir, file)
		if err != nil {
			continue
		}
		for _, re := range []*regexp.Regexp{
			regexp.MustCompile(`JavaLanguageVersion\.of\(\s*["']?(\d+)`),
			regexp.MustCompile(`\bjvmToolchain\(\s*(\d+)`),
		} {
			if h := ecosystem.Find(re, file, data); h.Found() {
				return said{text: h.Text, file: file, line: h.Line, exact: true}
			}
		}
		for _, re := range []*regexp.Regexp{
			regexp.MustCompile(`\brelease(?:\s*=\s*|\.set\(\s*)(\d+)`),
			regexp.MustCompile(`\b(?:source|target)Compatibility\s*=\s*["']?(?:JavaVersion\.VERSION_)?((?:1[._])?\d+)`),
		} {
			if h := ecosystem.Find(re, file, data); h.Found() {
				return said{text: strings.ReplaceAll(h.Text, "_", "."), file: file, line: h.Line}
			}
		}
	}
	return said{}
}
