package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAHostStartsAgainWhatRan: the machine loses every process, mount and interface of the
// containers, as in a reboot; what is to run and its files on the disk are kept.
func TestAHostStartsAgainWhatRan(t *testing.T) {
	y := newShipyard(t, "host")
	y.slipway("deploy", "here", "v1").must(t, 0)
	before := ps(t)
	var info struct{ PID int }
	if err := json.Unmarshal([]byte(y.slipway("host", "status", "--json").must(t, 0).stdout), &info); err != nil || info.PID == 0 {
		t.Fatalf("%v, %+v", err, info)
	}
	end := []int{info.PID} // first, lest it starts them again
	for _, g := range before {
		end = append(end, g.PID)
		for _, s := range g.Services {
			end = append(end, s.PID)
		}
	}
	for _, pid := range end {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("process %d: %v", pid, err)
		}
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[1]; strings.HasPrefix(at, filepath.Join(state, "run")) {
			if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
				t.Errorf("%s: %v", at, err)
			}
		}
	}
	links, err := filepath.Glob("/sys/class/net/slw*")
	if err != nil || len(links) == 0 {
		t.Fatalf("%v, %v", links, err)
	}
	for _, l := range links {
		if out, err := exec.Command("ip", "link", "del", filepath.Base(l)).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	y.slipway("host", "start", "--background").must(t, 0)
	got := ""
	for begin := time.Now(); time.Since(begin) < 30*time.Second && got != "one api"; time.Sleep(100 * time.Millisecond) {
		got = y.get(t.Context())
	}
	if got != "one api" {
		t.Errorf("%q answers", got)
	}
	names := func(all []status) (out []string) {
		for _, g := range all {
			out = append(out, g.Name)
		}
		slices.Sort(out)
		return out
	}
	if now := ps(t); len(before) != 4 || !slices.Equal(names(now), names(before)) {
		t.Errorf("before %v, now %v", names(before), names(now))
	}
	y.set("rolling", "GREETING: two")
	y.slipway("deploy", "here", "v1").must(t, 0) // it can be changed as before
}

// TestCoresAreLimitedOnAHost by the kernel.
func TestCoresAreLimitedOnAHost(t *testing.T) {
	y := newShipyard(t, "host")
	y.set("rolling", "GREETING: one", "    cpu: 500m\n")
	y.slipway("deploy", "here", "v1").must(t, 0)
	for _, g := range ps(t) {
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", g.Services[0].PID))
		if err != nil {
			t.Fatal(err)
		}
		limit := ""
		for line := range strings.Lines(string(groups)) {
			f := strings.SplitN(strings.TrimSpace(line), ":", 3)
			for _, file := range []string{"/sys/fs/cgroup" + f[2] + "/cpu.max", "/sys/fs/cgroup/cpu" + f[2] + "/cpu.cfs_quota_us"} {
				if text, err := os.ReadFile(file); err == nil {
					limit = strings.TrimSpace(string(text))
				}
			}
		}
		if limit != "50000 100000" && limit != "50000" {
			t.Errorf("%s: %q", g.Name, limit)
		}
	}
}

// TestTestsJudgeARelease: a quality stage of web runs against its new side.
func TestTestsJudgeARelease(t *testing.T) {
	y := newShipyard(t, "host")
	y.head = strings.Replace(y.head, "web: {port: 8080,", "web: {port: 8080, quality: {integration-tests: {run: node check.js}},", 1)
	write(t, filepath.Join(y.dir, "web", "check.js"), `const { WEB_URL, WEB_HOST, WEB_PORT } = process.env
if (WEB_URL !== 'http://' + WEB_HOST + ':' + WEB_PORT) throw new Error(WEB_URL)
require('http').get(WEB_URL + '/greeting', (r) => {
  r.setEncoding('utf8')
  let text = ''
  r.on('data', (d) => (text += d)).on('end', () => {
    console.log('the new side says ' + text)
    process.exit(text === 'three' ? 1 : 0)
  })
})
`)
	checks := "    checks: [{service: web, tests: integration-tests, within: 1s}]\n"
	y.set("{blue-green: {keep: 0s}}", "GREETING: one", checks)
	y.slipway("deploy", "here", "v1").must(t, 0)
	y.set("{blue-green: {keep: 0s}}", "GREETING: two", checks)
	passed := y.slipway("deploy", "here", "v1").must(t, 0)
	if got := y.get(t.Context()); got != "two api" || !strings.Contains(passed.stderr, "integration-tests against the new side: passed") {
		t.Errorf("%q answers: %s", got, passed.stderr)
	}
	y.set("{blue-green: {keep: 0s}}", "GREETING: three", checks)
	stop := y.load()
	failed := y.slipway("deploy", "here", "v1").must(t, 6)
	only(t, "a release that fails its tests", stop(), "two api")
	if want := "the check integration-tests of web failed: exit code 1: the new side says three"; !strings.Contains(failed.stderr, want) {
		t.Error(failed.stderr)
	}
	back := y.slipway("rollback", "here", "v1").must(t, 0) // also to what its tests refuse
	if got := y.get(t.Context()); got != "three api" || strings.Contains(back.stderr, "running integration-tests") {
		t.Errorf("%q answers: %s", got, back.stderr)
	}
	y.set("{blue-green: {keep: 0s}}", "GREETING: four", strings.Replace(checks, "integration-tests", "e2e-tests", 1))
	refused := y.slipway("deploy", "here", "v1").must(t, 2)
	if !strings.Contains(refused.stderr, "web has no stage e2e-tests, which a check of the environment names") {
		t.Error(refused.stderr)
	}
}
