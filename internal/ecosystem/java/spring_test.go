package java

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// planned plans the service of a repository.
func planned(files map[string]string, want config.Service) (plan.Service, diag.Findings) {
	want.Name, want.Path = "one", "."
	return Ecosystem{}.Plan(tree(files), want, nil)
}

// stage returns the shell commands of a stage.
func shellOf(p plan.Service, name string) string {
	var out []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == name && s.Op == plan.OpRun {
				out = append(out, s.Shell)
			}
		}
	}
	return strings.Join(out, "\n")
}

// startOf is the start command of production.
func startOf(p plan.Service) string {
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == plan.StageProduction && s.Op == plan.OpCmd {
				return strings.Join(s.Args, " ")
			}
		}
	}
	return ""
}

// spring is a module of Spring Boot.
func spring(version, settings, more string) map[string]string {
	return one("<parent><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-parent</artifactId><version>" + version + "</version><relativePath/></parent>" + more +
		"<build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId><configuration>" + settings + "</configuration></plugin></plugins></build>")
}

// TestSpringJars: a jar of Spring Boot is taken apart by what its version has;
// java -Djarmode of a jar without it would start the program in the build.
func TestSpringJars(t *testing.T) {
	const (
		byTools  = "-Djarmode=tools"
		byLayers = "-Djarmode=layertools"
		byHand   = "jar xf /tmp/app.jar"
	)
	for name, c := range map[string]struct {
		files         map[string]string
		has, not, run string
	}{
		"2.2":                    {spring("2.2.5.RELEASE", "", ""), byHand, "jarmode", "java org.springframework.boot.loader.JarLauncher"},
		"2.3 has no layers":      {spring("2.3.12.RELEASE", "", ""), byHand, "jarmode", "java org.springframework.boot.loader.JarLauncher"},
		"1.5":                    {spring("1.5.22.RELEASE", "", ""), byHand, "jarmode", "java org.springframework.boot.loader.JarLauncher"},
		"2.4":                    {spring("2.4.0", "", ""), byLayers, byTools, "java org.springframework.boot.loader.JarLauncher"},
		"2.7 without layers":     {spring("2.7.1", "<layers>\n <enabled>false</enabled></layers>", ""), byHand, "jarmode", "java org.springframework.boot.loader.JarLauncher"},
		"3.2":                    {spring("3.2.1", "", ""), byLayers, byTools, "java org.springframework.boot.loader.launch.JarLauncher"},
		"3.4":                    {spring("3.4.0", "", ""), byTools, byHand, "java -jar app.jar"},
		"3.4 without tools":      {spring("3.4.0", "<includeTools>false</includeTools>", ""), byHand, "jarmode", "java org.springframework.boot.loader.launch.JarLauncher"},
		"2.2 as a war":           {spring("2.2.5.RELEASE", "", "<packaging>war</packaging>"), byHand, "jarmode", "java org.springframework.boot.loader.WarLauncher"},
		"an unknown version":     {one("<parent><groupId>x</groupId><artifactId>company</artifactId><version>1</version><relativePath/></parent><build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build>"), "grep -q '/spring-boot-jarmode-tools-'", byLayers, "java @launch"},
		"unknown without layers": {one("<parent><groupId>x</groupId><artifactId>company</artifactId><version>1</version><relativePath/></parent><build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId><configuration><includeTools>false</includeTools></configuration></plugin></plugins></build>"), "Main-Class", "jarmode", "java @launch"},
	} {
		p, findings := planned(c.files, config.Service{})
		if err := findings.Errors(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shell := shellOf(p, plan.StageBuilder)
		if !strings.Contains(shell, c.has) || strings.Contains(shell, c.not) {
			t.Errorf("%s: want %q and no %q in\n%s", name, c.has, c.not, shell)
		}
		if diff := cmp.Diff(c.run, startOf(p)); diff != "" {
			t.Errorf("%s starts otherwise (-want +got):\n%s", name, diff)
		}
	}
}

// TestThinSpringJars: a plugin that nothing makes repackage leaves a jar without
// its libraries, which then lie beside it.
func TestThinSpringJars(t *testing.T) {
	const deps = "<dependencyManagement><dependencies><dependency><groupId>org.springframework.boot</groupId><artifactId>spring-boot-dependencies</artifactId><version>3.4.0</version><type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement>" +
		"<dependencies><dependency><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-web</artifactId></dependency></dependencies>"
	build := func(executions string) string {
		return "<build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId>" + executions + "</plugin></plugins></build>"
	}
	for name, c := range map[string]struct{ pom, start string }{
		"no execution":    {deps + build(""), "java -cp app.jar:lib/* Main"},
		"an execution":    {deps + build("<executions><execution><goals><goal>repackage</goal></goals></execution></executions>"), "java -jar app.jar"},
		"another goal":    {deps + build("<executions><execution><goals><goal>build-info</goal></goals></execution></executions>"), "java -cp app.jar:lib/* Main"},
		"managed plugins": {deps + "<build><pluginManagement><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId><executions><execution><goals><goal>repackage</goal></goals></execution></executions></plugin></plugins></pluginManagement><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build>", "java -jar app.jar"},
	} {
		p, findings := planned(one(c.pom), config.Service{})
		if err := findings.Errors(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if start := startOf(p); start != c.start || p.Port != 8080 || p.Type != "http" {
			t.Errorf("%s: starts %q as %s on %d", name, start, p.Type, p.Port)
		}
		if shell := shellOf(p, stageList); !strings.Contains(shell, "java.desktop") {
			t.Errorf("%s: the runtime lacks what Spring looks up by name:\n%s", name, shell)
		}
	}
}

// TestStartOfAJar: a command that starts a jar is held against what the image
// will hold.
func TestStartOfAJar(t *testing.T) {
	jarPlugin := func(settings string) string {
		return "<build><plugins><plugin><artifactId>maven-jar-plugin</artifactId><configuration><archive><manifest>" + settings + "<mainClass>a.Main</mainClass></manifest></archive></configuration></plugin></plugins></build>"
	}
	const shade = "<build><plugins><plugin><artifactId>maven-shade-plugin</artifactId></plugin></plugins></build>"
	for name, c := range map[string]struct {
		files   map[string]string
		command []string
		code    string
		says    string // in the hint, or in the builder without a code
	}{
		"thin":              {one(jarPlugin("")), []string{"java", "-Xss1m", "-jar", "app.jar", "--x"}, codeThin, `["java", "-Xss1m", "-cp", "app.jar:lib/*", "a.Main", "--x"]`},
		"with a class path": {one(jarPlugin("<addClasspath>true</addClasspath><classpathPrefix>libs/</classpathPrefix>")), []string{"java", "-jar", "/app/app.jar"}, "", "-DoutputDirectory=/out/dependencies/libs"},
		"beside the jar":    {one(jarPlugin("<addClasspath>true</addClasspath>")), []string{"java", "-jar", "app.jar"}, "", "-DoutputDirectory=/out/dependencies &&"},
		"its own name":      {one(shade), []string{"java", "-jar", "target/one-1.0.jar"}, codeNoJar, `["java", "-jar", "app.jar"]`},
		"all inside":        {one(shade), []string{"java", "-jar", "./app.jar"}, "", "target/one-"},
		"spring, old":       {spring("2.2.5.RELEASE", "", ""), []string{"java", "-jar", "app.jar"}, codeNoJar, `["java", "org.springframework.boot.loader.JarLauncher"]`},
		"spring, new":       {spring("3.4.0", "", ""), []string{"java", "-jar", "app.jar", "--debug"}, "", "jarmode"},
		"quarkus":           {one("<build><plugins><plugin><artifactId>quarkus-maven-plugin</artifactId></plugin></plugins></build>"), []string{"java", "-jar", "app.jar"}, codeNoJar, `["java", "-jar", "quarkus-run.jar"]`},
		"a file of files:":  {one(shade), []string{"java", "-jar", "tool.jar"}, "", "target/one-"},
	} {
		want := config.Service{Command: c.command}
		if name == "a file of files:" {
			want.Files = []config.File{{Path: "tool.jar", To: "tool.jar"}}
			c.files["tool.jar"] = "PK"
		}
		p, findings := planned(c.files, want)
		switch {
		case c.code == "" && findings.Errors() != nil:
			t.Errorf("%s: %v", name, findings)
		case c.code == "" && !strings.Contains(shellOf(p, plan.StageBuilder)+" &&", c.says):
			t.Errorf("%s: no %q in\n%s", name, c.says, shellOf(p, plan.StageBuilder))
		case c.code != "" && (len(findings) != 1 || findings[0].Code != c.code || !strings.Contains(findings[0].Hint, c.says)):
			t.Errorf("%s: %v, want %s with %s", name, findings, c.code, c.says)
		}
	}
}

// gradleRepo is a build with Gradle and its wrapper.
func gradleRepo(build string, more map[string]string) map[string]string {
	files := map[string]string{"build.gradle": build, "settings.gradle": "rootProject.name = 'one'", "gradlew": "#!/bin/sh\n", "gradle/wrapper/gradle-wrapper.jar": "PK",
		"gradle/wrapper/gradle-wrapper.properties": "distributionUrl=https\\://x/gradle-8.10-bin.zip", "src/main/java/Main.java": program}
	for name, text := range more {
		files[name] = text
	}
	return files
}

// TestGradleWrapper: the wrapper needs no executable bit, its failure is one of
// the build, and its line ends may be those of Windows.
func TestGradleWrapper(t *testing.T) {
	const app = "plugins {\n    id 'application'\n}\napplication { mainClass = 'Main' }\n"
	p, findings := planned(gradleRepo(app, nil), config.Service{})
	if err := findings.Errors(); err != nil {
		t.Fatal(err)
	}
	for _, stage := range []string{stageProject, plan.StageDependencies, plan.StageBuilder} {
		if shell := shellOf(p, stage); strings.Contains(shell, "./gradlew") || !strings.Contains(shell, "sh gradlew ") || strings.Contains(shell, "|| true") || strings.Contains(shell, "sed -i") {
			t.Errorf("%s:\n%s", stage, shell)
		}
	}
	if shell := shellOf(p, stageProject); !strings.Contains(shell, "exit 1") {
		t.Errorf("a wrapper that does not start goes by unseen:\n%s", shell)
	}
	p, _ = planned(gradleRepo(app, map[string]string{"gradlew": "#!/bin/sh\r\nexec java\r\n"}), config.Service{})
	if shell := shellOf(p, stageProject); !strings.Contains(shell, `sed -i 's/\r$//' gradlew && `) {
		t.Errorf("line ends of Windows stay:\n%s", shell)
	}
	files := gradleRepo(app, nil)
	delete(files, "gradle/wrapper/gradle-wrapper.jar")
	if _, findings = planned(files, config.Service{}); len(findings) != 1 || findings[0].Code != codeWrapper || !strings.Contains(findings[0].Hint, "gradle wrapper") {
		t.Errorf("a missing wrapper: %v", findings)
	}
}

// TestGradleSpringVersions: wherever the version of Spring Boot is written.
func TestGradleSpringVersions(t *testing.T) {
	const catalogue = "[versions]\nboot = \"2.7.18\"\n[plugins]\nspring-boot = { id = \"org.springframework.boot\", version.ref = \"boot\" }\nshort = \"org.springframework.boot:3.4.1\"\n"
	for name, c := range map[string]struct {
		build string
		more  map[string]string
		start string
	}{
		"a plugin":              {"plugins {\n id 'org.springframework.boot' version '2.2.5.RELEASE'\n}\n", nil, "java org.springframework.boot.loader.JarLauncher"},
		"a class path":          {"buildscript { dependencies { classpath('org.springframework.boot:spring-boot-gradle-plugin:2.1.1.RELEASE') } }\napply plugin: 'org.springframework.boot'\n", nil, "java org.springframework.boot.loader.JarLauncher"},
		"a variable":            {"buildscript {\n ext { springBootVersion = '2.2.5.RELEASE' }\n dependencies { classpath(\"org.springframework.boot:spring-boot-gradle-plugin:${springBootVersion}\") } }\napply plugin: 'org.springframework.boot'\n", nil, "java org.springframework.boot.loader.JarLauncher"},
		"gradle.properties":     {"plugins {\n id \"org.springframework.boot\" version \"${boot}\"\n}\n", map[string]string{"gradle.properties": "boot=3.2.1\n"}, "java org.springframework.boot.loader.launch.JarLauncher"},
		"settings":              {"plugins {\n id 'org.springframework.boot'\n}\n", map[string]string{"settings.gradle": "pluginManagement { plugins { id 'org.springframework.boot' version '2.5.0' } }\nrootProject.name = 'one'"}, "java org.springframework.boot.loader.JarLauncher"},
		"a catalogue":           {"plugins {\n alias(libs.plugins.spring.boot)\n}\n", map[string]string{"gradle/libs.versions.toml": catalogue}, "java org.springframework.boot.loader.JarLauncher"},
		"a catalogue, in short": {"plugins {\n alias libs.plugins.short\n}\n", map[string]string{"gradle/libs.versions.toml": catalogue}, "java -jar app.jar"},
		"nowhere":               {"plugins {\n id 'org.springframework.boot'\n}\n", nil, "java @launch"},
		"layers turned off":     {"plugins {\n id 'org.springframework.boot' version '3.4.0'\n}\nbootJar {\n layered {\n  enabled = false\n }\n}\n", nil, "java org.springframework.boot.loader.launch.JarLauncher"},
	} {
		files := gradleRepo(c.build, c.more)
		p, findings := planned(files, config.Service{})
		if err := findings.Errors(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.start, startOf(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"."}, Ecosystem{}.Services(tree(files))); diff != "" {
			t.Errorf("%s is no service:\n%s", name, diff)
		}
	}
}

// TestExpansionIsBounded: variables that name each other end.
func TestExpansionIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "v%d = \"$v%d\"\n", i, i+1)
	}
	if out := gradleExpanded(tree(nil), ".", []byte(b.String())); len(out) == 0 {
		t.Error("nothing is left")
	}
}

// TestGradleIncludes: statements go over several lines.
func TestGradleIncludes(t *testing.T) {
	files := map[string]string{"settings.gradle.kts": "include(\n    \":app\",\n    \"libs:x\",\n)\ninclude 'b', 'c'\n", "app/x": "", "libs/x/x": "", "b/x": "", "c/x": ""}
	if diff := cmp.Diff([]string{".", "app", "libs/x", "b", "c"}, gradleProjects(tree(files), "settings.gradle.kts")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestGradlePlugins: a program's plugin is seen wherever its statement is; one
// that is only made available to other projects is not.
func TestGradlePlugins(t *testing.T) {
	for text, want := range map[string]bool{
		"plugins {\n    application\n}\n":                                         true,
		"plugins { application }\n":                                               true,
		"plugins { java; application }\n":                                         true,
		"plugins { id 'application' }\n":                                          true,
		"plugins { id(\"io.quarkus\"); java }\n":                                  true,
		"plugins { id(\"org.springframework.boot\") version \"3.3.2\" }\n":        true,
		"plugins { id 'org.springframework.boot' version '3.3.2' apply false }\n": false,
		"plugins { java }\n// application\n":                                      false,
		"plugins { `java-library` }\nval application = 1\n":                       false,
	} {
		got := gradleServices(tree(map[string]string{"build.gradle.kts": text}))
		if (len(got) == 1) != want {
			t.Errorf("%q: services %v, want one: %v", text, got, want)
		}
	}
	g := gradle{file: "build.gradle", data: []byte("plugins { java; application }\n")}
	if !g.applies("application").Found() || g.applies("war").Found() {
		t.Error("a block on one line is not read")
	}
}
