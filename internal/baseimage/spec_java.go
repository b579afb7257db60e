package baseimage

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// jvmRef is the base of services that bring a Java runtime of their own: what
// libjvm.so links.
const jvmRef = "slipway/jvm:" + Suite

// JavaVersions lists the versions of the JDK that bases exist for: those of the
// Debian release, oldest first.
func JavaVersions() []string { return []string{"21", "25"} }

func javaRef(version string) string { return "slipway/java:" + version + "-" + Suite + "-toolchain" }

// javaRefs lists the bases of Java.
func javaRefs() []string {
	var out []string
	for _, v := range JavaVersions() {
		out = append(out, javaRef(v))
	}
	return append(out, jvmRef)
}

var javaToolchain = pattern.Lazy(`^slipway/java:(\d+)-` + Suite + `-toolchain$`)

// javaSpec returns the base of that name, or false. The toolchain has the JDK
// with the modules that jlink puts runtimes together from, Maven, and what
// wrapper scripts call. Left out are the libraries of smart cards, of NSS and of
// images, and the archive of classes for heaps above 32 GB.
func javaSpec(ref string) (Spec, bool) {
	if ref == jvmRef {
		return Spec{
			Ref: ref, Role: plan.RoleRuntime, Suite: Suite,
			Debian: []string{"base-files", "ca-certificates", "gcc-14-base", "libc6", "libgcc-s1", "libstdc++6", "netbase", "zlib1g"},
		}, true
	}
	m := javaToolchain().FindStringSubmatch(ref)
	if m == nil || !slices.Contains(JavaVersions(), m[1]) {
		return Spec{}, false
	}
	jdk := "openjdk-" + m[1]
	return Spec{
		Ref: ref, Role: plan.RoleToolchain, Suite: Suite, Closure: true,
		Debian: append(toolchainPackages(), jdk+"-jdk-headless", jdk+"-jre-headless", "maven", "unzip"),
		Without: append(scriptsOnly(), "default-jre-headless", "ca-certificates-java", "java-common", "util-linux",
			"liblcms2-2", "libjpeg62-turbo", "libnss3", "libpcsclite1"),
		Drop: []string{"classes_nocoops.jsa"},
	}, true
}

// javaFor returns the base of a role for a version of Java ("21", "21.0.4").
func javaFor(role plan.Role, version string) (Spec, error) {
	if role == plan.RoleRuntime {
		return SpecOf(jvmRef)
	}
	major, _, _ := strings.Cut(version, ".")
	if !slices.Contains(JavaVersions(), major) {
		return Spec{}, diag.Fail(diag.ExitUsage, "there is no base for Java %s", version).
			WithHint("Java %s can be assembled; `bases:` in slipway.yaml takes any other image", listed(JavaVersions()))
	}
	return SpecOf(javaRef(major))
}

// finishJava makes what the maintainer scripts of a JDK make: the names of its
// programs, and the certificates in Java's own format.
func finishJava(t tree) {
	for _, p := range sorted(t) {
		if ok, _ := path.Match("usr/lib/jvm/java-*/bin/*", p); ok {
			t.symlink("usr/bin/"+path.Base(p), "/"+p)
		}
		if ok, _ := path.Match("usr/lib/jvm/java-*/jmods", p); ok {
			t.symlink("usr/lib/jvm/default", path.Base(path.Dir(p)))
		}
	}
	if t["usr/lib/jvm/default"] == nil {
		return
	}
	if t["usr/share/maven/bin/mvn"] != nil {
		t.symlink("usr/bin/mvn", "/usr/share/maven/bin/mvn")
	}
	if bundle := t["etc/ssl/certs/ca-certificates.crt"]; bundle != nil {
		t.file("etc/ssl/certs/java/cacerts", 0o644, JavaTrust(bytes.Join(bundle.data, nil)))
	}
}
