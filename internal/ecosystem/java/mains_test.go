package java

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestTheProgramThatServes: of several programs in a module, the service is the
// one that starts a server; ports of the others do not count.
func TestTheProgramThatServes(t *testing.T) {
	java := func(class, body string) string {
		return "class " + class + " {\n  public static void main(String[] args) {\n    " + body + "\n  }\n}\n"
	}
	const client, grpc = `ManagedChannelBuilder.forAddress("localhost", 50051);`, `NettyServerBuilder.forPort(50052).build();`
	for name, c := range map[string]struct {
		sources map[string]string
		want    string
	}{
		"client and server":   {map[string]string{"java/EchoClient.java": java("EchoClient", client), "java/EchoServer.java": java("EchoServer", grpc)}, "EchoServer 50052"},
		"a job beside it":     {map[string]string{"java/Import.java": java("Import", `int port = 5432;`), "java/Web.java": java("Web", `HttpServer.create(new InetSocketAddress(8081), 0);`)}, "Web 8081"},
		"by its name":         {map[string]string{"java/Seed.java": java("Seed", `Javalin.create().start(1234);`), "java/Main.java": java("Main", `Javalin.create().start(7001);`)}, "Main 7001"},
		"in two languages":    {map[string]string{"java/app/Shop.java": "package app;\n" + java("Shop", `Javalin.create().start();`), "kotlin/Shop.kt": "fun main() {\n  Javalin.create { it.showJavalinBanner = false }.start(7002)\n}\n"}, "app.Shop 8080"},
		"Kotlin alone":        {map[string]string{"kotlin/app/Shop.kt": "package app\nfun main() {\n  Javalin.create { }.start(7003)\n}\n"}, "app.ShopKt 7003"},
		"two servers":         {map[string]string{"java/A.java": java("A", grpc), "java/B.java": java("B", grpc)}, codeWhich},
		"none serves":         {map[string]string{"java/A.java": java("A", ""), "java/B.java": java("B", "")}, codeWhich},
		"a port of a library": {map[string]string{"java/A.java": java("A", grpc), "java/B.java": "class B { static int port = 50052; }"}, "A 50052"},
	} {
		files := one("")
		delete(files, "src/main/java/Main.java")
		for n, text := range c.sources {
			files["src/main/"+n] = text
		}
		p, findings := planned(files, config.Service{})
		if i := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Severity == diag.Error }); i >= 0 {
			if findings[i].Code != c.want || !strings.Contains(findings[i].Hint, `write command: ["java", "-cp", "app.jar:lib/*", "<class>"]`) {
				t.Errorf("%s: %v, want %s", name, findings, c.want)
			}
			continue
		}
		start := strings.Fields(startOf(p))
		if got := start[len(start)-1] + " " + strconv.Itoa(p.Port); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestPortsOfLibraries: what a server listens on when the program names no port.
func TestPortsOfLibraries(t *testing.T) {
	javalin := func(version string) string {
		return "<dependencies><dependency><artifactId>javalin</artifactId><version>" + version + "</version></dependency></dependencies>"
	}
	for name, c := range map[string]struct {
		pom, source string
		port        int
	}{
		"Javalin":          {javalin("6.3.0"), `Javalin.create(c -> {}).start();`, 8080},
		"Javalin 3":        {javalin("3.13.13"), `Javalin.create().start();`, 7000},
		"Javalin, written": {javalin("6.3.0"), `Javalin.create().start(7070);`, 7070},
		"Spark":            {"", "get(\"/\", (q, r) -> \"x\");\n}\n", 4567},
		"Spark, written":   {"", "port(9000);\n    get(\"/\", (q, r) -> \"x\");\n}\n", 9000},
		"a function's":     {javalin("6.3.0"), "Javalin.create().start(port());\n  }\n  static int port() {\n    if (System.getenv().get(\"PORT\") != null) {\n      return Integer.parseInt(System.getenv().get(\"PORT\"));\n    }\n    return 7077;\n", 7077},
	} {
		files := one(c.pom)
		imports := ""
		if strings.HasPrefix(name, "Spark") {
			imports = "import static spark.Spark.*;\n"
		}
		files["src/main/java/Main.java"] = imports + "class Main {\n  public static void main(String[] args) {\n    " + c.source + "\n  }\n}\n"
		p, findings := planned(files, config.Service{})
		if p.Port != c.port || p.Type != "http" || findings.Errors() != nil {
			t.Errorf("%s: %s %d, want http %d; %v", name, p.Type, p.Port, c.port, findings)
		}
		if has := slices.Contains(environment(p), "PORT=7077"); has != (c.port == 7077) {
			t.Errorf("%s: PORT is in the environment: %v", name, has)
		}
	}
}

// TestHelidon: its port is in the settings, and MP has a main class of its own.
func TestHelidon(t *testing.T) {
	needs := func(artifact string) string {
		return "<dependencies><dependency><artifactId>" + artifact + "</artifactId></dependency></dependencies>"
	}
	const server = "class Main {\n  public static void main(String[] args) {\n    WebServer.builder().build().start();\n  }\n}\n"
	for name, c := range map[string]struct {
		pom, source, file, text string
		want                    string
	}{
		"SE":           {needs("helidon-webserver"), server, "application.yaml", "server:\n  port: 8085\n", "Main 8085"},
		"MP":           {needs("helidon-microprofile-core"), "class Greet {}", "META-INF/microprofile-config.properties", "server.port=8086\n", microprofileMain + " 8086"},
		"MP, no port":  {needs("helidon-microprofile"), "class Greet {}", "x.properties", "", microprofileMain + " 7001"},
		"MP, own main": {needs("helidon-microprofile"), "class Main {\n  public static void main(String[] args) {}\n}\n", "x.properties", "", "Main 7001"},
	} {
		files := one(c.pom)
		files["src/main/java/Main.java"], files["src/main/resources/"+c.file] = c.source, c.text
		p, findings := planned(files, config.Service{})
		if findings.Errors() != nil || len((Ecosystem{}).Services(tree(files))) != 1 {
			t.Errorf("%s: %v", name, findings)
			continue
		}
		start := strings.Fields(startOf(p))
		if got := start[len(start)-1] + " " + strconv.Itoa(p.Port); got != c.want || p.Type != "http" {
			t.Errorf("%s: %s %s, want http %s", name, p.Type, got, c.want)
		}
	}
}

// TestSpringServers: a service of Spring Cloud serves as one with a web starter does.
func TestSpringServers(t *testing.T) {
	for artifact, want := range map[string]string{"spring-cloud-starter-netflix-eureka-server": "http", "spring-cloud-starter-gateway": "http", "spring-boot-starter-websocket": "http", "spring-cloud-starter-netflix-eureka-client": "worker"} {
		p, findings := planned(spring("3.4.0", "", "<dependencies><dependency><artifactId>"+artifact+"</artifactId></dependency></dependencies>"), config.Service{})
		if p.Type != want || findings.Errors() != nil {
			t.Errorf("%s: %s, want %s; %v", artifact, p.Type, want, findings)
		}
	}
}

// TestDropwizard: its program is started with its command and its settings, which
// the image holds.
func TestDropwizard(t *testing.T) {
	const shaded = "<dependencies><dependency><artifactId>dropwizard-core</artifactId></dependency></dependencies><build><plugins><plugin><artifactId>maven-shade-plugin</artifactId></plugin></plugins></build>"
	const plain = "<dependencies><dependency><artifactId>dropwizard-core</artifactId></dependency></dependencies>"
	const connectors = "logging:\n  level: INFO\nserver:\n  applicationConnectors:\n    # the first\n    - type: http\n      port: 9080\n    - type: https\n      port: 8443\n      keyStorePath: shop.keystore\n  adminConnectors:\n    - type: http\n      port: 9081\n"
	for name, c := range map[string]struct {
		pom   string
		files map[string]string
		want  config.Service
		start string
		port  int
		holds []string
	}{
		"one jar":         {shaded, map[string]string{"shop.yml": connectors, "shop.keystore": "x"}, config.Service{}, "java -jar app.jar server shop.yml", 9080, []string{"shop.keystore", "shop.yml"}},
		"plain":           {plain, map[string]string{"config.yml": "server:\n  type: simple\n  connector:\n    type: http\n    port: ${PORT:-8090}\n", "test.yml": "server: {}\n"}, config.Service{}, "java -cp app.jar:lib/* Main server config.yml", 8090, []string{"config.yml"}},
		"in a directory":  {plain, map[string]string{"config/dev.yml": "logging:\n  level: DEBUG\n", "config/production.yml": "logging:\n  level: INFO\n"}, config.Service{}, "java -cp app.jar:lib/* Main server config/production.yml", 8080, []string{"config/production.yml"}},
		"other YAML":      {plain, map[string]string{"compose.yaml": "services:\n  db:\n    image: x\n"}, config.Service{}, "java -cp app.jar:lib/* Main server", 8080, nil},
		"its own command": {shaded, map[string]string{"shop.yml": connectors}, config.Service{Command: []string{"java", "-jar", "app.jar", "check", "shop.yml"}}, "java -jar app.jar check shop.yml", 9080, []string{"shop.yml"}},
	} {
		files := one(c.pom)
		for n, text := range c.files {
			files[n] = text
		}
		p, findings := planned(files, c.want)
		if startOf(p) != c.start || p.Port != c.port || p.Type != "http" || findings.Errors() != nil {
			t.Errorf("%s: %q on %s %d, want %q on %d; %v", name, startOf(p), p.Type, p.Port, c.start, c.port, findings)
		}
		held := strings.Join(contextCopies(p), " ")
		for _, file := range c.holds {
			if !strings.Contains(held, file) {
				t.Errorf("%s: %q lacks %s", name, held, file)
			}
		}
	}
}
