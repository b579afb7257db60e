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
		{"java.logging", "libraries look for java.util.logging by name"},
		{"java.management", "the JVM's own figures, asked for through reflection by agents and metrics"},
		{"java.naming", "JNDI looks for implementations by name: data sources, LDAP"},
		{"jdk.naming.dns", "the JNDI provider behind dns: names, as of mongodb+srv"},
		{"jdk.unsupported", "sun.misc.Unsafe, which Netty and others look for by name"},
		{"jdk.zipfs", "FileSystems.newFileSystem looks for the provider of jar: by name"},
	}
	if jdk == "21" { // part of java.base since 22
		out = append(out, reason{"jdk.crypto.ec", "elliptic curves of TLS are a provider of java.security"})
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
			{"java.desktop", "java.beans, which binds properties"},
			{"java.instrument", "weaving looks for it by name"},
			{"java.sql", "conversion of dates and data sources"},
		}
	case kindQuarkus:
		return []reason{{"jdk.net", "socket options that Vert.x sets"}, {"java.sql", "conversion of dates and data sources"}}
	}
	return nil
}

// extraModules are the modules that are added, sorted, and the reasons as the
// words of a comment.
func (s *service) extraModules() (names, why string) {
	all := append(hidden(s.jdk), hiddenOf(s.family())...)
	if s.scan.locale.Found() {
		all = append(all, reason{"jdk.localedata", "formats of languages other than English, as in " + s.scan.locale.File})
	}
	slices.SortFunc(all, func(a, b reason) int { return strings.Compare(a.module, b.module) })
	var modules, lines []string
	for _, r := range all {
		modules = append(modules, r.module)
		lines = append(lines, r.module+": "+r.why+".")
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
