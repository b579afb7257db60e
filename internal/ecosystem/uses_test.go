package ecosystem

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestUses: each name once, at its first place, without what every image has.
func TestUses(t *testing.T) {
	s := Open(fstest.MapFS{}, config.Service{Name: "a", Path: "svc", Env: map[string]string{"SET": "1"}}, nil)
	signs := UseSigns{
		Reads: []Pattern{NewSign(`\benv\("(\w*)"\)|\bvar\("(\w+)"\)`)},
		Calls: []Pattern{NewSign(`\brun\("([^"]*)"`)},
		Shell: []Pattern{NewSign(`\bsystem\("([^"]*)"`), NewSign(`\bsystem\(\w`)},
	}
	s.ScanUses("b.x", []byte("env(\"B\")\nvar(\"A\") env(\"B\") env(\"PATH\") env(\"SET\") env(\"\")\nrun(\"/usr/bin/ffmpeg -i x\") run(\"./own\") run(\"$TOOL x\") run(\"\")\n"), signs)
	s.ScanUses("c.x", []byte("var(\"A\")\nsystem(\"LC_X=1 pg_dump | gzip\")\nsystem(command)\n"), signs)
	s.Production(Image{Env: map[string]string{"GIVEN": "1"}})
	p := s.Plan(Bases{}, config.User{})
	if diff := cmp.Diff([]plan.Use{{Name: "A", File: "svc/b.x", Line: 2}, {Name: "B", File: "svc/b.x", Line: 1}}, p.Reads); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
	want := []plan.Use{{Name: "ffmpeg", File: "svc/b.x", Line: 3}, {Name: "pg_dump", File: "svc/c.x", Line: 2}, {Name: "sh", File: "svc/c.x", Line: 2}}
	if diff := cmp.Diff(want, p.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestUsesAreLimited(t *testing.T) {
	s := Open(fstest.MapFS{}, config.Service{Name: "a"}, nil)
	for c := 'A'; c <= 'z'; c++ {
		for d := 'A'; d <= 'Z'; d++ {
			s.Reads(string(c)+string(d), "x", 1)
		}
	}
	if got := len(s.variablesRead()); got != maxUses {
		t.Errorf("%d are listed, not %d", got, maxUses)
	}
}
