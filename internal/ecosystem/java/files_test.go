package java

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// contextCopies are what production copies from the build context.
func contextCopies(p plan.Service) []string {
	var out []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == plan.StageProduction && s.Op == plan.OpCopy && s.From == "" && s.Content == "" {
				out = append(out, strings.Join(s.Args, " "))
			}
		}
	}
	return out
}

// TestNamedFiles: production holds what sources, settings and the command name,
// and nothing that the jar holds or the build reads.
func TestNamedFiles(t *testing.T) {
	base := func(source string, more map[string]string) map[string]string {
		files := one("")
		files["src/main/java/Main.java"] = "class Main {\n  public static void main(String[] args) {\n    " + source + "\n  }\n}\n"
		files["data/seed.json"], files["templates/a.html"], files["README.md"], files["src/main/resources/in.txt"] = "{}", "<p>", "", ""
		for n, text := range more {
			files[n] = text
		}
		return files
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  config.Service
		holds []string
	}{
		"nothing":            {base("", nil), config.Service{}, nil},
		"a file":             {base(`Files.readString(Path.of("data/seed.json"));`, nil), config.Service{}, []string{"data/ /app/data/"}},
		"joined":             {base(`new File("data", "seed.json");`, nil), config.Service{}, []string{"data/ /app/data/"}},
		"a directory":        {base(`new File("templates/");`, nil), config.Service{}, []string{"templates/ /app/templates/"}},
		"a resource":         {base(`Main.class.getResource("/in.txt");`, nil), config.Service{}, nil},
		"the start command":  {base("", map[string]string{"agent/agent.jar": "PK"}), config.Service{Command: []string{"java", "-javaagent:agent/agent.jar", "-cp", "app.jar:lib/*", "Main"}}, []string{"agent/agent.jar /app/agent/"}},
		"excluded":           {base(`Files.readString(Path.of("data/seed.json"));`, nil), config.Service{Exclude: []string{"data"}}, nil},
		"files: of its own":  {base("", nil), config.Service{Files: []config.File{{Path: "templates", To: "templates"}}}, []string{"templates/ /app/templates/"}},
		"Spring's directory": {func() map[string]string { f := spring("3.4.0", "", ""); f["config/application.yml"] = "a: b"; return f }(), config.Service{}, []string{"config/ /app/config/"}},
		"a file of a setting": {func() map[string]string {
			f := spring("3.4.0", "", "")
			f["etc/x.yml"] = "a: b"
			f["src/main/resources/application.properties"] = "spring.config.import=optional:file:./etc/x.yml\n"
			return f
		}(), config.Service{}, []string{"etc/x.yml /app/etc/"}},
	} {
		p, findings := planned(c.files, c.want)
		if err := findings.Errors(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.holds, contextCopies(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestUses: variables and programs that sources ask the machine for.
func TestUses(t *testing.T) {
	files := spring("3.4.0", "", "")
	files["src/main/java/Main.java"] = `class Main {
  public static void main(String[] args) throws Exception {
    String a = System.getenv("API_KEY");
    String b = Optional.ofNullable(System.getenv("OPTIONAL")).orElse("x");
    String c = System.getenv("ELVIS") == null ? "y" : "z";
    new ProcessBuilder("ffmpeg", "-i").start();
    Runtime.getRuntime().exec(new String[] {"git", "log"});
  }
  @Value("${MAIL_HOST}") String host;
  @Value("${MAIL_PORT:25}") String port;
}
`
	files["src/main/resources/application.yml"] = "spring:\n  datasource:\n    url: ${DATABASE_URL}\n    user: ${DB_USER:me}\n"
	p, findings := planned(files, config.Service{})
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	names := func(all []plan.Use) (out []string) {
		for _, u := range all {
			out = append(out, u.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"API_KEY", "DATABASE_URL", "MAIL_HOST"}, names(p.Reads)); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ffmpeg", "git"}, names(p.Calls)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestHealthOfServers: gRPC health, TLS, and the time that a JVM takes.
func TestHealthOfServers(t *testing.T) {
	const server = "Server s = NettyServerBuilder.forPort(50051)%s.build();"
	for name, c := range map[string]struct{ source, want string }{
		"none":          {strings.Replace(server, "%s", "", 1), "TCP"},
		"the whole":     {strings.Replace(server, "%s", ".addService(new HealthStatusManager().getHealthService())", 1), "gRPC (whole server)"},
		"a name":        {strings.Replace(server, "%s", "", 1) + ` HealthStatusManager h; h.setStatus("a.Shop", SERVING);`, "gRPC a.Shop"},
		"both":          {strings.Replace(server, "%s", "", 1) + ` HealthStatusManager h; h.setStatus("a.Shop", SERVING); h.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, SERVING);`, "gRPC (whole server)"},
		"TLS":           {strings.Replace(server, "%s", ".useTransportSecurity(c, k).addService(new HealthStatusManager().getHealthService())", 1), "gRPC (whole server) over TLS"},
		"TLS, or not":   {strings.Replace(server, "%s", ".useTransportSecurity(c, k).addService(new HealthStatusManager().getHealthService())", 1) + " Grpc.newServerBuilderForPort(1, InsecureServerCredentials.create());", "gRPC (whole server)"},
		"HTTP by route": {`HttpServer.create(new InetSocketAddress(8080), 0).createContext("/healthz", h);`, "HTTP /healthz"},
	} {
		files := one("")
		files["src/main/java/Main.java"] = "class Main {\n  public static void main(String[] args) {\n    " + c.source + "\n  }\n}\n"
		p, findings := planned(files, config.Service{Ecosystem: "java"})
		if got := p.Health.Describe(); got != c.want || p.Health.StartPeriod != plan.SlowStart || findings.Errors() != nil {
			t.Errorf("%s: %q after %s, want %q; %v", name, got, p.Health.StartPeriod, c.want, findings)
		}
	}
}

// TestPortReachesSpring: a port that the settings take from the environment.
func TestPortReachesSpring(t *testing.T) {
	for settings, want := range map[string]bool{"server.port=${PORT:9000}\n": true, "server.port=9000\n": false} {
		files := spring("3.4.0", "", "<dependencies><dependency><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-web</artifactId></dependency></dependencies>")
		files["src/main/resources/application.properties"] = settings
		p, _ := planned(files, config.Service{})
		if has := slices.Contains(environment(p), "PORT=9000"); has != want || p.Port != 9000 {
			t.Errorf("%s: port %d, %v", settings, p.Port, environment(p))
		}
	}
}

// environment is that of production.
func environment(p plan.Service) []string {
	var out []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == plan.StageProduction && s.Op == plan.OpEnv {
				out = append(out, s.Args...)
			}
		}
	}
	return out
}

// TestKeysInResources: a key store that settings or sources name is part of the
// jar; one that nothing names stays out of the build.
func TestKeysInResources(t *testing.T) {
	const res = "src/main/resources/"
	for name, c := range map[string]struct {
		file, text, key string
		in              bool
	}{
		"of the server":       {res + "application.yml", "server:\n  ssl:\n    key-store: classpath:keystore.p12\n", res + "keystore.p12", true},
		"of another profile":  {res + "application-prod.properties", "server.ssl.key-store=classpath:tls/shop.pfx\n", res + "tls/shop.pfx", true},
		"that a source names": {"src/main/java/Jwt.java", "class Jwt { Object k = Jwt.class.getResource(\"/jwt-key.pem\"); }", res + "jwt-key.pem", true},
		"that nothing names":  {res + "application.yml", "server:\n  port: 8080\n", res + "old.p12", false},
	} {
		files := spring("3.4.0", "", "")
		files[c.file], files[c.key] = c.text, "x"
		p, findings := planned(files, config.Service{})
		if findings.Errors() != nil {
			t.Errorf("%s: %v", name, findings)
			continue
		}
		if got := slices.Contains(p.DockerIgnore, "!"+c.key); got != c.in {
			t.Errorf("%s: the build context has it: %v, want %v", name, got, c.in)
		}
		i := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Code == ecosystem.CodeKey })
		if (i >= 0) != c.in || i >= 0 && (findings[i].Place.File != c.file || findings[i].Place.Line == 0) {
			t.Errorf("%s: findings %v", name, findings)
		}
	}
}
