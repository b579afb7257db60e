package java

import (
	"slices"
	"strings"
)

// reason is a module of the JDK that programs use in ways that jdeps cannot see,
// and why.
type reason struct{ module, why string }

// hidden are the modules that every runtime has beside those that jdeps finds.
func hidden(jdk string) []reason {
	out := []reason{
		{"java.logging", "libraries load java.util.logging by name"},
		{"java.management", "JVM metrics, which agents read by reflection"},
		{"java.naming", "JNDI loads data sources and LDAP by name"},
		{"jdk.naming.dns", "DNS lookups through JNDI, as for mongodb+srv addresses"},
		{"jdk.unsupported", "sun.misc.Unsafe, which Netty and others load by name"},
		{"jdk.zipfs", "FileSystems.newFileSystem loads the jar: provider by name"},
	}
	if number(jdk) < 22 { // part of java.base since then
		out = append(out, reason{"jdk.crypto.ec", "elliptic curves for TLS, loaded as a security provider"})
	}
	return out
}

// family is the kind whose framework the program uses.
func (s *service) family() kind {
	if s.boots() {
		return kindSpring
	}
	return s.kind
}

// hiddenOf are those of a framework.
func hiddenOf(k kind) []reason {
	switch k {
	case kindSpring:
		return []reason{
			{"java.desktop", "java.beans, for binding properties"},
			{"java.instrument", "load-time weaving uses it by name"},
			{"java.sql", "date conversion and data sources"},
		}
	case kindQuarkus:
		return []reason{{"jdk.net", "socket options set by Vert.x"}, {"java.sql", "date conversion and data sources"}}
	}
	return nil
}

// extraModules are the modules that are added, sorted, and the reasons as the
// words of a comment.
func (s *service) extraModules() (names, why string) {
	all := append(hidden(s.jdk), hiddenOf(s.family())...)
	if s.scan.locale.Found() {
		all = append(all, reason{"jdk.localedata", "formats for languages other than English, used in " + s.scan.locale.File})
	}
	slices.SortFunc(all, func(a, b reason) int { return strings.Compare(a.module, b.module) })
	var modules, lines []string
	for _, r := range all {
		modules = append(modules, r.module)
		lines = append(lines, "- "+r.module+": "+r.why+".")
	}
	return strings.Join(modules, ","), strings.Join(lines, "\n")
}

// modulesScript is the one for the service's archive.
func (s *service) modulesScript() string {
	if s.kind == kindSpring && s.archive() == "War" {
		return strings.Replace(modulesScript, "/BOOT-INF/classes", "/WEB-INF/classes", 1)
	}
	return modulesScript
}

// modulesScript prints the modules that the jars and classes below a directory
// use. Some jars name required modules that are not there, at which jdeps stops:
// then it is given the classes alone.
const modulesScript = `#!/bin/sh
set -eu
jars=$(find "$1" -name '*.jar' | sort)
classes=$(find "$1" -type d -path '*/BOOT-INF/classes')
if [ -z "$jars$classes" ]; then
    echo java.base
    exit
fi
uses() { jdeps --ignore-missing-deps --multi-release base --print-module-deps "$@" 2>&1 | tail -n 1 | grep -E '^java\.base|^[a-z]+\.[a-z.,]+$'; }
# shellcheck disable=SC2086
uses $jars $classes && exit
mkdir -p /tmp/classes
for jar in $jars; do
    unzip -qo "$jar" '*.class' -x module-info.class 'META-INF/*' -d /tmp/classes || true
done
for dir in $classes; do
    cp -R "$dir/." /tmp/classes
done
uses /tmp/classes
`
