package java

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Statements of Gradle's build files.
var (
	gradleLanguage  = pattern.Lazy(`JavaLanguageVersion\.of\(\s*["']?(?:JavaVersion\.VERSION_)?(\d+)`)
	kotlinLanguage  = pattern.Lazy(`\bjvmToolchain\(\s*["']?(\d+)`)
	gradleRelease   = pattern.Lazy(`\brelease(?:\s*=\s*|\s*\.\s*set\(\s*)["']?(\d+)`)
	gradleCompat    = pattern.Lazy(`\b(?:source|target)Compatibility(?:\s*=\s*|\s*\.\s*set\(\s*|\s+)(?:JavaVersion\.toVersion\(\s*)?["']?(?:JavaVersion\.VERSION_)?((?:1[._])?\d+)`)
	kotlinTarget    = pattern.Lazy(`\bjvmTarget(?:\s*=\s*|\s*\.\s*set\(\s*)(?:(?:\w+\.)*JvmTarget\.JVM_)?["']?((?:1[._])?\d+)`)
	toolchainVendor = pattern.Lazy(`\bvendor(?:\s*=\s*|\s*\.\s*set\(\s*)JvmVendorSpec\.([A-Z]\w+)`)
	lineComment     = pattern.Lazy(`(?m)^[ \t]*//.*$`)
	daemonJVM       = pattern.Lazy(`(?m)^\s*toolchainVersion\s*=\s*(\d+)`)
)

// gradleFiles are the build files that can say the version for the module: its
// own, the root's, and those of conventions that both may apply.
func (s *service) gradleFiles() []string {
	out := slices.Compact([]string{s.grade.file, first(s.Dir, ".", "build.gradle", "build.gradle.kts")})
	for _, dir := range []string{"buildSrc", "build-logic", "gradle"} {
		if !ecosystem.IsDir(s.Dir, dir) {
			continue
		}
		_ = fs.WalkDir(s.Dir, dir, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || len(out) >= maxConventions:
				return fs.SkipAll
			case d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build"):
				return fs.SkipDir
			case !d.IsDir() && (strings.HasSuffix(name, ".gradle") || strings.HasSuffix(name, ".gradle.kts") || strings.HasSuffix(name, ".kt")):
				out = append(out, name)
			}
			return nil
		})
	}
	return out
}

// maxConventions is how many build files are searched for the version.
const maxConventions = 50

// gradleSays is the first statement of some patterns, each in all build files.
func (s *service) gradleSays(by authority, patterns ...func() *regexp.Regexp) said {
	for _, file := range s.gradleFiles() {
		data, err := ecosystem.Read(s.Dir, file)
		if file == "" || err != nil {
			continue
		}
		data = s.versionsPutIn(lineComment().ReplaceAll(data, nil))
		for _, re := range patterns {
			if h := ecosystem.Find(re(), file, data); h.Found() {
				return said{text: strings.ReplaceAll(h.Text, "_", "."), file: file, line: h.Line, by: by}
			}
		}
	}
	return said{}
}

// gradleToolchain is the JDK that Gradle looks for.
func (s *service) gradleToolchain() said {
	return s.gradleSays(ofToolchain, gradleLanguage, kotlinLanguage)
}

// gradleVendor is the vendor of the JDK that Gradle looks for.
func (s *service) gradleVendor() said {
	return s.gradleSays(ofToolchain, toolchainVendor)
}

// gradleDaemon is the JDK that Gradle looks for to run itself
// (https://docs.gradle.org/current/userguide/gradle_daemon.html, "Daemon JVM criteria").
func (s *service) gradleDaemon() said {
	const file = "gradle/gradle-daemon-jvm.properties"
	data, _ := ecosystem.Read(s.Dir, file)
	h := ecosystem.Find(daemonJVM(), file, data)
	return said{text: h.Text, file: h.File, line: h.Line, by: ofDevelopers}
}

// gradleLevel is the version that compilers write.
func (s *service) gradleLevel() said {
	if v := s.gradleSays(ofFlag, gradleRelease); v.text != "" {
		return v
	}
	return s.gradleSays(ofCode, gradleCompat, kotlinTarget)
}

// Names of versions in arguments.
var (
	versionCall     = pattern.Lazy(`\b(?:JavaLanguageVersion\.of|jvmToolchain|JavaVersion\.toVersion|release\.set)\(\s*([A-Za-z_][\w.]*(?:\(\))?)`)
	versionAssigned = pattern.Lazy(`\b(?:release|sourceCompatibility|targetCompatibility|jvmTarget)\s*=\s*(?:JavaVersion\.toVersion\(\s*)?([A-Za-z_][\w.]*(?:\(\))?)`)
	catalogEntry    = `(?m)^\s*["']?%s["']?\s*=\s*["']([\w.]+)["']`
)

// versionsPutIn is a build file with the values in place of the names that
// versions are written with: variables, properties, versions of the catalogue.
func (s *service) versionsPutIn(data []byte) []byte {
	known := map[string]string{}
	put := func(re *regexp.Regexp) {
		data = re.ReplaceAllFunc(data, func(match []byte) []byte {
			name := string(re.FindSubmatch(match)[1])
			value, asked := known[name]
			if !asked && len(known) < maxVariables {
				value = s.versionNamed(data, name)
				known[name] = value
			}
			if value == "" {
				return match
			}
			return []byte(strings.TrimSuffix(string(match), name) + value)
		})
	}
	put(versionCall())
	put(versionAssigned())
	return data
}

// versionNamed is the value of a name in a build file, "" when it is not a version.
func (s *service) versionNamed(data []byte, name string) string {
	if strings.HasPrefix(name, "JavaVersion.") || strings.HasPrefix(name, "JvmTarget.") || strings.HasPrefix(name, "JavaLanguageVersion.") {
		return ""
	}
	value := ""
	if key, ok := strings.CutPrefix(name, "libs.versions."); ok {
		key = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(key, "()"), ".get"), ".asProvider")
		text, _ := ecosystem.Read(s.Dir, "gradle/libs.versions.toml")
		entry := strings.Replace(catalogEntry, "%s", strings.ReplaceAll(regexp.QuoteMeta(key), `\.`, `[._-]`), 1)
		if m := regexp.MustCompile(entry).FindSubmatch(text); m != nil {
			value = string(m[1])
		}
	} else {
		name, _, _ = strings.Cut(name, ".to") // javaVersion.toInt()
		value = gradleProperty(s.Dir, s.at, data, strings.TrimPrefix(name, "project."))
	}
	if n := feature(value); n == 0 {
		return ""
	}
	return value
}
