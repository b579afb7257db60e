//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNoOtherFileIsNeeded starts slipway where there is nothing else: no C library, as on a
// machine that has another one, and no directory for temporary files.
func TestNoOtherFileIsNeeded(t *testing.T) {
	real(t)
	program, err := os.ReadFile(slipwayBinary())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "slipway"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/slipway", "version")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	cmd.Dir, cmd.Env = "/", []string{}
	if r := finish(t, cmd).must(t, 0); !strings.HasPrefix(r.stdout, "slipway ") {
		t.Errorf("it says %q", r.stdout)
	}
}
