package java

import "github.com/slipway-build/slipway/internal/plan"

// stamp is the time of the entries of jars, so that equal sources give equal
// bytes; it is the oldest that a zip archive can tell.
const (
	epoch = "1980-01-01T00:00:02Z"
	stamp = "-Dproject.build.outputTimestamp=" + epoch
)

// restampsItself reports a JDK whose jar command sets the time of entries: --date
// is new in 17.
func restampsItself(jdk string) bool { return number(jdk) >= 17 }

// restamped packs the program's jars anew, sorted and with one time: the
// maven-jar-plugin that Debian's Maven takes for a project that names none is
// 3.1, which does not know the property.
func (s *service) restamped() string {
	if !restampsItself(s.runner) {
		return `javac -d /tmp /tmp/Restamp.java && find ` + outApp + ` -name '*.jar' -exec java -cp /tmp Restamp {} +`
	}
	return `for jar in $(find ` + outApp + ` -name '*.jar'); do rm -rf /tmp/jar && unzip -q "$jar" -d /tmp/jar && jar --create --no-manifest --date=` + epoch + ` --file "$jar" -C /tmp/jar . || exit 1; done`
}

// restamper brings in the program that does it with an older JDK.
func (s *service) restamper() []plan.Step {
	if s.kind != kindPlain || s.maven == nil || restampsItself(s.runner) {
		return nil
	}
	return []plan.Step{{Op: plan.OpCopy, Args: []string{"/tmp/Restamp.java"}, Content: restampProgram,
		Comment: sameEntries}}
}

const sameEntries = "Give the entries of jars one order and one time, so that equal sources give equal bytes."

// initFile is a script that Gradle runs before those of the build.
const initFile = "/etc/slipway.gradle"

// equalArchives is the script that makes Gradle write jars as restamped does. It
// can since 3.4 and does so by itself since 9; tasks are configured late since 4.9
// (https://docs.gradle.org/current/userguide/working_with_files.html, "Reproducible builds").
func (s *service) equalArchives() string {
	each := "configureEach"
	switch v := majorMinor(s.grade.version); {
	case v[0] >= 9, v[0] < 3, v[0] == 3 && v[1] < 4:
		return ""
	case v[0] == 3, v[0] == 4 && v[1] < 9:
		each = "all"
	}
	return "allprojects {\n    tasks.withType(AbstractArchiveTask)." + each + " {\n        preserveFileTimestamps = false\n        reproducibleFileOrder = true\n    }\n}\n"
}

// restampProgram is for Java 8. The manifest comes first, where programs look that
// read a jar from its beginning.
const restampProgram = `import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.zip.*;

public class Restamp {
    public static void main(String[] jars) throws IOException {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        for (String jar : jars) {
            TreeMap<String, byte[]> entries = new TreeMap<>(Comparator.comparing((String name) -> !name.equals("META-INF/MANIFEST.MF")).thenComparing(name -> name));
            try (ZipInputStream in = new ZipInputStream(Files.newInputStream(Paths.get(jar)))) {
                for (ZipEntry e; (e = in.getNextEntry()) != null; ) {
                    ByteArrayOutputStream content = new ByteArrayOutputStream();
                    byte[] part = new byte[1 << 16];
                    for (int n; (n = in.read(part)) > 0; ) content.write(part, 0, n);
                    entries.putIfAbsent(e.getName(), content.toByteArray());
                }
            }
            try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(Paths.get(jar)))) {
                for (Map.Entry<String, byte[]> content : entries.entrySet()) {
                    ZipEntry e = new ZipEntry(content.getKey());
                    e.setTime(315532802000L);
                    out.putNextEntry(e);
                    out.write(content.getValue());
                    out.closeEntry();
                }
            }
        }
    }
}
`
