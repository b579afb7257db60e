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
	if len(text) > 4*maxText { // a place is near an end
		text = text[:2*maxText] + "\n" + text[len(text)-2*maxText:]
	}
	own, all := tidy(c.File), places(text, c.Suite)
	if len(all) > 0 && own == "" {
		c.File, c.Line = tidy(all[0].file), all[0].line
		return
	}
	for _, p := range all { // Playwright's are relative to its testDir
		if file := tidy(p.file); strings.HasSuffix(file, "/"+own) {
			c.File, c.Line = file, p.line
			return
		}
	}
	for _, p := range all {
		if file := tidy(p.file); file == own || strings.HasSuffix(own, "/"+file) {
			c.Line = p.line
			return
		}
	}
}

type spot struct {
	file string
	line int
}

// places are the sources that the traceback of a test names, the best first.
func places(text, class string) []spot {
	if m := rustPanic().FindStringSubmatch(text); m != nil {
		return []spot{{m[1], number(m[2])}}
	}
	if file, line := javaPlace(text, class); file != "" {
		return []spot{{file, line}}
	}
	for _, p := range []func() [][]string{
		func() [][]string { return reversed(pyLine().FindAllStringSubmatch(text, -1)) },
		func() [][]string { return reversed(pyFrame().FindAllStringSubmatch(text, -1)) },
		func() [][]string { return jsFrame().FindAllStringSubmatch(text, -1) },
		func() [][]string { return goLine().FindAllStringSubmatch(text, -1) },
	} {
		var out []spot
		for _, m := range p() {
			if !foreign(m[1]) {
				out = append(out, spot{m[1], number(m[2])})
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
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
