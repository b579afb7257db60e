package java

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// linked reports a JDK that has jlink and modules, as all since 9.
func linked(jdk string) bool { return number(jdk) >= 9 }

// javaStages make the runtime in stageJava.
func (s *service) javaStages(b ecosystem.Bases) []plan.Stage {
	target := plan.Stage{Name: stageJDK, From: b.Toolchain.Ref, Comment: "The target platform's JDK, used only for its modules and the record of its package."}
	if !linked(s.jdk) {
		target.Comment = "The target platform's JDK, used only for its JRE and the record of its package."
		return []plan.Stage{target, s.jre(b)}
	}
	if !b.Toolchain.Assembled {
		return []plan.Stage{s.modules(b), s.list(b), s.java(b)}
	}
	return []plan.Stage{s.modules(b), s.list(b), target, s.java(b)}
}

// record is where stageJava has what tells scanners of the runtime: the entry and the
// licence of the package that it was taken from. Without them, nothing in the image says
// which advisories concern it.
const record = "/record"

// records copies the record of the target's JDK.
func (s *service) records(b ecosystem.Bases) []plan.Step {
	if !b.Toolchain.Assembled {
		return nil
	}
	of := "openjdk-" + s.jdk + "-jre-headless"
	copied := func(dir, file string) plan.Step {
		return plan.Step{Op: plan.OpCopy, From: stageJDK, Args: []string{dir + file, record + dir}}
	}
	return []plan.Step{copied("/var/lib/dpkg/status.d/", of), copied("/usr/share/doc/"+of+"/", "copyright")}
}

// modules finds out which parts of the JDK are in use: of the libraries, and
// then of the program, which changes more often.
func (s *service) modules(b ecosystem.Bases) plan.Stage {
	run := func(dir, out string) []plan.Step {
		return []plan.Step{
			{Op: plan.OpCopy, From: plan.StageBuilder, Args: []string{dir + "/", dir + "/"}},
			{Op: plan.OpRun, Mounts: []plan.Mount{{Type: "cache", Target: keptModules}}, Shell: "sh /modules.sh " + dir + " > /modules/" + out},
		}
	}
	return plan.Stage{
		Name:          stageModules,
		Comment:       "The JDK modules that the libraries and the program use.",
		From:          b.Toolchain.Ref,
		BuildPlatform: true,
		Steps: slices.Concat(
			[]plan.Step{{Op: plan.OpCopy, Args: []string{"/modules.sh"}, Content: s.modulesScript()}, {Op: plan.OpWorkdir, Args: []string{"/modules"}}},
			run(outDeps, "dependencies"), run(outApp, "application"),
		),
	}
}

// list makes allModules of what is in use. It is a stage of its own, because a program
// changes more often than the modules that it uses.
func (s *service) list(b ecosystem.Bases) plan.Stage {
	names, why := s.extraModules()
	return plan.Stage{
		Name:          stageList,
		Comment:       "Those modules, what they require, and modules that jdeps cannot detect:\n" + why,
		From:          b.Toolchain.Ref,
		BuildPlatform: true,
		Steps: []plan.Step{
			{Op: plan.OpCopy, From: stageModules, Args: []string{"/modules/", "/modules/"}},
			{Op: plan.OpRun, Shell: `java --limit-modules "$(cat /modules/* | paste -sd , -),` + names + `" --list-modules | cut -d @ -f 1 > ` + allModules},
		},
	}
}

// allModules is the list of all that a runtime has. Services whose lists are equal share
// one runtime, whatever of it their libraries name.
const allModules = "/all-modules"

// jlinkOptions make the runtime small, in the words of each JDK: --compress has
// names since 21, and debug attributes alone can be stripped since 13.
func jlinkOptions(jdk string) string {
	strip, compress := "--strip-java-debug-attributes", "zip-6"
	if number(jdk) < 13 {
		strip = "--strip-debug"
	}
	if number(jdk) < 21 {
		compress = "2"
	}
	return strip + " --no-header-files --no-man-pages --compress " + compress
}

// archives reports a JDK that writes the same archive of its classes each time:
// that of 17 has some 900 other bytes in each, where addresses are random. Without
// it a JVM starts 50 ms later (17.0.15, 2026-11).
func archives(jdk string) bool { return number(jdk) >= 21 }

// java makes the runtime. The archive of classes is made by the runtime itself,
// so that it is only there when the platform is that of this machine; the
// garbage collector and heap are named because the archive depends on them.
func (s *service) java(b ecosystem.Bases) plan.Stage {
	st := plan.Stage{
		Name:          stageJava,
		Comment:       "A Java runtime with those modules.",
		From:          b.Toolchain.Ref,
		BuildPlatform: b.Toolchain.Assembled,
		Steps:         []plan.Step{{Op: plan.OpCopy, From: stageList, Args: []string{allModules, "/"}}},
	}
	// The second compiler of the JVM takes half of the processor time of a jlink.
	link := "jlink -J" + firstCompiler + " --add-modules \"$(paste -sd , " + allModules + ")\"\n"
	tail := jlinkOptions(s.jdk) + " --output " + runtime
	dump := runtime + "/bin/java -Xshare:dump -XX:+UseG1GC -Xmx128m"
	if !b.Toolchain.Assembled {
		if archives(s.jdk) {
			tail += " && " + dump
		}
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: link + tail})
		return st
	}
	run := plan.Step{
		Op: plan.OpRun, Mounts: []plan.Mount{{Type: "bind", From: stageJDK, Source: jdkHome + "/jmods", Target: "/jmods"}},
		Shell: link + "--module-path /jmods " + tail + " && cp /etc/ssl/certs/java/cacerts " + runtime + "/lib/security/cacerts",
	}
	if archives(s.jdk) {
		run.Shell += " && if [ \"$BUILDPLATFORM\" = \"$TARGETPLATFORM\" ]; then " + dump + "; fi"
		run.Comment = "A class data sharing archive makes the JVM start faster. Cross-builds omit it, because creating it would need emulation."
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpArg, Args: []string{"BUILDPLATFORM"}}, plan.Step{Op: plan.OpArg, Args: []string{"TARGETPLATFORM"}})
	}
	st.Steps = append(append(st.Steps, run), s.records(b)...)
	return st
}

// jre takes the runtime of a JDK without jlink: the JRE itself, without what only
// people use. It only copies files, so the platform does not matter.
func (s *service) jre(b ecosystem.Bases) plan.Stage {
	home := jdkHome
	if !b.Toolchain.Assembled {
		home = "/opt/java/openjdk" // of eclipse-temurin
	}
	return plan.Stage{
		Name:          stageJava,
		Comment:       "The Java runtime without tools, agents for debuggers and graphical parts. Java 8 has no jlink.",
		From:          b.Toolchain.Ref,
		BuildPlatform: b.Toolchain.Assembled,
		Steps: append([]plan.Step{
			{Op: plan.OpCopy, Args: []string{"/jre.sh"}, Content: jreScript},
			{
				Op: plan.OpRun, Mounts: []plan.Mount{{Type: "bind", From: stageJDK, Source: "/", Target: "/target"}},
				Shell: "sh /jre.sh /target " + home + " " + runtime,
			},
		}, s.records(b)...),
	}
}

// jreScript copies the JRE of a JDK 8 below a root. Debian's has its settings in
// /etc, where links lead; production gets files. It has no release file, which
// scanners read.
const jreScript = `#!/bin/sh
set -eu
root=$1 jdk=$(readlink "$1$2" || echo "$2") to=$3
case $jdk in /*) ;; *) jdk=${2%/*}/$jdk ;; esac
mkdir -p "${to%/*}"
cp -R "$root$jdk/jre" "$to"
find "$to" -type l | while read -r link; do
    file=$(readlink "$link")
    case $file in
    /*)
        rm "$link"
        [ ! -e "$root$file" ] || cp -RL "$root$file" "$link"
        ;;
    esac
done
if [ -e "$root$jdk/release" ]; then
    cp "$root$jdk/release" "$to/release"
elif [ ! -e "$to/release" ]; then
    sed -n 's/^Version: 8u\([0-9]*\).*/IMPLEMENTOR="Debian"\nJAVA_VERSION="1.8.0_\1"/p' "$root/var/lib/dpkg/status.d/openjdk-8-jre-headless" > "$to/release"
fi
cd "$to"
find bin -mindepth 1 ! -name java -exec rm -rf {} +
rm -rf man lib/images lib/jexec lib/jar.binfmt lib/applet lib/oblique-fonts lib/jvm.hprof.txt lib/ext/java-atk-wrapper.jar
find lib \( -name 'libjdwp.so' -o -name 'libdt_socket.so' -o -name 'libhprof.so' -o -name 'libjava_crw_demo.so' -o -name 'libnpt.so' -o -name 'libsaproc.so' \
    -o -name 'libjsoundalsa.so' -o -name 'libsplashscreen.so' -o -name 'libawt_xawt.so' -o -name '*.diz' -o -name '*.debuginfo' \) -exec rm -f {} +
`

// compilerJDK puts the JDK that compiles where Gradle looks for toolchains.
func (s *service) compilerJDK() []plan.Step {
	if s.compiler == "" {
		return nil
	}
	etc := "/etc/java-" + s.compiler + "-openjdk/"
	return []plan.Step{
		{Op: plan.OpCopy, From: stageCompiler, Args: []string{jdkHome + "/", "/usr/lib/jvm/compiler/"}},
		{Op: plan.OpCopy, From: stageCompiler, Args: []string{etc, etc}},
	}
}

// toolchainsFile is the file in which Maven looks for JDKs.
const toolchainsFile = "/etc/toolchains.xml"

// toolchains is that file for a build with maven-toolchains-plugin, which accepts
// a JDK by its version and vendor: it gets the one of the base. "" without it.
func (s *service) toolchains() string {
	g, _ := s.plugin("maven-toolchains-plugin")
	version := lowest(s.expand(g.setting("version")))
	if g == nil || feature(version) == 0 || !s.assembled {
		return ""
	}
	provides := "<version>" + version + "</version>"
	if vendor := s.expand(g.setting("vendor")); vendor != "" && !strings.ContainsAny(vendor, "<&$\n") {
		provides += "<vendor>" + vendor + "</vendor>"
	}
	return "<toolchains><toolchain><type>jdk</type><provides>" + provides + "</provides><configuration><jdkHome>" + jdkHome + "</jdkHome></configuration></toolchain></toolchains>\n"
}
