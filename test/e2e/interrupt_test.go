package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

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
	r.until(t, "word of the first interrupt", func() bool { return strings.Contains(r.errs.String(), "interrupt again to stop immediately") })
	time.Sleep(1100 * time.Millisecond)                  // one within a second has the same cause
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
	for n := range number(t, "SLIPWAY_KILLS", 10) {
		invocation{dir: src, env: env, args: append(args[:len(args):len(args)], "--no-cache")}.killed(t, instants, undisturbed.took)
		if got, _ := digestOf(t, invocation{dir: src, env: env, args: args}); got != want {
			t.Fatalf("seed %d, kill %d: built %s, undisturbed %s", seed, n, got, want)
		}
		if left := processesOf(dir); len(left) > 0 {
			t.Fatalf("kill %d: processes are left: %v", n, left)
		}
	}
	for _, f := range mountsOf(t, dir) {
		t.Errorf("left mount: %s", f)
	}
}

func hostOf(s *httptest.Server) string {
	host := s.Listener.Addr().(*net.TCPAddr)
	return fmt.Sprintf("localhost:%d", host.Port)
}
