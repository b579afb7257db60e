package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJavaProxy(t *testing.T) {
	env := map[string]string{"HTTPS_PROXY": "http://name:secret@proxy.example:3128", "no_proxy": "localhost, .corp.example,a|b"}
	want := []string{
		"-Dhttps.proxyHost=proxy.example", "-Dhttps.proxyPort=3128", "-Daether.connector.http.useSystemProperties=true",
		"-Dhttp.nonProxyHosts=localhost|*.corp.example",
	}
	if diff := cmp.Diff(want, javaProxy(func(k string) string { return env[k] })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := javaProxy(func(string) string { return "" }); got != nil {
		t.Errorf("without a proxy: %q", got)
	}
}

// TestJavaHost: steps get the certificates as a key store and the settings of
// Maven; a second run writes nothing.
func TestJavaHost(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "host")
	ca, settings := filepath.Join(home, "ca.pem"), filepath.Join(home, ".m2", "settings.xml")
	if err := os.MkdirAll(filepath.Dir(settings), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{ca: "no certificate", settings: "<settings/>"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": home, "SSL_CERT_FILE": ca}
	getenv := func(k string) string { return env[k] }
	step, err := javaHost(getenv, dir)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(step.env, "\n")
	for _, want := range []string{"MAVEN_OPTS=-Djavax.net.ssl.trustStore=/dev/slipway/java-cacerts", "GRADLE_OPTS=-D", "MAVEN_ARGS=--settings /dev/slipway/maven-settings.xml"} {
		if !strings.Contains(all, want) {
			t.Errorf("steps lack %s:\n%s", want, all)
		}
	}
	if step.public["maven-settings.xml"] != filepath.Join(dir, "maven-settings.xml") || step.public["java-cacerts"] != filepath.Join(dir, "java-cacerts") || len(step.private) > 0 {
		t.Errorf("files: %v, private ones %v", step.public, step.private)
	}
	before, err := os.Stat(filepath.Join(dir, "java-cacerts"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := javaHost(getenv, dir); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(filepath.Join(dir, "java-cacerts")); err != nil || !os.SameFile(before, after) {
		t.Errorf("the key store was written again: %v", err)
	}
}
