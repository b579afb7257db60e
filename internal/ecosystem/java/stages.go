package java

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Stages beside the usual ones.
const (
	stageCompiler = "compiler-jdk"
	stageModules  = "modules"
	stageList     = "all-modules"
	stageProject  = "project"
	stageJDK      = "target-jdk"
	stageJava     = "java"
)

// Directories of the build. What production copies lies under /out.
const (
	srcDir  = "/src"
	outDeps = "/out/dependencies"
	outApp  = "/out/application"
	runtime = "/opt/java"
	jdkHome = "/usr/lib/jvm/default" // in Slipway's toolchain base
)

// images names the images of a version of the JDK.
func images(jdk string, tool string) ecosystem.Images {
	const suite = ecosystem.Suite
	official := "eclipse-temurin-" + jdk
	i := ecosystem.Images{
		Ecosystem: "java", Version: jdk,
		Debian:   ecosystem.Pair{Toolchain: "slipway/java:" + jdk + "-" + suite + "-toolchain", Runtime: "slipway/jvm:" + suite},
		Official: ecosystem.Pair{Toolchain: "maven:3-" + official, Runtime: "debian:" + suite + "-slim"},
		Alpine:   ecosystem.Pair{Toolchain: "maven:3-" + official + "-alpine", Runtime: "alpine:3"},
	}
	if tool == "gradle" {
		i.Official.Toolchain = "eclipse-temurin:" + jdk + "-jdk"
		i.Alpine.Toolchain = "eclipse-temurin:" + jdk + "-jdk-alpine"
	}
	return i
}

// plan puts the stages together.
func (s *service) plan(fleet *config.Fleet) plan.Service {
	family, user := ecosystem.Settings(fleet)
	tool := "maven"
	if s.maven == nil {
		tool = "gradle"
	}
	b := s.Extend(ecosystem.BasesFor(family, images(s.jdk, tool)))
	b.Toolchain.OnTarget = true // the runtime is made from the target's JDK
	build := s.Extend(ecosystem.BasesFor(family, images(s.runner, tool)))
	bases := []plan.Base{build.Toolchain}
	builder := s.builder()
	more, files := ecosystem.CopyHeld(s.held, srcDir, fmt.Sprintf("%d:%d", user.UID, user.GID))
	builder.Steps = append(builder.Steps, more...)
	var stages []plan.Stage
	if s.compiler != "" {
		from := ecosystem.BasesFor(family, images(s.compiler, tool)).Toolchain
		bases = append(bases, from)
		stages = append(stages, plan.Stage{Name: stageCompiler, From: from.Ref, BuildPlatform: true, Comment: "The JDK that compiles. Another one runs Gradle."})
	}
	stages = append(stages, s.project(build), s.dependencyStage(), builder)
	stages = append(stages, s.javaStages(b)...)
	image := s.image(b, user)
	image.Layers, image.Writable = append(files, image.Layers...), s.Writable()
	out := s.Service.Plan(b, user, append(stages, s.RuntimeTools(b, user), s.Production(image))...)
	for _, more := range bases {
		if !slices.ContainsFunc(out.Bases, func(have plan.Base) bool { return have.Ref == more.Ref }) {
			out.Bases = append(out.Bases, more)
		}
	}
	s.prove(&out)
	return out
}

// cache keeps downloads between builds; it is no part of any layer.
func (s *service) cache() []plan.Mount {
	if s.maven == nil {
		return []plan.Mount{{Type: "cache", Target: "/root/.gradle"}}
	}
	return []plan.Mount{{Type: "cache", Target: "/root/.m2"}}
}

// mvn is a command line of Maven over the service's module and those that it
// needs.
func (s *service) mvn(args ...string) string {
	words := []string{"mvn", "-B", "-ntp", "-Dmaven.test.skip=true"}
	if s.soon() {
		words = slices.Insert(words, 0, `MAVEN_OPTS="`+firstCompiler+` $MAVEN_OPTS"`)
	}
	if s.toolchains() != "" {
		words = append(words, "-t "+toolchainsFile)
	}
	m := s.maven
	if m.module != m.top {
		words = append(words, "-pl", ecosystem.Quoted([]string{ecosystem.Below(m.top.dir(), m.module.dir())})[0], "-am")
	}
	if m.top.dir() != "." {
		words = append(words, "-f", ecosystem.Quoted([]string{m.top.file})[0])
	}
	return strings.Join(append(words, args...), " ")
}

// firstCompiler is the option of a JVM that ends before its second compiler makes it
// faster. What a user says for Maven comes after it.
const firstCompiler = "-XX:TieredStopAtLevel=1"

// soon tells whether Maven ends before the second compiler of the JVM makes it faster: for a
// Spring service of five classes, that compiler took half of the processor time.
func (s *service) soon() bool { return s.scan.sources < 200 && len(s.maven.modules) <= 10 }

// copyDependencies is the goal that lays out what a plain program needs.
func (s *service) copyDependencies() string {
	return "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies\n-DincludeScope=runtime -DoutputDirectory=" + path.Join(outDeps, s.libDir())
}

// project has the build files and what reads them, for all stages that build.
func (s *service) project(b ecosystem.Bases) plan.Stage {
	st := plan.Stage{
		Name:          stageProject,
		Comment:       "The build files, and the build tool.",
		From:          b.Toolchain.Ref,
		BuildPlatform: true, // what is compiled runs everywhere
		Steps: []plan.Step{
			{Op: plan.OpEnv, Args: []string{"LANG=C.UTF-8"}, Comment: "File names and, before Java 18, sources are UTF-8."},
			{Op: plan.OpWorkdir, Args: []string{srcDir}},
		},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	add(s.compilerJDK()...)
	for _, args := range s.buildFiles() {
		add(plan.Step{Op: plan.OpCopy, Args: args})
	}
	if s.maven == nil {
		add(s.wrapper()...)
		return st
	}
	if text := s.toolchains(); text != "" {
		add(plan.Step{Op: plan.OpCopy, Args: []string{toolchainsFile}, Content: text, Comment: "What maven-toolchains-plugin looks for."})
	}
	return st
}

// dependencyStage downloads libraries and plugins from the build files alone, into the
// cache. No stage waits for it: what the cache lacks, the builder downloads, and running
// Maven or Gradle twice costs more than both save.
func (s *service) dependencyStage() plan.Stage {
	st := plan.Stage{
		Name: plan.StageDependencies, From: stageProject,
		Comment: "Libraries and plugins, downloaded into the cache without the sources. The builder does not need this stage: it downloads what is missing.",
	}
	if s.maven == nil {
		task, _ := s.task()
		st.Steps = []plan.Step{{
			Op: plan.OpRun, Mounts: s.cache(), Shell: "( " + s.gradlew(task) + " --continue || [ $? -eq 1 ] )",
			Comment: "Without sources, tasks may fail, so status 1 is accepted.",
		}}
		return st
	}
	flags := []string{"-fn"}
	switch s.kind {
	case kindSpring:
		flags = append(flags, "-Dspring-boot.repackage.skip=true", "package")
	case kindPlain:
		flags = append(flags, "package", s.copyDependencies())
	default:
		flags = append(flags, "package")
	}
	st.Steps = []plan.Step{{Op: plan.OpRun, Mounts: s.cache(), Shell: s.mvn(flags...), Comment: "Without sources, goals may fail, so -fn ignores failures."}}
	return st
}

// buildFiles are the copies of the build files: sources, then destination.
func (s *service) buildFiles() [][]string {
	var out [][]string
	if s.maven == nil {
		args := []string{"gradlew"}
		for _, name := range []string{"settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts", "gradle.properties"} {
			if ecosystem.Exists(s.Dir, name) {
				args = append(args, name)
			}
		}
		out = append(out, append(args, "./"), []string{"gradle/", "gradle/"})
		for _, dir := range []string{"buildSrc", "build-logic"} {
			if ecosystem.IsDir(s.Dir, dir) {
				out = append(out, []string{dir + "/", dir + "/"})
			}
		}
		for _, dir := range s.grade.projects {
			if f := first(s.Dir, dir, "build.gradle", "build.gradle.kts"); f != "" && dir != "." {
				out = append(out, []string{f, dir + "/"})
			}
		}
		return out
	}
	for _, p := range append(slices.Clone(s.maven.modules), s.maven.chain...) {
		args := []string{p.file, into(p.dir())}
		if !slices.ContainsFunc(out, func(o []string) bool { return o[0] == args[0] }) {
			out = append(out, args)
		}
	}
	if dir := path.Join(s.maven.top.dir(), ".mvn"); ecosystem.IsDir(s.Dir, dir) {
		out = append(out, []string{dir + "/", dir + "/"})
	}
	return out
}

// into is a directory as the destination of a COPY.
func into(dir string) string {
	if dir == "." {
		return "./"
	}
	return dir + "/"
}

// gradlew is a command line of the wrapper.
func (s *service) gradlew(task string) string {
	if s.at != "." {
		task = ":" + strings.ReplaceAll(s.at, "/", ":") + ":" + task
	}
	init := ""
	if s.equalArchives() != "" {
		init = "-I " + initFile + " "
	}
	return "sh gradlew --no-daemon --console=plain " + init + task
}

// wrapper makes the wrapper download Gradle, so that a failure of that is not
// taken for one of the tasks. It is called by sh: repositories from Windows have
// it without its executable bit.
func (s *service) wrapper() []plan.Step {
	const why = "Gradle does not start; see the output above and check distributionUrl in gradle/wrapper/gradle-wrapper.properties"
	start := "sh gradlew --no-daemon --version || { echo '" + why + "' >&2; exit 1; }"
	if s.grade.crlf {
		start = `sed -i 's/\r$//' gradlew && { ` + start + "; }"
	}
	steps := []plan.Step{{Op: plan.OpRun, Mounts: s.cache(), Shell: start}}
	if text := s.equalArchives(); text != "" {
		steps = append(steps, plan.Step{Op: plan.OpCopy, Args: []string{initFile}, Content: text, Comment: sameEntries})
	}
	return steps
}

// builder compiles and takes the result apart.
func (s *service) builder() plan.Stage {
	st := plan.Stage{
		Name:    plan.StageBuilder,
		Comment: "The program and its libraries, kept apart because libraries change less often.",
		From:    stageProject,
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	add(s.copies()...)
	add(s.restamper()...)
	add(plan.Step{Op: plan.OpRun, Mounts: s.cache(), Shell: strings.Join(append([]string{s.compile(), "mkdir -p " + outDeps + " " + outApp}, s.unpack()...), " && ")})
	return st
}

// compile is the command that builds.
func (s *service) compile() string {
	if s.maven == nil {
		task, _ := s.task()
		return s.gradlew(task)
	}
	args := []string{"-U", stamp, "package"} // -U: a download that failed before is tried again
	if s.kind == kindPlain {
		args = append(args, s.copyDependencies())
	}
	return s.mvn(args...)
}

// jarPattern is a path whose version only the build knows, which the shell completes.
var jarPattern = pattern.Lazy(`^[\w./@+-]*\*?[\w./@+-]*$`)

// unpack puts libraries and the program where production copies them from.
func (s *service) unpack() []string {
	jar, result := "", ""
	if s.maven != nil {
		if jar = s.result(); !jarPattern().MatchString(jar) {
			jar = ecosystem.Quoted([]string{jar})[0]
		}
	} else {
		_, result = s.task()
		jar = "$(find " + result + " -name '*.jar' ! -name '*-plain.jar' | sort | tail -n 1)"
	}
	switch s.kind {
	case kindSpring:
		return s.layers(jar)
	case kindQuarkus:
		if result == "" {
			result = path.Join(s.at, "target/quarkus-app")
		}
		return []string{"cp -R " + result + "/. " + outApp, "mv " + outApp + "/lib " + outDeps + "/lib"}
	case kindFat:
		return []string{"cp " + jar + " " + outApp + "/app.jar"}
	}
	if s.maven == nil {
		return []string{"cp -R " + result + "/*/lib " + outDeps + "/lib", "mkdir " + outApp + "/lib",
			"mv " + outDeps + "/lib/" + ecosystem.Quoted([]string{s.buildName()})[0] + "*.jar " + outApp + "/lib/"}
	}
	out := []string{"cp " + jar + " " + outApp + "/app.jar"}
	for _, p := range s.maven.needed {
		if p != s.maven.module && p.Packaging != "pom" {
			lib := path.Join(outApp, s.libDir())
			out = append(out, "mkdir -p "+lib, "mv "+ecosystem.Quoted([]string{path.Join(outDeps, s.libDir(), p.ArtifactID)})[0]+"-*.jar "+lib+"/")
		}
	}
	return append(out, s.restamped())
}

// result is the jar that a build with Maven makes.
func (s *service) result() string {
	jar := s.jar()
	if g, _ := s.plugin("maven-assembly-plugin"); s.kind == kindFat && g != nil && strings.Contains(string(g.Inner), "jar-with-dependencies") && g.setting("appendAssemblyId") != "false" {
		jar = strings.TrimSuffix(jar, ".jar") + "-jar-with-dependencies.jar"
	}
	if g, _ := s.plugin("maven-shade-plugin"); s.kind == kindFat && g != nil {
		if name := s.expand(g.setting("finalName")); name != "" && !strings.Contains(name, "${") {
			jar = path.Join(path.Dir(jar), name+".jar")
		}
	}
	return jar
}

// image is what production needs.
func (s *service) image(b ecosystem.Bases, u config.User) ecosystem.Image {
	env := map[string]string{
		"JAVA_HOME":         runtime,
		"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=75.0 -XX:+ExitOnOutOfMemoryError", // JDK 8 takes no whole number
		"LANG":              "C.UTF-8",
		"PATH":              runtime + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	if (s.scan.port || s.settingReadsPort()) && s.Want.Port > 0 {
		env["PORT"] = fmt.Sprint(s.Want.Port)
	}
	if s.kind == kindQuarkus {
		env["QUARKUS_HTTP_HOST"] = "0.0.0.0"
	}
	copyOut := func(from, stage, to string) plan.Step {
		return plan.Step{Op: plan.OpCopy, Link: true, From: stage, Args: []string{from + "/", to + "/"}}
	}
	i := ecosystem.Image{Bases: b, User: u, Env: env, Start: s.start, Layers: []plan.Step{copyOut(runtime, stageJava, runtime)}}
	if b.Toolchain.Assembled {
		i.Layers = append(i.Layers, copyOut(record, stageJava, ""))
	}
	if s.kind != kindFat {
		i.Layers = append(i.Layers, copyOut(outDeps, plan.StageBuilder, ecosystem.WorkDir))
	}
	i.Layers = append(i.Layers, copyOut(outApp, plan.StageBuilder, ecosystem.WorkDir))
	if s.maven != nil {
		i.Manifest, i.Version, i.Description = "pom.xml", s.expand(s.maven.module.Version), s.maven.module.Description
	} else if m := gradleVersion().FindSubmatch(s.grade.data); m != nil {
		i.Version = string(m[1])
	}
	if strings.Contains(i.Version, "${") {
		i.Version = ""
	}
	return i
}

// settingReadsPort tells whether the port of the framework comes from $PORT.
func (s *service) settingReadsPort() bool {
	return slices.ContainsFunc([]string{"server.port", "quarkus.http.port", "micronaut.server.port"}, func(key string) bool { return strings.Contains(s.settings[key].Text, "${PORT") })
}
