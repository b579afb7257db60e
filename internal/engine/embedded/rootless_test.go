//go:build linux

package embedded

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/netns"
	"github.com/slipway-build/slipway/internal/rootless"
)

// rootlessBuild makes the test binary the program of an ordinary user: it
// enters a namespace and builds what its arguments say.
const rootlessBuild = "SLIPWAY_TEST_ROOTLESS_BUILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(rootlessBuild); dir != "" {
		os.Exit(buildAsUser(dir))
	}
	if len(os.Args) > 3 && os.Args[1] == outboundForTest {
		fmt.Fprintln(os.Stderr, netns.Exec(os.Args[2], os.Args[3], os.Args[4:], os.Environ()))
		os.Exit(1)
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
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	e, err := Open(ctx, Options{
		StateDir: filepath.Join(os.Getenv("SLIPWAY_STATE_DIR"), "engine"), ImageDir: filepath.Join(state, "images"),
		Runc: os.Getenv("SLIPWAY_RUNC"), CAFile: filepath.Join(dir, "Dockerfile"), StepEnv: []string{"https_proxy=http://canary.example"},
		PID: rootless.PID(), Rootless: rootless.Inside(), MaxUnpacked: 32 << 20, StepPIDs: 400,
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

// everyUser makes files of other users, and a directory that hides an older one.
const everyUser = busyboxBase + `
RUN mkdir /app && echo one > /app/file && chown -R 1001:1001 /app && head -n 1 $SSL_CERT_FILE && echo proxy $https_proxy
RUN rm -r /app && mkdir -p /app/file && echo two > /app/file/two && chown -R 1001:1001 /app
USER 1001
RUN id && stat -c 'owner %u:%g' /app && cat /app/file/two
`

func TestAnOrdinaryUserBuildsTheSameImageAsRoot(t *testing.T) {
	needRoot(t)
	uid, gid := newUser(t)
	cmd, dir := asUser(t, uid, gid, everyUser)
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
	began := time.Now()
	second, err := again(cmd).CombinedOutput()
	t.Logf("%s%v in all", second, time.Since(began))
	if err != nil || !bytes.Contains(second, []byte("5 of 5 steps cached")) {
		t.Errorf("the second build: %v", err)
	}
	e := openReal(t, Options{})
	res, err := e.Build(context.Background(), engine.Request{Name: "web", Context: filepath.Join(dir, "context"), Dockerfile: []byte(everyUser)}, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Digest != digestIn(first) || res.Digest != digestIn(second) {
		t.Errorf("root builds %s, the user %s and then %s", res.Digest, digestIn(first), digestIn(second))
	}
}

func TestAUserWithoutSubordinateIDsBuildsAsOneUserAndIsTold(t *testing.T) {
	needRoot(t)
	cmd, dir := asUser(t, 65534, 65534, busyboxBase+"RUN id && mkdir /app\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("note: only user 0 exists in this build, because /etc/subuid gives you no ids")) {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(busyboxBase+"RUN mkdir /app && chown 1001 /app\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err = again(cmd).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("Invalid argument")) {
		t.Errorf("chown to a user that does not exist: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func TestEndingTheOuterProcessLeavesNothing(t *testing.T) {
	needRoot(t)
	for i, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			seconds := strconv.Itoa(100000*(i+1) + os.Getpid())
			cmd, dir := asUser(t, 65534, 65534, busyboxBase+"RUN echo started && sleep "+seconds+"\n")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var log []string
			for s := bufio.NewScanner(out); s.Scan(); {
				log = append(log, s.Text())
				if s.Text() == "started" {
					holder, err := os.ReadFile(filepath.Join(dir, "state", "engine", "lock"))
					if want := fmt.Sprintf("%d slipway\n", cmd.Process.Pid); err != nil || string(holder) != want {
						t.Errorf("the lock says %q, want %q", holder, want)
					}
					if err := cmd.Process.Signal(sig); err != nil {
						t.Fatal(err)
					}
				}
			}
			err = cmd.Wait()
			t.Logf("%v: %s", err, strings.Join(log, "\n"))
			waitGone(t, "sleep\x00"+seconds)
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(busyboxBase+"RUN true\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := again(cmd).CombinedOutput(); err != nil {
				t.Errorf("the next build: %v\n%s", err, out)
			}
		})
	}
}

// waitGone waits until no process of the machine has the command line.
func waitGone(t *testing.T, cmdline string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		left := ""
		for _, f := range files {
			if data, err := os.ReadFile(f); err == nil && bytes.Contains(data, []byte(cmdline)) {
				left = f
			}
		}
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", left)
		}
	}
}

// again is the same command once more.
func again(c *exec.Cmd) *exec.Cmd {
	next := exec.Command(c.Path)
	next.Dir, next.Env, next.SysProcAttr = c.Dir, c.Env, c.SysProcAttr
	return next
}

// digestIn finds what buildAsUser printed.
func digestIn(out []byte) string {
	_, rest, _ := strings.Cut(string(out), "built ")
	digest, _, _ := strings.Cut(rest, " ")
	return digest
}

func TestHasGroup(t *testing.T) {
	for table, want := range map[string]bool{
		"         0          0 4294967295\n":                            true,
		"         0       1000          1\n":                            false,
		"         0       1000          1\n  1     100000      65536\n": true,
		"         0       1000          5\n":                            false,
		"":                                                              false,
	} {
		if got := hasGroup(table, 5); got != want {
			t.Errorf("hasGroup(%q, 5) = %v", table, got)
		}
	}
}
