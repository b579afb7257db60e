package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// stopping stops groups of the shared state while the next services are built: a service
// that does not heed the stop signal takes ten seconds.
type stopping struct {
	all    *testing.T // the test of all services
	groups map[string]*started
}

// begin stops a group without waiting for its end.
func (s *stopping) begin(group string) {
	if s.groups == nil {
		s.groups = map[string]*started{}
	}
	s.groups[group] = invocation{dir: root, args: []string{"stop", "--name", group}}.start(s.all)
}

// wait waits for the end of a group that was to stop, if it was.
func (s *stopping) wait(t *testing.T, group string) {
	t.Helper()
	r := s.groups[group]
	if r == nil {
		return
	}
	delete(s.groups, group)
	select {
	case <-r.ended:
	case <-time.After(time.Minute):
		t.Fatalf("%s still runs after a minute:\n%s", group, r.errs.String())
	}
	code, said := r.cmd.ProcessState.ExitCode(), r.errs.String()
	if code != 0 && !strings.Contains(said, group+" is not running\n") { // a job has ended by itself
		t.Errorf("stopping %s: exit %d\n%s", group, code, said)
	}
}

// end waits for all of them, after which no group may run.
func (s *stopping) end() {
	s.all.Helper()
	for _, group := range slices.Sorted(maps.Keys(s.groups)) {
		s.wait(s.all, group)
	}
	if groups := ps(s.all); len(groups) > 0 {
		s.all.Errorf("still running: %+v", groups)
	}
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

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
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
	for _, m := range mountsOf(t, dir) {
		t.Errorf("left mount: %s", m)
	}
	for _, f := range unfinished(t, dir) {
		t.Errorf("left file: %s", f)
	}
}

// mountsOf lists mounts below a state directory, or of what lies there.
func mountsOf(t *testing.T, dir string) []string {
	t.Helper()
	table := read(t, "/proc/self/mountinfo")
	var found []string
	for _, line := range strings.Split(table, "\n") {
		if strings.Contains(line, " "+dir+"/") || strings.Contains(line, "dir="+dir+"/") {
			found = append(found, line)
		}
	}
	return found
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
