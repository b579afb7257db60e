package java

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

func TestFeature(t *testing.T) {
	for text, want := range map[string]int{
		"21": 21, "1.8": 8, "8": 8, "17.0.9-tem": 17, "temurin-17.0.9+9": 17, "openjdk64-21.0.1": 21, "21.0.4.fx-zulu": 21, "latest": 0, "": 0, "1.7": 7,
		"8.0.402-tem": 8, "1.8.0_402": 8, "adoptopenjdk-11.0.16+8": 11, "zulu-8.72.0.17": 8, "graalvm-22.3.1+java17": 17, "22.3.r17-grl": 17, "21.0.2-graalce": 21,
		"temurin-jre-17.0.9+9": 17, "VERSION_17": 17, "corretto-25.0.1.8.1": 25, "semeru-openj9-11.0.21+9_openj9-0.41.0": 11,
	} {
		if got := feature(text); got != want {
			t.Errorf("feature(%q) = %d, want %d", text, got, want)
		}
	}
}

func property(name, value string) string {
	return "<properties><" + name + ">" + value + "</" + name + "></properties>"
}

func bootParent(version, rest string) string {
	return "<parent><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-parent</artifactId><version>" + version + "</version><relativePath/></parent>" + rest
}

func compilerPlugin(settings string) string {
	return plugged("maven-compiler-plugin", "<configuration>"+settings+"</configuration>")
}

func plugged(artifact, inner string) string {
	return "<build><plugins><plugin><artifactId>" + artifact + "</artifactId>" + inner + "</plugin></plugins></build>"
}

// codes are those of the findings, each with its severity when it is an error.
func codes(findings diag.Findings) string {
	var out []string
	for _, f := range findings {
		code := f.Code
		if f.Severity == diag.Error {
			code += "!"
		}
		out = append(out, code)
	}
	return strings.Join(out, " ")
}

// TestVersionsOfMaven: which JDK compiles and runs, by where the version is said.
func TestVersionsOfMaven(t *testing.T) {
	for name, c := range map[string]struct {
		pom, file, text string
		version         string // of slipway.yaml
		want, codes     string
	}{
		"nothing":             {want: "21"},
		"release of 8":        {pom: property("maven.compiler.release", "8"), want: "17"}, // JDK 8 has no --release
		"source of 8":         {pom: property("maven.compiler.source", "1.8"), want: "8"},
		"release of 9":        {pom: property("maven.compiler.release", "9"), want: "11", codes: "SLP461"},
		"release of 11":       {pom: property("maven.compiler.release", "11"), want: "11", codes: "SLP461"},
		"release of 14":       {pom: property("maven.compiler.release", "14"), want: "17"},
		"release of 17":       {pom: property("maven.compiler.release", "17"), want: "17"},
		"release of 18":       {pom: property("maven.compiler.release", "18"), want: "21"},
		"release of 23":       {pom: property("maven.compiler.release", "23"), want: "25"},
		"too new":             {pom: property("maven.compiler.release", "26"), codes: "SLP311!"},
		"older than 8":        {pom: property("maven.compiler.source", "1.7"), want: "8"},
		"no compiler for it":  {pom: property("maven.compiler.source", "1.2"), codes: "SLP311!"},
		"no version":          {pom: property("java.version", "lts"), codes: "SLP311!"},
		"plugin":              {pom: compilerPlugin("<release>25</release>"), want: "25"},
		"plugin of 8":         {pom: compilerPlugin("<source>8</source><target>8</target>"), want: "8"},
		"Kotlin":              {pom: property("kotlin.compiler.jvmTarget", "17"), want: "17"},
		"Kotlin's plugin":     {pom: plugged("kotlin-maven-plugin", "<configuration><jvmTarget>1.8</jvmTarget></configuration>"), want: "8"},
		"Spring Boot 2":       {pom: bootParent("2.7.18", property("java.version", "11")), want: "11", codes: "SLP461"},
		"Spring Boot 2 alone": {pom: bootParent("2.3.4.RELEASE", ""), want: "8"},
		"Spring Boot 1 alone": {pom: bootParent("1.5.22.RELEASE", ""), want: "8"},
		"Spring Boot 3 alone": {pom: bootParent("3.5.1", ""), want: "17"},
		"Spring Boot 3 for 8": {pom: bootParent("3.5.1", property("java.version", "1.8")), want: "17"},
		"Spring Boot 25":      {pom: bootParent("4.0.1", property("java.version", "25")), want: "25"},
		"Quarkus for 11":      {pom: "<properties><maven.compiler.release>11</maven.compiler.release><quarkus.platform.version>3.15.1</quarkus.platform.version></properties>", want: "17"},
		"Quarkus 2":           {pom: "<properties><maven.compiler.source>8</maven.compiler.source><quarkus.platform.version>2.16.12.Final</quarkus.platform.version></properties>", want: "11", codes: "SLP461"},
		"Helidon 4":           {pom: "<parent><groupId>io.helidon.applications</groupId><artifactId>helidon-se</artifactId><version>4.3.2</version><relativePath/></parent>" + property("maven.compiler.source", "17"), want: "21"},
		"Javalin 6 for 8":     {pom: property("maven.compiler.source", "8") + "<dependencies><dependency><groupId>io.javalin</groupId><artifactId>javalin</artifactId><version>6.3.0</version></dependency></dependencies>", want: "11", codes: "SLP461"},
		"Javalin 4 for 8":     {pom: property("maven.compiler.source", "8") + "<dependencies><dependency><groupId>io.javalin</groupId><artifactId>javalin</artifactId><version>4.6.8</version></dependency></dependencies>", want: "8"},
		"enforced range":      {pom: property("maven.compiler.source", "8") + plugged("maven-enforcer-plugin", "<executions><execution><configuration><rules><requireJavaVersion><version>[17,18)</version></requireJavaVersion></rules></configuration></execution></executions>"), want: "17"},
		"enforced least":      {pom: property("maven.compiler.source", "21") + plugged("maven-enforcer-plugin", "<configuration><rules><requireJavaVersion><version>[17,)</version></requireJavaVersion></rules></configuration>"), want: "21"},
		"Maven's toolchain":   {pom: property("maven.compiler.source", "8") + plugged("maven-toolchains-plugin", "<configuration><toolchains><jdk><version>17</version></jdk></toolchains></configuration>"), want: "17"},

		"jenv":                {file: ".java-version", text: "25.0\n", want: "25"},
		"jenv's patch":        {file: ".java-version", text: "17.0.9\n", want: "17", codes: "SLP460"},
		"jenv's old name":     {file: ".java-version", text: "1.8.0.402\n", want: "8", codes: "SLP460"},
		"jenv's system":       {file: ".java-version", text: "system\n", want: "21"},
		"a JDK between":       {file: ".java-version", text: "18\n", want: "21", codes: "SLP460"},
		"a newer JDK":         {file: ".java-version", text: "26\n", want: "25", codes: "SLP460"},
		"SDKMAN":              {file: ".sdkmanrc", text: "# SDKs\njava=21.0.4-tem\n", want: "21"},
		"SDKMAN of 8":         {file: ".sdkmanrc", text: "java=8.0.402-tem\nmaven=3.9.6\n", want: "8"},
		"asdf":                {file: ".tool-versions", text: "nodejs 22.1.0\njava temurin-17.0.9+9\n", want: "17"},
		"mise":                {file: "mise.toml", text: "[env]\njava = \"9\"\n[tools]\nnode = \"22\"\njava = \"11\" # LTS\n", want: "11", codes: "SLP461"},
		"mise's table":        {file: ".mise.toml", text: "[tools]\njava = { version = \"temurin-25\", postinstall = \"x\" }\n", want: "25"},
		"mise's list":         {file: ".config/mise/config.toml", text: "[tools]\njava = [\"17\", \"21\"]\n", want: "17"},
		"mise's word":         {file: "mise.toml", text: "[tools]\njava = \"lts\"\n", want: "25"},
		"Heroku":              {file: "system.properties", text: "maven.version=3.9.1\njava.runtime.version=17\n", want: "17"},
		"newer than the code": {pom: property("maven.compiler.release", "21"), file: ".java-version", text: "25\n", want: "25"},
		"older than the code": {pom: property("maven.compiler.release", "21"), file: ".java-version", text: "17\n", want: "21"},

		"written":         {pom: property("maven.compiler.release", "17"), version: "25", want: "25"},
		"written 8":       {version: "1.8", want: "8"},
		"written too old": {pom: property("maven.compiler.release", "25"), version: "21", codes: "SLP311!"},
		"written between": {version: "19", want: "21", codes: "SLP460"},
		"written patch":   {version: "17.0.9", want: "17", codes: "SLP460"},
		"written newer":   {version: "26", codes: "SLP311!"},
		"written word":    {version: "newest", codes: "SLP311!"},
	} {
		t.Run(name, func(t *testing.T) {
			files := one(c.pom)
			if c.file != "" {
				files[c.file] = c.text
			}
			checkVersion(t, files, config.Service{Version: c.version}, c.want, c.codes)
		})
	}
}

// checkVersion compares the JDK of the runtime, and the findings about versions.
func checkVersion(t *testing.T, files map[string]string, s config.Service, want, wantCodes string) plan.Service {
	t.Helper()
	s.Name, s.Path = "one", "."
	p, findings := Ecosystem{}.Plan(tree(files), s, nil)
	got := ""
	if len(p.Bases) > 0 {
		got = p.Bases[0].Version
	}
	if got != want {
		t.Errorf("Java %q, want %q; %v", got, want, findings)
	}
	about := slices.DeleteFunc(slices.Clone(findings), func(f diag.Finding) bool {
		return !slices.Contains([]string{codeVersion, codeGradle, codeVendor, ecosystem.CodeNearest, ecosystem.CodeEnded}, f.Code)
	})
	if codes(about) != wantCodes {
		t.Errorf("the findings %q, want %q: %v", codes(about), wantCodes, findings)
	}
	for _, f := range about {
		if f.Hint == "" || f.Text == "" {
			t.Errorf("no hint: %v", f)
		}
	}
	return p
}

// gradleProject is one with a class that starts.
func gradleProject(gradle, build string, more map[string]string) map[string]string {
	files := map[string]string{
		"settings.gradle": "rootProject.name = 'one'\n", "build.gradle": "plugins {\n id 'application'\n}\napplication { mainClass = 'Main' }\n" + build, "src/main/java/Main.java": program,
		"gradlew": "", "gradle/wrapper/gradle-wrapper.jar": "", "gradle/wrapper/gradle-wrapper.properties": "distributionUrl=https\\://services.gradle.org/distributions/gradle-" + gradle + "-bin.zip\n",
	}
	for name, text := range more {
		files[name] = text
	}
	return files
}

// TestVersionsOfGradle: the JDK of the program, and the one that runs Gradle,
// which its version limits.
func TestVersionsOfGradle(t *testing.T) {
	toolchain := func(n string) string {
		return "java { toolchain { languageVersion = JavaLanguageVersion.of(" + n + ") } }\n"
	}
	for name, c := range map[string]struct {
		gradle, build string
		more          map[string]string
		version       string
		want, runner  string // runner "" is want
		codes         string
	}{
		"nothing":                    {gradle: "8.14.3", want: "21"},
		"nothing, an older Gradle":   {gradle: "7.6.4", want: "17"},
		"nothing, an old Gradle":     {gradle: "6.9.4", want: "11", codes: "SLP461"},
		"nothing, a very old Gradle": {gradle: "4.10.3", want: "8"},
		"toolchain":                  {gradle: "8.14.3", build: toolchain("17"), want: "17"},
		"toolchain of 8":             {gradle: "8.14.3", build: toolchain("8"), want: "8"},
		"toolchain between":          {gradle: "8.14.3", build: toolchain("19"), codes: "SLP311!"},
		"toolchain by a variable":    {gradle: "8.14.3", build: "def javaVersion = 17\n" + toolchain("javaVersion"), want: "17"},
		"toolchain by a property":    {gradle: "8.14.3", build: toolchain("jdk"), more: map[string]string{"gradle.properties": "jdk=25\n"}, want: "25", runner: "21"},
		"toolchain by the catalogue": {gradle: "8.14.3", build: toolchain("libs.versions.java.get()"), more: map[string]string{"gradle/libs.versions.toml": "[versions]\nkotlin = \"2.2.0\"\njava = \"17\"\n"}, want: "17"},
		"a comment":                  {gradle: "8.14.3", build: "// " + toolchain("11") + toolchain("17"), want: "17"},
		"conventions":                {gradle: "8.14.3", more: map[string]string{"buildSrc/src/main/groovy/java-conventions.gradle": toolchain("17")}, want: "17"},
		"conventions of a build":     {gradle: "8.14.3", more: map[string]string{"build-logic/src/main/kotlin/conv.gradle.kts": "kotlin {\n jvmToolchain(11)\n}\n"}, want: "11", codes: "SLP461"},
		"Kotlin":                     {gradle: "8.14.3", build: "kotlin {\n    jvmToolchain(17)\n}\n", want: "17"},
		"Kotlin's target":            {gradle: "8.14.3", build: "kotlin { compilerOptions { jvmTarget.set(JvmTarget.JVM_17) } }\n", want: "17"},
		"Kotlin's old target":        {gradle: "7.6.4", build: "compileKotlin { kotlinOptions { jvmTarget = \"1.8\" } }\n", want: "8"},
		"level":                      {gradle: "8.14.3", build: "sourceCompatibility = JavaVersion.VERSION_17\n", want: "17"},
		"level of Groovy":            {gradle: "8.14.3", build: "sourceCompatibility '1.8'\n", want: "8"},
		"release":                    {gradle: "8.14.3", build: "tasks.withType(JavaCompile) { options.release = 17 }\n", want: "17"},
		"release of 8":               {gradle: "8.14.3", build: "tasks.withType(JavaCompile) { options.release.set(8) }\n", want: "17"},
		"Gradle 9 and level 11":      {gradle: "9.1.0", build: "sourceCompatibility = JavaVersion.VERSION_11\n", want: "17"},
		"Gradle 9 and toolchain 11":  {gradle: "9.1.0", build: toolchain("11"), want: "11", runner: "17", codes: "SLP461"},
		"Gradle 7.2 and toolchain":   {gradle: "7.2", build: toolchain("17"), want: "17", runner: "11"},
		"Gradle 8.3 and level 21":    {gradle: "8.3", build: "sourceCompatibility = 21\n", codes: "SLP477!"},
		"Gradle 8.3 and jenv":        {gradle: "8.3", build: "sourceCompatibility = 17\n", more: map[string]string{".java-version": "21"}, want: "17"},
		"Gradle 8.5 and written":     {gradle: "8.5", build: "sourceCompatibility = 17\n", version: "25", want: "25", runner: "21"},
		"Gradle 9 and written":       {gradle: "9.0.0", version: "11", codes: "SLP477!"},
		"Gradle 9, written for 11":   {gradle: "9.0.0", build: "sourceCompatibility = 11\n", version: "11", want: "11", runner: "17", codes: "SLP461"},
		"written over a toolchain":   {gradle: "8.14.3", build: toolchain("17"), version: "21", want: "21", runner: "17"},
		"written below a toolchain":  {gradle: "8.14.3", build: toolchain("21"), version: "17", codes: "SLP311!"},
		"daemon":                     {gradle: "8.14.3", more: map[string]string{"gradle/gradle-daemon-jvm.properties": "toolchainVersion=17\n"}, want: "17"},
		"daemon and toolchain":       {gradle: "8.14.3", build: toolchain("11"), more: map[string]string{"gradle/gradle-daemon-jvm.properties": "toolchainVersion=21\n"}, want: "11", runner: "21", codes: "SLP461"},
		"vendor":                     {gradle: "8.14.3", build: "java { toolchain {\n languageVersion = JavaLanguageVersion.of(17)\n vendor = JvmVendorSpec.ADOPTIUM\n} }\n", codes: "SLP478!"},
		"vendor with a resolver": {gradle: "8.14.3", build: "java { toolchain {\n languageVersion = JavaLanguageVersion.of(17)\n vendor = JvmVendorSpec.ADOPTIUM\n} }\n",
			more: map[string]string{"settings.gradle": "plugins { id 'org.gradle.toolchains.foojay-resolver-convention' version '1.0.0' }\nrootProject.name = 'one'\n"}, want: "17", codes: "SLP478"},
		"Spring Boot 2.7": {gradle: "7.6.4", build: "buildscript { dependencies { classpath 'org.springframework.boot:spring-boot-gradle-plugin:2.7.18' } }\n", want: "17"},
		"Spring Boot 2.3": {gradle: "6.9.4", build: "buildscript { dependencies { classpath 'org.springframework.boot:spring-boot-gradle-plugin:2.3.4.RELEASE' } }\n", want: "11", codes: "SLP461"},
		"Micronaut 4":     {gradle: "8.14.3", build: "sourceCompatibility = 11\n", more: map[string]string{"gradle.properties": "micronautVersion=4.9.1\n"}, want: "17"},
	} {
		t.Run(name, func(t *testing.T) {
			p := checkVersion(t, gradleProject(c.gradle, c.build, c.more), config.Service{Version: c.version}, c.want, c.codes)
			if len(p.Stages) == 0 {
				return
			}
			i := slices.IndexFunc(p.Stages, func(st plan.Stage) bool { return st.Name == stageProject })
			if want := "slipway/java:" + ecosystem.Or(c.runner, c.want) + "-trixie-toolchain"; p.Stages[i].From != want {
				t.Errorf("Gradle runs on %s, want %s", p.Stages[i].From, want)
			}
			for _, st := range p.Stages {
				if strings.HasPrefix(st.From, "slipway/") && !slices.ContainsFunc(p.Bases, func(b plan.Base) bool { return b.Ref == st.From }) {
					t.Errorf("the stage %s starts from %s, which is no base of the plan", st.Name, st.From)
				}
			}
		})
	}
}

// TestVersionsOfTheRepository: version managers read the directories above, the
// nearest first; the finding names the file where it is.
func TestVersionsOfTheRepository(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		at    string
	}{
		"of the root":      {map[string]string{".tool-versions": "java temurin-17.0.9+9\n"}, "17", ".tool-versions"},
		"nearest":          {map[string]string{".java-version": "25\n", "services/mise.toml": "[tools]\njava = \"17\"\n"}, "17", "services/mise.toml"},
		"of the service":   {map[string]string{".java-version": "25\n", "services/one/.sdkmanrc": "java=17.0.9-tem\n"}, "17", "services/one/.sdkmanrc"},
		"of another":       {map[string]string{"services/two/.java-version": "25\n"}, "21", ""},
		"of the directory": {map[string]string{"services/.java-version": "8\n"}, "8", "services/.java-version"},
	} {
		files := map[string]string{}
		for name, text := range one("") {
			files["services/one/"+name] = text
		}
		for name, text := range c.files {
			files[name] = text
		}
		root := tree(files)
		dir, err := fs.Sub(root, "services/one")
		if err != nil {
			t.Fatal(err)
		}
		p, findings := Ecosystem{}.In(root).Plan(dir, config.Service{Name: "one", Path: "services/one"}, nil)
		if err := findings.Errors(); err != nil {
			t.Fatal(name, err)
		}
		i := slices.IndexFunc(p.Facts, func(f plan.Fact) bool { return f.Name == "runtime" })
		if p.Bases[0].Version != c.want || p.Facts[i].File != c.at {
			t.Errorf("%s: Java %s by %q, want %s by %q", name, p.Bases[0].Version, p.Facts[i].File, c.want, c.at)
		}
	}
}

// TestVersionsUnderStrict: what is near or ended is refused.
func TestVersionsUnderStrict(t *testing.T) {
	for text, want := range map[string]string{"11": "SLP461!", "18": "SLP460!", "17.0.9": "SLP460!", "17": ""} {
		files := one("")
		files[".java-version"] = text + "\n"
		_, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "one", Path: "."}, &config.Fleet{Strict: true, Bases: config.Bases{Family: "debian"}})
		if got := codes(findings); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestStepsOfEachJDK: the commands have only options that the JDK knows.
func TestStepsOfEachJDK(t *testing.T) {
	for jdk, c := range map[string]struct{ has, hasNot []string }{
		"8":  {[]string{"sh /jre.sh", "javac -d /tmp /tmp/Restamp.java"}, []string{"jlink", "jdeps", "--date", "/jmods"}},
		"11": {[]string{"--strip-debug", "--compress 2 ", "jdk.crypto.ec", "Restamp"}, []string{"--strip-java", "zip-6", "--date", "jre.sh"}},
		"17": {[]string{"--strip-java-debug-attributes", "--compress 2 ", "jdk.crypto.ec", "--date="}, []string{"zip-6", "Restamp"}},
		"21": {[]string{"--strip-java-debug-attributes", "--compress zip-6 ", "jdk.crypto.ec", "--date="}, []string{"Restamp"}},
		"25": {[]string{"--strip-java-debug-attributes", "--compress zip-6 ", "--date="}, []string{"jdk.crypto.ec", "Restamp"}},
	} {
		p, findings := planned(one(""), config.Service{Version: jdk})
		if err := findings.Errors(); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, st := range p.Stages {
			for _, step := range st.Steps {
				text.WriteString(step.Shell + "\n" + strings.Join(step.Args, " ") + "\n")
				for _, m := range step.Mounts {
					text.WriteString(m.Source + "\n")
				}
			}
		}
		for _, word := range c.has {
			if !strings.Contains(text.String(), word) {
				t.Errorf("Java %s: no %q in\n%s", jdk, word, text.String())
			}
		}
		for _, word := range c.hasNot {
			if strings.Contains(text.String(), word) {
				t.Errorf("Java %s: %q in\n%s", jdk, word, text.String())
			}
		}
	}
}

// TestToolchainsOfMaven: the plugin finds the JDK of the base under the version and
// vendor that it looks for.
func TestToolchainsOfMaven(t *testing.T) {
	for settings, want := range map[string]string{
		"<version>17</version>":                                "<provides><version>17</version></provides>",
		"<version>[11,12)</version><vendor>temurin</vendor>":   "<provides><version>11</version><vendor>temurin</vendor></provides>",
		"<version>${jdk}</version>":                            "<provides><version>17</version></provides>",
		"<version>${nothing}</version><vendor>oracle</vendor>": "",
	} {
		p, findings := planned(one("<properties><jdk>17</jdk></properties>"+plugged("maven-toolchains-plugin", "<configuration><toolchains><jdk>"+settings+"</jdk></toolchains></configuration>")), config.Service{})
		if err := findings.Errors(); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, st := range p.Stages {
			for _, step := range st.Steps {
				if step.Op == plan.OpCopy && step.Args[0] == toolchainsFile {
					got = step.Content
				}
				if strings.Contains(step.Shell, "mvn ") && strings.Contains(step.Shell, "-t "+toolchainsFile) != (want != "") {
					t.Errorf("%s: %s", settings, step.Shell)
				}
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q has no %q", settings, got, want)
		}
	}
}

// TestEqualArchivesOfGradle: each Gradle is given only settings that it knows.
func TestEqualArchivesOfGradle(t *testing.T) {
	for release, want := range map[string]string{"2.14": "", "3.3": "", "3.5": ").all {", "4.8.1": ").all {", "4.10.3": ").configureEach {", "8.14.3": ").configureEach {", "9.0.0": "", "10.1": ""} {
		s := &service{at: ".", grade: &gradle{version: release}}
		got := s.equalArchives()
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("Gradle %s: %q has no %q", release, got, want)
		}
		if strings.Contains(s.gradlew("jar"), initFile) != (want != "") {
			t.Errorf("Gradle %s: %s", release, s.gradlew("jar"))
		}
	}
}
