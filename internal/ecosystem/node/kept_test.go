package node

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// workbench is a directory in which npm installs from a registry of its own.
type workbench struct {
	t                      *testing.T
	registry               *npmRegistry
	dir, script            string
	kept, clean, installed string // the same project: installed by the script, by npm ci; the trees
	env                    []string
}

func newWorkbench(t *testing.T, r *rand.Rand) *workbench {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("runs npm for half a minute: set SLIPWAY_E2E=1 (make test does)")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("needs node and npm on this machine")
	}
	w := &workbench{t: t, registry: newRegistry(t, r), dir: t.TempDir()}
	w.kept, w.clean, w.installed, w.script = filepath.Join(w.dir, "1/app"), filepath.Join(w.dir, "2/app"), filepath.Join(w.dir, "trees"), filepath.Join(w.dir, installFile)
	for _, dir := range []string{w.kept, w.clean} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.write(w.script, []byte(installScript))
	w.env = append(os.Environ(), "NPM_CONFIG_REGISTRY="+w.registry.url, "NPM_CONFIG_CACHE="+filepath.Join(w.dir, "cache"), "NPM_CONFIG_AUDIT=false", "NPM_CONFIG_FUND=false", "NPM_CONFIG_UPDATE_NOTIFIER=false",
		"NPM_CONFIG_OMIT_LOCKFILE_REGISTRY_RESOLVED="+strconv.FormatBool(r.IntN(2) == 0))
	return w
}

func (w *workbench) write(path string, data []byte) {
	w.t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// run runs a command in a directory and returns its output.
func (w *workbench) run(dir, command string) (string, error) {
	cmd := exec.CommandContext(w.t.Context(), "sh", "-c", command)
	cmd.Dir, cmd.Env = dir, w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *workbench) mustRun(dir, command string) string {
	w.t.Helper()
	out, err := w.run(dir, command)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// lock writes the manifest and npm's lock file for it to both projects; false where npm
// refuses it, as it does peers that contradict each other.
func (w *workbench) lock(manifest map[string]any) bool {
	w.t.Helper()
	data, err := json.Marshal(manifest)
	if err != nil {
		w.t.Fatal(err)
	}
	next := filepath.Join(w.dir, "next/app")
	w.mustRun(w.dir, "rm -rf next && mkdir -p next/app/local && echo '{}' >next/app/local/package.json")
	w.write(filepath.Join(next, "package.json"), data)
	if _, err := os.Stat(filepath.Join(w.kept, "package-lock.json")); err == nil {
		w.mustRun(next, "cp "+w.kept+"/package-lock.json .")
	}
	if _, err := w.run(next, "npm install --package-lock-only --ignore-scripts"); err != nil {
		return false
	}
	for _, dir := range []string{w.kept, w.clean} {
		w.mustRun(next, "cp -r package.json package-lock.json local "+dir)
	}
	return true
}

// refused says that npm ci refuses the lock file, as it does some that npm has written:
// then the script has to refuse it too, whatever trees are kept.
func (w *workbench) refused() bool {
	w.t.Helper()
	_, err := w.run(w.clean, "npm ci")
	if err == nil {
		return false
	}
	w.mustRun(w.kept, "rm -rf node_modules")
	if out, err := w.run(w.kept, "node "+w.script+" "+w.installed); err == nil {
		w.t.Fatalf("npm ci refuses a lock file, and the script installs it:\n%s", out)
	}
	w.t.Log("npm ci refuses a lock file that npm has written, and so does the script")
	w.mustRun(w.dir, "rm "+w.kept+"/package-lock.json") // npm makes the next one anew
	return true
}

// install installs by the script, runs install scripts, and reports whether it started
// from an earlier install.
func (w *workbench) install() bool {
	w.t.Helper()
	w.mustRun(w.kept, "rm -rf node_modules") // as a step begins
	out := w.mustRun(w.kept, "node "+w.script+" "+w.installed)
	w.mustRun(w.kept, "! grep -q -e hasInstallScript -e '\"link\"' package-lock.json || npm rebuild")
	return strings.Contains(out, "starting from an earlier install")
}

// tree lists the packages of a project: modes, targets of links, digests.
func (w *workbench) tree(dir string) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	root := filepath.Join(dir, "node_modules")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			out[strings.TrimPrefix(path, root)] = text + " " + target
			return err
		}
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		out[strings.TrimPrefix(path, root)] = text
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return out
}

// change changes a manifest's dependencies at random.
func (w *workbench) change(r *rand.Rand, manifest map[string]map[string]string) map[string]any {
	kinds := []string{"dependencies", "devDependencies", "optionalDependencies"}
	for range 1 + r.IntN(2) {
		name := w.registry.names[r.IntN(len(w.registry.names))]
		alias := "alias-of-" + strings.NewReplacer("@", "", "/", "-").Replace(name)
		for _, kind := range kinds {
			delete(manifest[kind], alias)
			delete(manifest[kind], name) // it is removed, moved, or has another version
		}
		version := w.registry.versions[r.IntN(len(w.registry.versions))]
		kind := kinds[[]int{0, 0, 0, 1, 1, 2}[r.IntN(6)]]
		switch r.IntN(8) {
		case 0, 1: // removed
		case 2:
			manifest[kind][alias] = "npm:" + name + "@" + version
		case 3:
			manifest[kind][name] = "^" + version
		default:
			manifest[kind][name] = version
		}
		if name == "darwin-only" {
			for _, kind := range kinds[:2] {
				delete(manifest[kind], name)
			}
		}
	}
	delete(manifest["dependencies"], "local")
	if r.IntN(15) == 0 {
		manifest["dependencies"]["local"] = "file:local"
	}
	out := map[string]any{}
	for kind, names := range manifest {
		out[kind] = names
	}
	return out
}

// TestWhichInstallsStartFromAnEarlierOne: those of registries' packages alone; their
// install scripts run where no tree is mounted, and production is left without npm.
func TestWhichInstallsStartFromAnEarlierOne(t *testing.T) {
	const bare = `"dependencies": {"ms": "1.0.0"}`
	for name, c := range map[string]struct {
		more           string // of the manifest
		packages       string
		kept, rebuilds bool
	}{
		"packages of a registry":        {"", "", true, false},
		"an install script":             {"", `, "node_modules/x": {"hasInstallScript": true}`, true, true},
		"one that only prints":          {"", `, "node_modules/protobufjs": {"hasInstallScript": true}`, true, false},
		"one for another system":        {"", `, "node_modules/fsevents": {"os": ["darwin"], "optional": true, "hasInstallScript": true}`, true, false},
		"an optional one with a script": {"", `, "node_modules/x": {"optional": true, "hasInstallScript": true}`, false, false},
		"from git":                      {"", `, "node_modules/x": {"resolved": "git+ssh://git@git.example/x.git#0123"}`, false, false},
		"a tarball of the repository":   {"", `, "node_modules/x": {"resolved": "file:x.tgz"}`, false, false},
		"a script before the install":   {`, "scripts": {"prepublish": "node x.js"}`, "", false, false},
		"a lock file of npm 6":          {"", "-", false, false},
	} {
		lock := `{"lockfileVersion": 3, "packages": {"": {` + bare + `}, "node_modules/ms": {"version": "1.0.0"}` + c.packages + `}}`
		if c.packages == "-" {
			lock = `{"lockfileVersion": 1, "dependencies": {"ms": {"version": "1.0.0"}}}`
		}
		p, _ := Ecosystem{}.Plan(tree(with(`{"main": "a.js", `+bare+c.more+`}`, "a.js", "x.tgz", "x.js", "package-lock.json="+lock)), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		if len(p.Stages) == 0 {
			t.Errorf("%s: there is no plan", name)
			continue
		}
		install, packages := shell(p, plan.StageDependencies), shell(p, plan.StagePackages)
		if got := strings.Contains(install, installFile); got != c.kept {
			t.Errorf("%s: starts from an earlier install: %v\n%s", name, got, install)
		}
		if got := strings.Contains(packages, "npm "); got == c.kept {
			t.Errorf("%s: production is made by %s", name, packages)
		}
		var mounted []bool
		for _, st := range stage(p, plan.StageDependencies).Steps {
			if strings.Contains(st.Shell, "npm rebuild") {
				mounted = append(mounted, slices.ContainsFunc(st.Mounts, func(m plan.Mount) bool { return m.Target == "/root/.npm-trees" }))
			}
		}
		if got := len(mounted) > 0; got != c.rebuilds || got && mounted[0] {
			t.Errorf("%s: runs install scripts %v, beside the trees %v", name, got, mounted)
		}
	}
}

// TestAnInstallFromAnEarlierTreeIsThatOfNpmCi changes dependencies at random: what the
// script installs is npm ci's tree to the bit, and what is left for production is what
// npm prune leaves. SLIPWAY_TREE_RUNS and SLIPWAY_TREE_SEED: make trees.
func TestAnInstallFromAnEarlierTreeIsThatOfNpmCi(t *testing.T) {
	number := func(name string, fallback int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return fallback
	}
	runs, seed := number("SLIPWAY_TREE_RUNS", 6), number("SLIPWAY_TREE_SEED", 1)
	began, fromKept, done := time.Now(), 0, 0
	for group := 0; done < runs; group++ { // each has packages of its own
		r := rand.New(rand.NewPCG(uint64(seed), uint64(group)))
		w := newWorkbench(t, r)
		production := (&service{manager: manager{name: "npm", lock: "package-lock.json"}, pkg: &manifest{}, workspace: workspace{top: fstest.MapFS{}}}).withoutDev()
		manifest := map[string]map[string]string{"dependencies": {"a": "1.0.0", "c": "1.0.0", "@s/d": "1.0.0", "e": "2.0.0"}, "devDependencies": {"g": "1.0.0", "h": "*"}, "optionalDependencies": {}}
		for step := 0; step < 25 && done < runs; step++ {
			before := map[string]map[string]string{}
			for kind, names := range manifest {
				before[kind] = maps.Clone(names)
			}
			if !w.lock(w.change(r, manifest)) || w.refused() {
				manifest = before
				continue
			}
			if w.install() {
				fromKept++
			}
			if done++; done%10 == 0 {
				t.Logf("%d changes, %d from an earlier install", done, fromKept)
			}
			place := fmt.Sprintf("seed %d, group %d, step %d", seed, group, step)
			if diff := cmp.Diff(w.tree(w.clean), w.tree(w.kept)); diff != "" {
				t.Fatalf("%s (-npm ci +script):\n%s", place, diff)
			}
			w.mustRun(w.clean, "mkdir -p node_modules && npm prune --omit=dev --offline --ignore-scripts && rm -f node_modules/.package-lock.json && find . -mindepth 1 -type d -empty -delete")
			w.mustRun(w.kept, "mkdir -p node_modules && "+production+" && rm -f node_modules/.package-lock.json && find . -mindepth 1 -type d -empty -delete")
			if diff := cmp.Diff(w.tree(w.clean), w.tree(w.kept)); diff != "" {
				t.Fatalf("%s: production (-npm prune +ours):\n%s", place, diff)
			}
		}
	}
	t.Logf("seed %d: %d changes, %d from an earlier install, in %s", seed, done, fromKept, time.Since(began).Round(time.Second))
	if fromKept == 0 {
		t.Error("no install started from an earlier one")
	}
}

// TestATreeThatSomebodyTouchedIsNotUsed: a change of a kept tree, its kind whatever it be,
// costs a whole install and reaches no build.
func TestATreeThatSomebodyTouchedIsNotUsed(t *testing.T) {
	w := newWorkbench(t, rand.New(rand.NewPCG(1, 1)))
	if !w.lock(map[string]any{"dependencies": map[string]string{"a": "1.0.0"}}) {
		t.Fatal("npm refuses the manifest")
	}
	w.mustRun(w.clean, "npm ci")
	for name, touch := range map[string]string{
		"":                   "true",
		"content":            "echo x >>a/lib/index.js",
		"content, same time": "touch -r a/lib/index.js ../../ref && echo A | dd of=a/lib/index.js conv=notrunc && touch -r ../../ref a/lib/index.js",
		"another file":       "echo x >a/x",
		"another package":    "mkdir x",
		"a mode":             "chmod 755 a/lib/index.js",
		"a file less":        "rm a/lib/index.js",
	} {
		w.mustRun(w.dir, "rm -rf trees")
		w.install()
		w.mustRun(w.installed, "cd */app/node_modules && "+touch)
		if used := w.install(); used != (name == "") {
			t.Errorf("%q: used is %v", name, used)
		}
		if diff := cmp.Diff(w.tree(w.clean), w.tree(w.kept)); diff != "" {
			t.Errorf("%q (-npm ci +script):\n%s", name, diff)
		}
	}
}
