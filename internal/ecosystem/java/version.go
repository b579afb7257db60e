package java

import (
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// jdks are the versions of the JDK that the bases have, oldest first: those that
// get fixes for long, each from a release of Debian.
func jdks() []string { return []string{"8", "11", "17", "21", "25"} }

const (
	oldest     = 8
	oldestCode = 3 // what the compiler of JDK 8 accepts: javac -source 1.3
	defaultJDK = "21"
)

// ended is the month since which nobody fixes a JDK of the bases, "" while
// somebody does: bullseye, which has JDK 11, was maintained until then
// (https://wiki.debian.org/LTS). JDK 8 is from sid and gets each quarter's fixes.
func ended(jdk string) string {
	if jdk == "11" {
		return "2026-08"
	}
	return ""
}

// number is a version as a number.
func number(jdk string) int {
	n, _ := strconv.Atoi(jdk)
	return n
}

// newer is the oldest of the JDKs that is not older than a version, "" without one.
func newer(n int) string {
	i := slices.IndexFunc(jdks(), func(have string) bool { return n <= number(have) })
	if i < 0 {
		return ""
	}
	return jdks()[i]
}

// choice is the JDK that the statements lead to, and why.
type choice struct {
	jdk  string
	why  string // evidence of the fact
	said said   // its place; none: the default
}

// version decides on the JDK, which compiles and whose parts run, and on the one
// that runs Gradle. The JDK that is said counts, not the newest that might do:
// a library that looks into the compiler or the runtime fails on others.
func (s *service) version() {
	level, named := s.levelSaid(), s.jdkSaid()
	if !s.isVersion(level) || !s.isVersion(named) {
		return
	}
	if s.Want.Version != "" {
		s.wantedVersion(level, named)
	} else {
		c := s.choose(level, named)
		if c.jdk == "" {
			return
		}
		s.jdk = c.jdk
		s.Fact("runtime", "Java "+c.jdk, c.why, c.said.file, c.said.line)
		s.near(named, c)
	}
	s.runner = s.jdk
	if s.grade != nil && s.jdk != "" {
		s.fitGradle(level, named)
		s.checkVendor()
	}
	if month := ended(s.jdk); month != "" && s.assembled && s.Findings.Errors() == nil {
		place := level
		if named.text != "" {
			place = named
		}
		if s.Want.Version != "" {
			place = said{}
		}
		s.Unwise(ecosystem.CodeEnded, place.file, place.line, "move to Java 17 or later", "Java %s has received no security fixes since %s", s.jdk, month)
	}
}

// haveJDKs is the hint about a version that cannot be had.
func haveJDKs() string {
	all := jdks()
	return "Debian has Java " + strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1] + "; bases: official in slipway.yaml uses images from a registry"
}

// isVersion reports a statement that is none, or one of a version that no JDK of
// the bases can stand in for.
func (s *service) isVersion(v said) bool {
	newest := number(jdks()[len(jdks())-1])
	report := func(hint, format string, args ...any) bool {
		s.Report(diag.Error, codeVersion, v.file, v.line, hint, format, args...)
		return false
	}
	switch n := v.n(); {
	case v.text == "":
	case n == 0:
		return report(haveJDKs(), "%q is not a Java version", v.text)
	case s.Want.Version != "" && v.by == ofDevelopers: // slipway.yaml replaces it
	case n < oldestCode || n < oldest && v.by == ofToolchain:
		return report(haveJDKs(), "no supported JDK compiles for Java %d", n)
	case n > newest && s.assembled && v.by != ofDevelopers:
		return report(haveJDKs(), "it requires Java %d, which the bases do not have", n)
	case v.by == ofToolchain && s.assembled && !slices.Contains(jdks(), strconv.Itoa(n)):
		return report("write a toolchain of "+newer(n)+" with options.release = "+strconv.Itoa(n)+"; bases: official in slipway.yaml uses images from a registry",
			"Gradle's toolchain requires JDK %d, which the bases do not have", n)
	}
	return true
}

// choose weighs the statements of the repository.
func (s *service) choose(level, named said) choice {
	switch {
	case named.by == ofToolchain || named.text != "" && named.n() >= level.n():
		return s.chosen(named, named.n(), "requires "+named.text)
	case level.text == "":
		return s.unsaid()
	}
	n, why := level.n(), "requires "+level.text
	if n == 8 && level.by == ofFlag {
		n, why = 17, "compiles for Java 8 with --release, which JDK 8 does not have"
	} else if n < oldest {
		n, why = oldest, "compiles for Java "+strconv.Itoa(n)
	} else if newer(n) != strconv.Itoa(n) {
		why = "compiles for Java " + strconv.Itoa(n)
	}
	if least, what := s.frameworkNeeds(); least > n {
		n, why = least, "compiles for Java "+strconv.Itoa(level.n())+", and "+what+" requires Java "+strconv.Itoa(least)
	}
	return s.chosen(level, n, why)
}

// chosen is the JDK for a version; images from a registry have later ones too.
func (s *service) chosen(v said, n int, why string) choice {
	jdk := newer(n)
	if jdk == "" || v.by == ofToolchain {
		jdk = strconv.Itoa(n)
	}
	if newest := jdks()[len(jdks())-1]; s.assembled && n > number(newest) {
		jdk = newest
	}
	return choice{jdk: jdk, why: why, said: v}
}

// unsaid is the JDK when no file names one.
func (s *service) unsaid() choice {
	c := choice{jdk: defaultJDK, why: "default: nothing names a version"}
	if least, what := s.frameworkNeeds(); least > number(defaultJDK) {
		c = choice{jdk: newer(least), why: what + " requires Java " + strconv.Itoa(least)}
	}
	if v := s.springOf(); s.grade != nil && v[0] > 0 && v[0] < 3 {
		c = choice{jdk: "17", why: "default: nothing names a version, and Spring Boot " + strconv.Itoa(v[0]) + "." + strconv.Itoa(v[1]) + " supports it"}
		if v[0] < 2 || v[1] < 1 {
			c.jdk = "8" // 11 since 2.1, 17 since 2.5: the release notes
		} else if v[1] < 5 {
			c.jdk = "11"
		}
	}
	return c
}

// checkVendor reports a toolchain that only the JDK of a vendor satisfies: a
// plugin of the settings may download it, else the build stops.
func (s *service) checkVendor() {
	v := s.gradleVendor()
	if v.text == "" || !s.assembled {
		return
	}
	const hint = "delete the line, or write vendor = JvmVendorSpec.matching(\"Debian\")"
	settings, _ := ecosystem.Read(s.Dir, ecosystem.Or(s.grade.settings, "settings.gradle"))
	if strings.Contains(string(settings), "org.gradle.toolchains.foojay-resolver") {
		s.Unwise(codeVendor, v.file, v.line, hint, "Gradle's toolchain requires the JDK of %s, which every uncached build downloads; the bases have Debian's", v.text)
		return
	}
	s.Report(diag.Error, codeVendor, v.file, v.line, hint, "Gradle's toolchain requires the JDK of %s; the bases have Debian's", v.text)
}

// near warns of a JDK that is not the one that developers have.
func (s *service) near(named said, c choice) {
	if named.text == "" || !s.assembled || c.said != named {
		return
	}
	switch n := strconv.Itoa(named.n()); {
	case n != c.jdk:
		s.Unwise(ecosystem.CodeNearest, named.file, named.line, "test with Java "+c.jdk+" and write that", "there is no base of Java %s; the image has %s", n, c.jdk)
	case named.patch:
		s.Unwise(ecosystem.CodeNearest, named.file, named.line, "write "+c.jdk+", which takes the newest with all security fixes", "Java %s itself is not available; the image has the newest %s of Debian", named.text, c.jdk)
	}
}

// wantedVersion takes what slipway.yaml says.
func (s *service) wantedVersion(level, named said) {
	text, least := s.Want.Version, level.n()
	if named.by == ofToolchain {
		least = max(least, named.n())
	}
	n := feature(text)
	jdk := strconv.Itoa(n)
	switch {
	case n < oldestCode || n < oldest && !s.assembled || s.assembled && newer(n) == "":
		s.ReportWanted(codeVersion, s.manifest(), haveJDKs(), "JDK %q does not exist", text)
		return
	case n < least:
		s.ReportWanted(codeVersion, s.manifest(), "write version: \""+strconv.Itoa(least)+"\", or leave it out", "Java %d cannot compile for the Java %d that the build file requires", n, least)
		return
	case s.assembled && newer(n) != jdk:
		jdk = newer(n)
		s.Unwise(ecosystem.CodeNearest, "", 0, "test with Java "+jdk+" and write that", "there is no base of Java %d; the image has %s", n, jdk)
	case s.assembled && javaPatch().MatchString(javaVendor().ReplaceAllString(text, "")):
		s.Unwise(ecosystem.CodeNearest, "", 0, "write version: \""+jdk+"\", which takes the newest with all security fixes", "Java %s itself is not available; the image has the newest %s of Debian", text, jdk)
	}
	s.jdk = jdk
	s.Configured("runtime", "Java "+jdk)
}
