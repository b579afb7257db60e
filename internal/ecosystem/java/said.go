package java

import (
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// authority is how much a statement about the version decides, weakest first.
type authority int

const (
	ofCode       authority = iota // the version of the language: any JDK from there on compiles it
	ofFlag                        // the same by javac's --release, which JDK 8 does not have
	ofDevelopers                  // the JDK that a version manager installs
	ofToolchain                   // the JDK that the build looks for, and no other
)

// said is what a file says about the version of Java.
type said struct {
	text, file string
	line       int
	by         authority
	patch      bool // names a patch release though it need not
}

// n is the version, 0 of a text that names none.
func (v said) n() int { return feature(v.text) }

// Version managers write a vendor before the number; GraalVM, its own release.
var (
	javaVendor  = pattern.Lazy(`^(?:[A-Za-z]\w*-)+`)
	javaOfGraal = pattern.Lazy(`(?:\+java|\.r)(\d{1,3})`)
	javaNumber  = pattern.Lazy(`(?:^|[^\d.])(?:1\.)?(\d{1,3})(?:[^\d]|$)`)
	javaPatch   = pattern.Lazy(`^(?:1\.)?\d+\.\d+\.\d+|^(?:1\.)?8[.u_]?\d{2,}|^8\.0[._]\d+`)
)

// feature is 21 of "21", "1.8"'s 8, 17 of "17.0.9-tem", "temurin-17.0.9+9",
// "graalvm-22.3.1+java17" or "VERSION_17"; 0 of what names no version.
func feature(text string) int {
	m := javaOfGraal().FindStringSubmatch(text)
	if m == nil {
		m = javaNumber().FindStringSubmatch(javaVendor().ReplaceAllString(text, ""))
	}
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// jdkSaid is the strongest statement about the JDK itself: the build's, then that
// of version managers.
func (s *service) jdkSaid() said {
	if s.maven == nil {
		for _, v := range []said{s.gradleToolchain(), s.grade.daemon} {
			if v.text != "" {
				return v
			}
		}
	} else if v := s.mavenToolchain(); v.text != "" {
		return v
	}
	for _, at := range s.around() {
		dir, err := fs.Sub(at.tree, at.dir)
		if err != nil {
			continue
		}
		for _, f := range versionFiles() {
			h := f.find(dir)
			if text := newestOf(h.Text); h.Found() && text != "" {
				patch := !f.precise && javaPatch().MatchString(javaVendor().ReplaceAllString(text, ""))
				return said{text: text, file: path.Join(at.shown, h.File), line: h.Line, by: ofDevelopers, patch: patch}
			}
		}
	}
	return said{}
}

// around is a directory that a version manager reads when somebody builds the
// module, and its path from the build context.
type around struct {
	tree       fs.FS
	dir, shown string
}

// around returns the directory of the module and those above, up to the root of
// the repository.
func (s *service) around() []around {
	var out []around
	for dir := s.at; ; dir = path.Dir(dir) {
		if out = append(out, around{s.Dir, dir, dir}); dir == "." {
			break
		}
	}
	up := ".."
	for dir := s.below; s.root != nil && dir != "."; up = path.Join(up, "..") {
		dir = path.Dir(dir)
		out = append(out, around{s.root, dir, up})
	}
	return out
}

// newestOf puts a number in place of the words of version managers; "" is what
// they take from the machine.
func newestOf(text string) string {
	switch strings.ToLower(text) {
	case "latest", "lts", "stable":
		jdks := jdks()
		return jdks[len(jdks)-1]
	case "system":
		return ""
	}
	if strings.HasPrefix(text, "path:") || strings.HasPrefix(text, "ref:") {
		return ""
	}
	return text
}

// versionFile is a file of a version manager.
type versionFile struct {
	find    func(dir fs.FS) ecosystem.Hit
	precise bool // the tool takes whole versions only, so a patch release is no wish
}

// Lines of version managers that name Java.
var (
	sdkmanLine = pattern.Lazy(`(?m)^\s*java\s*=\s*([^#\s]+)`)
	asdfLine   = pattern.Lazy(`(?m)^\s*java\s+([^#\s]+)`)
	herokuLine = pattern.Lazy(`(?m)^\s*java\.runtime\.version\s*[=:]\s*(\S+)`)
)

// versionFiles are those of jenv, SDKMAN, asdf, mise and Heroku, in that order.
func versionFiles() []versionFile {
	line := func(name string, re func() *regexp.Regexp) func(fs.FS) ecosystem.Hit {
		return func(dir fs.FS) ecosystem.Hit {
			data, err := ecosystem.Read(dir, name)
			if err != nil {
				return ecosystem.Hit{}
			}
			return ecosystem.Find(re(), name, data)
		}
	}
	return []versionFile{
		{find: func(dir fs.FS) ecosystem.Hit { return ecosystem.VersionFile(dir, ".java-version") }},
		{find: line(".sdkmanrc", sdkmanLine), precise: true},
		{find: line(ecosystem.ToolVersions, asdfLine), precise: true},
		{find: func(dir fs.FS) ecosystem.Hit { return ecosystem.MiseTool(dir, "java") }},
		{find: line("system.properties", herokuLine)},
	}
}

// levelSaid is what the build file says about the version of the language.
func (s *service) levelSaid() said {
	if s.maven == nil {
		return s.gradleLevel()
	}
	if v := s.mavenLevel(); v.text != "" {
		return v
	}
	if text := s.springParentLevel(); text != "" {
		return said{text: text, file: s.maven.module.file, line: s.maven.module.line("spring-boot-starter-parent")}
	}
	return said{}
}

// springParentLevel is what the parent of Spring Boot sets for java.version: 17
// since 3.0, 1.8 since 2.0, 1.6 before.
func (s *service) springParentLevel() string {
	last := s.maven.chain[len(s.maven.chain)-1]
	if last.Parent == nil || last.Parent.ArtifactID != "spring-boot-starter-parent" {
		return ""
	}
	switch major := majorMinor(s.expand(last.Parent.Version))[0]; {
	case major >= 3:
		return "17"
	case major > 0:
		return "1.8" // JDK 8 compiles for 1.6 too
	}
	return ""
}

// mavenLevel looks at properties and the compiler's settings, in the order in
// which maven-compiler-plugin prefers them.
func (s *service) mavenLevel() said {
	compiler, at := s.plugin("maven-compiler-plugin")
	kotlin, kotlinAt := s.plugin("kotlin-maven-plugin")
	for _, name := range []string{"release", "maven.compiler.release", "java.version", "target", "maven.compiler.target", "source", "maven.compiler.source", "jdk.version", "jvmTarget", "kotlin.compiler.jvmTarget"} {
		by := ofCode
		if strings.HasSuffix(name, "release") {
			by = ofFlag
		}
		if !strings.Contains(name, ".") {
			plugin, file := compiler, at
			if name == "jvmTarget" {
				plugin, file = kotlin, kotlinAt
			}
			if text := plugin.setting(name); text != "" && feature(s.expand(text)) > 0 {
				return said{text: s.expand(text), file: file.file, line: file.line("<" + name + ">" + text), by: by}
			}
			continue
		}
		if text, p := s.property(name); p != nil && text != "" {
			if text = s.expand(text); !strings.Contains(text, "${") {
				return said{text: text, file: p.file, line: p.line("<" + name + ">"), by: by}
			}
		}
	}
	return said{}
}

// mavenToolchain is the JDK that maven-toolchains-plugin looks for, or the least
// that maven-enforcer-plugin accepts when it names an end too: "[11,12)".
func (s *service) mavenToolchain() said {
	if g, at := s.plugin("maven-toolchains-plugin"); g != nil {
		if text := lowest(s.expand(g.setting("version"))); text != "" && feature(text) > 0 {
			return said{text: text, file: at.file, line: at.line("<version>" + g.setting("version")), by: ofDevelopers}
		}
	}
	g, at := s.plugin("maven-enforcer-plugin")
	if g == nil {
		return said{}
	}
	m := enforced().FindSubmatch(g.Inner)
	if m == nil {
		return said{}
	}
	text := s.expand(string(m[1]))
	if low := lowest(text); strings.Contains(text, ",") && !openEnd().MatchString(text) && feature(low) > 0 {
		return said{text: low, file: at.file, line: at.line("<requireJavaVersion>"), by: ofDevelopers}
	}
	return said{}
}

// Maven's ranges of versions.
var (
	enforced = pattern.Lazy(`(?s)<requireJavaVersion>.*?<version>\s*([^<]+?)\s*</version>`)
	openEnd  = pattern.Lazy(`,\s*[\])]\s*$`)
)

// lowest is the lower end of a range of Maven's, or the version itself.
func lowest(text string) string {
	low, _, _ := strings.Cut(strings.TrimLeft(strings.TrimSpace(text), "[("), ",")
	return strings.TrimSpace(strings.TrimRight(low, "])"))
}
