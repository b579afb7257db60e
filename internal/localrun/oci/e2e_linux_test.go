package oci

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
)

func TestGroup(t *testing.T) {
	needRoot(t)
	state := t.TempDir()
	rt, w := newRuntime(t, state), &scribe{t: t}
	began := time.Now()
	run, err := rt.Start(t.Context(), localrun.Group{Name: "shop", Services: []localrun.Spec{
		{Name: "cart", Image: "server", Publish: []localrun.Publish{free(8080)}, Health: plan.HealthCheck{HTTP: "/health"}, MemoryBytes: 64 << 20, Env: map[string]string{"GREETING": "me"}},
		{Name: "stock", Image: "server", Publish: []localrun.Publish{free(8080)}, Health: plan.HealthCheck{TCP: true}},
		{Name: "mail", Image: "server", Env: map[string]string{"LISTEN": ":80"}},
	}}, false, w)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop()
	t.Logf("started after %v", time.Since(began))
	if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(began))
	var at []string
	for _, s := range run.Statuses() {
		t.Logf("%+v", s)
		if s.State != localrun.Healthy || s.MemoryBytes == 0 {
			t.Errorf("%s: %s, %d bytes", s.Service, s.State, s.MemoryBytes)
		}
		for _, p := range s.Ports {
			at = append(at, fmt.Sprintf("127.0.0.1:%d", p.Host))
		}
	}
	for i, want := range []string{"cart", "stock"} {
		if _, got := get(t, at[i], "/name"); got != want {
			t.Errorf("port of %s answers %q", want, got)
		}
	}
	for _, target := range []string{"stock:8080", "cart:8080", "mail:80"} {
		if code, got := get(t, at[0], "/connect", "addr", target); code != 200 || !strings.Contains(got, strings.Split(target, ":")[0]) {
			t.Errorf("%s from cart: %d %q", target, code, got)
		}
	}
	if _, got := get(t, at[0], "/read", "path", "/proc/self/status"); !strings.Contains(got, "NoNewPrivs:\t1") || !strings.Contains(got, "CapEff:\t0000000000000000") || !strings.Contains(got, "Seccomp:\t2") || !strings.Contains(got, "Uid:\t1001\t1001") {
		t.Errorf("process is not confined:\n%s", got)
	}
	for path, want := range map[string]int{"/gone": 404, "/old/a": 404, "/old/b": 200, "/etc/hosts": 200, "/etc/resolv.conf": 200, "/proc/keys": 200} {
		if code, got := get(t, at[0], "/read", "path", path); code != want || path == "/proc/keys" && got != "" {
			t.Errorf("reading %s: %d %.100q", path, code, got)
		}
	}
	if !strings.Contains(w.text(), "cart | starting as 1001 of me") || !strings.Contains(w.text(), "stock | starting as 1001 of image") {
		t.Errorf("log:\n%s", w.text())
	}
	groups, err := List(state)
	if err != nil || len(groups) != 1 || !groups[0].Running || len(groups[0].Services) != 3 || groups[0].Services[0].State != localrun.Healthy || groups[0].Services[0].MemoryBytes == 0 {
		t.Errorf("list: %+v, %v", groups, err)
	}
	if err := StopGroup(t.Context(), state, "shop", "mail"); err != nil {
		t.Error(err)
	}
	if s := run.Statuses()[2]; s.Exit == nil || !s.Exit.Stopped || s.Exit.Code != 0 {
		t.Errorf("mail: %+v", s.Exit)
	}
	if _, err := rt.Start(t.Context(), localrun.Group{Name: "shop", Services: []localrun.Spec{{Name: "x"}}}, false, w); diag.ExitOf(err) != diag.ExitRun || !strings.Contains(err.Error(), "shop is already running") {
		t.Errorf("second start: %v", err)
	}
	began = time.Now()
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	t.Logf("stopped after %v", time.Since(began))
	expectNothingLeft(t, state, "shop")
	if strings.Count(w.text(), "| bye") != 3 {
		t.Errorf("services were not stopped kindly:\n%s", w.text())
	}
}

func TestOutbound(t *testing.T) {
	needRoot(t)
	outside, err := net.Listen("tcp", hostAddress(t)+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	go func() { _ = http.Serve(outside, http.NotFoundHandler()) }()
	state := t.TempDir()
	run, err := newRuntime(t, state).Start(t.Context(), localrun.Group{Name: "out", Services: []localrun.Spec{
		{Name: "a", Image: "server", Publish: []localrun.Publish{free(8080)}, Health: plan.HealthCheck{TCP: true}}}}, false, &scribe{t: t})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop()
	if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", run.Statuses()[0].Ports[0].Host)
	if code, got := get(t, at, "/connect", "addr", outside.Addr().String()); code != 200 || !strings.Contains(got, "404 Not Found") {
		t.Errorf("%d %q", code, got)
	}
}

// hostAddress is an address of this machine that is not on the loopback.
func hostAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip := a.(*net.IPNet).IP.To4(); ip != nil && !ip.IsLoopback() {
			return ip.String()
		}
	}
	t.Skip("the machine has no address besides the loopback")
	return ""
}

func TestFailuresAreExplained(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		spec localrun.Spec
		eat  bool
		want []string
	}{
		"exits": {localrun.Spec{Env: map[string]string{"MODE": "fail"}, Health: plan.HealthCheck{HTTP: "/health"}}, false,
			[]string{"ended before it was ready: exit code 7", "| cannot read the configuration"}},
		"other port": {localrun.Spec{Port: 9999, Health: plan.HealthCheck{TCP: true}}, false,
			[]string{"it listens on [::]:8080, but not on its port 9999", "connection refused"}},
		"loopback": {localrun.Spec{Env: map[string]string{"LISTEN": "127.0.0.1:8080"}, Health: plan.HealthCheck{TCP: true}}, false,
			[]string{"let it listen on 0.0.0.0"}},
		"answers 503": {localrun.Spec{Env: map[string]string{"MODE": "ill"}, Health: plan.HealthCheck{HTTP: "/health", Health: plan.Health{StartPeriod: time.Second, Interval: 50 * time.Millisecond}}}, false,
			[]string{"1 of 1 services failed", "is unhealthy", "answered 503 (no database)", "| starting as 1001"}},
		"command": {localrun.Spec{Health: plan.HealthCheck{Command: []string{"/nothing"}}}, false,
			[]string{"/nothing"}},
		"out of memory": {localrun.Spec{MemoryBytes: 32 << 20, Health: plan.HealthCheck{Command: []string{"/server", "check"}}}, true,
			[]string{"it needed more memory than its limit of 32Mi"}},
		"no such program": {localrun.Spec{Name: "s", Image: "broken"}, false, []string{"starting s: ", "/nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			rt := newRuntime(t, state)
			if c.spec.Image == "broken" {
				rt.Images = func(context.Context, string, string) (Image, error) {
					return mutate.Config(testImage(t), v1.Config{Cmd: []string{"/nothing"}})
				}
			}
			c.spec.Name, c.spec.Publish = "s", []localrun.Publish{free(8080)}
			run, err := rt.Start(t.Context(), localrun.Group{Name: "g", Services: []localrun.Spec{c.spec}}, false, &scribe{t: t})
			if err == nil {
				defer run.Stop()
				if c.eat {
					if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
						t.Fatal(err)
					}
					code, got := get(t, fmt.Sprintf("127.0.0.1:%d", run.Statuses()[0].Ports[0].Host), "/eat")
					t.Log(code, got)
					if err := run.Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				limit := 3 * time.Second
				if strings.Contains(name, "503") {
					limit = 0
				}
				err = run.WaitReady(t.Context(), limit)
			}
			if err == nil {
				t.Fatal("it is ready")
			}
			t.Log(err)
			if diag.ExitOf(err) != diag.ExitRun {
				t.Errorf("exit %d", diag.ExitOf(err))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in the explanation", want)
				}
			}
			if run != nil {
				if err := run.Stop(); err != nil {
					t.Error(err)
				}
			}
			expectNothingLeft(t, state, "g")
		})
	}
}

func TestPortInUse(t *testing.T) {
	needRoot(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := free(8080)
	p.Host = l.Addr().(*net.TCPAddr).Port
	state := t.TempDir()
	_, err = newRuntime(t, state).Start(t.Context(), localrun.Group{Name: "g", Services: []localrun.Spec{{Name: "s", Publish: []localrun.Publish{p}}}}, false, &scribe{t: t})
	want := fmt.Sprintf("port %d is in use by oci.test (process %d), so s:8080 cannot be published there", p.Host, os.Getpid())
	if diag.ExitOf(err) != diag.ExitRun || err.Error() != want || !strings.Contains(diag.HintOf(err), "-p ") {
		t.Errorf("%v (hint %q), want %s", err, diag.HintOf(err), want)
	}
	expectNothingLeft(t, state, "g")
}

func TestCancelLeavesNothing(t *testing.T) {
	needRoot(t)
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 60 * time.Millisecond, 120 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			state := t.TempDir()
			rt := newRuntime(t, state)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			var services []localrun.Spec
			for i := range 6 {
				services = append(services, localrun.Spec{Name: fmt.Sprint("s", i), Env: map[string]string{"MODE": "stubborn"}})
			}
			rt.Grace = 200 * time.Millisecond
			run, err := rt.Start(ctx, localrun.Group{Name: "g", Services: services}, false, &scribe{t: t})
			if err == nil {
				err = run.Stop()
				if err != nil {
					t.Error(err)
				}
			} else if ctx.Err() == nil || strings.Contains(err.Error(), "cleaning up") {
				t.Error(err)
			}
			expectNothingLeft(t, state, "g")
		})
	}
}

// TestKilled kills a process that runs a group (this test binary again) and
// repairs what it left.
func TestKilled(t *testing.T) {
	needRoot(t)
	if state := os.Getenv("SLIPWAY_TEST_RUN_IN"); state != "" {
		run, err := newRuntime(t, state).Start(t.Context(), localrun.Group{Name: "g", Services: []localrun.Spec{{Name: "a"}, {Name: "b"}}}, false, &scribe{t: t})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("\nRUNNING")
		_ = run.Wait(t.Context())
		return
	}
	state := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "SLIPWAY_TEST_RUN_IN="+state)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(seen.String(), "RUNNING") {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("%v: %s", err, seen.String())
		}
		seen.Write(buf[:n])
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	before := traces(t, state, "g")
	if len(before) < 5 {
		t.Errorf("the killed process left only %v", before)
	}
	w := &scribe{t: t}
	if err := Repair(state, newRuntime(t, state).Runc, w.Note); err != nil {
		t.Error(err)
	}
	if !strings.Contains(w.text(), "removed the leftovers of a killed slipway: g") {
		t.Error(w.text())
	}
	expectNothingLeft(t, state, "g")
}
