package testreport

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	script    = pattern.Lazy(`^[^\s:*?"<>|]+\.(spec|test)?\.?[cm]?[jt]sx?$`)
	javaFrame = pattern.Lazy(`(?m)^\s*at (?:[\w.@-]*/)*([\w.$]+)\.[\w$<>]+\((\w+\.(?:java|kt|scala|groovy)):(\d+)\)`)
	pyLine    = pattern.Lazy(`(?m)^(\S+\.py):(\d+): `)
	pyFrame   = pattern.Lazy(`(?m)^\s*File "([^"]+\.py)", line (\d+)`)
	rustPanic = pattern.Lazy(`(?m)panicked at (?:'.*', )?([^\s:]+\.rs):(\d+):\d+`)
	jsFrame   = pattern.Lazy(`(?m)(?:^|[\s(])((?:file://)?[^\s():]+\.[cm]?[jt]sx?):(\d+)(?::\d+)?`)
	goLine    = pattern.Lazy(`(?m)^\s*([^\s:]+\.go):(\d+)`)
)

// locate finds the place of a failure in its text. What the report itself says of
// the file stands; its line is that of the test, so the text's is better.
func (c *Case) locate(text string) {
	file, line := place(text, c.Suite)
	if file == "" {
		return
	}
	file = tidy(file)
	if c.File == "" {
		c.File, c.Line = file, line
		return
	}
	if own := tidy(c.File); file == own || strings.HasSuffix(file, "/"+own) || strings.HasSuffix(own, "/"+file) {
		c.Line = line
	}
}

// place is the source that a traceback of a test names.
func place(text, class string) (string, int) {
	if m := rustPanic().FindStringSubmatch(text); m != nil {
		return m[1], number(m[2])
	}
	if file, line := javaPlace(text, class); file != "" {
		return file, line
	}
	for _, p := range []func() [][]string{
		func() [][]string { return reversed(pyLine().FindAllStringSubmatch(text, -1)) },
		func() [][]string { return reversed(pyFrame().FindAllStringSubmatch(text, -1)) },
		func() [][]string { return jsFrame().FindAllStringSubmatch(text, -1) },
		func() [][]string { return goLine().FindAllStringSubmatch(text, -1) },
	} {
		for _, m := range p() {
			if !foreign(m[1]) {
				return m[1], number(m[2])
			}
		}
	}
	return "", 0
}

// javaPlace prefers the frame of the test's own class.
func javaPlace(text, class string) (string, int) {
	var file string
	var line int
	for _, m := range javaFrame().FindAllStringSubmatch(text, 200) {
		owner, _, _ := strings.Cut(m[1], "$")
		at := path.Join(path.Dir(strings.ReplaceAll(owner, ".", "/")), m[2])
		if owner == class {
			return at, number(m[3])
		}
		if file == "" && !library(owner) {
			file, line = at, number(m[3])
		}
	}
	return file, line
}

func library(class string) bool {
	for _, p := range []string{"java.", "javax.", "jdk.", "sun.", "kotlin.", "scala.", "org.junit.", "junit.", "org.opentest4j.", "org.assertj.", "org.hamcrest.", "org.mockito.", "org.testng.", "org.apache.maven.", "org.springframework.", "org.gradle."} {
		if strings.HasPrefix(class, p) {
			return true
		}
	}
	return false
}

// foreign reports whether a source belongs to a library or the runtime.
func foreign(file string) bool {
	for _, p := range []string{"node:", "internal/", "/usr/", "<"} {
		if strings.HasPrefix(file, p) {
			return true
		}
	}
	for _, p := range []string{"node_modules/", "site-packages/", "/lib/python", "/go/pkg/mod/"} {
		if strings.Contains(file, p) {
			return true
		}
	}
	return false
}

func reversed(m [][]string) [][]string {
	out := make([][]string, 0, len(m))
	for i := len(m) - 1; i >= 0; i-- {
		out = append(out, m[i])
	}
	return out
}
