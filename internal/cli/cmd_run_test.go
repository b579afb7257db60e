package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
)

// lookup has a variable with a value and one without.
func lookup(name string) (string, bool) {
	value, ok := map[string]string{"HERE": "of HERE", "EMPTY": ""}[name]
	return value, ok
}

func TestVariables(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"all.env": "A=file\nF=file\nHERE\nGONE\n", "web.env": "A=web file\n", "a:b.env": "COLON=1\n", "bad.env": "A='x\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{World: World{LookupEnv: lookup, Dir: dir}}
	services := func() []localrun.Spec {
		return []localrun.Spec{{Name: "web", Env: map[string]string{"A": "yaml", "PORT": "80"}}, {Name: "api"}}
	}
	list := services()
	variables, err := a.variables(runFlags{
		env:      []string{"B=x=y", "C=", "EMPTY", "GONE", "web:PORT", "api:A=flag"},
		envFiles: []string{"all.env", "web:web.env", "a:b.env"},
	}, list)
	if err == nil {
		err = localrun.SetVariables(list, variables)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []localrun.Spec{
		{Name: "web", Env: map[string]string{"A": "web file", "F": "file", "HERE": "of HERE", "COLON": "1", "B": "x=y", "C": "", "EMPTY": ""}, Unset: []string{"GONE", "PORT"}},
		{Name: "api", Env: map[string]string{"A": "flag", "F": "file", "HERE": "of HERE", "COLON": "1", "B": "x=y", "C": "", "EMPTY": ""}, Unset: []string{"GONE"}},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, f := range map[string]runFlags{
		"has no name before its value":     {env: []string{"=x"}},
		"reading --env-file none.env":      {envFiles: []string{"none.env"}},
		"reading --env-file wep:web.env":   {envFiles: []string{"wep:web.env"}},
		"bad.env:1: error: a quote is not": {envFiles: []string{"api:bad.env"}},
	} {
		if _, err := a.variables(f, services()); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in %v", text, err)
		}
	}
}

func TestAssignments(t *testing.T) {
	got, err := assignments("--build-arg", []string{"A=1", "HERE", "EMPTY", "GONE", "B=x=y"}, lookup)
	if diff := cmp.Diff(map[string]string{"A": "1", "HERE": "of HERE", "EMPTY": "", "B": "x=y"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = assignments("--label", []string{"a=1", "HERE"}, blank)
	if diff := cmp.Diff(map[string]string{"a": "1", "HERE": ""}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := assignments("--build-arg", []string{"=x"}, lookup); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("no name: %v", err)
	}
}

func TestSecretsOfTheEnvironment(t *testing.T) {
	a := &app{World: World{LookupEnv: lookup, Dir: t.TempDir()}}
	if list, err := a.parseSecrets([]string{"id=HERE", "id=x,env=EMPTY", "id=f,src=file"}); err != nil || len(list) != 3 || list[1].Env != "EMPTY" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := a.parseSecrets([]string{"id=GONE"}); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "GONE is not set") {
		t.Errorf("unset: %v", err)
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
