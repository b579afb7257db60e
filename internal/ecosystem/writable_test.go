package ecosystem

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestWritable: the user gets the directories, root keeps those above them, and
// nothing of it runs.
func TestWritable(t *testing.T) {
	s := Open(fstest.MapFS{}, config.Service{Name: "a"}, nil)
	for _, dir := range []string{"uploads", "./data/cache/", "uploads", "../etc", "/etc/x", "/", "/var/lib", "/var/lib/shop", "/data"} {
		s.Writes(dir, "os.makedirs", "main.py", 3)
	}
	want := []string{"/app/data/cache", "/app/uploads", "/data", "/var/lib/shop"}
	if diff := cmp.Diff(want, s.Writable()); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
	if len(s.Facts) != len(want) {
		t.Errorf("%d facts of %d directories: %v", len(s.Facts), len(want), s.Facts)
	}
	p := s.Plan(Bases{}, config.User{}, plan.Stage{Name: plan.StageBuilder}, s.Production(Image{Writable: s.Writable(), User: config.User{UID: 7, GID: 8}}))
	var got []string
	for _, step := range p.Stages[1].Steps {
		got = append(got, string(step.Op)+" "+step.Args[0])
	}
	steps := []string{"WORKDIR /app/data", "WORKDIR /app", "WORKDIR /var/lib", "USER 7:8", "WORKDIR /app/data/cache", "WORKDIR /app/uploads", "WORKDIR /data", "WORKDIR /var/lib/shop"}
	if diff := cmp.Diff(steps, got); diff != "" || p.Stages[1].Name != plan.StageWritable || p.Stages[1].From != plan.Scratch {
		t.Errorf("stage %s of %s (-want +got):\n%s", p.Stages[1].Name, p.Stages[1].From, diff)
	}
}

// TestNothingWritable adds no stage.
func TestNothingWritable(t *testing.T) {
	s := Open(fstest.MapFS{}, config.Service{Name: "a"}, nil)
	p := s.Plan(Bases{}, config.User{}, s.Production(Image{Writable: []string{"/usr/lib"}}))
	if len(p.Stages) != 1 || p.Stages[0].Name != plan.StageProduction {
		t.Errorf("stages %+v", p.Stages)
	}
}

// TestTheWorkingDirectoryItself can be the user's, as a database beside the code
// wants it.
func TestTheWorkingDirectoryItself(t *testing.T) {
	st := writableStage([]string{".", "uploads"}, config.User{UID: 7, GID: 8})
	var got []string
	for _, step := range st.Steps {
		got = append(got, string(step.Op)+" "+step.Args[0])
	}
	if diff := cmp.Diff([]string{"USER 7:8", "WORKDIR /app", "WORKDIR /app/uploads"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestADirectoryOfTheUserHoldsOthers: what lies between them is the user's too.
func TestADirectoryOfTheUserHoldsOthers(t *testing.T) {
	st := writableStage([]string{"shop", "shop/static/up", "var/a/b"}, config.User{UID: 7, GID: 8})
	var got []string
	for _, step := range st.Steps {
		got = append(got, string(step.Op)+" "+step.Args[0])
	}
	want := []string{"WORKDIR /app", "WORKDIR /app/var/a", "USER 7:8", "WORKDIR /app/shop", "WORKDIR /app/shop/static/up", "WORKDIR /app/var/a/b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWritablePath(t *testing.T) {
	for dir, want := range map[string]bool{"/app": true, "/app/x": true, "/data": true, "/home": false, "/home/app": true, "/var/log": false, "/var/log/app": true,
		"/usr/x": false, "/tmp/x": false, "/": false, "/opt/venv": false, "/opt/store": true, "app": false, "/app/../etc": false} {
		if got := WritablePath(dir); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
}
