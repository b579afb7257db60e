package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
)

// pseudoTerminal makes a terminal: the end of the person, and that of the program.
func pseudoTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs a terminal: %v", err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = person.Close(), program.Close() })
	return person, program
}

// TestBuildAsksOnce: what slipway.yaml leaves open is asked in a terminal, and the
// answer is written; elsewhere the lines to paste are printed.
func TestBuildAsksOnce(t *testing.T) {
	const before = "version: 1\nfleet: f\nservices:\n  x: {path: ., type: worker}\n"
	const question = "Write which line for x into slipway.yaml? [1-2, Enter for none]"
	for name, c := range map[string]struct {
		answer string
		ci     string
		asks   bool
		code   diag.ExitCode
		after  string
	}{
		"an answer":    {"2\n", "", true, diag.ExitOK, strings.Replace(before, "path: .", "path: apps/mail", 1)},
		"no answer":    {"\n", "", true, diag.ExitUsage, before},
		"a CI service": {"2\n", "true", false, diag.ExitUsage, before},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{
				"slipway.yaml": before, "package.json": `{"workspaces": ["apps/*"]}`, "package-lock.json": `{"lockfileVersion": 3, "packages": {"": {"workspaces": ["apps/*"]}, "apps/api": {}, "apps/mail": {}}}`,
				"apps/api/package.json": `{"name": "api", "scripts": {"start": "node a.js"}}`, "apps/api/a.js": "", "apps/mail/package.json": `{"name": "mail", "scripts": {"start": "node a.js"}}`, "apps/mail/a.js": "",
			} {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			person, program := pseudoTerminal(t)
			if _, err := person.WriteString(c.answer); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			env := map[string]string{"SLIPWAY_STATE_DIR": t.TempDir(), "CI": c.ci, "NO_COLOR": "1"}
			code := Main([]string{"build", "--dry-run"}, World{Stdin: program, Stdout: &out, Stderr: program, Dir: dir, Getenv: func(k string) string { return env[k] }})
			const end = "(the end)"
			if _, err := program.WriteString(end); err != nil {
				t.Fatal(err)
			}
			var seen string
			for part := make([]byte, 64<<10); !strings.Contains(seen, end); {
				n, err := person.Read(part)
				if err != nil {
					t.Fatal(err)
				}
				seen += string(part[:n])
			}
			if code != c.code || strings.Contains(seen, question) != c.asks || !strings.Contains(seen, "path: apps/api\r\n    path: apps/mail\r\n") {
				t.Errorf("exit code %d, and the terminal shows\n%s", code, seen)
			}
			text, err := os.ReadFile(filepath.Join(dir, "slipway.yaml"))
			if err != nil || string(text) != c.after {
				t.Errorf("%v: slipway.yaml is\n%s", err, text)
			}
			if built := strings.Contains(out.String(), "would build x"); built != (c.code == diag.ExitOK) {
				t.Errorf("prints %q", out.String())
			}
		})
	}
}
