package java

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

func tree(files map[string]string) fs.FS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

const program = "class Main {\n  public static void main(String[] args) {}\n}\n"

// one is a module with one class that starts.
func one(pom string) map[string]string {
	return map[string]string{"pom.xml": "<project><artifactId>one</artifactId>" + pom + "</project>", "src/main/java/Main.java": program}
}

func TestSettings(t *testing.T) {
	yaml := "# of the port\nserver:\n  port: ${PORT:9000} # that\n  servlet:\n    context-path: '/shop'\nspring.application.name: x\nlist:\n  - a: b\n---\nserver:\n  port: 1\n"
	all := readYAML([]byte(yaml))
	got := []string{settings(all).get("server.port").Text, all.get("server.servlet.context-path").Text, all.get("spring.application.name").Text}
	if diff := cmp.Diff([]string{"9000", "/shop", "x"}, got); diff != "" {
		t.Errorf("YAML (-want +got):\n%s", diff)
	}
	props := readProperties([]byte("# a\nserver.port = 81\nkey: v\n#---\nserver.port=82\n"))
	if got := props.get("server.port"); got.Text != "81" || got.Line != 2 {
		t.Errorf("properties: %+v", got)
	}
	if got := (settings{"p": {Text: "${PORT}"}}).get("p"); got.Text != "" {
		t.Errorf("a reference counts as %+v", got)
	}
}

// TestInputs: a service takes only the modules that it is built from.
func TestInputs(t *testing.T) {
	module := func(name, rest string) string {
		return "<project><parent><groupId>g</groupId><artifactId>top</artifactId><version>1</version></parent><artifactId>" + name + "</artifactId>" + rest + "</project>"
	}
	needs := "<dependencies><dependency><groupId>g</groupId><artifactId>lib</artifactId></dependency></dependencies>"
	files := map[string]string{
		"pom.xml":                    "<project><groupId>g</groupId><artifactId>top</artifactId><version>1</version><packaging>pom</packaging><modules><module>lib</module><module>web</module><module>other</module></modules></project>",
		"lib/pom.xml":                module("lib", ""),
		"lib/lombok.config":          "",
		"lib/src/main/java/L.java":   "class L {}",
		"web/pom.xml":                module("web", needs),
		"web/src/main/java/W.java":   program,
		"other/pom.xml":              module("other", ""),
		"other/src/main/java/O.java": program,
	}
	root := tree(files)
	if diff := cmp.Diff([]string{"web", "other"}, Ecosystem{}.Services(root)); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	dir, _ := fs.Sub(root, "web")
	p, findings := Ecosystem{}.In(root).Plan(dir, config.Service{Name: "web", Path: "web"}, nil)
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	var copied []string
	for _, st := range p.Stages {
		for _, step := range st.Steps {
			if step.Op == plan.OpCopy && step.From == "" && step.Content == "" {
				copied = append(copied, step.Args[0])
			}
		}
	}
	want := []string{"pom.xml", "lib/pom.xml", "web/pom.xml", "other/pom.xml", "lib/lombok.config", "lib/src/", "web/src/"}
	if diff := cmp.Diff(want, copied); diff != "" || p.Dir != "." {
		t.Errorf("inputs from %q (-want +got):\n%s", p.Dir, diff)
	}
}

// TestSpringVersions: the layers are taken apart as the version of Spring Boot
// wants it.
func TestSpringVersions(t *testing.T) {
	for version, want := range map[string]string{
		"3.5.1": "java -jar app.jar", "3.2.12": "java org.springframework.boot.loader.launch.JarLauncher", "2.7.18": "java org.springframework.boot.loader.JarLauncher", "4.0.1": "java -jar app.jar",
	} {
		files := one("<parent><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-parent</artifactId><version>" + version + "</version><relativePath/></parent>" +
			"<build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build>")
		_, facts, findings := Ecosystem{}.Inspect(tree(files), config.Service{Name: "one", Path: "."}, nil)
		i := slices.IndexFunc(facts, func(f plan.Fact) bool { return f.Name == "start" })
		if findings.Errors() != nil || i < 0 || facts[i].Value != want {
			t.Errorf("Spring Boot %s: %+v, %v; want %q", version, facts, findings, want)
		}
	}
}

// TestOutside: modules and parents outside of the repository are refused, and
// circles of them end.
func TestOutside(t *testing.T) {
	for name, c := range map[string]struct{ pom, code string }{
		"module":  {"<packaging>pom</packaging><modules><module>../../etc</module></modules>", codeOutside},
		"parent":  {"<parent><artifactId>p</artifactId><relativePath>../../p</relativePath></parent>", codeOutside},
		"missing": {"<modules><module>gone</module></modules>", codeManifest},
		"itself":  {"<parent><artifactId>one</artifactId><relativePath>pom.xml</relativePath></parent><modules><module>.</module></modules>", ""},
	} {
		_, findings := Ecosystem{}.Plan(tree(one(c.pom)), config.Service{Name: "one", Path: "."}, nil)
		if c.code != "" && (len(findings) == 0 || findings[0].Code != c.code) {
			t.Errorf("%s: %v, want %s", name, findings, c.code)
		}
	}
}

// FuzzInspect: no input makes it panic or run away, and what it refuses has a
// place and says why.
func FuzzInspect(f *testing.F) {
	f.Add("<project><artifactId>a</artifactId><modules><module>b</module></modules></project>", "", program, "server:\n  port: 80\n")
	f.Add("<project><parent><artifactId>a</artifactId><relativePath>..</relativePath></parent><properties><a>${b}</a><b>${a}${a}</b><java.version>${a}</java.version></properties></project>", "", "", "")
	f.Add("", "plugins {\n    id 'application'\n}\napplication { mainClass = 'a.B' }\n", "fun main() {}", "a:\n  b:\n c: ${")
	f.Add("<project><dependencies><dependency><artifactId>dropwizard-core</artifactId></dependency></dependencies></project>", "", "@Value(\"${a}\") \"jdbc:mysql://a/${b}\"", "=${x:${\n%prod.a=${A}\nspring.profiles.active=../a,\n")
	f.Add("<?xml version=\"1.0\" encoding=\"UTF-16\"?><project/>", "include ':a', '../..'", "static void main(", "\xff")
	f.Fuzz(func(t *testing.T, pom, gradle, source, settings string) {
		files := map[string]string{"a/src/main/java/Main.java": source, "a/src/main/resources/application.yml": settings, "a/src/main/resources/application.properties": settings}
		if pom != "" {
			files["a/pom.xml"], files["pom.xml"] = pom, pom
		} else {
			files["a/build.gradle"], files["settings.gradle"] = gradle, gradle
			files["gradlew"], files["gradle/wrapper/gradle-wrapper.jar"], files["gradle/wrapper/gradle-wrapper.properties"] = "", "", "gradle-8.14-bin.zip"
		}
		root := tree(files)
		dir, err := fs.Sub(root, "a")
		if err != nil {
			t.Fatal(err)
		}
		_ = Ecosystem{}.Services(root)
		_, findings := Ecosystem{}.In(root).Plan(dir, config.Service{Name: "a", Path: "a"}, nil)
		for _, f := range findings {
			if f.Severity == diag.Error && (f.Code == "" || strings.TrimSpace(f.Text) == "" || f.Place.File == "") {
				t.Errorf("a finding without words or place: %+v", f)
			}
		}
	})
}

// TestEncodingOfPOM: a pom.xml that says UTF-16 has been UTF-8 since it was read.
func TestEncodingOfPOM(t *testing.T) {
	const declared = `<?xml version="1.0" encoding="%"?>` + "\n<project><artifactId>one</artifactId></project>"
	in := func(encoding string, code func(string) []byte) fstest.MapFS {
		return fstest.MapFS{"pom.xml": {Data: code(strings.ReplaceAll(declared, "%", encoding))}, "src/main/java/Main.java": {Data: []byte(program)}}
	}
	plain := func(text string) []byte { return []byte(text) }
	wide := func(text string) []byte {
		out := []byte{0xff, 0xfe}
		for _, b := range []byte(text) {
			out = append(out, b, 0)
		}
		return out
	}
	for name, c := range map[string]struct {
		dir  fstest.MapFS
		want bool
	}{
		"UTF-16":           {in("UTF-16", wide), true},
		"UTF-16, unsaid":   {in("UTF-8", wide), true},
		"UTF-8":            {in("UTF-8", plain), true},
		"an old code page": {in("windows-1252", plain), false},
	} {
		_, findings := Ecosystem{}.Plan(c.dir, config.Service{Name: "one", Path: ".", Type: "worker"}, nil)
		if (findings.Errors() == nil) != c.want {
			t.Errorf("%s: %v", name, findings)
		}
	}
}
