package java

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// chooseMain decides which class starts a plain program.
func (s *service) chooseMain() {
	if h := s.namedMain(); h.Found() {
		s.main = h.Text
		s.Fact("main class", h.Text, h.Why, h.File, h.Line)
		return
	}
	usual, why := s.likelyMains()
	switch {
	case len(s.scan.mains) == 0:
		s.ReportWanted(codeNoMain, s.manifest(), `write command: ["java", "-cp", "app.jar:lib/*", "<class>"] for the service in slipway.yaml; a library needs no service`,
			"no class below src/main has a main method")
		return
	case len(usual) != 1:
		s.ReportWanted(codeWhich, s.manifest(), "name one in the build file (<mainClass> of maven-jar-plugin, mainClass of Gradle's application), or write command: [\"java\", \"-cp\", \"app.jar:lib/*\", \"<class>\"] for the service in slipway.yaml",
			"several classes have a main method, and no setting selects one: %s", s.mainNames())
		return
	}
	s.main = usual[0].Text
	s.Fact("main class", s.main, why, usual[0].File, usual[0].Line)
}

// namedMain is the class that the build file names.
func (s *service) namedMain() ecosystem.Hit {
	const why = "named in the build file"
	if s.maven == nil {
		h := ecosystem.Find(gradleMain(), s.grade.file, s.grade.data)
		h.Why = why
		return h
	}
	for _, name := range []string{"maven-shade-plugin", "maven-assembly-plugin", "maven-jar-plugin", "exec-maven-plugin"} {
		if g, at := s.plugin(name); g != nil {
			for _, key := range []string{"mainClass", "Main-Class"} {
				if text := s.expand(g.setting(key)); text != "" && !strings.Contains(text, "${") {
					return ecosystem.Hit{Text: text, File: at.file, Line: at.line(g.setting(key)), Why: why}
				}
			}
		}
	}
	for _, name := range []string{"exec.mainClass", "main.class", "mainClass", "start-class"} {
		if v, at := s.property(name); v != "" {
			return ecosystem.Hit{Text: s.expand(v), File: at.file, Line: at.line("<" + name + ">"), Why: why}
		}
	}
	if m := s.maven.module; m.microprofile() && len(s.scan.mains) == 0 {
		return ecosystem.Hit{Text: microprofileMain, File: m.file, Line: m.line("<artifactId>helidon-microprofile"), Why: "Helidon MP starts the service"}
	}
	return ecosystem.Hit{}
}

// likelyMains are the main methods that may be the service's, and why: the only
// one, the one of a usual name, or the one whose source starts a server.
func (s *service) likelyMains() ([]ecosystem.Hit, string) {
	const plain = "main method"
	all := s.scan.mains
	if len(all) < 2 {
		return all, plain
	}
	chosen := func(accept func(h ecosystem.Hit) bool) []ecosystem.Hit {
		return slices.DeleteFunc(slices.Clone(all), func(h ecosystem.Hit) bool { return !accept(h) })
	}
	if usual := chosen(func(h ecosystem.Hit) bool {
		return slices.Contains([]string{"Main", "MainKt", "App", "Application", "Server", "ApplicationKt", "AppKt"}, className(h))
	}); len(usual) == 1 {
		return usual, plain
	}
	serve := chosen(func(h ecosystem.Hit) bool { return slices.Contains(s.scan.servers, h.File) })
	if len(serve) == 2 { // the same program in Java and in Kotlin, as samples have it
		for i, h := range serve {
			if className(h)+"Kt" == className(serve[1-i]) {
				return serve[i : i+1], "main method; " + serve[1-i].Text + " is the same program in Kotlin"
			}
		}
	}
	return serve, "the only main method in a source that starts a server"
}

// className is the name of a class without its package.
func className(h ecosystem.Hit) string { return h.Text[strings.LastIndexByte(h.Text, '.')+1:] }

// mainNames lists the classes that could start.
func (s *service) mainNames() string {
	const most = 6
	var list []string
	for _, h := range s.scan.mains[:min(most, len(s.scan.mains))] {
		list = append(list, h.Text)
	}
	if more := len(s.scan.mains) - most; more > 0 {
		return strings.Join(list, ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(list, ", ")
}
