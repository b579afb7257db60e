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

// keptModules is the cache mount of modulesScript.
const keptModules = "/root/.cache/jdeps"

// modulesScript prints the modules of the JDK that the jars and classes below a directory
// use: of a jar that an earlier build has seen, what it found. jdeps gets the classes of
// each jar in a directory of their own. It stops at jars that name required modules which
// are not there, and of one large directory it takes three times as long. What it finds
// is first written to a directory beside the kept files (mktemp fills in the X), so that
// other builds see each of them whole or not at all.
const modulesScript = `#!/bin/sh
set -eu
kept=` + keptModules + `/$(java -version 2>&1 | sha256sum | cut -c 1-16)
mkdir -p "$kept"
found=$(mktemp -d "$kept/found.XXXXXX")
work=$(mktemp -d)
trap 'rm -rf "$work" "$found"' EXIT
mkdir "$work/classes"
unpack() {
    if command -v unzip > /dev/null; then
        unzip -qo "$1" '*.class' -d "$2" || [ $? -eq 11 ] # it has none
    else
        (cd "$2" && jar -xf "$1")
    fi
    rm -rf "$2/META-INF" "$2/module-info.class"
}
find "$1" -name '*.jar' -exec sha256sum {} + > "$work/jars"
while read -r sum jar; do
    touch -c "$kept/$sum"
    if ! [ -e "$kept/$sum" ]; then
        mkdir -p "$work/classes/$sum"
        unpack "$jar" "$work/classes/$sum"
    fi
done < "$work/jars"
find "$1" -type d -path '*/BOOT-INF/classes' > "$work/own"
while read -r dir; do
    mkdir -p "$work/classes/own"
    cp -R "$dir/." "$work/classes/own"
done < "$work/own"
cd "$work/classes"
if [ -n "$(ls)" ]; then
    jdeps --ignore-missing-deps --multi-release base -s ./* > "$work/uses"
    awk -v found="$found/" '$2 == "->" && $3 ~ /^(java|jdk)\.[a-z.]+$/ { print $3 > (found $1) }' "$work/uses"
    for archive in *; do
        touch "$found/$archive"
        [ "$archive" = own ] || mv "$found/$archive" "$kept/$archive"
    done
fi
{
    echo java.base
    cut -d ' ' -f 1 "$work/jars" | (cd "$kept" && xargs -r cat)
    cat "$found"/* 2> /dev/null || true
} | sort -u
find "$kept" -type f -mtime +30 -exec rm -f {} + || true # other builds do so, too
`
