package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The services of the deploys: web asks api, and does what BROKEN says.
const (
	deployedWeb = `const http = require('http')
const { GREETING, BROKEN } = process.env
const began = Date.now()
if (BROKEN === 'crash') {
  console.error('no database here')
  process.exit(3)
}
const server = http.createServer((req, res) => {
  if (req.url === '/health') return res.writeHead(BROKEN === 'health' ? 500 : 200).end()
  if (req.url === '/greeting') return res.end(GREETING)
  if (BROKEN === 'later' && Date.now() - began > 2000) return res.writeHead(500).end('broken')
  http.get('http://api:9000/', (r) => {
    r.setEncoding('utf8')
    let text = ''
    r.on('data', (d) => (text += d)).on('end', () => res.end(GREETING + ' ' + text))
  }).on('error', (e) => res.writeHead(502).end(String(e)))
})
server.listen(8080)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`
	deployedAPI = `const http = require('http')
const server = http.createServer((req, res) => res.end(req.url === '/health' ? 'ok' : 'api'))
server.listen(9000)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`
)

// shipyard is a fleet with an environment on the machine of a state directory.
type shipyard struct {
	t    *testing.T
	dir  string
	env  []string // of the commands
	url  string
	head string // of slipway.yaml, to the environment's settings
}

// newShipyard builds the fleet and makes its release v1. Nothing is left of it at the end.
func newShipyard(t *testing.T, target string, env ...string) *shipyard {
	t.Helper()
	real(t)
	port := freePort(t)
	y := &shipyard{t: t, dir: t.TempDir(), env: env, url: "http://127.0.0.1:" + port + "/"}
	y.head = "version: 1\nfleet: yard\nservices:\n  web: {port: 8080, health: {http: /health}}\n  api: {port: 9000, health: {http: /health}}\n" +
		"environments:\n  here:\n    target: " + target + "\n    replicas: 2\n    routes: [{listen: \"0.0.0.0:" + port + "\", service: web}]\n"
	for name, source := range map[string]string{"web": deployedWeb, "api": deployedAPI} {
		if err := os.Mkdir(filepath.Join(y.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(y.dir, name, "index.js"), source)
		write(t, filepath.Join(y.dir, name, "package.json"), fmt.Sprintf(`{"name": %q, "version": "1.0.0", "main": "index.js", "scripts": {"start": "node index.js"}, "engines": {"node": ">=22"}}`, name))
	}
	y.set("rolling", "GREETING: one")
	y.slipway("build").must(t, 0)
	y.slipway("release", "v1").must(t, 0)
	t.Cleanup(func() {
		y.slipway("deploy", "abort", "here")
		y.slipway("deploy", "remove", "here").must(t, 0)
		if target == "host" {
			y.slipway("host", "stop").must(t, 0)
		}
	})
	if target == "host" {
		y.slipway("host", "start", "--background").must(t, 0) // not by the systemd of this machine
	}
	return y
}

// set writes slipway.yaml with a strategy and the variables of web.
func (y *shipyard) set(strategy, env string, more ...string) {
	y.t.Helper()
	write(y.t, filepath.Join(y.dir, "slipway.yaml"), y.head+"    strategy: "+strategy+"\n    services: {web: {env: {"+env+"}}}\n"+strings.Join(more, ""))
}

func (y *shipyard) command(args ...string) invocation {
	return invocation{dir: y.dir, env: y.env, args: args, limit: 2 * time.Minute}
}

func (y *shipyard) slipway(args ...string) result {
	y.t.Helper()
	return y.command(args...).run(y.t)
}

// get asks web once.
func (y *shipyard) get(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, y.url, nil)
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	if res.StatusCode != http.StatusOK {
		return res.Status + " " + string(body)
	}
	return string(body)
}

// logged fails when the access log of the host has no line with a text.
func (y *shipyard) logged(text string) {
	y.t.Helper()
	path := filepath.Join(stateOf(y.env), "hosting", "access.log")
	for begin := time.Now(); time.Since(begin) < 5*time.Second; time.Sleep(20 * time.Millisecond) {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), text) {
			return
		}
	}
	y.t.Errorf("%s has no line with %s", path, text)
}

// load asks web a hundred times a second until stop, which returns the answers.
func (y *shipyard) load() (stop func() map[string]int) { return load(100, y.get) }

// load asks so many times a second, whether answers come or not, until stop. It returns
// the answers and how often each came.
func load(rate int, ask func(context.Context) string) (stop func() map[string]int) {
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var all sync.WaitGroup
	answers := map[string]int{}
	all.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			all.Go(func() {
				limited, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				text := ask(limited)
				mu.Lock()
				defer mu.Unlock()
				answers[text]++
			})
		}
	})
	return func() map[string]int {
		cancel()
		all.Wait()
		return answers
	}
}

// only fails when an answer is none of those.
func only(t *testing.T, what string, answers map[string]int, allowed ...string) {
	t.Helper()
	total := 0
	for text, n := range answers {
		total += n
		found := false
		for _, a := range allowed {
			found = found || text == a
		}
		if !found {
			t.Errorf("%s: %d requests got %q", what, n, text)
		}
	}
	if total < 50 {
		t.Errorf("%s: only %d requests", what, total)
	}
	t.Logf("%s: %d requests: %v", what, total, answers)
}

func TestDeploysLoseNoRequest(t *testing.T) {
	y := newShipyard(t, "host")
	y.slipway("deploy", "here", "v1").must(t, 0).says(t, "v1 runs in here")
	if got := y.get(t.Context()); got != "one api" {
		t.Fatalf("it answers %q", got)
	}
	y.logged(`"service":"here+yard.web"`)
	same := y.slipway("deploy", "here", "v1").must(t, 0)
	same.says(t, "nothing was changed")
	if same.took > time.Second {
		t.Errorf("a deploy that changes nothing took %s", same.took)
	}
	before := "one api"
	for i, strategy := range []string{"rolling", "{blue-green: {keep: 1s}}", "{canary: {steps: [20, 50], every: 1s, keep: 1s}}"} {
		name := fmt.Sprint("n", i)
		y.set(strategy, "GREETING: "+name, "    analysis: {samples: 5, p95: 100}\n")
		stop := y.load()
		y.slipway("deploy", "here", "v1").must(t, 0)
		now := name + " api"
		only(t, strategy, stop(), before, now)
		if got := y.get(t.Context()); got != now {
			t.Errorf("%s: it answers %q", strategy, got)
		}
		before = now
	}
	y.set("{canary: {steps: [20], every: 3s, keep: 1s}}", "GREETING: bad, BROKEN: later", "    analysis: {samples: 5, p95: 100}\n")
	stop := y.load()
	y.slipway("deploy", "here", "v1").must(t, 6).says(t, "was rolled back in here: web:", "requests failed")
	answers := stop()
	if n := answers["500 Internal Server Error broken"]; n > 40 {
		t.Errorf("%d requests met the bad release", n)
	}
	delete(answers, "500 Internal Server Error broken")
	only(t, "a bad canary", answers, before, "bad api")
	for broken, want := range map[string]string{"crash": "it ended with exit code 3: no database here", "health": "answered 500"} {
		y.set("rolling", "GREETING: bad, BROKEN: "+broken, "    deadline: 20s\n")
		stop := y.load()
		y.slipway("deploy", "here", "v1").must(t, 6).says(t, "was rolled back in here: web:", want)
		only(t, broken, stop(), before)
	}
	if out := y.slipway("deploy", "status", "here").must(t, 0).stdout; !strings.Contains(out, "ended") || !strings.Contains(out, "rolled back, web:") {
		t.Errorf("the status does not say how it ended:\n%s", out)
	}
	y.slipway("rollback", "here", "v1", "--reason", "a test").must(t, 6) // the settings are still the bad ones
}

// TestAHostIsReplacedUnderLoad: upgraded, killed and started again; the containers live on.
func TestAHostIsReplacedUnderLoad(t *testing.T) {
	y := newShipyard(t, "host")
	y.slipway("deploy", "here", "v1").must(t, 0)
	pids := func() string {
		var out []string
		for _, s := range ps(t) {
			for _, v := range s.Services {
				out = append(out, fmt.Sprint(v.PID))
			}
		}
		return strings.Join(out, " ")
	}
	was := pids()
	stop := y.load()
	y.slipway("host", "upgrade").must(t, 0)
	time.Sleep(500 * time.Millisecond)
	y.slipway("host", "upgrade").must(t, 0)
	time.Sleep(500 * time.Millisecond)
	only(t, "two upgrades", stop(), "one api")
	var info struct{ PID int }
	if err := json.Unmarshal([]byte(y.slipway("host", "status", "--json").must(t, 0).stdout), &info); err != nil || info.PID == 0 {
		t.Fatalf("%v, %+v", err, info)
	}
	if err := syscall.Kill(info.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	y.slipway("host", "start", "--background").must(t, 0)
	got := ""
	for begin := time.Now(); time.Since(begin) < 10*time.Second && got != "one api"; time.Sleep(100 * time.Millisecond) {
		got = y.get(t.Context())
	}
	if now := pids(); got != "one api" || now != was {
		t.Errorf("it answers %q; processes %s, now %s", got, was, now)
	}
}

// TestKilledDeploysGoOn: at moments that differ, for good and bad releases, resumed or
// aborted. SLIPWAY_KILLS is how many; 200 in docs/PERFORMANCE.md.
func TestKilledDeploysGoOn(t *testing.T) {
	y := newShipyard(t, "host")
	y.slipway("deploy", "here", "v1").must(t, 0)
	before := "one api"
	stop := y.load()
	for i := range number(t, "SLIPWAY_KILLS", 6) {
		bad, abort := i%3 == 2, i%2 == 1
		strategy := []string{"rolling", "{blue-green: {keep: 300ms}}", "{canary: {steps: [50], every: 300ms, keep: 300ms}}"}[(i/2)%3]
		env := fmt.Sprintf("GREETING: k%d", i)
		if bad {
			env += ", BROKEN: crash"
		}
		y.set(strategy, env, "    analysis: {samples: 1, p95: 100}\n    deadline: 20s\n")
		r := y.command("deploy", "here", "v1").start(t)
		y.killAt(r, 1+i%14)
		verb, want := "resume", 0
		if abort {
			verb = "abort"
		}
		if bad && !abort {
			want = 6
		}
		got := y.slipway("deploy", verb, "here", "--reason", "killed")
		if strings.Contains(got.stderr, "no rollout goes on") || strings.Contains(got.stderr, "nothing of it goes on") { // it was over, or had not begun
			got.code, want = 0, 0
			if y.get(t.Context()) != before {
				before = fmt.Sprintf("k%d api", i)
			}
		} else if !abort && !bad && got.code == 0 {
			before = fmt.Sprintf("k%d api", i)
		}
		if got.code != want && !(got.code == 0 && abort) {
			t.Fatalf("kill %d, %s, bad %v, %s: exit %d\n%s", i, strategy, bad, verb, got.code, got.stderr)
		}
		if now := y.get(t.Context()); now != before {
			t.Fatalf("kill %d, %s, bad %v, %s: %q answers, not %q\n%s", i, strategy, bad, verb, now, before, got.stderr)
		}
	}
	for text, n := range stop() {
		if !strings.HasSuffix(text, " api") {
			t.Errorf("%d requests got %q", n, text)
		}
	}
}

// killAt ends a deploy when its journals have so many lines: between intents and acts.
func (y *shipyard) killAt(r *started, lines int) {
	y.t.Helper()
	pattern := filepath.Join(stateOf(y.env), "hosting", "rollouts", "here+yard", "*", "*.jsonl")
	first := count(pattern)
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(time.Millisecond) {
		if count(pattern) >= first+lines || over(r) {
			break
		}
	}
	_ = r.cmd.Process.Kill() // it may have ended
	_ = r.end(y.t, 10*time.Second)
}

// stateOf is the state directory of commands.
func stateOf(env []string) string {
	for _, v := range env {
		if dir, ok := strings.CutPrefix(v, "SLIPWAY_STATE_DIR="); ok {
			return dir
		}
	}
	return state
}

// count is how many lines files have.
func count(pattern string) (n int) {
	files, _ := filepath.Glob(pattern)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err == nil {
			n += strings.Count(string(data), "\n")
		}
	}
	return n
}

// over reports whether a command has ended.
func over(r *started) bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}
