package e2e

import "strings"

// javaRow is a plain program that says on which Java it runs, whether sources and
// file names are UTF-8, whether it speaks TLS, and whether the JVM took its archive
// of classes.
func javaRow(version, level, answer, warns string, limitMB int64) runtimeRow {
	return runtimeRow{name: "java-" + version, port: 8080, answer: answer, warns: warns, limitMB: limitMB, lists: "pkg:deb/debian/openjdk-" + version + "-jre-headless@", files: map[string]string{
		"pom.xml": strings.ReplaceAll(releasePOM, "LEVEL", level), "src/main/java/example/Main.java": releaseMain, ".java-version": version + "\n",
	}}
}

// bootRow is a service with Spring Boot.
func bootRow(boot, java, answer, warns string, limitMB int64) runtimeRow {
	return runtimeRow{name: "java-boot-" + boot + "-on-" + java, port: 8080, answer: `^{"java":"` + answer + `"}$`, warns: warns, limitMB: limitMB, files: map[string]string{
		"pom.xml": strings.NewReplacer("BOOT", boot, "JAVA", java).Replace(bootPOM), "src/main/java/example/App.java": bootMain,
	}}
}

// gradleRow is a plain program that Debian's Gradle builds in place of what the wrapper
// downloads. It runs on Java 8, whatever the program runs on.
func gradleRow(java, answer string, limitMB int64) runtimeRow {
	return runtimeRow{name: "java-gradle-4.4.1-on-" + java, port: 8080, answer: answer, limitMB: limitMB, files: map[string]string{
		"slipway.yaml":    "version: 1\nfleet: releases\nservices:\n  app:\n    path: .\n    version: \"" + java + "\"\n    packages: {build: [gradle]}\n",
		"settings.gradle": "rootProject.name = 'app'\n",
		"build.gradle":    "plugins {\n    id 'application'\n}\n\nsourceCompatibility = '1.8'\nmainClassName = 'example.Main'\n",
		"gradlew":         "#!/bin/sh\nexec /usr/bin/gradle \"$@\"\n", "gradle/wrapper/gradle-wrapper.jar": "",
		"gradle/wrapper/gradle-wrapper.properties": "distributionUrl=https\\://gradle.example/distributions/gradle-4.4.1-bin.zip\n",
		"src/main/java/example/Main.java":          releaseMain,
	}}
}

func javaRows() []runtimeRow {
	level := func(n string) string { return "<maven.compiler.release>" + n + "</maven.compiler.release>" }
	return []runtimeRow{
		javaRow("8", "<maven.compiler.source>1.8</maven.compiler.source><maven.compiler.target>1.8</maven.compiler.target>", `^1\.8\.0_\d+ ü UTF-8 true true archive=false$`, "", 120),
		javaRow("11", level("11"), `^11\.\S+ ü UTF-8 true true archive=false$`, ended, 60),
		javaRow("17", level("17"), `^17\.\S+ ü UTF-8 true true archive=false$`, "", 60),
		javaRow("21", level("21"), `^21\.\S+ ü UTF-8 true true archive=true$`, "", 80),
		javaRow("25", level("25"), `^25\S* ü UTF-8 true true archive=true$`, "", 80),
		bootRow("2.7.18", "1.8", `1\.8\.0_\d+`, "", 140),
		bootRow("2.7.18", "11", `11\.\S+`, ended, 130),
		bootRow("3.5.16", "17", `17\.\S+`, "", 130),
		gradleRow("8", `^1\.8\.0_\d+ ü UTF-8 true true archive=false$`, 120),
		gradleRow("17", `^17\.\S+ ü UTF-8 true true archive=false$`, 60),
		{name: "java-quarkus-3.27.2-on-17", port: 8080, answer: `^17\.\S+$`, limitMB: 100, files: map[string]string{
			"pom.xml": strings.ReplaceAll(quarkusPOM, "JAVA", "17"), "src/main/java/example/Version.java": quarkusMain,
		}},
	}
}

const (
	releasePOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>app</artifactId>
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
	bootPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
    <version>BOOT</version>
    <relativePath/>
  </parent>
  <groupId>example</groupId>
  <artifactId>app</artifactId>
  <version>1</version>
  <properties>
    <java.version>JAVA</java.version>
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
	bootMain = `package example;

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
	quarkusPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>app</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>JAVA</maven.compiler.release>
    <quarkus.platform.version>3.27.2</quarkus.platform.version>
  </properties>
  <dependencyManagement>
    <dependencies>
      <dependency>
        <groupId>io.quarkus.platform</groupId>
        <artifactId>quarkus-bom</artifactId>
        <version>${quarkus.platform.version}</version>
        <type>pom</type>
        <scope>import</scope>
      </dependency>
    </dependencies>
  </dependencyManagement>
  <dependencies>
    <dependency>
      <groupId>io.quarkus</groupId>
      <artifactId>quarkus-rest</artifactId>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>io.quarkus.platform</groupId>
        <artifactId>quarkus-maven-plugin</artifactId>
        <version>${quarkus.platform.version}</version>
        <extensions>true</extensions>
        <executions>
          <execution>
            <goals>
              <goal>build</goal>
              <goal>generate-code</goal>
            </goals>
          </execution>
        </executions>
      </plugin>
    </plugins>
  </build>
</project>
`
	quarkusMain = `package example;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;

@Path("/")
public class Version {
    @GET
    public String java() {
        return System.getProperty("java.version");
    }
}
`
)
