//go:build unix

package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestAMachineThatIsNotReached: what ssh says is in the error, with what to do.
func TestAMachineThatIsNotReached(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"refused":        {"echo 'ssh: connect to host a.example port 22: Connection refused' >&2; exit 255", "Connection refused"},
		"another key":    {"echo 'Host key verification failed.' >&2; exit 255", "Host key verification failed."},
		"no slipway":     {"echo 'sh: 1: exec: /usr/local/bin/slipway: not found' >&2; exit 127", "/usr/local/bin/slipway: not found"},
		"no sudo":        {"echo 'sudo: a password is required' >&2; exit 1", "a password is required"},
		"greets":         {"echo 'Welcome to a.example'; echo 'the disk is 90 % full' >&2; cat >/dev/null", `its shell prints "Welcome to a.example"`},
		"control bytes":  {`printf '\033]0;owned\007bad\n' >&2; exit 255`, "bad"},
		"half an answer": {`dd bs=1 count=1 >/dev/null 2>&1; printf 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{'`, "reading the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			ssh := filepath.Join(t.TempDir(), "ssh")
			if err := os.WriteFile(ssh, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			client := host.NewSSHClient(host.SSH{Address: "deploy@a.example", Command: []string{ssh}})
			defer client.Close()
			_, err := client.Info(t.Context())
			if err == nil || !strings.Contains(err.Error(), "the host deploy@a.example") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if strings.ContainsAny(err.Error(), "\033\007") {
				t.Errorf("control bytes are in %q", err)
			}
			if hint := diag.HintOf(err); name != "half an answer" && !strings.Contains(hint, "slipway host install deploy@a.example") {
				t.Errorf("hint %q", hint)
			}
		})
	}
}

// TestAddressesAreNoOptionsOfSSH: nothing is started for them.
func TestAddressesAreNoOptionsOfSSH(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	for _, address := range []string{"-oProxyCommand=touch%20x", "-oProxyCommand=x@a.example", "root@-oProxyCommand=x", "", "root@", "a b"} {
		client := host.NewSSHClient(host.SSH{Address: address, Command: []string{"touch", started}})
		_, err := client.Info(t.Context())
		client.Close()
		if err == nil || !strings.Contains(err.Error(), "is not the address of a machine") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("a program was started")
	}
}

func TestNoSSH(t *testing.T) {
	client := host.NewSSHClient(host.SSH{Address: "a.example", Command: []string{filepath.Join(t.TempDir(), "ssh")}})
	defer client.Close()
	if _, err := client.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "ssh cannot be started") {
		t.Error(err)
	}
}
