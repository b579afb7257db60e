package main

import (
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
