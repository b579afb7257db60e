package detect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

// TestForeignIgnoreFiles: a .dockerignore that was written for another Dockerfile
// keeps no plan from its manifest and sources; what else it excludes stays out.
func TestForeignIgnoreFiles(t *testing.T) {
	quarkus := map[string]string{
		"pom.xml":                 "<project><artifactId>shop</artifactId><build><plugins><plugin><artifactId>quarkus-maven-plugin</artifactId></plugin></plugins></build></project>",
		"src/main/java/Main.java": "class Main {}", ".mvn/maven.config": "",
	}
	node := map[string]string{
		"package.json":      `{"name": "shop", "scripts": {"start": "node src/a.js"}}`,
		"package-lock.json": `{"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop"}}}`,
		"src/a.js":          "require('http').createServer().listen(8080)",
		"secrets/x.json":    "{}",
	}
	for name, c := range map[string]struct {
		files  map[string]string
		ignore string
		line   int
		want   []string // patterns; nil: those that Slipway supplies
	}{
		"a finished build only":   {quarkus, "*\n!target/quarkus-app/*\n", 1, nil},
		"with Windows' line ends": {quarkus, "# for the image\r\n*\r\n!target/*-runner.jar\r\n", 2, nil},
		"the build file":          {quarkus, "secrets\npom.xml\n", 2, []string{"secrets"}},
		"manifests and a secret":  {node, "*.json\nsecrets/\n", 1, []string{"secrets"}},
		"one line behind another": {node, "package.json\n*.json\nsrc\nsecrets\n", 1, []string{"secrets"}},
		"what the plan needs not": {quarkus, "docs\n**/*.md\n", 0, []string{"docs", "**/*.md"}},
	} {
		files := map[string]string{".dockerignore": c.ignore}
		for n, text := range c.files {
			files[n] = text
		}
		plans, findings := Plan(repo(files), nil)
		if err := findings.Errors(); err != nil || len(plans) != 1 {
			t.Errorf("%s: %v", name, findings)
			continue
		}
		p, line := plans[0], 0
		for _, f := range findings {
			if f.Code == codeForeign && f.Severity == diag.Info && f.Place.File == ".dockerignore" && strings.Contains(f.Hint, "exclude:") {
				line += f.Place.Line
			}
		}
		if line != c.line {
			t.Errorf("%s: noted at line %d, want %d: %v", name, line, c.line, findings)
		}
		if c.want == nil {
			c.want = one(t, c.files).DockerIgnore
		}
		if diff := cmp.Diff(c.want, p.DockerIgnore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		found, findings := Survey(repo(files), nil)
		if findings.Errors() != nil || len(found) != 1 || found[0].Findings.Errors() != nil {
			t.Errorf("%s: init says %v %v", name, findings, found[0].Findings)
		}
	}
}
