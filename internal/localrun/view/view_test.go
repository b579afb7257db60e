package view_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/view"
)

func TestPlainView(t *testing.T) {
	var out, errs bytes.Buffer
	v := view.New(view.Streams{Out: &out, Err: &errs}, localrun.Group{Services: []localrun.Spec{{Name: "web"}, {Name: "worker"}}}, true)
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
	if err := view.WriteStatuses(&b, list, now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A program says what it likes; a terminal gets its colours and nothing else.
func TestServicesDoNotControlTheTerminal(t *testing.T) {
	const evil = "\x1b]0;x\a\x1b[2J\x1b[31mred\u202e\x9b2J"
	for _, c := range []struct {
		raw bool
		out string
	}{
		{false, "web | \x1b[31mred\\u202e\\x9b2J\x1b[0m\nweb | 10%\nweb | 20%\n"},
		{true, "web | " + evil + "\nweb | 10%\r20%\r\n"},
	} {
		var out, errs bytes.Buffer
		v := view.New(view.Streams{Out: &out, Err: &errs, Raw: c.raw}, localrun.Group{Services: []localrun.Spec{{Name: "web"}}}, true)
		v.Log("web", []byte(evil))
		v.Log("web", []byte("10%\r20%\r"))
		v.Changed(localrun.Status{Service: "web", State: localrun.Unhealthy, LastProbe: evil + "\nall 1 services became healthy"})
		v.Note(evil)
		v.Close()
		if diff := cmp.Diff(c.out, out.String()); diff != "" {
			t.Errorf("raw %v: stdout (-want +got):\n%s", c.raw, diff)
		}
		want := `web  unhealthy: \x1b]0;x\x07\x1b[2J\x1b[31mred\u202e\x9b2J\nall 1 services became healthy` + "\nnote: red\\u202e\\x9b2J\n"
		if diff := cmp.Diff(want, errs.String()); diff != "" {
			t.Errorf("raw %v: stderr (-want +got):\n%s", c.raw, diff)
		}
	}
}
