package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slipway runs a command in examples/fast.
func slipway(t *testing.T, args ...string) result {
	t.Helper()
	return invocation{dir: fast(), args: args, limit: 3 * time.Minute}.run(t)
}

// traces lists what services have on the machine outside of the state directory.
func traces(t *testing.T) []string {
	t.Helper()
	var left []string
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, filepath.Join(state, "run")) {
			left = append(left, line)
		}
	}
	for _, pattern := range []string{"/sys/class/net/slw*", "/sys/class/net/sl*.*", "/sys/fs/cgroup/*/slw*", "/sys/fs/cgroup/slw*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}

// noContainersLeft fails the test when there are more traces than before it.
func noContainersLeft(t *testing.T, before []string) {
	t.Helper()
	for _, trace := range traces(t) {
		if !slices.Contains(before, trace) {
			t.Errorf("left behind: %s", trace)
		}
	}
}

// status is the part of `slipway ps --json` that tests look at.
type status struct {
	Name     string `json:"name"`
	PID      int    `json:"pid"`
	Services []struct {
		Service string `json:"service"`
		State   string `json:"state"`
		Memory  int64  `json:"memory_bytes"`
		Limit   int64  `json:"memory_limit_bytes"`
		PID     int    `json:"pid"`
	} `json:"services"`
}

func ps(t *testing.T) []status {
	t.Helper()
	var list []status
	if err := json.Unmarshal([]byte(slipway(t, "ps", "--json").must(t, 0).stdout), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheFleetRunsDetached(t *testing.T) {
	builtFleet(t)
	before := traces(t)
	addr := freeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	slipway(t, "run", "-p", port+":3004", "--detach", "--until-healthy", "--timeout", "120s").must(t, 0)
	t.Cleanup(func() { slipway(t, "stop", "--all") })
	groups := ps(t)
	if len(groups) != 1 || len(groups[0].Services) != 10 {
		t.Fatalf("%+v", groups)
	}
	for _, s := range groups[0].Services {
		if s.State != "healthy" || s.Memory == 0 || s.Memory > s.Limit {
			t.Errorf("%+v", s)
		}
		if uid, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID)); err != nil || !strings.Contains(string(uid), "Uid:\t1001\t1001\t1001\t1001") {
			t.Errorf("%s does not run as 1001: %v", s.Service, err)
		}
	}
	good, err := os.Open(filepath.Join(fast(), "payments", "good.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	resp, err := http.Post("http://"+addr+"/payments", "application/json", good)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the payment: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	if logs := slipway(t, "logs", "fast-orchestrator-service").must(t, 0).stdout; !strings.Contains(logs, "serving http") {
		t.Errorf("log of the orchestrator: %q", logs)
	}
	slipway(t, "run", "fast-validation-service").must(t, 5).says(t, "gpp-g3 is already running", "--name")
	slipway(t, "run", "fast-orchestrator-service", "--name", "again", "-p", port+":3004").must(t, 5).
		says(t, "port "+port+" is in use by slipway (process", "hint:")
	slipway(t, "stop", "fast-mdzmediation-service").must(t, 0)
	slipway(t, "stop").must(t, 0)
	if groups := ps(t); len(groups) != 0 {
		t.Errorf("after stop: %+v", groups)
	}
	noContainersLeft(t, before)
}

func TestAKilledRunIsRepaired(t *testing.T) {
	builtFleet(t)
	before := traces(t)
	slipway(t, "run", "--detach", "fast-validation-service", "fast-orchestrator-service").must(t, 0)
	if err := syscall.Kill(ps(t)[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "nothing runs", func() error {
		if n := len(ps(t)); n != 0 {
			return fmt.Errorf("%d groups", n)
		}
		return nil
	})
	if len(traces(t)) == len(before) {
		t.Error("the killed process left nothing, so this proves nothing")
	}
	slipway(t, "run", "fast-validation-service", "--until-healthy").must(t, 0).says(t, "removed the leftovers of a killed slipway: gpp-g3")
	noContainersLeft(t, before)
}

func TestInterruptingARunLeavesNothing(t *testing.T) {
	builtFleet(t)
	before := traces(t)
	for _, args := range [][]string{{"run"}, {"run", "--detach", "--until-healthy"}} {
		for _, after := range []time.Duration{100 * time.Millisecond, 600 * time.Millisecond, 3 * time.Second} {
			cmd := invocation{dir: fast(), args: args}.command(context.Background())
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(os.Interrupt) })
			r := finish(t, cmd)
			timer.Stop()
			if r.code == 0 && strings.Contains(strings.Join(args, " "), "detach") { // it was faster
				slipway(t, "stop").must(t, 0)
			} else if r.code != 130 {
				t.Errorf("%v after %v: exit %d\n%s", args, after, r.code, r.stderr)
			}
			noContainersLeft(t, before)
		}
	}
}

func TestUnhealthyServicesAreExplained(t *testing.T) {
	builtFleet(t)
	before := traces(t)
	slipway(t, "run", "fast-validation-service", "--until-healthy", "--memory", "8Mi").must(t, 5).
		says(t, "fast-validation-service was killed: it needed more memory than its limit of 8Mi", "hint:")
	noContainersLeft(t, before)
}
