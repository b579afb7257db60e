package spec

import (
	"slices"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// jvmRef is the base of services that bring a Java runtime of their own: what
// libjvm.so links.
const jvmRef = "slipway/jvm:" + Suite

// javaLine is a JDK and the Debian release that it comes from. All run on the C
// library of the bases' own release.
type javaLine struct{ version, suite string }

// javaLines lists the JDKs that bases exist for, oldest first.
func javaLines() []javaLine {
	return []javaLine{{"8", "sid"}, {"11", "bullseye"}, {"17", "bookworm"}, {"21", Suite}, {"25", Suite}}
}

func javaRef(version string) string { return "slipway/java:" + version + "-" + Suite + "-toolchain" }

// javaRefs lists the bases of Java.
func javaRefs() []string {
	var out []string
	for _, l := range javaLines() {
		out = append(out, javaRef(l.version))
	}
	return append(out, jvmRef)
}

var javaToolchain = pattern.Lazy(`^slipway/java:(\d+)-` + Suite + `-toolchain$`)

// javaSpec returns the base of that name, or false. The toolchain has the JDK
// with the modules that jlink puts runtimes together from, Maven, and what
// wrapper scripts call. Left out are the libraries of smart cards, of NSS and of
// images, and the archive of classes for heaps above 32 GB.
func javaSpec(ref string) (Base, bool) {
	if ref == jvmRef {
		return runtime(ref, "base-files", "ca-certificates", "gcc-14-base", "libc6", "libgcc-s1", "libstdc++6", "netbase", "zlib1g"), true
	}
	m := javaToolchain().FindStringSubmatch(ref)
	if m == nil {
		return Base{}, false
	}
	i := slices.IndexFunc(javaLines(), func(l javaLine) bool { return l.version == m[1] })
	if i < 0 {
		return Base{}, false
	}
	base := Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Closure: true,
		Debian: toolchainPackages(),
		Without: append(scriptsOnly(), "default-jre-headless", "ca-certificates-java", "java-common", "util-linux",
			"liblcms2-2", "libjpeg62-turbo", "libnss3", "libpcsclite1"),
		Drop: []string{"classes_nocoops.jsa"},
	}
	jdk := []string{"openjdk-" + m[1] + "-jdk-headless", "openjdk-" + m[1] + "-jre-headless"}
	if suite := javaLines()[i].suite; suite != Suite {
		base.Borrowed = map[string][]string{suite: jdk}
		jdk = []string{"libasound2t64", "libcups2t64", "libfontconfig1", "libfreetype6", "libharfbuzz0b", "zlib1g"} // what they link
	}
	base.Debian = append(append(base.Debian, jdk...), "maven", "unzip")
	return base, true
}
