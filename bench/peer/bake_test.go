package peer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBasesOf(t *testing.T) {
	dockerfile := `# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM slipway/node:20-trixie-toolchain AS dependencies
RUN --mount=type=bind,from=slipway/probe:latest,target=/probe true
FROM dependencies AS builder
FROM slipway/node:20-trixie AS production
COPY --from=slipway/probe:latest /probe /usr/local/bin/
COPY --from=builder /app /app
`
	want := []string{"slipway/node:20-trixie", "slipway/node:20-trixie-toolchain", "slipway/probe:latest"}
	if diff := cmp.Diff(want, BasesOf([]byte(dockerfile))); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
}

func TestDigestsOf(t *testing.T) {
	dir := t.TempDir()
	index := `{"manifests":[
		{"digest":"sha256:aa","annotations":{"org.opencontainers.image.ref.name":"docker.io/slipway/node:20-trixie"}},
		{"digest":"sha256:bb"}]}`
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	digests, err := DigestsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := Lookup(digests, "slipway/node:20-trixie"); got != "sha256:aa" {
		t.Errorf("digest = %q, want sha256:aa", got)
	}
	if got := Lookup(digests, "slipway/node:22-trixie"); got != "" {
		t.Errorf("digest of an absent image = %q", got)
	}
}

func TestDefinition(t *testing.T) {
	data, err := Definition([]string{"web"}, func(s string) Target {
		return Target{Context: s, Dockerfile: "Dockerfile", Tags: []string{"127.0.0.1:5000/fleet/web:bench"}, Output: []string{"type=image,push=true"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "group": {
    "default": {
      "targets": [
        "web"
      ]
    }
  },
  "target": {
    "web": {
      "context": "web",
      "dockerfile": "Dockerfile",
      "tags": [
        "127.0.0.1:5000/fleet/web:bench"
      ],
      "output": [
        "type=image,push=true"
      ]
    }
  }
}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

func TestBundleOf(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want string
	}{
		{[]string{"runc", "--log", "l", "run", "--bundle", "/b", "--keep", "id"}, "/b"},
		{[]string{"runc", "create", "--bundle=/c", "id"}, "/c"},
		{[]string{"runc", "delete", "--force", "id"}, ""},
	} {
		got, ok := bundleOf(c.argv)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("bundleOf(%q) = %q, %v", c.argv, got, ok)
		}
	}
}

func TestHostSettingsReachTheStep(t *testing.T) {
	config := `{"process":{"args":["npm","ci"],"env":["PATH=/bin","SSL_CERT_FILE=/own.pem"],"rlimit":9007199254740993},"mounts":[{"destination":"/proc"}]}`
	getenv := func(name string) string {
		return map[string]string{"https_proxy": "http://proxy.example:3128", wrapCAEnv: "/ca.pem", wrapJavaEnv: "/ca.jks"}[name]
	}
	data, err := withHostSettings([]byte(config), getenv)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Process struct {
			Args   []string
			Env    []string
			Rlimit json.Number
		}
		Mounts []struct{ Destination, Source string }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=/bin", "SSL_CERT_FILE=/own.pem", "https_proxy=http://proxy.example:3128"}
	for _, name := range caVariables[1:] {
		env = append(env, name+"="+stepCAPath)
	}
	env = append(env, "MAVEN_OPTS=-Djavax.net.ssl.trustStore="+stepJava)
	if diff := cmp.Diff(env, got.Process.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got.Process.Rlimit != "9007199254740993" {
		t.Errorf("a large number became %s", got.Process.Rlimit)
	}
	if diff := cmp.Diff([]struct{ Destination, Source string }{{"/proc", ""}, {stepCAPath, "/ca.pem"}, {stepJava, "/ca.jks"}}, got.Mounts); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	if _, err := withHostSettings([]byte(`{}`), getenv); err == nil {
		t.Error("a configuration without a process was accepted")
	}
}

func FuzzHostSettings(f *testing.F) {
	f.Add([]byte(`{"process":{"env":["A=b"]},"mounts":[]}`))
	f.Fuzz(func(t *testing.T, config []byte) {
		_, _ = withHostSettings(config, func(string) string { return "x" })
	})
}

func TestAStepIsBoundToTheCoreOfItsNode(t *testing.T) {
	config := `{"process":{},"linux":{"resources":{"cpu":{"shares":2},"pids":{"limit":9}}}}`
	getenv := func(name string) string { return map[string]string{wrapCoreEnv: "1"}[name] }
	data, err := withHostSettings([]byte(config), getenv)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"linux":{"resources":{"cpu":{"cpus":"1","shares":2},"pids":{"limit":9}}},"process":{"env":null}}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if data, err = withHostSettings([]byte(`{"process":{}}`), getenv); err != nil {
		t.Fatal(err)
	}
	if want := `{"linux":{"resources":{"cpu":{"cpus":"1"}}},"process":{"env":null}}`; string(data) != want {
		t.Errorf("without limits of its own: %s, want %s", data, want)
	}
}
