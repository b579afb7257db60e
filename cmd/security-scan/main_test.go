package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/scan"
)

func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRun(t *testing.T) {
	root := write(t, t.TempDir(), map[string]string{
		"app/node_modules/left/package.json": `{"name": "left", "version": "1.0.0"}`, "proc/1/environ": "gh" + "p_q7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6Ee1Ru",
	})
	leaky := write(t, t.TempDir(), map[string]string{"app/a.js": "key = '" + "gh" + "p_q7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6Ee1Ru'"})
	if err := os.Symlink("nowhere", filepath.Join(root, "dangling")); err != nil {
		t.Fatal(err)
	}
	records := write(t, t.TempDir(), map[string]string{"a.json": `{"id": "EXAMPLE-1", "modified": "2999-01-01T00:00:00Z", "database_specific": {"severity": "CRITICAL"},
		"affected": [{"package": {"ecosystem": "npm", "name": "left"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}`})
	reports, none := filepath.Join(t.TempDir(), "reports"), filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		args   []string
		exit   diag.ExitCode
		stdout string
		stderr string
	}{
		"found":             {[]string{"--root", root, "--database", records, "--fail-on-critical", "--reports", reports}, diag.ExitGate, "EXAMPLE-1", "severity critical or worse: 1"},
		"found and told":    {[]string{"--root", root, "--database", records}, diag.ExitOK, "EXAMPLE-1", ""},
		"no database":       {[]string{"--root", root, "--database", none, "--fail-on", "high"}, diag.ExitGate, "not known", "there is no database in"},
		"allowed":           {[]string{"--root", root, "--database", none, "--fail-on", "high", "--allow-unknown"}, diag.ExitOK, "not known", ""},
		"a secret":          {[]string{"--root", leaky, "--database", records, "--fail-on-critical"}, diag.ExitGate, "secret: github-token in /app/a.js:1", "secrets: 1"},
		"a secret and none": {[]string{"--root", leaky, "--database", records, "--fail-on", "none"}, diag.ExitGate, "secret: github-token in /app/a.js:1", "secrets: 1"},
		"an unknown word":   {[]string{"--fail-on", "bad"}, diag.ExitUsage, "", "use --fail-on critical"},
		"an unknown flag":   {[]string{"--nothing"}, diag.ExitUsage, "", "nothing"},
		"no such root":      {[]string{"--root", none, "--database", records}, diag.ExitUnexpected, "", "reading the files of"},
		"broken advisories": {[]string{"--root", root, "--database", write(t, t.TempDir(), map[string]string{"a.json": "{"})}, diag.ExitUsage, "", "is not a record of OSV"},
	} {
		var stdout, stderr bytes.Buffer
		if got := run(context.Background(), c.args, func(string) string { return "" }, &stdout, &stderr); got != c.exit || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%s: exit %d\n%s%s", name, got, stdout.String(), stderr.String())
		}
	}
	var r scan.Result
	data, err := os.ReadFile(filepath.Join(reports, "scan.json"))
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || len(r.Vulnerabilities) != 1 || len(r.Secrets) != 0 {
		t.Errorf("%v: %s", err, data)
	}
	if sarif, err := os.ReadFile(filepath.Join(reports, "scan.sarif")); err != nil || !bytes.Contains(sarif, []byte("EXAMPLE-1")) {
		t.Errorf("%v: %s", err, sarif)
	}
}
