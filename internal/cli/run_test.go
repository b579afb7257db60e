package cli

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
)

func TestShortName(t *testing.T) {
	for in, want := range map[string]string{
		"web": "web", "web:v1": "web", "shop/web:v1": "web", "registry.example:5000/shop/web": "web", "shop/web@sha256:abc": "web",
	} {
		if got := shortName(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestRunEnv(t *testing.T) {
	a := &app{World: World{Getenv: func(name string) string { return "of " + name }}}
	got, err := a.runEnv([]string{"A=1", "B=x=y", "C=", "D"})
	if diff := cmp.Diff(map[string]string{"A": "1", "B": "x=y", "C": "", "D": "of D"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := a.runEnv([]string{"=x"}); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("no name: %v", err)
	}
}

func TestPlainView(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{World: World{Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}}
	v := a.newRunView(localrun.Group{Services: []localrun.Spec{{Name: "web"}, {Name: "worker"}}}, true)
	v.Changed(localrun.Status{Service: "web", State: localrun.Starting})
	v.Log("web", []byte("listening\r"))
	v.Log("worker", []byte("hello"))
	v.Changed(localrun.Status{Service: "web", State: localrun.Healthy, ReadyMillis: 320})
	v.Changed(localrun.Status{Service: "web", State: localrun.Unhealthy, LastProbe: "refused"})
	v.Changed(localrun.Status{Service: "worker", State: localrun.Exited, Exit: &localrun.Exit{Code: 3}})
	v.Note("something")
	v.Close()
	if diff := cmp.Diff("web    | listening\nworker | hello\n", out.String()); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	want := "web     healthy after 320 ms\nweb     unhealthy: refused\nworker  exited (code 3)\nnote: something\n"
	if diff := cmp.Diff(want, errs.String()); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

func TestWriteStatuses(t *testing.T) {
	now := time.Unix(1000, 0)
	list := []localrun.Status{
		{Service: "web", State: localrun.Healthy, ReadyMillis: 5, StartedAt: now.Add(-90 * time.Second), MemoryBytes: 20 << 20, MemoryLimitBytes: 512 << 20,
			Ports: []localrun.Publish{{HostIP: netip.MustParseAddr("127.0.0.1"), Host: 8080, Container: 80}}},
		{Service: "job", State: localrun.Exited, StartedAt: now, MemoryLimitBytes: 64 << 20, Exit: &localrun.Exit{Code: 137, OOMKilled: true}},
	}
	want := "SERVICE  STATE                              MEMORY         UPTIME  PORTS\n" +
		"web      healthy after 5 ms                 20Mi of 512Mi  1m30s   127.0.0.1:8080->80\n" +
		"job      killed: out of memory, limit 64Mi  - of 64Mi      -       -\n"
	var b strings.Builder
	if err := writeStatuses(&b, list, now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFailedServices(t *testing.T) {
	err := failedServices([]localrun.Status{
		{Service: "a", Exit: &localrun.Exit{}},
		{Service: "b", Exit: &localrun.Exit{Code: 143, Stopped: true}},
		{Service: "c", Exit: &localrun.Exit{Code: 2}},
		{Service: "d", MemoryLimitBytes: 8 << 20, Exit: &localrun.Exit{Code: 137, OOMKilled: true}},
	})
	if diag.ExitOf(err) != diag.ExitRun || err.Error() != "ended with an error: c (exit code 2), d (out of memory, limit 8Mi)" {
		t.Errorf("%v", err)
	}
}

func TestPickGroup(t *testing.T) {
	a := &app{World: World{Dir: t.TempDir()}}
	web, job := []localrun.Status{{Service: "web"}}, []localrun.Status{{Service: "job"}}
	both := []oci.GroupStatus{{Name: "a", Running: true, Services: web}, {Name: "b", Running: true, Services: job}}
	for name, c := range map[string]struct {
		groups   []oci.GroupStatus
		name     string
		services []string
		want     string
	}{
		"only one":        {both[:1], "", nil, "a"},
		"by service":      {both, "", []string{"job"}, "b"},
		"by name":         {both, "b", nil, "b"},
		"running first":   {append([]oci.GroupStatus{{Name: "old", Services: web}}, both[0]), "", nil, "a"},
		"several":         {both, "", nil, "several groups run: [a b]"},
		"none":            {nil, "", nil, "nothing runs"},
		"unknown name":    {both, "c", nil, "no group c runs"},
		"unknown service": {both, "a", []string{"wob"}, "a has no service wob"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := a.pickGroup(c.groups, c.name, c.services)
			got := g.Name
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	tail := &logTail{path: path}
	expect := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(strings.Join(want, ","), strings.Join(tail.more(), ",")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	expect()
	write("one\ntwo\nthr")
	expect("one", "two")
	write("ee\n")
	expect("three")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("four\n")
	expect("four")
}
