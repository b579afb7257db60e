package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestMarkersScript is run on lists that were made for a Python that nobody has.
func TestMarkersScript(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import pip._vendor.packaging.markers").Run() != nil {
		t.Skip("python3 with pip is not installed")
	}
	const list = `a==1 ; python_version == "3.2" \
    --hash=sha256:0 \
    --hash=sha256:1
b==1 ; python_version < "3.3"
b==2 ; python_version >= "3.3" --hash=sha256:2
c[x]==1;python_full_version < "3.2.5" --hash=sha256:3 --hash=sha256:4
d==1 ; sys_platform == "win32"
e==1 ; python_version >= "3.3"
# f ; g
-r other.txt
h==1 # i ; j
k @ https://mirror.example/k;l
m==1 ; extra == "n" and python_version == "3.2"
o==1 ; p q
`
	const want = `a==1 \
    --hash=sha256:0 \
    --hash=sha256:1
b==1 ; python_version < "3.3"
b==2 ; python_version >= "3.3" --hash=sha256:2
c[x]==1 --hash=sha256:3 --hash=sha256:4
d==1 ; sys_platform == "win32"
e==1 ; python_version >= "3.3"
# f ; g
-r other.txt
h==1 # i ; j
k @ https://mirror.example/k;l
m==1 ; extra == "n" and python_version == "3.2"
o==1 ; p q
`
	dir := t.TempDir()
	for name, prefix := range map[string]string{"plain.txt": "", "marked.txt": "\ufeff"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(prefix+list), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(python, "-c", markersScript, "3.2.1", file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got, err := os.ReadFile(file)
		if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
}

// TestNearPython: limits of the files for a Python that cannot be had do not keep
// packages out of the image, and count where it can.
func TestNearPython(t *testing.T) {
	const poetry = "[tool.poetry.dependencies]\npython = \"~3.12\"\nflask = \"3\"\n"
	const flask = "[[package]]\nname = \"flask\"\nversion = \"3\"\n"
	for name, c := range map[string]struct {
		files map[string]string
		run   string
	}{
		"pip":    {map[string]string{".python-version": "3.12.3", "requirements.txt": "-r more.txt\n", "more.txt": "flask==3; python_version<'3.13'\n"}, outside + markersFile + " 3.12.3 requirements.txt more.txt && " + pipInstall},
		"Poetry": {map[string]string{"pyproject.toml": poetry, "poetry.lock": flask}, outside + markersFile + " 3.12.0 " + exported + " && " + pipInstall},
		"uv": {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\nrequires-python = \"==3.12.*\"\ndependencies = [\"flask\"]\n", "uv.lock": flask},
			`sed -i -E 's/^requires-python *=.*/requires-python = ">=3"/' pyproject.toml uv.lock && ` + tools + "/bin/uv export --quiet --frozen"},
		"uv, locked for it": {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\nrequires-python = \"==3.12.*\"\ndependencies = [\"flask\"]\n", "uv.lock": "requires-python = \"==3.12.*\"\n" + flask},
			"/bin/uv export --quiet --no-hashes --frozen"},
	} {
		c.files["main.py"] = "print()\n"
		p, _ := planned(t, c.files, config.Service{})
		if run := shell(p, plan.StageDependencies); !strings.Contains(run, c.run) {
			t.Errorf("%s runs %s", name, run)
		}
		p, findings := plannedOn(mirrored(), c.files, config.Service{})
		if run := shell(p, plan.StageDependencies); findings.Errors() != nil || run == "" || strings.Contains(run, markersFile) || strings.Contains(run, "sed ") {
			t.Errorf("%s with a mirror runs %s, %v", name, run, findings)
		}
	}
}

// TestOldPythonsReadTOML: their own library cannot.
func TestOldPythonsReadTOML(t *testing.T) {
	files := map[string]string{"Pipfile": "[packages]\nflask = \"*\"\n", "main.py": "print()\n"}
	for version, want := range map[string]bool{"3.9": true, "3.11": false, "3.13": false} {
		files[".python-version"] = version
		p, _ := planned(t, files, config.Service{})
		if run := shell(p, plan.StageDependencies); strings.Contains(run, outside+scriptFile) != want || !strings.Contains(run, "python3 "+scriptFile) {
			t.Errorf("%s runs %s", version, run)
		}
	}
}
