package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// javaRelease is a version of Java for which a service is built and started.
type javaRelease struct {
	name, service string
	files         map[string]string
	answer        string // regular expression that the body matches
	limitMB       int64  // of the unpacked image
	warns         string // code of a finding in the build's output, "" for none
}

// javaReleases has a program for each version that the README names, which says on
// which Java it runs, whether sources and file names are UTF-8, whether it can
// speak TLS, and whether the JVM took its archive of classes.
func javaReleases() []javaRelease {
	plain := func(version, level string) map[string]string {
		return map[string]string{"pom.xml": strings.ReplaceAll(releasePOM, "LEVEL", level), "src/main/java/example/Main.java": releaseMain, ".java-version": version + "\n"}
	}
	boot := func(version string) map[string]string {
		return map[string]string{"pom.xml": strings.ReplaceAll(boot2POM, "VERSION", version), "src/main/java/example/App.java": boot2Main}
	}
	return []javaRelease{
		{"Java 8", "release", plain("8", "<maven.compiler.source>1.8</maven.compiler.source><maven.compiler.target>1.8</maven.compiler.target>"), `^1\.8\.0_\d+ ü UTF-8 true true archive=false$`, 110, ""},
		{"Java 11", "release", plain("11", "<maven.compiler.release>11</maven.compiler.release>"), `^11\.\S+ ü UTF-8 true true archive=false$`, 80, "SLP461"},
		{"Java 17", "release", plain("17", "<maven.compiler.release>17</maven.compiler.release>"), `^17\.\S+ ü UTF-8 true true archive=false$`, 80, ""},
		{"Java 21", "release", plain("21", "<maven.compiler.release>21</maven.compiler.release>"), `^21\.\S+ ü UTF-8 true true archive=true$`, 80, ""},
		{"Java 25", "release", plain("25", "<maven.compiler.release>25</maven.compiler.release>"), `^25\S* ü UTF-8 true true archive=true$`, 85, ""},
		{"Spring Boot 2.7 on Java 8", "harbour", boot("1.8"), `^{"java":"1\.8\.0_\d+"}$`, 130, ""},
		{"Spring Boot 2.7 on Java 11", "harbour", boot("11"), `^{"java":"11\.\S+"}$`, 130, "SLP461"},
		{"Spring Boot 2.7 on Java 17", "harbour", boot("17"), `^{"java":"17\.\S+"}$`, 130, ""},
	}
}

// TestReleasesOfJavaBuildAndAnswer: one small service for each version of Java,
// and the Spring Boot that most older ones have.
func TestReleasesOfJavaBuildAndAnswer(t *testing.T) {
	real(t)
	for _, c := range javaReleases() {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.service)
			files := fstest.MapFS{}
			for name, text := range c.files {
				files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
			}
			if err := os.CopyFS(dir, files); err != nil {
				t.Fatal(err)
			}
			invocation{dir: dir, args: []string{"init"}}.run(t).must(t, 0)
			start := time.Now()
			built := invocation{dir: dir, args: []string{"build"}, limit: 20 * time.Minute}.run(t).must(t, 0)
			if found := strings.Join(regexp.MustCompile(`SLP\d{3}`).FindAllString(built.stderr, -1), " "); found != c.warns {
				t.Errorf("the build finds %q, not %q:\n%s", found, c.warns, built.stderr)
			}
			size := unpackedSize(t, dir, c.service)
			if size > c.limitMB*1e6 {
				t.Errorf("the image has %d bytes, more than %d MB", size, c.limitMB)
			}
			took, port := time.Since(start).Round(time.Second), freePort(t)
			invocation{dir: dir, args: []string{"run", "--detach", "--until-healthy", "--timeout", "120s", "-p", port + ":8080"}}.run(t).must(t, 0)
			t.Cleanup(func() { invocation{dir: dir, args: []string{"stop", "--all"}}.run(t).must(t, 0) })
			answer := get(t, "http://127.0.0.1:"+port+"/")
			if !regexp.MustCompile(c.answer).MatchString(answer) {
				t.Errorf("the answer is %q, which does not match %q", answer, c.answer)
			}
			t.Logf("%s: built in %s, %.1f MB, %s", c.name, took, float64(size)/1e6, answer)
		})
	}
}

const (
	releasePOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>release</artifactId>
  <version>1</version>
  <properties>LEVEL</properties>
</project>
`
	releaseMain = `package example;

import com.sun.net.httpserver.HttpServer;
import java.io.File;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import javax.net.ssl.SSLContext;

public final class Main {
    public static void main(String[] args) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            String text;
            try {
                File file = new File("/tmp/übung-日本.txt");
                Files.write(file.toPath(), new byte[1]);
                String maps = new String(Files.readAllBytes(Paths.get("/proc/self/maps")), StandardCharsets.ISO_8859_1);
                int protocols = SSLContext.getDefault().getSupportedSSLParameters().getProtocols().length;
                text = System.getProperty("java.version") + " ü " + System.getProperty("file.encoding") + " " + file.exists() + " " + (protocols > 1)
                    + " archive=" + maps.contains("classes.jsa");
            } catch (Exception e) {
                text = e.toString();
            }
            exchange.sendResponseHeaders(200, 0);
            try (OutputStream body = exchange.getResponseBody()) {
                body.write(text.getBytes(StandardCharsets.UTF_8));
            }
        });
        server.start();
    }
}
`
	boot2POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
    <version>2.7.18</version>
    <relativePath/>
  </parent>
  <groupId>example</groupId>
  <artifactId>harbour</artifactId>
  <version>1</version>
  <properties>
    <java.version>VERSION</java.version>
  </properties>
  <dependencies>
    <dependency>
      <groupId>org.springframework.boot</groupId>
      <artifactId>spring-boot-starter-web</artifactId>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.springframework.boot</groupId>
        <artifactId>spring-boot-maven-plugin</artifactId>
      </plugin>
    </plugins>
  </build>
</project>
`
	boot2Main = `package example;

import java.util.Collections;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class App {
    @GetMapping("/")
    public Map<String, String> java() {
        return Collections.singletonMap("java", System.getProperty("java.version"));
    }

    public static void main(String[] args) {
        SpringApplication.run(App.class, args);
    }
}
`
)
