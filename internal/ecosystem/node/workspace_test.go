package node

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestListOf(t *testing.T) {
	for text, want := range map[string][]string{
		"packages:\n  - 'a/*'\n  - \"./b/\"  # why\n- c\n":                        {"a/*", "./b/", "c"},
		"packages:\n  [\n  a/*, # one\n  'b,c',\n  \"{d,e}/*\",\n]\nother: [x]\n": {"a/*", "b,c", "{d,e}/*"},
		"\r\npackages:\r\n- 'a'\r\n---\r\npackages:\r\n- b":                       {"a"},
		"packages: [a":                                         nil,
		"packages: [a, 'b/*']\nother:\n  - x\n":                {"a", "b/*"},
		"other:\n  - x\npackages:\n  # none\n  - '!y'\ncat: z": {"!y"},
		"\x00\xff": nil,
		"packages": nil,
	} {
		if diff := cmp.Diff(want, listOf([]byte(text), "packages")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// repository is a workspace in which a needs b and c, b needs c, and c needs a.
func repository() fstest.MapFS {
	return fstest.MapFS{
		"package.json":     {Data: []byte(`{"workspaces": {"packages": ["./p/*"]}}`)},
		"p/a/package.json": {Data: []byte(`{"name": "a", "scripts": {"start": "node a.js"}, "dependencies": {"b": "*"}, "devDependencies": {"c": "*"}}`)},
		"p/b/package.json": {Data: []byte(`{"name": "b", "peerDependencies": {"c": "*"}}`)},
		"p/c/package.json": {Data: []byte(`{"name": "c", "dependencies": {"a": "*"}}`)},
		"p/d/package.json": {Data: []byte(`{"name": "d; rm -rf /", "dependencies": {"a": "*"}}`)},
		"q/package.json":   {Data: []byte(`{"name": "q"}`)},
	}
}

func in(root fs.FS) Ecosystem { return Ecosystem{}.In(root).(Ecosystem) }

func TestWorkspaceFollowsDependencies(t *testing.T) {
	root := repository()
	w := in(root).openWorkspace(nil, "p/a")
	var needed []string
	for _, m := range w.needed {
		needed = append(needed, m.dir)
	}
	if diff := cmp.Diff([]string{"p/c", "p/b"}, needed); diff != "" {
		t.Errorf("what a library needs comes before it (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p/a", "p/b", "p/c"}, w.all); diff != "" {
		t.Errorf("names that a shell would take apart are none (-want +got):\n%s", diff)
	}
	e := in(root)
	if e.IsLibrary("p/a") || !e.IsLibrary("p/b") || e.IsLibrary("q") || e.IsLibrary(".") {
		t.Error("a is a service, b is a library, q is outside of the workspace")
	}
	if w := in(root).openWorkspace(root, "q"); w.member != "" || slices.Contains(w.all, "q") {
		t.Errorf("q is no member: %+v", w)
	}
}

// FuzzWorkspace: whatever the files hold, the search ends, and every name that
// it gives can stand in a command.
func FuzzWorkspace(f *testing.F) {
	f.Add(`{"workspaces": ["p/*", "!p/x", "**"]}`, "packages:\n  - 'p/**'\n", `{"name": "@a/b", "dependencies": {"@a/b": "*", "c": "1"}}`, "p/a")
	f.Add(`{"workspaces": {"packages": [1, null, "*/*/*"]}}`, "packages: [", `{"name": "$(x)"}`, "p/a b")
	f.Fuzz(func(t *testing.T, root, pnpm, pkg, at string) {
		tree := fstest.MapFS{"package.json": {Data: []byte(root)}, "pnpm-workspace.yaml": {Data: []byte(pnpm)}, "p/a/package.json": {Data: []byte(pkg)}, "p/c/package.json": {Data: []byte(`{"name": "c"}`)}}
		w := in(tree).openWorkspace(tree, at)
		for _, dir := range w.all {
			if !plainPath().MatchString(dir) {
				t.Errorf("%q goes into commands", dir)
			}
		}
	})
}
