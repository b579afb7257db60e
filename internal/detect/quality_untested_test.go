package detect_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/dockerfile"
)

// TestQualityLeavesNoTestOut: tests that a service has are run by a stage of some
// service, or the plan says why not.
func TestQualityLeavesNoTestOut(t *testing.T) {
	const server, test = "package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n", "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Fail() }\n"
	tagged := func(constraint string) string { return "//go:build " + constraint + "\n\n" + test }
	maven := func(more ...string) map[string]string {
		files := map[string]string{
			"pom.xml":                "<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>app</artifactId><version>1</version><properties><maven.compiler.release>21</maven.compiler.release></properties></project>",
			"src/main/java/App.java": "class App { public static void main(String[] a) throws Exception { new java.net.ServerSocket(8080).accept(); } }",
		}
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return files
	}
	type texts map[string][]string // by service
	for name, c := range map[string]struct {
		files     map[string]string
		want, not texts
	}{
		"Go: packages of no program are the first service's": {
			files: map[string]string{
				"go.mod": "module shop\n\ngo 1.24\n", "cmd/api/main.go": strings.Replace(server, "import", "import _ \"shop/web\"\nimport", 1), "cmd/mail/main.go": server,
				"web/web.go": "package web\n", "web/web_test.go": test, "cmd/mail/main_test.go": test, "lib/lib.go": "package lib\n", "lib/lib_test.go": test, "tests/all_test.go": test,
				"c/c.go": "package c\n\nimport \"C\"\n", "gen/gen.go": "//go:build ignore\n\npackage main\n",
			},
			want: texts{"api": {"coverage.out ./cmd/api ./lib ./tests ./web > ", "go vet ./cmd/api ./lib ./tests ./web "}, "mail": {"coverage.out ./cmd/mail > "}},
			not:  texts{"api": {"./gen", "./cmd/mail"}, "mail": {"./lib", "./tests"}},
		},
		"Go: the first of slipway.yaml runs its tests itself": {
			files: map[string]string{
				"slipway.yaml": "version: 1\nfleet: demo\nservices:\n  api: {path: cmd/api, quality: {unit-tests: {run: go test ./cmd/api}}}\n  mail: {path: cmd/mail}\n",
				"go.mod":       "module shop\n\ngo 1.24\n", "cmd/api/main.go": server, "cmd/mail/main.go": server, "lib/lib.go": "package lib\n", "lib/lib_test.go": test,
			},
			want: texts{"mail": {"coverage.out ./cmd/mail ./lib > "}},
		},
		"Go: a workspace is tested module by module": {
			files: map[string]string{
				"go.work": "go 1.24\n\nuse (\n\t./app\n\t./lib\n\t./other\n)\n", "app/go.mod": "module app\n\ngo 1.24\n", "lib/go.mod": "module lib\n\ngo 1.24\n", "other/go.mod": "module other\n\ngo 1.24\n",
				"app/main.go": strings.Replace(server, "import", "import _ \"lib\"\nimport", 1), "lib/lib.go": "package lib\n", "lib/lib_test.go": test, "other/other.go": "package other\n",
			},
			want: texts{"app": {"coverage.out ./app/... ./lib/... > ", "go vet ./app/... ./lib/... "}},
		},
		"Go: a module in place of another one": {
			files: map[string]string{
				"app/go.mod": "module app\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n", "lib/go.mod": "module example.com/lib\n\ngo 1.24\n",
				"app/main.go": strings.Replace(server, "import", "import _ \"example.com/lib\"\nimport", 1), "lib/lib.go": "package lib\n", "lib/lib_test.go": test,
			},
			want: texts{"app": {"no unit-tests: the tests of lib are those of another module"}},
		},
		"Go: expressions of build tags": {
			files: map[string]string{
				"go.mod": "module shop\n\ngo 1.24\n", "main.go": server, "a/a_test.go": tagged("integration || e2e"), "b/b_test.go": tagged("it && !race"), "c/c_test.go": tagged("linux && e2e"),
				"d/d_test.go": tagged("functional"), "e/e_test.go": tagged("integration && postgres"), "f/f_test.go": tagged("windows"), "g/g_test.go": tagged("!windows && (smoke || smoke && slow)"),
			},
			want: texts{"shop": {"-tags=functional,integration,it,postgres ./a ./b ./d ./e > ", "-tags=e2e ./c > ", "no integration-tests: g/g_test.go has the build tag smoke, which no stage is known for: write quality: {integration-tests: {run: go test -tags=smoke ./...}}", "no unit-tests: no test files"}},
			not:  texts{"shop": {"windows", "slow"}},
		},
		"Java: JUnit 3":       {files: maven("src/test/java/AppTest.java", "public class AppTest extends junit.framework.TestCase { public void testA() { fail(); } }"), want: texts{"app": {"AS unit-tests"}}},
		"Java: jqwik":         {files: maven("src/test/java/Sums.java", "class Sums { @Property boolean a(@ForAll int n) { return false; } }"), want: texts{"app": {"AS unit-tests"}}},
		"Java: ArchUnit":      {files: maven("src/test/java/Layers.java", "class Layers { @ArchTest static final ArchRule rule = null; }"), want: texts{"app": {"AS unit-tests"}}},
		"Java: runners":       {files: maven("src/test/java/All.java", "@RunWith(Cucumber.class) public class All {}"), want: texts{"app": {"AS unit-tests"}}},
		"Java: repeated":      {files: maven("src/test/java/Again.java", "class Again { @RepeatedTest(3) void a() {} }"), want: texts{"app": {"AS unit-tests"}}},
		"Java: Kotest":        {files: maven("src/test/kotlin/Prices.kt", "class Prices : StringSpec({ \"a\" { 1 shouldBe 2 } })"), want: texts{"app": {"AS unit-tests"}}},
		"Java: a base alone":  {files: maven("src/test/java/Base.java", "class Base {}"), want: texts{"app": {"AS unit-tests"}}},
		"Java: only packages": {files: maven("src/test/java/package-info.java", "package a;"), want: texts{"app": {"no unit-tests: no test classes"}}},
		"Java: nobody runs Failsafe's names": {
			files: maven("src/test/java/OrderIT.java", "class OrderIT { @Test void a() {} }"),
			want:  texts{"app": {"no integration-tests: src/test/java/OrderIT.java has a name of Failsafe's tests, and the build file has no maven-failsafe-plugin"}},
		},
		"Java: Gradle's task test has all names": {
			files: map[string]string{
				"build.gradle": "plugins {\n    id 'application'\n}\napplication { mainClass = 'App' }\n", "settings.gradle": "rootProject.name = 'app'\n", "gradle/wrapper/gradle-wrapper.properties": "distributionUrl=https\\://services.gradle.org/distributions/gradle-8.14-bin.zip\n",
				"gradlew": "#!/bin/sh\n", "gradle/wrapper/gradle-wrapper.jar": "x", "src/main/java/App.java": maven()["src/main/java/App.java"], "src/test/java/OrderIT.java": "class OrderIT { @Test void a() {} }",
			},
			want: texts{"app": {"AS unit-tests"}},
		},
		"Node: members that a service needs": {
			files: map[string]string{
				"package.json": `{"name": "shop", "private": true, "workspaces": ["services/*", "packages/*"]}`, "package-lock.json": `{"lockfileVersion": 3, "packages": {"": {"name": "shop", "workspaces": ["services/*", "packages/*"]}, "services/api": {"name": "api", "dependencies": {"lib": "*"}}, "packages/lib": {"name": "lib"}, "node_modules/lib": {"resolved": "packages/lib", "link": true}, "node_modules/api": {"resolved": "services/api", "link": true}}}`,
				"services/api/package.json": `{"name": "api", "scripts": {"start": "node server.js", "test": "node --test"}, "dependencies": {"lib": "*"}}`, "services/api/server.js": "require('lib'); require('http').createServer().listen(3000)",
				"packages/lib/package.json": `{"name": "lib", "scripts": {"test": "node --test"}}`, "packages/lib/index.js": "", "packages/lib/index.test.js": "throw 1",
			},
			want: texts{"api": {"( cd /app/packages/lib ", "&& PATH=/app/packages/lib/node_modules/.bin:/app/node_modules/.bin:$PATH node --test", "junit --test-reporter-destination=/reports/unit-tests/2/junit.xml", "for f in /reports/unit-tests/2/lcov.info ", "sed -i 's|^SF:\\([^/]\\)|SF:/app/packages/lib/\\1|' $f"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for at, text := range c.files {
				tree[at] = &fstest.MapFile{Data: []byte(text)}
			}
			plans, findings := load(t, tree, detect.WithQuality)
			if findings.Errors() != nil {
				t.Fatal(findings)
			}
			seen := map[string]bool{}
			for _, p := range plans {
				text := qualityText(p)
				seen[p.Name] = true
				for _, w := range c.want[p.Name] {
					if !strings.Contains(text, w) {
						t.Errorf("%s: want %q:\n%s", p.Name, w, text)
					}
				}
				for _, n := range c.not[p.Name] {
					if strings.Contains(text, n) {
						t.Errorf("%s: do not want %q:\n%s", p.Name, n, text)
					}
				}
				if len(p.Quality) > 0 {
					lint(t, dockerfile.RenderAll(p))
				}
			}
			for service := range c.want {
				if !seen[service] {
					t.Errorf("no service %s: %v", service, plans)
				}
			}
		})
	}
}
