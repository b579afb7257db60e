package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGatesNameTheCause builds an image that runs as root, has a shell, a vulnerable
// package and a key, wastes a layer and then grows: each gate names the file, the layer and the line that caused it. The
// limit of memory starts the image.
func TestGatesNameTheCause(t *testing.T) {
	real(t)
	_, env := ownState(t)
	const command = "STOPSIGNAL SIGKILL\nCMD [\"/bin/busybox\", \"sleep\", \"60\"]\n"
	dir := busyboxDirectory(t, "FROM tools\nCOPY data /srv/data\nRUN [\"/bin/busybox\", \"rm\", \"/srv/data\"]\nCOPY modules /app/node_modules\nCOPY conf /srv/conf\n"+command)
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	noise := make([]byte, 1<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	write("data", string(noise))
	write("modules/left/package.json", `{"name": "left", "version": "1.0.0"}`)
	write("conf/deploy.pem", privateKey(t))
	write("advisories/1.json", `{"id": "EXAMPLE-1", "modified": "2999-01-01T00:00:00Z", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
 "affected": [{"package": {"ecosystem": "npm", "name": "left"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}]}]}`)
	fleet := func(gates string) {
		t.Helper()
		write("slipway.yaml", "version: 1\nfleet: gates\nservices:\n  app: {path: ., type: worker, gates: {"+gates+"}}\n")
	}
	slipway := func(args ...string) result {
		t.Helper()
		return invocation{dir: dir, env: env, args: args}.run(t)
	}
	fleet("shell: fail")
	slipway("scan", "--update", "--from", "advisories").must(t, 0)
	slipway("build").must(t, 0)
	bad := slipway("gate", "--sarif", "gates.sarif").must(t, 4)
	bad.says(t, "app does not pass its gates")
	for _, want := range []string{
		"Dockerfile:5: error: app: the layers are ", "/srv/data of 1.0 MB in layer 3 (COPY data /srv/data) is hidden by layer 4 (RUN /bin/busybox rm /srv/data)",
		"/app/node_modules/left: error: app: left 1.0.0 has EXAMPLE-1 (critical), in layer 5 (COPY modules /app/node_modules) [SLP607]", "update left to 1.0.1", "- {finding: SLP607, at: EXAMPLE-1, ",
		"/srv/conf/deploy.pem: error: app: a secret (private-key) is in layer 6 (COPY conf /srv/conf) [SLP608]",
		"the image runs as root [SLP618]", "/bin/sh: error: app: the image has a shell, /bin/sh [SLP620]", "- {finding: SLP618, at: Dockerfile, ",
	} {
		if !strings.Contains(bad.stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, bad.stdout)
		}
	}
	var log struct {
		Version string
		Runs    []struct{ Results []struct{ RuleID string } }
	}
	data, err := os.ReadFile(filepath.Join(dir, "gates.sarif"))
	if err == nil {
		err = json.Unmarshal(data, &log)
	}
	if err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Results) < 4 {
		t.Errorf("gates.sarif: %+v, %v", log, err)
	}

	// The repaired image passes and is what the next one is compared with.
	head, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	tools, _, _ := strings.Cut(string(head), "FROM tools\n")
	write("Dockerfile", tools+"FROM tools\nUSER 1001\n"+command)
	fleet("memory: 64MB, shell: off")
	slipway("build").must(t, 0)
	good := slipway("gate").must(t, 0)
	if !strings.Contains(good.stdout, "memory") || strings.Contains(good.stdout, "was not started") {
		t.Errorf("the memory was not measured:\n%s", good.stdout)
	}
	// Commands run in the image, without a shell, as the user that the file names.
	write("commands.yaml", `schemaVersion: 2.0.0
containerRunOptions: {user: "0"}
globalEnvVars: [{key: GREETING, value: 'a "good" $PATH'}]
commandTests:
  - name: it greets
    setup: [[/bin/busybox, mkdir, /made]]
    command: /bin/busybox
    args: [sh, -c, 'test -d /made; echo "$? $GREETING"; id -u >&2; exit 3']
    exitCode: 3
    expectedOutput: ['^0 a "good" /[a-z/:]*bin\n$']
    excludedOutput: ["good$"]
    expectedError: ["^0\n$"]
  - {name: it fails, command: /bin/busybox, args: ["false"]}
  - {name: its setup fails, setup: [[/bin/busybox, "false"]], command: /bin/busybox, args: ["true"]}
  - {name: it does not exist, command: /bin/none}
`)
	fleet("structure: commands.yaml, shell: off")
	commands := slipway("gate", "--no-start").must(t, 0)
	if !strings.Contains(commands.stdout, "0 of 4 pass, 4 did not run") {
		t.Errorf("nothing is to be started:\n%s", commands.stdout)
	}
	commands = slipway("gate").must(t, 4)
	for _, want := range []string{"1 of 4 pass", `"it fails": /bin/busybox ended with exit code 1, not 0`, `"its setup fails": its setup failed: RUN `, `commands.yaml:15: error: app: "it does not exist": `} {
		if !strings.Contains(commands.stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, commands.stdout)
		}
	}
	write("Dockerfile", tools+"FROM tools\nUSER 1001\nCOPY data /srv/data\n"+command)
	fleet("shell: off")
	slipway("build").must(t, 0)
	grown := slipway("gate").must(t, 4)
	for _, want := range []string{"Dockerfile:6: error: app: the image grew by ", "/srv/data is new: +1.0 MB in layer 3 (COPY data /srv/data)", "changes since app:latest of "} {
		if !strings.Contains(grown.stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, grown.stdout)
		}
	}
}

// privateKey is a fresh one, in PEM.
func privateKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}
