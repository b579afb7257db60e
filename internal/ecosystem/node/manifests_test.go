package node

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestManifestsOfEqualDependenciesAreEqual(t *testing.T) {
	of := func(pkg, lock string) map[string][]byte {
		t.Helper()
		dir := fstest.MapFS{"package.json": {Data: []byte(pkg)}, "package-lock.json": {Data: []byte(lock)}, ".npmrc": {Data: []byte("engine-strict=true\n")}}
		files, err := Manifests(dir, []string{"package.json", "package-lock.json", ".npmrc"})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	lock := func(name, version string) string {
		return `{"name": "` + name + `", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "` + name + `", "license": "MIT",
			"dependencies": {"ms": "` + version + `"}}, "node_modules/ms": {"version": "` + version + `", "license": "MIT"}}}`
	}
	one := of(`{"name": "a", "version": "1.0.0", "description": "x", "scripts": {"build": "tsc"}, "dependencies": {"ms": "2.1.2"}, "config": {"a": "<b>"}}`, lock("a", "2.1.2"))
	two := of(`{"dependencies": {"ms": "2.1.2"}, "name": "b", "scripts": {"build": "esbuild"}, "config": {"a": "<b>"}}`, lock("b", "2.1.2"))
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("the same dependencies (-a +b):\n%s", diff)
	}
	want := map[string][]byte{
		".npmrc":       []byte("engine-strict=true\n"),
		"package.json": []byte(`{"config":{"a":"<b>"},"dependencies":{"ms":"2.1.2"}}` + "\n"),
		"package-lock.json": []byte(`{"lockfileVersion":3,"packages":{"":{"dependencies":{"ms":"2.1.2"}},` +
			`"node_modules/ms":{"version":"2.1.2","license":"MIT"}}}` + "\n"),
		installFile: []byte(installScript),
	}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	for name, pkg := range map[string]string{
		"another version": `{"dependencies": {"ms": "2.1.3"}, "config": {"a": "<b>"}}`,
		"another setting": `{"dependencies": {"ms": "2.1.2"}, "config": {"a": "c"}}`,
		"an override":     `{"dependencies": {"ms": "2.1.2"}, "config": {"a": "<b>"}, "overrides": {"x": "1"}}`,
		"no JSON":         `{"dependencies": `,
	} {
		if cmp.Equal(of(pkg, lock("a", "2.1.2")), one) {
			t.Errorf("%s makes no difference", name)
		}
	}
	if cmp.Equal(of(`{}`, lock("a", "2.1.2")), of(`{}`, lock("a", "2.1.3"))) {
		t.Error("another lock file makes no difference")
	}
	if _, err := Manifests(fstest.MapFS{}, []string{"package.json"}); err == nil {
		t.Error("a missing manifest is no error")
	}
}

func TestWhoSharesAnInstall(t *testing.T) {
	for name, want := range map[string]struct {
		service service
		shares  bool
	}{
		"npm":             {service{manager: manager{name: "npm"}, pkg: &manifest{}}, true},
		"bun":             {service{manager: manager{name: "bun"}, pkg: &manifest{}}, false},
		"a member":        {service{manager: manager{name: "npm"}, pkg: &manifest{}, workspace: workspace{member: "p/a"}}, false},
		"a root":          {service{manager: manager{name: "npm"}, pkg: &manifest{Workspaces: []any{"p/*"}}}, false},
		"its own scripts": {service{manager: manager{name: "npm"}, pkg: &manifest{Scripts: map[string]string{"prepublish": "x"}}}, false},
	} {
		want.service.top = fstest.MapFS{}
		if got := want.service.sharesInstall(); got != want.shares {
			t.Errorf("%s: %v, want %v", name, got, want.shares)
		}
	}
	patched := service{manager: manager{name: "npm"}, pkg: &manifest{}, workspace: workspace{top: fstest.MapFS{"patches/a.patch": {}}}}
	if patched.sharesInstall() {
		t.Error("patches are no manifest, but the install is shared")
	}
}
