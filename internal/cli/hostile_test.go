package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-build/slipway/internal/cli"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/state"
)

// evil sets the title of a terminal, clears it, overwrites a line, rings, and turns
// the direction of writing, with the control characters of 7 and of 8 bits.
const evil = "\x1b]0;x\a\x1b[2J\r\b\x7f\u009b2J\u202e\u2066\u2028"

// harmful returns the first character that a terminal obeys.
func harmful(out string) (at int) {
	for i, r := range out {
		if r == utf8.RuneError && !strings.HasPrefix(out[i:], "\ufffd") || unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return i
		}
	}
	return -1
}

// jsonText is a text in quotes, for JSON and YAML.
func jsonText(text string) string {
	data, _ := json.Marshal(text) // a string always encodes
	return string(data)
}

// hostileRepositories are directories in which every string is evil.
func hostileRepositories(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	e := jsonText("x" + evil)
	raw := "x" + evil + "\x9b\xff"
	for name, text := range map[string]string{
		"node/package.json": fmt.Sprintf(`{"name": %[1]s, "version": %[1]s, "license": %[1]s, "description": %[1]s, "main": %[1]s, "engines": {"node": %[1]s}, "packageManager": %[1]s,
			"scripts": {"start": %[1]s, "build": %[1]s}, "dependencies": {%[1]s: %[1]s}}`, e),
		"node/package-lock.json":    `{"lockfileVersion": 3, "packages": {"": {"name": ` + e + `}}}`,
		"node/.nvmrc":               raw,
		"node/Procfile":             "web: " + raw + "\nother: " + raw,
		"node/.dockerignore":        raw + "\n[" + raw,
		"good/package.json":         fmt.Sprintf(`{"name": "good", "version": %[1]s, "license": %[1]s, "description": %[1]s, "scripts": {"start": "node s.js"}}`, e),
		"good/package-lock.json":    `{"lockfileVersion": 3, "packages": {"": {"name": "good"}}}`,
		"good/s.js":                 "require('http').createServer().listen(process.env.PORT || 3000); process.env['" + raw + "']",
		"good/" + raw[:9] + "/a.js": "x",
		"go/go.mod":                 "module example.com/" + raw + "\ngo 1.25" + raw + "\n",
		"go/main.go":                "package main\n\nimport _ \"" + raw + "\"\n\nfunc main() {}\n",
		"python/pyproject.toml":     fmt.Sprintf("[project]\nname = %[1]s\nversion = %[1]s\ndescription = %[1]s\nrequires-python = %[1]s\ndependencies = [%[1]s]\n", strings.ReplaceAll(e, `\u`, `\u`)),
		"python/requirements.txt":   raw,
		"python/app.py":             "import " + raw,
		"java/pom.xml":              "<project><artifactId>" + raw + "</artifactId><version>" + raw + "</version></project>",
		"rust/Cargo.toml":           "[package]\nname = \"x\"\nversion = " + e + "\n" + raw,
		"yaml/slipway.yaml":         fmt.Sprintf("version: 1\nfleet: %[1]s\n%[1]s: 1\nservices:\n  %[1]s: {path: %[1]s, type: %[1]s, port: %[1]s, memory: %[1]s, command: [%[1]s], env: {%[1]s: %[1]s}, health: {http: %[1]s}}\n", e),
		"broken/slipway.yaml":       raw + ": [" + raw,
		"own/Dockerfile":            "FROM scratch AS " + raw + "\nLABEL a=\"" + raw + "\"\n" + raw + "\n",
		"bad/Dockerfile":            "FROM slipway/" + raw + "\n",
		"fleet/slipway.yaml":        "version: 1\nfleet: shop\nservices:\n  web: {path: web, type: http, port: 8080, env: {A: " + e + "}, command: [" + e + "]}\n",
		"fleet/web/Dockerfile":      "FROM scratch\nLABEL a=\"" + raw + "\"\nCMD [\"/" + strings.Trim(e, `"`) + "\"]\n",
		"lock/slipway.yaml":         "version: 1\nfleet: shop\nservices:\n  web: {path: web, type: worker}\n",
		"lock/web/Dockerfile":       "FROM scratch\n",
		"lock/slipway.lock":         `{"` + raw + `": 1}`,
		"env":                       raw + "\n",
	} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestNothingOfOthersReachesTheTerminal runs commands over what is evil throughout,
// and looks for control characters in all that they print.
func TestNothingOfOthersReachesTheTerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a hundred commands")
	}
	top := hostileRepositories(t)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors": [{"code": "DENIED", "message": %s}]}`, jsonText(evil))
	}))
	t.Cleanup(registry.Close)
	dirs, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	stateDir := filepath.Join(t.TempDir(), "state")
	hostileGroup(t, stateDir)
	ran := 0
	run := func(dir string, args ...string) {
		var out, errs bytes.Buffer
		cli.Main(args, cli.World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Dir: dir, Getenv: func(name string) string {
			return map[string]string{"SLIPWAY_STATE_DIR": stateDir, "PATH": os.Getenv("PATH"), "DOCKER_CONFIG": stateDir}[name]
		}})
		for _, text := range []string{out.String(), errs.String()} {
			if at := harmful(text); at >= 0 {
				t.Errorf("slipway %q in %s prints %q", args, filepath.Base(dir), text[max(0, at-60):min(len(text), at+20)])
			}
		}
		if slices.Contains(args, "--json") && out.Len() > 0 && !json.Valid(out.Bytes()) {
			t.Errorf("slipway %q in %s: no JSON: %q", args, filepath.Base(dir), out.String())
		}
		ran++
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		for _, command := range []string{
			"plan", "plan --json", "plan --dockerfile", "build --dry-run", "build --dry-run --json", "generate --diff", "init --dry-run", "init --json", "why", "why --json",
			"stats", "stats --json", "bases list", "bases list --json", "runs", "push --dry-run",
		} {
			run(filepath.Join(top, d.Name()), strings.Fields(command)...)
		}
	}
	fleet, name := filepath.Join(top, "fleet"), "x"+evil
	for _, args := range [][]string{
		{"plan", name}, {"build", name}, {"build", "./" + name}, {"build", "-f", name, "."}, {"run", name}, {"run", "--env-file", filepath.Join(top, "env"), "web"}, {"logs", name},
		{name}, {"plan", "--" + name}, {"push", name}, {"why", name}, {"stats", name}, {"build", "--output", name}, {"ps", "-a"}, {"ps", "-a", "--json"}, {"logs"}, {"logs", "web"},
		{"logs", "-n", "1"}, {"push", "--registry", strings.TrimPrefix(registry.URL, "http://"), "web"}, {"doctor"}, {"stop", name}, {"bases", "build", name}, {"build", registry.URL + "/" + name},
		{"init", "."},
	} {
		run(fleet, args...)
	}
	if ran < 100 {
		t.Errorf("only %d commands ran", ran)
	}
}

// hostileGroup leaves a group whose service wrote and answered evil.
func hostileGroup(t *testing.T, stateDir string) {
	t.Helper()
	dir := state.Dir{Path: stateDir}
	if err := fixtureGroup(dir, "shop", []string{"web", "job"}); err != nil {
		t.Fatal(err)
	}
	group := oci.GroupStatus{Name: "shop", PID: 4242, Services: []localrun.Status{
		{Service: "web", Image: "x" + evil, State: localrun.State("odd" + evil), LastProbe: evil, Check: evil},
		{Service: "job", Image: "x" + evil, State: localrun.Exited, LastProbe: evil, Exit: &localrun.Exit{Signal: evil}},
	}}
	data, err := json.Marshal(group)
	if err == nil {
		err = os.WriteFile(filepath.Join(oci.GroupDir(stateDir, "shop"), "state.json"), data, 0o600)
	}
	for _, s := range []string{"web", "job"} {
		err = errors.Join(err, os.WriteFile(oci.LogPath(stateDir, "shop", s), []byte("a"+evil+"\x9b\n"+evil+"\n"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLogsKeepColours: of a program's output, colours are printed; with --raw it is
// printed as it was written.
func TestLogsKeepColours(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("slipway logs needs root")
	}
	stateDir := filepath.Join(t.TempDir(), "state")
	hostileGroup(t, stateDir)
	text := "\x1b[31mred\x1b[0m\n10%\r20%\r\n\x1b[2Jfake\x1b[1;1H\n\x1b]0;title\abell\a\n"
	if err := os.WriteFile(oci.LogPath(stateDir, "shop", "web"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"logs", "web"}, "\x1b[31mred\x1b[0m\n10%\n20%\nfake\nbell\\x07\n"},
		{[]string{"logs", "web", "--raw"}, text},
		{[]string{"logs", "web", "-n", "1"}, "bell\\x07\n"},
	} {
		var out, errs bytes.Buffer
		code := cli.Main(c.args, cli.World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Dir: t.TempDir(), Getenv: func(name string) string {
			return map[string]string{"SLIPWAY_STATE_DIR": stateDir}[name]
		}})
		if out.String() != c.want || code != 0 {
			t.Errorf("slipway %s: exit %d, got %q, want %q; %s", strings.Join(c.args, " "), code, out.String(), c.want, errs.String())
		}
	}
}
