package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
)

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

func TestFailedServices(t *testing.T) {
	err := failedServices([]localrun.Status{
		{Service: "a", Exit: &localrun.Exit{}},
		{Service: "b", Exit: &localrun.Exit{Code: 143, Stopped: true}},
		{Service: "c", Exit: &localrun.Exit{Code: 2}},
		{Service: "d", MemoryLimitBytes: 8 << 20, Exit: &localrun.Exit{Code: 137, OOMKilled: true}},
	})
	if diag.ExitOf(err) != diag.ExitRun || err.Error() != "services failed: c (exit code 2), d (out of memory, limit 8Mi)" {
		t.Errorf("%v", err)
	}
}

func TestPickGroup(t *testing.T) {
	a := newApp(World{Dir: t.TempDir(), Getenv: func(string) string { return "" }}, t.TempDir())
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
		"several":         {both, "", nil, "several groups are running: a, b"},
		"none":            {nil, "", nil, "no services are running"},
		"unknown name":    {both, "c", nil, "group c is not running"},
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
