//go:build linux

package embedded

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/rootless"
)

// rootlessBuild makes the test binary the program of an ordinary user: it
// enters a namespace and builds what its arguments say.
const rootlessBuild = "SLIPWAY_TEST_ROOTLESS_BUILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(rootlessBuild); dir != "" {
		os.Exit(buildAsUser(dir))
	}
	os.Exit(m.Run())
}

// buildAsUser builds dir/context with dir/Dockerfile and prints the log.
func buildAsUser(dir string) int {
	ctx := context.Background()
	state := filepath.Join(dir, "state")
	code, entered, err := rootless.Enter(ctx, rootless.Process{
		Args: os.Args, Env: os.Environ(), StateDir: state,
		Note: func(text string) { fmt.Println("note:", text) },
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if entered {
		return code
	}
	began := time.Now()
	e, err := Open(ctx, Options{
		StateDir: filepath.Join(os.Getenv("SLIPWAY_STATE_DIR"), "engine"), ImageDir: filepath.Join(state, "images"),
		Runc: os.Getenv("SLIPWAY_RUNC"), CAFile: filepath.Join(dir, "Dockerfile"), StepEnv: []string{"https_proxy=http://canary.example"},
		PID: rootless.PID(), Rootless: rootless.Inside(),
	}, event.Discard{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("opened after %v\n", time.Since(began).Round(time.Millisecond))
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	log := &recorder{}
	began = time.Now()
	res, err := e.Build(ctx, engine.Request{Name: "web", Context: filepath.Join(dir, "context"), Dockerfile: text}, tee{log, os.Stdout})
	fmt.Printf("built %s after %v: %d of %d steps cached, error %v\n", res.Digest, time.Since(began).Round(time.Millisecond), res.CachedSteps, res.Steps, err)
	if err := e.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	if err != nil {
		return 3
	}
	return 0
}

// tee keeps every event and prints what steps print.
type tee struct {
	*recorder
	out *os.File
}

func (t tee) Emit(e event.Event) {
	if l, ok := e.(event.StepLog); ok {
		_, _ = t.out.Write(l.Data)
	}
	t.recorder.Emit(e)
}

// asUser returns a command that runs this test binary as the user, in a
// directory of the user's own that holds a context and the Dockerfile.
func asUser(t *testing.T, uid, gid uint32, dockerfile string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "slipway-rootless-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	runc := os.Getenv("SLIPWAY_RUNC")
	if runc == "" {
		if runc, err = exec.LookPath("runc"); err != nil {
			t.Skip("needs runc: set SLIPWAY_RUNC")
		}
	}
	script := `set -e; cp /proc/` + strconv.Itoa(os.Getpid()) + `/exe test; cp "$1" runc; mkdir context home; cp /bin/busybox context/busybox; cat > Dockerfile; chmod 755 test runc; chown -R "$2" .`
	prepare := exec.Command("/bin/sh", "-c", script, "sh", runc, fmt.Sprintf("%d:%d", uid, gid))
	prepare.Dir, prepare.Stdin = dir, strings.NewReader(dockerfile)
	if out, err := prepare.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd = exec.Command(filepath.Join(dir, "test"))
	cmd.Dir = dir
	cmd.Env = []string{rootlessBuild + "=" + dir, "HOME=" + dir + "/home", "PATH=/usr/bin:/bin", "SLIPWAY_RUNC=" + dir + "/runc", "USER=root", "TMPDIR=/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	return cmd, dir
}

// needRoot skips unless the test may become another user.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" || os.Geteuid() != 0 {
		t.Skip("becomes an ordinary user and builds: set SLIPWAY_E2E=1 and be root (make test does)")
	}
}

// newUser adds a user with subordinate ids, for the time of the test.
func newUser(t *testing.T) (uid, gid uint32) {
	t.Helper()
	if _, err := exec.LookPath("newuidmap"); err != nil {
		t.Skip("needs newuidmap: apt-get install uidmap")
	}
	name := "slipwaytest" + strconv.Itoa(os.Getpid())
	if out, err := exec.Command("useradd", "--no-create-home", "--shell", "/usr/sbin/nologin", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v\n%s", err, out)
		}
	})
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{u.Uid, u.Gid} {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		*[]*uint32{&uid, &gid}[i] = uint32(n)
	}
	return uid, gid
}

func TestAnOrdinaryUserBuildsWithEveryUserOfTheImage(t *testing.T) {
	needRoot(t)
	uid, gid := newUser(t)
	cmd, dir := asUser(t, uid, gid, busyboxBase+`
RUN mkdir /app && echo one > /app/file && chown -R 1001:1001 /app && cat $SSL_CERT_FILE | head -n 1 && echo proxy $https_proxy
RUN rm /app/file && mkdir /app/file && echo two > /app/file/two && chown -R 1001:1001 /app
USER 1001
RUN id && stat -c 'owner %u:%g' /app && cat /app/file/two && echo pids $(ls /proc | grep -c '^[0-9]')
FROM scratch
COPY --from=0 --chown=1001:1001 /app /app
`)
	first, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, first)
	}
	t.Logf("%s", first)
	for _, want := range []string{"uid=1001", "owner 1001:1001", "two", "proxy http://canary.example", "FROM scratch AS base"} {
		if !bytes.Contains(first, []byte(want)) {
			t.Errorf("the log lacks %q", want)
		}
	}
	again := exec.Command(cmd.Path)
	again.Dir, again.Env, again.SysProcAttr = cmd.Dir, cmd.Env, cmd.SysProcAttr
	began := time.Now()
	second, err := again.CombinedOutput()
	t.Logf("%s%v in all", second, time.Since(began))
	if err != nil || digestIn(first) == "" || digestIn(first) != digestIn(second) {
		t.Errorf("the second build: %v", err)
	}
	_ = dir
}

// digestIn finds what buildAsUser printed.
func digestIn(out []byte) string {
	_, rest, _ := strings.Cut(string(out), "built ")
	digest, _, _ := strings.Cut(rest, " ")
	return digest
}
