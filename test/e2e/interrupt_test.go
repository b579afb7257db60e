package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// started is a command that was started, in a process group of its own as a
// shell would give it: an interrupt reaches the group, as Ctrl-C does.
type started struct {
	cmd       *exec.Cmd
	out, errs safeBuffer
	began     time.Time
	ended     chan struct{}
}

// safeBuffer may be read while a process writes to it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start starts a command; the test's end kills what is left of it.
func (i invocation) start(t *testing.T) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &started{cmd: i.command(ctx), began: time.Now(), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.errs
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() { _ = r.cmd.Wait(); close(r.ended) }()
	t.Cleanup(func() {
		cancel()
		<-r.ended
	})
	return r
}

// until waits for a condition while the command runs.
func (r *started) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-r.ended:
			if condition() {
				return
			}
			t.Fatalf("ended before %s:\n%s%s", what, r.out.String(), r.errs.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s after two minutes:\n%s", what, r.errs.String())
		}
	}
}

func (r *started) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-r.cmd.Process.Pid, s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end of the command, at most for a time.
func (r *started) end(t *testing.T, within time.Duration) result {
	t.Helper()
	asked := time.Now()
	select {
	case <-r.ended:
	case <-time.After(within):
		t.Fatalf("still runs after %v:\n%s", within, r.errs.String())
	}
	t.Logf("ended %v after it was asked to", time.Since(asked).Round(time.Millisecond))
	return result{r.out.String(), r.errs.String(), r.cmd.ProcessState.ExitCode(), time.Since(r.began)}
}

// smallDir is a directory with a static busybox, a Dockerfile whose first steps
// make a system of it, and the given steps.
func smallDir(t *testing.T, steps string) string {
	t.Helper()
	dir := t.TempDir()
	shell, err := os.ReadFile("/usr/bin/busybox")
	if err != nil {
		shell, err = os.ReadFile("/bin/busybox")
	}
	if err != nil {
		t.Fatalf("%v: scripts/install-deps.sh test installs it", err)
	}
	write(t, filepath.Join(dir, "busybox"), string(shell))
	if err := os.Chmod(filepath.Join(dir, "busybox"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "Dockerfile"), `FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM base AS work
`+steps)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ownState is a state directory for one test, as an environment.
func ownState(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(t.TempDir()), "state-")
	if err != nil {
		t.Fatal(err)
	}
	return dir, []string{"SLIPWAY_STATE_DIR=" + dir}
}

// nothingLeft fails the test when a process, a mount or an unfinished file of a
// state directory is left.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	for _, p := range processesOf(dir) {
		t.Errorf("left process: %s", p)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(table), "\n") {
		if strings.Contains(line, " "+dir+"/") {
			t.Errorf("left mount: %s", line)
		}
	}
	for _, f := range unfinished(t, dir) {
		t.Errorf("left file: %s", f)
	}
}

// processesOf lists processes that were started with the state directory, or
// whose root is an overlay from it: build steps and containers.
func processesOf(dir string) []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		if filepath.Base(p) == fmt.Sprint(os.Getpid()) {
			continue
		}
		words, _ := os.ReadFile(p + "/cmdline")
		mounts, _ := os.ReadFile(p + "/mountinfo")
		overlay := regexp.MustCompile(`(?m)^\S+ \S+ \S+ \S+ / .*lowerdir=` + regexp.QuoteMeta(dir) + `/`).Match(mounts)
		if len(words) > 0 && (bytes.Contains(words, []byte(dir)) || overlay) {
			found = append(found, filepath.Base(p)+" "+string(bytes.ReplaceAll(words, []byte{0}, []byte{' '})))
		}
	}
	return found
}

var unfinishedName = regexp.MustCompile(`(^|/)(\.tmp-[^/]*|\.new-[^/]*|[^/]*\.partial|[^/]*\.tmp|\.doctor-[^/]*|ingest/[^/]+|images/tmp/[^/]+|executor/[a-z0-9]{25})$`)

// unfinished lists files that a command had not finished.
func unfinished(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, dir+"/")
		if e != nil && e.IsDir() && e.Name() == "snapshots" && filepath.Base(filepath.Dir(path)) == "snapshots" {
			return filepath.SkipDir // file systems of steps
		}
		if err == nil && unfinishedName.MatchString(rel) {
			found = append(found, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// digestOf builds a directory and returns the digest of its image.
func digestOf(t *testing.T, i invocation) (string, result) {
	t.Helper()
	i.args = append(i.args[:len(i.args):len(i.args)], "--json")
	r := i.run(t).must(t, 0)
	m := regexp.MustCompile(`"digest": ?"(sha256:[0-9a-f]{64})"`).FindStringSubmatch(r.stdout)
	if m == nil {
		t.Fatalf("no digest in %s", r.stdout)
	}
	return m[1], r
}

// interrupted is what every interrupted command has in common.
func interrupted(t *testing.T, r *started, dir string) {
	t.Helper()
	r.signal(t, syscall.SIGINT)
	got := r.end(t, 10*time.Second).must(t, 130)
	got.says(t, "slipway: interrupted")
	if strings.Contains(got.stdout, "Build Statistics") {
		t.Errorf("an interrupted build prints statistics:\n%s", got.stdout)
	}
	nothingLeft(t, dir)
}

const slow = "RUN echo running; sleep 300\n"

// inStep tells whether a step of the state directory runs `sleep 300`.
func inStep(dir string) func() bool {
	return func() bool { return strings.Contains(strings.Join(processesOf(dir), "\n"), "sleep 300") }
}

func TestAnInterruptInAStepLeavesNothing(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, slow)
	r := invocation{dir: src, env: env, args: []string{"build"}}.start(t)
	r.until(t, "the step", inStep(dir))
	interrupted(t, r, dir)
	write(t, filepath.Join(src, "Dockerfile"), strings.Replace(read(t, filepath.Join(src, "Dockerfile")), slow, "RUN echo fine > /x\n", 1))
	again := invocation{dir: src, env: env, args: []string{"build"}}.run(t).must(t, 0)
	if strings.Contains(again.stderr, "clearing") {
		t.Errorf("the interrupted build left something to clear:\n%s", again.stderr)
	}
	again.says(t, `"--install", "-s", "/bin"] … cached`)
}

func TestATerminateSignalStopsCleanlyToo(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	r := invocation{dir: smallDir(t, slow), env: env, args: []string{"build"}}.start(t)
	r.until(t, "the step", inStep(dir))
	r.signal(t, syscall.SIGTERM)
	r.end(t, 10*time.Second).must(t, 130)
	nothingLeft(t, dir)
}

func TestASecondInterruptStopsAtOnceAndTheNextBuildRepairs(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, slow)
	r := invocation{dir: src, env: env, args: []string{"build"}}.start(t)
	r.until(t, "the step", inStep(dir))
	r.signal(t, syscall.SIGINT)
	// The signals must not arrive as one.
	r.until(t, "word of the first interrupt", func() bool { return strings.Contains(r.errs.String(), "interrupt again to stop now") })
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT) // it may have ended by itself
	r.end(t, time.Second).must(t, 130)
	write(t, filepath.Join(src, "Dockerfile"), strings.Replace(read(t, filepath.Join(src, "Dockerfile")), slow, "", 1))
	invocation{dir: src, env: env, args: []string{"build"}}.run(t).must(t, 0)
	nothingLeft(t, dir)
}

func TestAnInterruptWhileWaitingForTheEngineLeavesTheOtherBuildAlone(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	first := invocation{dir: smallDir(t, "RUN sleep 3\n"), env: env, args: []string{"build"}}.start(t)
	first.until(t, "the engine's lock", func() bool {
		lock, _ := os.ReadFile(filepath.Join(dir, "engine", "lock"))
		return len(lock) > 0
	})
	second := invocation{dir: smallDir(t, ""), env: env, args: []string{"build"}}.start(t)
	second.until(t, "word that it waits", func() bool { return strings.Contains(second.errs.String(), "waiting for") })
	second.signal(t, syscall.SIGINT)
	second.end(t, 10*time.Second).must(t, 130)
	first.end(t, time.Minute).must(t, 0)
	nothingLeft(t, dir)
}

func TestAnInterruptDuringTheExportLeavesNothing(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, "RUN dd if=/dev/urandom of=/big bs=1M count=150 2>/dev/null\n")
	i := invocation{dir: src, env: env, args: []string{"build"}}
	r := i.start(t)
	r.until(t, "the export", func() bool {
		for _, pattern := range []string{"images/ingest/*/data", "engine/runc-overlayfs/content/ingest/*/data"} {
			files, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, f := range files {
				if info, err := os.Stat(f); err == nil && info.Size() > 4<<20 {
					return true
				}
			}
		}
		return false
	})
	interrupted(t, r, dir)
	i.run(t).must(t, 0).says(t, "count=150 2>/dev/null … cached")
	nothingLeft(t, dir)
}

func TestAnInterruptDuringAPushLeavesTheImageWhole(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	arrived := make(chan struct{})
	var once sync.Once
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.Method {
		case http.MethodGet:
			w.WriteHeader(http.StatusOK)
		case http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		default:
			once.Do(func() { close(arrived) })
			<-req.Context().Done()
		}
	}))
	defer registry.Close()
	name := hostOf(registry) + "/team/web:1"
	src := smallDir(t, "")
	want, _ := digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", name}})
	r := invocation{dir: src, env: env, args: []string{"push", name}}.start(t)
	select {
	case <-arrived:
	case <-time.After(time.Minute):
		t.Fatalf("nothing was pushed:\n%s", r.errs.String())
	}
	interrupted(t, r, dir)
	if got, _ := digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", name}}); got != want {
		t.Errorf("the image is %s after the push, %s before", got, want)
	}
}

func TestAKillInAStepIsRepairedAndSaid(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, "ARG WAIT\nRUN [ -z \"$WAIT\" ] || sleep 300\nRUN echo fine > /x\n")
	refDir, refEnv := ownState(t)
	want, _ := digestOf(t, invocation{dir: src, env: refEnv, args: []string{"build", "-t", "web:1"}})
	nothingLeft(t, refDir)
	r := invocation{dir: src, env: env, args: []string{"build", "--build-arg", "WAIT=1", "-t", "web:1"}}.start(t)
	r.until(t, "the step", inStep(dir))
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	got, again := digestOf(t, invocation{dir: src, env: env, args: []string{"build", "-t", "web:1"}})
	again.says(t, "note: clearing 1 build step(s)", "that an interrupted build left behind")
	if got != want {
		t.Errorf("built %s after a kill, %s undisturbed", got, want)
	}
	nothingLeft(t, dir)
}

func TestABuildAfterAKillAtAnyInstantIsTheSame(t *testing.T) {
	real(t)
	src := smallDir(t, `RUN for i in 1 2 3 4 5; do echo $i > /f$i; sleep 0.1; done
RUN yes slipway | head -c 60000000 > /big && mkdir /d && for i in $(seq 500); do echo $i > /d/$i; done
FROM base
COPY --from=work /d /d
COPY --from=work /big /f1 /
`)
	_, refEnv := ownState(t)
	args := []string{"build", "-t", "web:1"}
	want, undisturbed := digestOf(t, invocation{dir: src, env: refEnv, args: args})
	dir, env := ownState(t)
	const seed = 20261121
	instants := rand.New(rand.NewPCG(seed, seed))
	for n := range 10 {
		at := time.Duration(instants.Int64N(int64(undisturbed.took)))
		r := invocation{dir: src, env: env, args: append(args[:len(args):len(args)], "--no-cache")}.start(t)
		select {
		case <-r.ended:
		case <-time.After(at):
			r.signal(t, syscall.SIGKILL)
			<-r.ended
		}
		if got, _ := digestOf(t, invocation{dir: src, env: env, args: args}); got != want {
			t.Fatalf("seed %d, kill %d after %v of %v: built %s, undisturbed %s", seed, n, at, undisturbed.took, got, want)
		}
		if left := processesOf(dir); len(left) > 0 {
			t.Fatalf("kill %d after %v: processes are left: %v", n, at, left)
		}
	}
	invocation{dir: src, env: env, args: append(args[:len(args):len(args)], "-o", "type=oci,dest="+filepath.Join(t.TempDir(), "web.tar"))}.run(t).must(t, 0)
}

func hostOf(s *httptest.Server) string {
	host := s.Listener.Addr().(*net.TCPAddr)
	return fmt.Sprintf("localhost:%d", host.Port)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
