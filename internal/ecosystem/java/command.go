package java

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// heldJar is the jar that the image holds beside the libraries, "" when the
// program lies there in another form.
func (s *service) heldJar() string {
	switch {
	case s.kind == kindSpring && s.takes() != byTools, s.kind == kindPlain && s.maven == nil:
		return ""
	case s.kind == kindQuarkus:
		return "quarkus-run.jar"
	}
	return "app.jar"
}

// libDir is where the libraries of a plain program lie: where the manifest of its
// jar looks for them when the command starts the jar, else in lib.
func (s *service) libDir() string {
	if s.maven != nil && jarOf(s.Want.Command) != "" {
		if g, _ := s.plugin("maven-jar-plugin"); g.setting("addClasspath") == "true" {
			if prefix := s.expand(g.setting("classpathPrefix")); !strings.HasPrefix(prefix, "/") && !strings.Contains(prefix, "..") {
				return path.Clean("./" + prefix)
			}
		}
	}
	return "lib"
}

// checkCommand reports a command that starts a jar which the image does not contain,
// or one that finds no libraries.
func (s *service) checkCommand() {
	jar, held := jarOf(s.start), s.heldJar()
	if jar == "" || strings.HasPrefix(path.Base(jar), "$") {
		return
	}
	name := strings.TrimPrefix(jar, ecosystem.WorkDir+"/")
	if s.named(name) {
		return
	}
	if name != held {
		s.OnConfig(codeNoJar, "write command: "+quotedList(s.suggested(held))+", or delete command:", "the start command names %s, which the image does not contain", jar)
		return
	}
	if s.kind != kindPlain {
		return
	}
	if g, _ := s.plugin("maven-jar-plugin"); g.setting("addClasspath") != "true" {
		s.OnConfig(codeThin, "write command: "+quotedList(s.suggested(""))+", or let maven-jar-plugin write the class path: addClasspath and classpathPrefix lib/", "app.jar does not contain its libraries, and names none")
	}
}

// named tells whether files: of slipway.yaml brings a file.
func (s *service) named(name string) bool {
	return slices.ContainsFunc(s.Want.Files, func(f config.File) bool { return f.To == name })
}

// suggested is the command with the jar that is there, or with what starts in its
// place.
func (s *service) suggested(held string) []string {
	i := slices.Index(s.start, "-jar")
	instead := []string{"-jar", held}
	switch {
	case held != "":
	case s.kind == kindSpring:
		instead = s.springStart()[1:]
	case s.maven == nil:
		instead = []string{"-cp", "lib/*", ecosystem.Or(s.namedMain().Text, "<class>")}
	default:
		instead = []string{"-cp", "app.jar:lib/*", ecosystem.Or(s.namedMain().Text, "<class>")}
	}
	return slices.Concat(s.start[:i], instead, s.start[i+2:])
}

func quotedList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return "[" + strings.Join(out, ", ") + "]"
}
