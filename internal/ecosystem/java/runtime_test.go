package java

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJREScript runs the script on a tree as Debian's JDK 8 has it: a link to the
// JDK, settings in /etc that only the target's root has, a link to nothing, tools.
func TestJREScript(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	const own, made = "JAVA_VERSION=\"1.8.0_402\"\n", "IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"1.8.0_472\"\n"
	for name, c := range map[string]struct{ home, release, want string }{
		"a relative link": {"java-8-openjdk", own, own}, "an absolute link": {"/usr/lib/jvm/java-8-openjdk", own, own}, "no release": {"java-8-openjdk", "", made},
	} {
		t.Run(name, func(t *testing.T) {
			root, to := t.TempDir(), filepath.Join(t.TempDir(), "opt", "java")
			jvm := filepath.Join(root, "usr/lib/jvm")
			for file, text := range map[string]string{
				"release": c.release, "bin/javac": "", "jre/bin/java": "java", "jre/bin/keytool": "", "jre/lib/rt.jar": "classes",
				"jre/lib/amd64/server/libjvm.so": "jvm", "jre/lib/amd64/libjdwp.so": "", "jre/lib/amd64/libnet.so": "net", "jre/man/man1/java.1": "", "jre/lib/ext/sunec.jar": "ec",
			} {
				if file != "release" || text != "" {
					lay(t, filepath.Join(jvm, "java-8-openjdk", file), text)
				}
			}
			lay(t, filepath.Join(root, "var/lib/dpkg/status.d/openjdk-8-jre-headless"), "Package: openjdk-8-jre-headless\nVersion: 8u472-ga-1~deb\n")
			lay(t, filepath.Join(root, "etc/of-the-target-alone/jvm.cfg"), "-server KNOWN")
			lay(t, filepath.Join(root, "etc/of-the-target-alone/images/cursor.gif"), "gif")
			for link, file := range map[string]string{
				"default": c.home, "java-8-openjdk/jre/lib/amd64/jvm.cfg": "/etc/of-the-target-alone/jvm.cfg", "java-8-openjdk/jre/lib/lost.properties": "/etc/of-the-target-alone/lost",
				"java-8-openjdk/jre/lib/amd64/jvm.link": "jvm.cfg", "java-8-openjdk/jre/lib/cmm": "/etc/of-the-target-alone/images",
			} {
				if err := os.Symlink(file, filepath.Join(jvm, link)); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := exec.Command(sh, "-c", jreScript, "jre.sh", root, jdkHome, to).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := map[string]string{
				"release": c.want, "bin/java": "java", "lib/rt.jar": "classes", "lib/amd64/server/libjvm.so": "jvm", "lib/amd64/libnet.so": "net",
				"lib/ext/sunec.jar": "ec", "lib/amd64/jvm.cfg": "-server KNOWN", "lib/amd64/jvm.link": "-server KNOWN", "lib/cmm/cursor.gif": "gif",
			}
			if diff := cmp.Diff(want, contents(t, to)); diff != "" {
				t.Errorf("the runtime (-want +got):\n%s", diff)
			}
		})
	}
}

func lay(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// contents are the files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		out[strings.TrimPrefix(name, dir+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
