//go:build linux

package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

func machine(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 16777216 kB\nMemAvailable: 1 kB\n")}}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestStepsHaveTheLimitsThatTheMachineCanSet(t *testing.T) {
	const most = 16<<30 - 16<<30/10
	for name, c := range map[string]struct {
		root fstest.MapFS
		o    Options
		want stepLimits
	}{
		"version 1":       {machine(map[string]string{"sys/fs/cgroup/pids/x": "", "sys/fs/cgroup/memory/x": ""}), Options{}, stepLimits{pids: DefaultPIDs, memory: most &^ (1<<20 - 1)}},
		"version 2":       {machine(map[string]string{"sys/fs/cgroup/cgroup.controllers": "cpu pids memory\n"}), Options{StepPIDs: 100}, stepLimits{pids: 100, memory: most &^ (1<<20 - 1)}},
		"no memory":       {machine(map[string]string{"sys/fs/cgroup/pids/x": ""}), Options{}, stepLimits{pids: DefaultPIDs}},
		"nothing":         {machine(nil), Options{}, stepLimits{}},
		"an ordinary one": {machine(map[string]string{"sys/fs/cgroup/pids/x": ""}), Options{Rootless: true}, stepLimits{pids: DefaultPIDs, users: true}},
	} {
		if got := newStepLimits(c.root, c.o); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestTheOwnLimitsOfAStepStay(t *testing.T) {
	own := int64(5)
	spec := &specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &own}}}, Process: &specs.Process{}}
	stepLimits{pids: 7, memory: 9}.set(spec)
	if r := spec.Linux.Resources; *r.Memory.Limit != 5 || *r.Pids.Limit != 7 || len(spec.Process.Rlimits) > 0 {
		t.Errorf("%+v, %+v", r.Memory, r.Pids)
	}
	spec = &specs.Spec{Linux: &specs.Linux{}, Process: &specs.Process{}}
	stepLimits{memory: 9}.set(spec)
	if r := spec.Linux.Resources; *r.Memory.Limit != 9 || r.Pids != nil {
		t.Errorf("%+v", r)
	}
	spec = &specs.Spec{Linux: &specs.Linux{}, Process: &specs.Process{}}
	users := stepLimits{pids: 7, users: true}
	users.set(spec)
	users.set(spec)
	if got := spec.Process.Rlimits; len(got) != 1 || got[0] != (specs.POSIXRlimit{Type: "RLIMIT_NPROC", Hard: 7, Soft: 7}) || spec.Linux.Resources != nil {
		t.Errorf("%+v", got)
	}
}

func TestWhatAGroupWasStoppedAt(t *testing.T) {
	const g = "buildkit/x"
	for name, c := range map[string]struct {
		root               fstest.MapFS
		pids, memory, near bool
	}{
		"nothing":         {machine(nil), false, false, false},
		"none":            {machine(map[string]string{"sys/fs/cgroup/pids/" + g + "/pids.events": "max 0\n", "sys/fs/cgroup/pids/" + g + "/pids.current": "3\n", "sys/fs/cgroup/pids/" + g + "/pids.max": "max\n"}), false, false, false},
		"near":            {machine(map[string]string{"sys/fs/cgroup/pids/" + g + "/pids.current": "60\n", "sys/fs/cgroup/pids/" + g + "/pids.max": "100\n"}), false, false, true},
		"pids":            {machine(map[string]string{"sys/fs/cgroup/pids/" + g + "/pids.events": "max 3\n"}), true, false, false},
		"pids, version 2": {machine(map[string]string{"sys/fs/cgroup/" + g + "/pids.events": "max 3\n"}), true, false, false},
		"memory":          {machine(map[string]string{"sys/fs/cgroup/memory/" + g + "/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"}), false, true, false},
		"memory of 2":     {machine(map[string]string{"sys/fs/cgroup/" + g + "/memory.events": "low 0\noom 1\noom_kill 1\n"}), false, true, false},
	} {
		if pids, memory, near := reached(c.root, g); pids != c.pids || memory != c.memory || near != c.near {
			t.Errorf("%s: %v, %v, %v", name, pids, memory, near)
		}
	}
}

// TestAForkBombEndsItsStep: with a sentence, whatever network it asks for.
func TestAForkBombEndsItsStep(t *testing.T) {
	e := openReal(t, Options{StepPIDs: 500})
	dir := busyboxContext(t)
	for _, flags := range []string{"", "--network=none "} {
		text := busyboxBase + "RUN " + flags + "while :; do sleep 100 & done\n"
		_, err := e.Build(t.Context(), engine.Request{Name: "web", Context: dir, Dockerfile: []byte(text)}, event.Discard{})
		if err == nil || !strings.Contains(err.Error(), "as many processes as one may have") || !strings.Contains(diag.HintOf(err), "SLIPWAY_STEP_PIDS") {
			t.Errorf("%q: %v, hint %q", flags, err, diag.HintOf(err))
		}
	}
}

// TestAStepHasAMemoryLimit: of the machine's memory, or of the command line.
func TestAStepHasAMemoryLimit(t *testing.T) {
	e := openReal(t, Options{})
	req := engine.Request{Name: "web", Context: busyboxContext(t), Dockerfile: []byte(busyboxBase + "RUN dd if=/dev/zero of=/dev/null bs=400M count=1 iflag=fullblock\n")}
	if _, err := e.Build(t.Context(), req, event.Discard{}); err != nil {
		t.Fatal(err)
	}
	req.NoCache = true
	req.Steps.Limits = map[string]string{"memory": "104857600"}
	if _, err := e.Build(t.Context(), req, event.Discard{}); err == nil || !strings.Contains(err.Error(), "memory runs out") || !strings.Contains(diag.HintOf(err), "--resource memory") {
		t.Errorf("a step of 100 MB held 400 MB: %v, hint %q", err, diag.HintOf(err))
	}
}

// TestAForkBombOfAnOrdinaryUserEndsItsStep: there is no control group, and the kernel
// counts the user's processes.
func TestAForkBombOfAnOrdinaryUserEndsItsStep(t *testing.T) {
	needRoot(t)
	cmd, _ := asUser(t, 10023, 10023, busyboxBase+"RUN while :; do sleep 100 & done\n")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "can't fork") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestABombOfAnOrdinaryUserIsRefused: archives are unpacked inside the user's namespace.
func TestABombOfAnOrdinaryUserIsRefused(t *testing.T) {
	needRoot(t)
	cmd, dir := asUser(t, 10024, 10024, "FROM scratch\nADD bomb.tar.gz /\n")
	if err := os.WriteFile(filepath.Join(dir, "context", "bomb.tar.gz"), gzipped(t, zeros(t, "x", 64<<20)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "bomb.tar.gz: it unpacks to more than 33.6 MB") {
		t.Errorf("%v\n%s", err, out)
	}
	leftAlone(t, filepath.Join(dir, "state"))
	leftAlone(t, filepath.Join(dir, "home"))
}
