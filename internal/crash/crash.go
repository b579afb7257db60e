// Package crash keeps stack traces out of the terminal. What the Go runtime writes
// when a process dies goes to a file of the state directory, which can be sent to
// the maintainers; the next command names it. A panic that can be caught becomes
// an error with the same file.
//
// It does not send anything anywhere, and it keeps only the last report.
//
//	stderr, earlier := crash.Divert(dir)
//	defer func() { err = errors.Join(err, crash.Caught(dir, recover(), debug.Stack())) }()
package crash

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plaintext"
)

const (
	running = "crash.log"        // what a dying process writes to
	report  = "crash-report.txt" // of the last one that died
)

// Caught turns a recovered value into an error and keeps its stack in a report.
// Without a value there is no error.
func Caught(dir string, value any, stack []byte) error {
	if value == nil {
		return nil
	}
	said := plaintext.WithoutLogins(fmt.Sprint(value))
	first, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	f := diag.Fail(diag.ExitUnexpected, "internal error: %s", first)
	text := fmt.Appendf(nil, "panic: %s\n\n%s\n%s", said, strings.Join(withoutValues(os.Args), " "), stack)
	path := filepath.Join(dir, report)
	if atomicfile.Write(path, text, atomicfile.Options{Mode: 0o600}) != nil {
		file, err := os.CreateTemp("", "slipway-crash-*.txt")
		if err != nil {
			return f.WithHint("run the command again; finished work is kept")
		}
		_, _ = file.Write(text)
		_ = file.Close()
		path = file.Name()
	}
	return f.WithHint("run the command again, and send %s to the maintainers; finished work is kept", path)
}

// withoutValues are the arguments of a command, for others to read: of NAME=VALUE, which
// may be a password, only the name, and addresses without logins.
func withoutValues(args []string) []string {
	var out []string
	for _, arg := range args {
		flag, rest := "", arg
		if strings.HasPrefix(arg, "--") { // --build-arg=NAME=VALUE
			if at := strings.IndexByte(arg, '=') + 1; at > 0 && strings.Contains(arg[at:], "=") {
				flag, rest = arg[:at], arg[at:]
			}
		}
		if name, _, ok := strings.Cut(rest, "="); ok {
			rest = name + "=…"
		}
		out = append(out, plaintext.WithoutLogins(flag+rest))
	}
	return out
}

// Settle takes the file for a dying process away from a directory that holds nothing
// else: the command did not use it. Call it when the command has ended.
func Settle(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != running {
		return
	}
	if info, err := entries[0].Info(); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		_ = os.Remove(filepath.Join(dir, running))
	}
}

// collect makes a report of what a process wrote when it died, and returns its
// path; "" when none did. Other lines in the file are of no interest.
func collect(dir string) string {
	path := filepath.Join(dir, running)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if !bytes.Contains(text, []byte("\ngoroutine ")) {
		_ = os.Truncate(path, 0)
		return ""
	}
	to := filepath.Join(dir, report)
	if os.Rename(path, to) != nil {
		return ""
	}
	return to
}
