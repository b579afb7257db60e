package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMainMirror(t *testing.T) {
	lines := "http://mirror.example/debian-security bookworm-security main\n" +
		"http://mirror.example/debian bookworm-updates main\n" +
		"http://node.example/debian stable contrib\n" +
		"http://mirror.example/debian bookworm main\n"
	got, err := mainMirror(lines)
	if err != nil || got != "http://mirror.example/debian" {
		t.Errorf("mainMirror = %q, %v", got, err)
	}
	if _, err := mainMirror("http://mirror.example/debian-security bookworm-security main\n"); err == nil {
		t.Error("a machine without a mirror was accepted")
	}
}

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
	if diff := cmp.Diff(want, basesOf([]byte(dockerfile))); diff != "" {
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
	digests, err := digestsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := lookup(digests, "slipway/node:20-trixie"); got != "sha256:aa" {
		t.Errorf("digest = %q, want sha256:aa", got)
	}
	if got := lookup(digests, "slipway/node:22-trixie"); got != "" {
		t.Errorf("digest of an absent image = %q", got)
	}
}

func TestDefinition(t *testing.T) {
	data, err := definition([]string{"web"}, func(s string) target {
		return target{Context: s, Dockerfile: "Dockerfile", Tags: []string{"127.0.0.1:5000/fleet/web:bench"}, Output: []string{"type=image,push=true"}}
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

func TestParseStats(t *testing.T) {
	stats, err := parseStats([]byte(`{"services":[
		{"service":"a","size_bytes":100,"compressed_bytes":40,"layers":6},
		{"service":"b","size_bytes":90,"compressed_bytes":41,"layers":7}],"unique_bytes":120}`))
	if err != nil {
		t.Fatal(err)
	}
	size, compressed, layers := stats.largest()
	if diff := cmp.Diff([]int64{100, 41, 7, 120}, []int64{size, compressed, int64(layers), stats.UniqueBytes}); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if _, err := parseStats([]byte(`{"services":[]}`)); err == nil {
		t.Error("statistics of nothing were accepted")
	}
}

func TestParseOpenTime(t *testing.T) {
	ms, err := parseOpenTime([]byte("building\nengine open: 87 ms\n"))
	if err != nil || ms != 87 {
		t.Errorf("open time = %v, %v; want 87", ms, err)
	}
	if _, err := parseOpenTime([]byte("building\n")); err == nil {
		t.Error("output without a time was accepted")
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
	getenv := func(name string) string { return map[string]string{"https_proxy": "http://proxy.example:3128"}[name] }
	data, err := withHostSettings([]byte(config), "/ca.pem", getenv)
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
	if diff := cmp.Diff(env, got.Process.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got.Process.Rlimit != "9007199254740993" {
		t.Errorf("a large number became %s", got.Process.Rlimit)
	}
	if len(got.Mounts) != 2 || got.Mounts[1].Source != "/ca.pem" || got.Mounts[1].Destination != stepCAPath {
		t.Errorf("mounts = %v", got.Mounts)
	}
	if _, err := withHostSettings([]byte(`{}`), "", getenv); err == nil {
		t.Error("a configuration without a process was accepted")
	}
}

func FuzzHostSettings(f *testing.F) {
	f.Add([]byte(`{"process":{"env":["A=b"]},"mounts":[]}`))
	f.Fuzz(func(t *testing.T, config []byte) {
		_, _ = withHostSettings(config, "/ca.pem", func(string) string { return "x" })
	})
}

func TestCopySourcesLeavesBuiltFilesBehind(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	for _, name := range []string{"web/src/server.ts", "web/node_modules/a/index.js", "web/dist/server.js", "web/src/generated/a.ts"} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := copySources(to, from); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(to, "web", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(to, "web/src/server.ts")}, files); diff != "" {
		t.Errorf("copied (-want +got):\n%s", diff)
	}
}

func TestChangeLineAddsToOneSource(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "src", "server.ts")
	if err := os.WriteFile(path, []byte("start();\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := changeLine(dir, 2); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("start();\n\nexport const benchRound2 = 2;\n", string(got)); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if err := changeLine(t.TempDir(), 0); err == nil {
		t.Error("a service without sources was changed")
	}
}
