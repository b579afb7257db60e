package detect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestALibraryHidesNoPrograms: workspaces and packages of the same language below a
// library are found; examples count only where nothing else is deployed.
func TestALibraryHidesNoPrograms(t *testing.T) {
	crate := func(name string) string {
		return "[package]\nname = \"" + name + "\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"
	}
	const (
		mainRS = "fn main() {}\n"
		mainGo = "package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n"
		page   = "<!doctype html>"
	)
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"a workspace of examples below a workspace of libraries": {map[string]string{
			"Cargo.toml": "[workspace]\nmembers = [\"lib\"]\n", "lib/Cargo.toml": crate("lib"), "lib/src/lib.rs": "",
			"examples/Cargo.toml": "[workspace]\nmembers = [\"*\"]\n", "examples/hello/Cargo.toml": crate("hello"), "examples/hello/src/main.rs": mainRS,
			"examples/chat/Cargo.toml": crate("chat"), "examples/chat/src/main.rs": mainRS,
		}, []string{"examples/chat", "examples/hello"}},
		"members that are examples": {map[string]string{
			"Cargo.toml": crate("lib") + "[workspace]\nmembers = [\"examples/*\"]\n", "src/lib.rs": "",
			"examples/hello/Cargo.toml": crate("hello"), "examples/hello/src/main.rs": mainRS,
		}, []string{"examples/hello"}},
		"a program below a library below the root": {map[string]string{
			"libs/http/Cargo.toml": crate("http"), "libs/http/src/lib.rs": "",
			"libs/http/server/Cargo.toml": crate("server"), "libs/http/server/src/main.rs": mainRS,
		}, []string{"libs/http/server"}},
		"examples beside a service": {map[string]string{
			"api/Cargo.toml": crate("api"), "api/src/main.rs": mainRS,
			"examples/hello/Cargo.toml": crate("hello"), "examples/hello/src/main.rs": mainRS,
		}, []string{"api"}},
		"Go, a module below a library": {map[string]string{
			"go.mod": goMod, "lib.go": "package lib\n",
			"sdk/go.mod": "module example.com/sdk\n", "sdk/sdk.go": "package sdk\n",
			"sdk/server/go.mod": "module example.com/server\n", "sdk/server/main.go": mainGo,
		}, []string{"sdk/server"}},
		"Go, examples beside a service": {map[string]string{
			"api/go.mod": goMod, "api/main.go": mainGo,
			"api/plugins/examples/a/go.mod": "module example.com/a\n", "api/plugins/examples/a/main.go": mainGo,
			"examples/b/go.mod": "module example.com/b\n", "examples/b/main.go": mainGo,
		}, []string{"api"}},
		"a page of a library": {map[string]string{
			"Cargo.toml": "[workspace]\nmembers = [\"server\", \"app\"]\n", "server/Cargo.toml": crate("server"), "server/src/main.rs": mainRS,
			"app/Cargo.toml": crate("app"), "app/src/lib.rs": "", "app/index.html": page,
		}, []string{"server"}},
		"another language in a library": {map[string]string{
			"go.mod": goMod, "main.go": mainGo,
			"libs/a/go.mod": "module example.com/a\n", "libs/a/a.go": "package a\n", "libs/a/pages/index.html": page, "libs/a/tool/package.json": `{"name": "tool", "scripts": {"start": "node x.js"}}`,
		}, []string{"."}},
	} {
		found, findings := walk(open(repo(c.files)), maxDirs)
		var got []string
		for _, s := range found {
			got = append(got, s.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, findings)
		}
	}
}

// TestNamedExamples: who names the directory of an example means it, whatever else the
// repository deploys.
func TestNamedExamples(t *testing.T) {
	const main = "package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n"
	files := map[string]string{"api/go.mod": goMod, "api/main.go": main, "examples/go.mod": "module example.com/e\n", "examples/a/main.go": main, "examples/b/main.go": main}
	for named, want := range map[string][]string{"": {"api"}, "examples/a": {"examples/a", "api"}, "examples": {"examples/a", "api", "examples/b"}, "api": {"api"}} {
		found, _ := Survey(repo(files), nil, named)
		var got []string
		for _, f := range found {
			got = append(got, f.Service.Path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", named, diff)
		}
	}
}

// TestADockerfileAboveServices: a program with a Dockerfile at the root of a repository
// is a service beside those below it; a Dockerfile of a workspace's tools is not.
func TestADockerfileAboveServices(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"Go":           {frontEnd(map[string]string{"Dockerfile": "FROM scratch\n", "go.mod": goMod, "main.go": serving}), []string{".", "web"}},
		"Rust":         {frontEnd(map[string]string{"Dockerfile": "FROM scratch\n", "Cargo.toml": "[package]\nname = \"api\"\n", "src/main.rs": "fn main() {}\n"}), []string{".", "web"}},
		"no program":   {frontEnd(map[string]string{"Dockerfile": "FROM scratch\n"}), []string{"web"}},
		"a Go library": {frontEnd(map[string]string{"Dockerfile": "FROM scratch\n", "go.mod": goMod, "lib.go": "package lib\n"}), []string{"web"}},
	} {
		found, _ := walk(open(repo(c.files)), maxDirs)
		var got []string
		for _, s := range found {
			got = append(got, s.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
