package java

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestModulesOfAJarAreFoundOnce runs the script with a jdeps that writes down what it is
// asked: of jars that it has seen it is not asked again, and what it says of one is not
// kept when it fails.
func TestModulesOfAJarAreFoundOnce(t *testing.T) {
	for _, tool := range []string{"sh", "sha256sum", "awk"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	dir := t.TempDir()
	bin, out, kept, asked := filepath.Join(dir, "bin"), filepath.Join(dir, "out"), filepath.Join(dir, "kept"), filepath.Join(dir, "asked")
	put := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	jar := func(name, class string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(out, "lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(out, "lib", name))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		w, err := z.Create(class)
		if err == nil {
			_, err = w.Write([]byte("java.base"))
		}
		if err != nil || z.Close() != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(bin, "java"), "#!/bin/sh\necho openjdk 21 >&2\n", 0o755)
	// unzip and jdeps as far as the script needs them: a class is the module that it uses.
	put(filepath.Join(bin, "unzip"), "#!/bin/sh\ncase $2 in */none.jar) exit 11;; esac\nmkdir -p $5/META-INF\ntouch $5/META-INF/A.class\nbasename $2 .jar > $5/A.class\n", 0o755)
	put(filepath.Join(bin, "jdeps"), "#!/bin/sh\necho \"$#\" >> "+asked+"\n[ ! -e "+dir+"/broken ] || { echo broken >&2; exit 1; }\nwhile [ $# -gt 4 ]; do d=${5#./}\n"+
		"[ ! -e $d/META-INF ] || exit 2\necho \"$d -> java.base\"\n[ ! -e $d/A.class ] || echo \"$d -> java.$(cat $d/A.class)\"\necho \"$d -> not found\"\necho \"$d -> /tmp/other.jar\"\nshift; done\n", 0o755)
	script := filepath.Join(dir, "modules.sh")
	put(script, strings.ReplaceAll(modulesScript, keptModules, kept), 0o755)
	run := func() (string, error) {
		cmd := exec.Command("sh", script, out)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		text, err := cmd.Output()
		return strings.Join(strings.Fields(string(text)), " "), err
	}
	expect := func(modules, calls string) {
		t.Helper()
		if got, err := run(); err != nil || got != modules {
			t.Errorf("%q, %v, want %q", got, err, modules)
		}
		text, _ := os.ReadFile(asked)
		if got := strings.Join(strings.Fields(string(text)), " "); got != calls {
			t.Errorf("jdeps had %q arguments, want %q", got, calls)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	expect("java.base", "")
	jar("sql.jar", "A.class")
	jar("none.jar", "a.txt")
	expect("java.base java.sql", "6") // four flags and two jars
	expect("java.base java.sql", "6")
	jar("xml.jar", "A.class/B") // another content
	expect("java.base java.sql java.xml", "6 5")
	put(filepath.Join(out, "BOOT-INF/classes/A.class"), "rmi", 0o644)
	expect("java.base java.rmi java.sql java.xml", "6 5 5")
	expect("java.base java.rmi java.sql java.xml", "6 5 5 5")

	put(filepath.Join(dir, "broken"), "", 0o644)
	jar("desktop.jar", "C.class")
	if got, err := run(); err == nil {
		t.Errorf("a jdeps that fails: %q", got)
	}
	if err := os.Remove(filepath.Join(dir, "broken")); err != nil {
		t.Fatal(err)
	}
	expect("java.base java.desktop java.rmi java.sql java.xml", "6 5 5 5 6 6")
	long := time.Now().Add(-32 * 24 * time.Hour)
	files, err := filepath.Glob(filepath.Join(kept, "*/*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%v are kept (%v)", files, err)
	}
	for _, f := range append(files, filepath.Join(filepath.Dir(files[0]), "unused")) {
		put(f, "", 0o644)
		if err := os.Chtimes(f, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := run(); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(kept, "*/*")); len(files) != 4 {
		t.Errorf("%v are kept after a month", files)
	}
	if left, err := filepath.Glob(filepath.Join(kept, "*/found.*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
}
