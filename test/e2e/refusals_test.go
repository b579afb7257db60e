package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// refuses runs a command that must end with a code, say the texts, print
// nothing as a result and leave the state directory as it should be.
func refuses(t *testing.T, i invocation, code int, texts ...string) result {
	t.Helper()
	r := i.run(t).must(t, code).says(t, texts...)
	if r.stdout != "" {
		t.Errorf("a refusal prints a result:\n%s", r.stdout)
	}
	for _, jargon := range []string{"rpc error", "failed to solve", "goroutine ", "%!"} {
		if strings.Contains(r.stderr, jargon) {
			t.Errorf("stderr says %q:\n%s", jargon, r.stderr)
		}
	}
	lines := strings.Split(strings.TrimRight(r.stderr, "\n"), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "  hint: ") {
		t.Errorf("the last line is no hint:\n%s", r.stderr)
	}
	return r
}

func TestBuildsOfADirectoryAreRefusedWithTheCause(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, "")
	start := read(t, filepath.Join(src, "Dockerfile"))
	for name, c := range map[string]struct {
		steps string
		args  []string
		code  int
		says  []string
	}{
		"missing file": {"COPY lost.txt /\n", nil, 3, []string{
			"slipway: ", "COPY lost.txt /: lost.txt is not in the build context", "hint: check the path and the patterns of .dockerignore"}},
		"failing step": {"RUN echo first; echo why >&2; exit 7\n", nil, 3, []string{
			"log of work  RUN echo first; echo why >&2; exit 7 ===", "first\n", "why\n", "exit code 7\n", "hint: see the step's output above"}},
		"unknown image": {"FROM localhost:1/nosuch:1\n", nil, 3, []string{
			"the image localhost:1/nosuch:1 cannot be read", "connection refused", "hint: check the image name after FROM"}},
		"unknown base": {"FROM slipway/node:24-trixy\nCOPY --from=base /bin /bin\n", nil, 2, []string{
			`Dockerfile:5: error: unknown base "slipway/node:24-trixy" [SLP402]`, `hint: did you mean "slipway/node:24-trixie"?`}},
		"foreign front end": {"", []string{"-f", "Foreign"}, 2, []string{
			`requires the foreign front end "evil.example/frontend"`, "hint: remove its `# syntax=` line"}},
		"lost secret": {"", []string{"--secret", "id=x,src=lost"}, 2, []string{"a build secret cannot be read", "hint: --secret id=NAME,src=FILE"}},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(src, "Dockerfile"), start+c.steps)
			write(t, filepath.Join(src, "Foreign"), "# syntax=evil.example/frontend\n"+start)
			refuses(t, invocation{dir: src, env: env, args: append([]string{"build"}, c.args...)}, c.code, c.says...)
			nothingLeft(t, dir)
		})
	}
	write(t, filepath.Join(src, "Dockerfile"), start)
	invocation{dir: src, env: env, args: []string{"build", "--build-arg", "VERSIN=1"}}.run(t).must(t, 0).
		says(t, "warning: build argument VERSIN is unused: the Dockerfile has no ARG VERSIN")
}

func TestAPortInUseIsSaidWithItsUser(t *testing.T) {
	real(t)
	_, env := ownState(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	refuses(t, invocation{dir: t.TempDir(), env: env, args: []string{"registry", "serve", "--addr", taken.Addr().String()}}, 5,
		"something else listens on "+taken.Addr().String(), "hint: `ss -ltnp` shows the program; or take another port: slipway registry serve --addr ")
}

func TestWithoutRuncTheBuildSaysWhatToInstall(t *testing.T) {
	real(t)
	none := filepath.Join(t.TempDir(), "overlay.json")
	carried, err := filepath.Glob(filepath.Join(root, "internal/assets/bin/*.xz"))
	if err != nil || len(carried) == 0 {
		t.Fatalf("this checkout has no assets to leave out (%v): make build", err)
	}
	replace := map[string]string{}
	for _, path := range carried {
		replace[path] = "" // as if it were not there
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	write(t, none, string(text))
	bare := filepath.Join(t.TempDir(), "slipway")
	build := exec.Command("go", "build", "-overlay", none, "-ldflags", "-s -w", "-o", bare, "./cmd/slipway")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir, env := ownState(t)
	cmd := exec.Command(bare, "build")
	cmd.Dir, cmd.Env = smallDir(t, ""), append(os.Environ(), append(env, "PATH="+t.TempDir())...)
	r := finish(t, cmd).must(t, 2).says(t, "runc not found, neither embedded in slipway nor in $PATH", "  hint: build slipway with `make build`, or install the Debian package: apt-get install runc")
	if r.stdout != "" {
		t.Errorf("a refusal prints a result:\n%s", r.stdout)
	}
	doctor := exec.Command(bare, "doctor")
	doctor.Dir, doctor.Env = t.TempDir(), cmd.Env
	if d := finish(t, doctor).must(t, 2); !strings.Contains(d.stdout, "missing  runc") {
		t.Errorf("doctor does not miss runc:\n%s", d.stdout)
	}
	nothingLeft(t, dir)
}

func TestRunRefusesTakenPortsAndOrdinaryUsers(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src := smallDir(t, "RUN mkdir /www\nEXPOSE 8080\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n")
	invocation{dir: src, env: env, args: []string{"build", "-t", "web:1"}}.run(t).must(t, 0)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	empty := t.TempDir()
	refuses(t, invocation{dir: empty, env: env, args: []string{"run", "web:1", "-p", fmt.Sprintf("%d:8080", port)}}, 5,
		fmt.Sprintf("port %d is in use by ", port), fmt.Sprintf("(process %d), so web:8080 cannot be published there", os.Getpid()),
		"hint: stop that program, or publish elsewhere: -p ")
	refuses(t, invocation{dir: empty, env: env, args: []string{"run", "web:1", "-p", "nonsense"}}, 2, `"nonsense" is not [SERVICE=][IP:]HOST:CONTAINER`)
	refuses(t, invocation{dir: empty, env: env, args: []string{"run", "lost:1"}}, 2, `image "lost:1" not found in the local store`)
	nothingLeft(t, dir)
	build, _ := ordinary(t, true, src, "build", "-t", "web:1")
	finish(t, build).must(t, 0)
	run := exec.Command("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", filepath.Join(filepath.Dir(build.Dir), "slipway"), "run", "web:1")
	run.Dir, run.Env = build.Dir, build.Env
	finish(t, run).must(t, 5).says(t, "running containers needs root\n  hint: sudo slipway run")
}

func TestARegistryThatIsDownOrRefuses(t *testing.T) {
	real(t)
	t.Parallel() // it waits before it asks again
	dir, env := ownState(t)
	src := smallDir(t, "")
	answers := func(status int, header map[string]string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			http.Error(w, `{"errors":[{"code":"TEST","message":"no"}]}`, status)
		}))
		t.Cleanup(s.Close)
		return s
	}
	for name, c := range map[string]struct {
		host string
		says []string
	}{
		"down":         {"localhost:1", []string{"no registry answers at localhost:1", "hint: start one: slipway registry serve --addr localhost:1"}},
		"unauthorized": {hostOf(answers(401, map[string]string{"WWW-Authenticate": `Basic realm="x"`})), []string{"requires a login", "hint: docker login", "SLIPWAY_REGISTRY_USER"}},
		"forbidden":    {hostOf(answers(403, nil)), []string{"no permission to push", "hint: ask for permission"}},
		"broken":       {hostOf(answers(500, nil)), []string{"reports a server error", "500 Internal Server Error, 6 times", "hint: look at the registry's log"}},
		"busy":         {hostOf(answers(429, map[string]string{"Retry-After": "3600"})), []string{"limits requests and asks to wait 1h0m0s", "hint: push again after 1h0m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			image := c.host + "/team/" + name + ":1"
			b := invocation{dir: src, env: env, args: []string{"build", "-t", image, "--push"}}.run(t).must(t, 1)
			b.says(t, append([]string{"pushing " + image + ": "}, c.says...)...)
			// What was built is there all the same, and the push can be said again.
			refuses(t, invocation{dir: src, env: env, args: []string{"push", image}}, 1, append([]string{"pushing " + image + ": "}, c.says...)...)
			nothingLeft(t, dir)
		})
	}
}

func TestAPushWaitsAsLongAsTheRegistryAsks(t *testing.T) {
	real(t)
	_, env := ownState(t)
	registry := servedRegistry(t, env)
	target, err := url.Parse("http://" + registry)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	var turned atomic.Int64
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && turned.Add(1) <= 2 {
			w.Header().Set("Retry-After", "2")
			http.Error(w, "slow down", http.StatusTooManyRequests)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer busy.Close()
	r := invocation{dir: smallDir(t, ""), env: env, args: []string{"build", "-t", hostOf(busy) + "/team/web:1", "--push"}}.run(t).must(t, 0)
	r.says(t, hostOf(busy)+" asks to wait 2s (429 Too Many Requests)")
	if turned.Load() < 3 || r.took < 2*time.Second {
		t.Errorf("%d requests in %v", turned.Load(), r.took)
	}
}

// servedRegistry is `slipway registry serve` on a free port.
func servedRegistry(t *testing.T, env []string) string {
	t.Helper()
	r := invocation{dir: t.TempDir(), env: env, args: []string{"registry", "serve", "--addr", "127.0.0.1:0"}}.start(t)
	r.until(t, "the address", func() bool { return strings.Contains(r.out.String(), "\n") })
	address, _, _ := strings.Cut(strings.TrimPrefix(r.out.String(), "registry at "), ",")
	return address
}

func TestAFullDiskIsSaidAndMoreSpaceMendsIt(t *testing.T) {
	real(t)
	for name, c := range map[string]struct {
		sizeMB int
		steps  string
	}{
		"at the start":         {4, ""},
		"64 MB in a step":      {64, "RUN dd if=/dev/urandom of=/big bs=1M count=100\n"},
		"64 MB in the export":  {64, "RUN dd if=/dev/urandom of=/big bs=1M count=28 2>/dev/null\n"},
		"128 MB in a step":     {128, "RUN dd if=/dev/urandom of=/big bs=1M count=200\n"},
		"128 MB in the export": {128, "RUN dd if=/dev/urandom of=/big bs=1M count=60 2>/dev/null\n"},
		"256 MB in a step":     {256, "RUN dd if=/dev/urandom of=/big bs=1M count=400\n"},
		"256 MB in the export": {256, "RUN dd if=/dev/urandom of=/big bs=1M count=124 2>/dev/null\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, env := ownState(t)
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", c.sizeMB)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			build := invocation{dir: smallDir(t, c.steps), env: env, args: []string{"build", "-t", "web:1"}}
			refuses(t, build, 3, "the disk is full: no space left in "+dir+", where ", " are free after removing unfinished files", "no space left on device",
				"hint: free some space, or set SLIPWAY_STATE_DIR to a directory on a larger disk")
			nothingLeft(t, dir)
			if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=2g"); err != nil {
				t.Fatal(err)
			}
			build.run(t).must(t, 0)
			nothingLeft(t, dir)
		})
	}
}

func TestFleetsAreRefusedWithoutTouchingTheEngine(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"build", "fast-requesthandler-servce"}, []string{`unknown service "fast-requesthandler-servce"`, `hint: did you mean "fast-requesthandler-service"?`}},
		{[]string{"build", "--platform", "linux/amd65"}, []string{`unsupported platform "linux/amd65"`, `hint: did you mean "linux/amd64"?`}},
		{[]string{"build", "--target", "prodution"}, []string{`has no stage "prodution"`, "hint: did you mean --target production?"}},
		{[]string{"build", "--paralel", "2"}, []string{"unknown flag --paralel", "hint: did you mean --parallel?"}},
		{[]string{"biuld"}, []string{`unknown command "biuld"`, "hint: did you mean `slipway build`?"}},
	} {
		refuses(t, invocation{dir: fast(), env: env, args: c.args}, 2, c.says...)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("a refusal left %v", entries)
	}
}
