package account

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows numbers nobody")
	}
	const stranger = 1_234_567_890
	for name, c := range map[string]struct {
		getent string // a script; "" for no getent
		uid    int
		want   string
	}{
		"of the machine":          {"exit 1", 0, "root"},
		"of a directory service":  {"echo 'kim:*:1234567890:5000:Kim:/home/kim:/bin/bash'", stranger, "kim"},
		"the question":            {`[ "$*" = "passwd 1234567890" ] && echo "asked:*:1234567890:"`, stranger, "asked"},
		"nobody":                  {"exit 2", stranger, ""},
		"an answer about another": {"echo 'kim:*:7:5000:Kim:/home/kim:/bin/bash'", stranger, ""},
		"a broken answer":         {"echo kim", stranger, ""},
		"no getent":               {"", stranger, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.getent != "" {
				if err := os.WriteFile(filepath.Join(dir, "getent"), []byte("#!/bin/sh\n"+c.getent+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			usual := getent
			t.Cleanup(func() { getent = usual })
			getent = []string{filepath.Join(dir, "missing"), filepath.Join(dir, "getent")}
			if got := Name(c.uid); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
