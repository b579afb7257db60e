package python

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestBytecodeIsKeptApart: the step that has the kept bytecode runs the script and
// nothing else, and where bytecode depends on more than its module there is none.
func TestBytecodeIsKeptApart(t *testing.T) {
	for version, kept := range map[string]bool{"3.13": true, "3.11": true, "3.9": false} {
		p, found := planned(t, map[string]string{"requirements.txt": "flask==3.0.0\n", ".python-version": version + "\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n"}, config.Service{})
		if len(p.Stages) == 0 {
			t.Fatal(found)
		}
		mounted := 0
		for _, st := range p.Stages {
			for _, step := range st.Steps {
				if !slices.ContainsFunc(step.Mounts, func(m plan.Mount) bool { return m.Target == keptBytecode }) {
					continue
				}
				mounted++
				if want := "mkdir -p " + keptBytecode + " && python3 -IS " + compileFile + " " + venv + " " + keptBytecode + " && " + forget; step.Shell != want || len(step.Mounts) != 1 {
					t.Errorf("Python %s: %q has the kept bytecode, and %d mounts", version, step.Shell, len(step.Mounts))
				}
			}
		}
		if mounted != map[bool]int{true: 1}[kept] {
			t.Errorf("Python %s: %d steps have the kept bytecode", version, mounted)
		}
	}
}

// TestKeptBytecode runs the script: what it takes from an earlier build is what it
// would compile, and what is damaged, changed or too old is not taken.
func TestKeptBytecode(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run() != nil {
		t.Skip("python3 is not installed, or older than 3.11, for which Slipway keeps no bytecode")
	}
	dir := t.TempDir()
	script, top, kept := filepath.Join(dir, "compile.py"), filepath.Join(dir, "venv"), filepath.Join(dir, "kept", "bytecode")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(script, compileScript)
	for i := range 20 {
		write(filepath.Join(top, "lib", fmt.Sprintf("m%d.py", i)), fmt.Sprintf("import m%d\ndef f(a, b=(1, %d, 2.5)):\n    'says'\n    return {'x': a, 'm%d': b, 300: ''}\n", i+1, i*100, i))
	}
	write(filepath.Join(top, "lib", "old.py"), "print 'of another Python'\n")
	write(filepath.Join(top, "lib", "no.txt"), "no module")
	run := func() map[string]string {
		t.Helper()
		pyc, err := filepath.Glob(filepath.Join(top, "lib/__pycache__/*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range pyc {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := exec.Command(python, "-IS", script, top, kept).CombinedOutput(); err != nil || strings.Count(string(out), "old.py") == 0 {
			t.Fatalf("%v\n%s", err, out)
		}
		pyc, err = filepath.Glob(filepath.Join(top, "lib/__pycache__/*"))
		if err != nil || len(pyc) != 20 {
			t.Fatalf("%d modules have bytecode, want 20 (%v)", len(pyc), err)
		}
		digests := map[string]string{}
		for _, f := range pyc {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			digests[filepath.Base(f)] = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		return digests
	}
	files := func() []string {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(kept, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	same := func(what string, a, b map[string]string) {
		t.Helper()
		for name, digest := range a {
			if b[name] != digest {
				t.Errorf("%s: %s has other bytes", what, name)
			}
		}
	}
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	first := run()
	if len(files()) != 20 {
		t.Fatalf("%d modules are kept", len(files()))
	}
	same("from the earlier build", first, run())

	for i, f := range files() { // cut short, and grown
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		write(f, string(data[:len(data)*(i%3)/3])+strings.Repeat("x", i%2))
	}
	same("damaged", first, run())
	same("compiled again after the damage", first, run())

	write(filepath.Join(top, "lib", "m3.py"), "changed = True\n")
	other := run()
	if len(files()) != 21 {
		t.Errorf("%d modules are kept after a change", len(files()))
	}
	changed := 0
	for name := range first {
		if first[name] != other[name] {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d modules changed, want 1", changed)
	}
	for _, f := range files() {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	same("compiled anew", other, run())

	// What no build has used for a month goes; what this one used stays.
	long := time.Now().Add(-32 * 24 * time.Hour)
	write(filepath.Join(kept, "unused"), "")
	for _, f := range files() {
		if err := os.Chtimes(f, long, long); err != nil {
			t.Fatal(err)
		}
	}
	same("old", other, run())
	if out, err := exec.Command("sh", "-c", strings.ReplaceAll(forget, keptBytecode, kept)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(files()) != 20 {
		t.Errorf("%d modules are kept after a month", len(files()))
	}
}
