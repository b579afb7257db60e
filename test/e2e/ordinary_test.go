package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ordinary makes a command run as an ordinary user with a state directory of
// its own; without namespaces, that user can make no user namespace. Nothing of
// the machine is changed: the limit is that of a namespace of this command.
func ordinary(t *testing.T, namespaces bool, src string, args ...string) (cmd *exec.Cmd, state string) {
	t.Helper()
	const uid = "1234"
	home, err := os.MkdirTemp("", "slipway-ordinary-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	binary := filepath.Join(home, "slipway")
	data, err := os.ReadFile(slipwayBinary())
	if err == nil {
		err = os.WriteFile(binary, data, 0o755)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(home, "src"), os.DirFS(src))
	}
	if err == nil {
		err = exec.Command("chown", "-R", uid+":"+uid, home).Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	limit := "echo 0 > /proc/sys/user/max_user_namespaces && "
	if namespaces {
		limit = ""
	}
	script := limit + `exec setpriv --reuid=` + uid + ` --regid=` + uid + ` --clear-groups "$@"`
	cmd = exec.Command("/bin/sh", append([]string{"-c", script, "sh", binary}, args...)...)
	cmd.Dir = filepath.Join(home, "src")
	state = filepath.Join(home, "state")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR=", "SLIPWAY_STATE_DIR="+state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !namespaces {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = ids, ids
		cmd.SysProcAttr.GidMappingsEnableSetgroups = true
	}
	return cmd, state
}

func TestNeitherRootNorUserNamespacesIsRefusedWithTheSetting(t *testing.T) {
	real(t)
	src := smallDir(t, "")
	for _, args := range [][]string{{"build"}, {"build", "--push", "."}} {
		cmd, state := ordinary(t, false, src, args...)
		r := finish(t, cmd).must(t, 2).says(t, "builds need root or user namespaces, and this machine denies them to ordinary users",
			"  hint: the setting user.max_user_namespaces is 0: run `sudo sysctl -w user.max_user_namespaces=28633`, or run slipway as root")
		if r.stdout != "" {
			t.Errorf("a refusal prints a result:\n%s", r.stdout)
		}
		if _, err := os.Stat(state); err == nil {
			t.Errorf("%v made a state directory before it was refused", args)
		}
	}
	cmd, _ := ordinary(t, false, src, "doctor")
	if d := finish(t, cmd).must(t, 2); !strings.Contains(d.stdout, "missing  privileges") || !strings.Contains(d.stdout, "sysctl -w user.max_user_namespaces=28633") {
		t.Errorf("doctor does not say it:\n%s", d.stdout)
	}
	cmd, _ = ordinary(t, false, src, "build", "--dry-run")
	finish(t, cmd).must(t, 0) // planning needs no rights
}

func TestAnOrdinaryUserBuildsAndInterrupts(t *testing.T) {
	real(t)
	cmd, _ := ordinary(t, true, smallDir(t, "RUN id -u > /who\n"), "build")
	if r := finish(t, cmd).must(t, 0); !strings.Contains(r.stdout, "Size=2MB") {
		t.Errorf("no statistics:\n%s%s", r.stdout, r.stderr)
	}
	cmd, state := ordinary(t, true, smallDir(t, slow), "build")
	r := &started{cmd: cmd, began: time.Now(), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &r.out, &r.errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(r.ended) }()
	r.until(t, "the step", inStep(state))
	interrupted(t, r, state)
}

func TestAnUnreadableFileIsRefusedAndNeverEmptyInTheImage(t *testing.T) {
	real(t)
	src := smallDir(t, "COPY data /data\n")
	if err := os.Mkdir(filepath.Join(src, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(src, "data", "secret"), "full\n")
	cmd, state := ordinary(t, true, src, "build", "-o", "out")
	again := exec.Command(cmd.Path)
	again.Args, again.Dir, again.Env, again.SysProcAttr = cmd.Args, cmd.Dir, cmd.Env, cmd.SysProcAttr
	file := filepath.Join(cmd.Dir, "data", "secret")
	if err := errors.Join(os.Chown(file, 0, 0), os.Chmod(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	finish(t, cmd).must(t, 2).says(t, "the file data/secret of the build context "+cmd.Dir+" cannot be read: permission denied\n  hint: make it readable")
	if _, err := os.Stat(filepath.Join(cmd.Dir, "out")); err == nil {
		t.Error("there is a result")
	}
	nothingLeft(t, state)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	finish(t, again).must(t, 0)
	if got := read(t, filepath.Join(cmd.Dir, "out", "data", "secret")); got != "full\n" {
		t.Errorf("the file is %q in the result", got)
	}
}
