package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestSettingsOfTheEnvironmentMeanSomething: LANG=C.UTF-8, TZ and look-ups of
// libraries work in the containers of every base with a C library.
func TestSettingsOfTheEnvironmentMeanSomething(t *testing.T) {
	real(t)
	for _, c := range []struct {
		name, service, port string
		files               map[string]string
		answer              string // regular expression that the body matches
		log                 string // and the service's log
	}{
		{
			name: "Java names files beyond ASCII", service: "names", port: "8080",
			files: map[string]string{"pom.xml": namesPOM, "src/main/java/example/names/Main.java": namesMain}, answer: "^UTF-8 /tmp/übung-日本.txt true$",
		},
		{
			name: "nginx writes local times", service: "site", port: "8080", files: map[string]string{"index.html": "<h1>Site</h1>\n"},
			answer: "Site", log: `\+0900\] "GET / HTTP`,
		},
		{
			name: "Python finds libraries", service: "finder", port: "8000",
			files:  map[string]string{"requirements.txt": "", "main.py": finderMain, "slipway.yaml": finderFleet},
			answer: `^libzbar\.so\.0 libcrypto\.so\.3 None C\.UTF-8 \+0900$`,
		},
		{
			name: "C called by Go", service: "clock", port: "8080",
			files: map[string]string{"go.mod": "module example.com/clock\n\ngo 1.25\n", "main.go": clockMain}, answer: `^UTF-8 \+0900$`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.service)
			for name, text := range c.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, name), text)
			}
			if c.files["slipway.yaml"] == "" {
				invocation{dir: dir, args: []string{"init"}}.run(t).must(t, 0)
			}
			invocation{dir: dir, args: []string{"build"}, limit: 20 * time.Minute}.run(t).must(t, 0)
			port := freePort(t)
			invocation{dir: dir, args: []string{"run", "--detach", "--until-healthy", "--env", "LANG=C.UTF-8", "--env", "TZ=Asia/Tokyo", "-p", port + ":" + c.port}}.run(t).must(t, 0)
			t.Cleanup(func() { invocation{dir: dir, args: []string{"stop", "--all"}}.run(t).must(t, 0) })
			if answer := get(t, "http://127.0.0.1:"+port+"/"); !regexp.MustCompile(c.answer).MatchString(answer) {
				t.Errorf("the answer is %q, which does not match %q", answer, c.answer)
			}
			log := invocation{dir: dir, args: []string{"logs", c.service}}.run(t).must(t, 0).stdout
			if !regexp.MustCompile(c.log).MatchString(log) {
				t.Errorf("the log does not match %q:\n%s", c.log, log)
			}
		})
	}
}

const (
	namesPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>names</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>21</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <build>
    <plugins>
      <plugin>
        <artifactId>maven-jar-plugin</artifactId>
        <configuration><archive><manifest><mainClass>example.names.Main</mainClass></manifest></archive></configuration>
      </plugin>
    </plugins>
  </build>
</project>
`
	namesMain = `package example.names;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

public final class Main {
    public static void main(String[] args) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            String text;
            try {
                Path file = Files.writeString(Path.of("/tmp/übung-日本.txt"), "x");
                text = System.getProperty("sun.jnu.encoding") + " " + file + " " + Files.exists(file);
            } catch (RuntimeException e) {
                text = e.toString();
            }
            byte[] body = text.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
`
	finderFleet = "version: 1\nfleet: finder\nservices:\n  finder:\n    path: .\n    type: http\n    port: 8000\n    packages:\n      runtime: [libzbar0t64]\n"
	finderMain  = `import ctypes, ctypes.util, locale, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

found = [ctypes.util.find_library(name) for name in ("zbar", "crypto", "nonsense")]
ctypes.CDLL(found[0]).zbar_version


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        words = found + [locale.setlocale(locale.LC_ALL, ""), time.strftime("%z")]
        self.wfile.write(" ".join(map(str, words)).encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()
`
	clockMain = `package main

/*
#include <langinfo.h>
#include <locale.h>
#include <time.h>

static const char *codeset(void) { setlocale(LC_ALL, ""); return nl_langinfo(CODESET); }
static void zone(char *to, size_t n) { time_t t = time(0); strftime(to, n, "%z", localtime(&t)); }
*/
import "C"

import (
	"fmt"
	"net/http"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		zone := [16]C.char{}
		C.zone(&zone[0], 16)
		fmt.Fprintf(w, "%s %s", C.GoString(C.codeset()), C.GoString(&zone[0]))
	})
	panic(http.ListenAndServe(":8080", nil))
}
`
)
