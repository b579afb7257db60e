package inventory_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/inventory"
)

// tree is a source tree of files.
func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// TestManifestsWithoutALockFile: what nothing pins is noted, and what a manifest pins by
// itself is listed.
func TestManifestsWithoutALockFile(t *testing.T) {
	for name, c := range map[string]struct {
		files    map[string]string
		packages []string
		unpinned []string
	}{
		"a pom": {map[string]string{
			"pom.xml": `<?xml version="1.0" encoding="ISO-8859-1"?><project xmlns="http://maven.apache.org/POM/4.0.0"><groupId>g</groupId><version>7</version><properties><jackson>2.9.8</jackson></properties>
				<dependencyManagement><dependencies><dependency><groupId>org.yaml</groupId><artifactId>snakeyaml</artifactId><version>1.30</version></dependency></dependencies></dependencyManagement></project>`,
			"web/pom.xml": `<project><parent><version>7</version></parent><properties><log4j.version>${log4j}</log4j.version><log4j>2.14.1</log4j></properties><dependencies>
				<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>${log4j.version}</version></dependency>
				<dependency><groupId>c.f.j</groupId><artifactId>databind</artifactId><version>${jackson}</version></dependency>
				<dependency><groupId>org.yaml</groupId><artifactId>snakeyaml</artifactId></dependency>
				<dependency><groupId>g</groupId><artifactId>range</artifactId><version>[1,2)</version></dependency>
				<dependency><groupId>g</groupId><artifactId>managed</artifactId></dependency></dependencies></project>`,
		}, []string{"pkg:maven/c.f.j/databind@2.9.8", "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "pkg:maven/org.yaml/snakeyaml@1.30"}, []string{"web/pom.xml"}},
		"a property that names itself": {map[string]string{"pom.xml": `<project><properties><a>${a}</a></properties><dependencies><dependency><groupId>g</groupId><artifactId>x</artifactId><version>${a}</version></dependency></dependencies></project>`}, nil, []string{"pom.xml"}},
		"Gradle":                       {map[string]string{"build.gradle": "dependencies {\n  implementation 'org.apache.logging.log4j:log4j-core:2.14.1'\n}\n"}, []string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}, []string{"build.gradle"}},
		"Gradle's catalogue":           {map[string]string{"app/build.gradle.kts": "dependencies {\n  implementation(libs.log4j)\n}\n"}, nil, []string{"app/build.gradle.kts"}},
		"Gradle without any":           {map[string]string{"build.gradle": "plugins { id 'java' }\ndependencies {\n  implementation project(':lib')\n}\n"}, nil, nil},
		"Gradle verified":              {map[string]string{"app/build.gradle": "dependencies {\n  implementation 'a:b:1.0'\n}\n", "settings.gradle": "", "gradle/verification-metadata.xml": "<verification-metadata/>"}, nil, nil},
		"npm":                          {map[string]string{"package.json": `{"dependencies": {"lodash": "4.17.20", "left": "^1.0.0", "own": "workspace:*"}}`}, []string{"pkg:npm/lodash@4.17.20"}, []string{"package.json"}},
		"a workspace of npm":           {map[string]string{"apps/a/package.json": `{"dependencies": {"lodash": "^4"}}`, "package.json": `{"workspaces": ["apps/*"]}`, "package-lock.json": `{"packages": {}}`}, nil, nil},
		"no workspace of npm":          {map[string]string{"apps/a/package.json": `{"dependencies": {"lodash": "^4"}}`, "package.json": `{}`, "package-lock.json": `{"packages": {}}`}, nil, []string{"apps/a/package.json"}},
		"a lock file elsewhere":        {map[string]string{"apps/a/package.json": `{"dependencies": {"lodash": "^4"}}`, "apps/b/package-lock.json": `{"packages": {}}`}, nil, []string{"apps/a/package.json"}},
		"no dependencies":              {map[string]string{"package.json": `{"name": "a", "dependencies": {"b": "file:../b"}}`}, nil, nil},
		"a broken manifest":            {map[string]string{"package.json": `{`}, nil, []string{"package.json"}},
		"ranges for pip":               {map[string]string{"requirements.txt": "django>=3,<4\n"}, nil, []string{"requirements.txt"}},
		"pins for pip":                 {map[string]string{"requirements.txt": "# one\ndjango===3.0\nflask==1.0 \\\n  --hash=sha256:00\n-r more.txt\n--index-url x\n"}, []string{"pkg:pypi/django@3.0", "pkg:pypi/flask@1.0"}, nil},
		"a wildcard for pip":           {map[string]string{"requirements/prod.txt": "django==3.*\nflask==1.0\n"}, []string{"pkg:pypi/flask@1.0"}, []string{"requirements/prod.txt"}},
		"more lists for pip":           {map[string]string{"requirements-dev.txt": "-e git+https://example.com/x\n", "notes.txt": "django\n"}, nil, []string{"requirements-dev.txt"}},
		"PEP 621":                      {map[string]string{"pyproject.toml": "[project]\nname = \"a\"\ndependencies = [\"django==3.0\", \"flask\"]\n"}, []string{"pkg:pypi/django@3.0"}, []string{"pyproject.toml"}},
		"PEP 621 with a lock file":     {map[string]string{"svc/pyproject.toml": "[project]\ndependencies = [\"flask\"]\n", "pyproject.toml": "[tool.uv.workspace]\nmembers = [\"svc\"]\n", "uv.lock": ""}, nil, nil},
		"Poetry":                       {map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\npython = \"^3.9\"\ndjango = \"^3\"\n"}, nil, []string{"pyproject.toml"}},
		"only tools":                   {map[string]string{"pyproject.toml": "[tool.ruff]\nline-length = 100\n", "setup.py": "setup(name='a')\n"}, nil, nil},
		"setup.py":                     {map[string]string{"setup.py": "setup(install_requires=['django'])\n"}, nil, []string{"setup.py"}},
		"Rust":                         {map[string]string{"Cargo.toml": "[dependencies]\nserde = \"1\"\n", "vendor/x/Cargo.toml": "[dependencies]\nserde = \"1\"\n"}, nil, []string{"Cargo.toml"}},
		"Rust with a lock file":        {map[string]string{"a/Cargo.toml": "[dependencies]\nserde = \"1\"\n", "Cargo.toml": "[workspace]\n", "Cargo.lock": ""}, nil, nil},
		"PHP":                          {map[string]string{"composer.json": `{"require": {"php": ">=8", "symfony/http-kernel": "5.0"}}`, "composer.lock": "{}"}, nil, []string{"composer.json"}},
		"PHP without any":              {map[string]string{"composer.json": `{"require": {"php": ">=8"}}`}, nil, nil},
		"Ruby":                         {map[string]string{"Gemfile": "source 'x'\ngem 'rails'\n"}, nil, []string{"Gemfile"}},
		".NET":                         {map[string]string{"src/A.csproj": `<Project><ItemGroup><PackageReference Include="Newtonsoft.Json" Version="9.0.1" /></ItemGroup></Project>`}, nil, []string{"src/A.csproj"}},
		"directories of tools":         {map[string]string{"go.mod": "module a\n", "vendor/x/package.json": `{"dependencies": {"a": "1"}}`, "node_modules/x/package.json": `{"dependencies": {"a": "1"}}`}, nil, nil},
		"directories with such names":  {map[string]string{"vendor/api/requirements.txt": "flask==1.0\n", "target/package-lock.json": `{"packages": {"node_modules/a": {"version": "1.0.0"}}}`, "venv/requirements.txt": "django==1.0"}, []string{"pkg:npm/a@1.0.0", "pkg:pypi/django@1.0", "pkg:pypi/flask@1.0"}, nil},
	} {
		list, err := inventory.Locked(tree(c.files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, p := range list.Packages {
			got = append(got, p.URL)
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.packages, got); diff != "" {
			t.Errorf("%s: packages (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(c.unpinned, list.Unpinned); diff != "" {
			t.Errorf("%s: unpinned (-want +got)\n%s", name, diff)
		}
	}
}
