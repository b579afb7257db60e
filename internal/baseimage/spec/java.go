package spec

import (
	"slices"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// jvmRef is the base of services that bring a Java runtime of their own: what
// libjvm.so links.
const jvmRef = "slipway/jvm:" + Suite

// javaVersions lists the versions of the JDK that bases exist for: those of the
// Debian release, oldest first.
func javaVersions() []string { return []string{"21", "25"} }

func javaRef(version string) string { return "slipway/java:" + version + "-" + Suite + "-toolchain" }

// javaRefs lists the bases of Java.
func javaRefs() []string {
	var out []string
	for _, v := range javaVersions() {
		out = append(out, javaRef(v))
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
	if m == nil || !slices.Contains(javaVersions(), m[1]) {
		return Base{}, false
	}
	jdk := "openjdk-" + m[1]
	return Base{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Closure: true,
		Debian: append(toolchainPackages(), jdk+"-jdk-headless", jdk+"-jre-headless", "maven", "unzip"),
		Without: append(scriptsOnly(), "default-jre-headless", "ca-certificates-java", "java-common", "util-linux",
			"liblcms2-2", "libjpeg62-turbo", "libnss3", "libpcsclite1"),
		Drop: []string{"classes_nocoops.jsa"},
	}, true
}
