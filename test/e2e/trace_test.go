package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// traced is a span of a file that --trace wrote.
type traced struct {
	SpanID, ParentSpanID, Name         string
	StartTimeUnixNano, EndTimeUnixNano string
	Attributes                         []struct {
		Key   string
		Value struct{ BoolValue bool }
	}
	path string // names from the command to it
}

// is tells whether an attribute is true.
func (s traced) is(key string) bool {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.BoolValue
		}
	}
	return false
}

// spansOf reads a trace, by the path of names from the command. Each span lies
// in its parent, to the clock's millisecond.
func spansOf(t *testing.T, file string) map[string]traced {
	t.Helper()
	var trace struct {
		ResourceSpans []struct{ ScopeSpans []struct{ Spans []traced } }
	}
	if err := json.Unmarshal([]byte(read(t, file)), &trace); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	byID, byPath := map[string]traced{}, map[string]traced{}
	for _, s := range trace.ResourceSpans[0].ScopeSpans[0].Spans {
		byID[s.SpanID] = s
	}
	at := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, s := range byID {
		for up := s; ; {
			s.path = "/" + up.Name + s.path
			parent, ok := byID[up.ParentSpanID]
			if !ok {
				break
			}
			up = parent
		}
		byPath[s.path] = s
		const slack = 1e6
		if p, ok := byID[s.ParentSpanID]; ok && (at(s.StartTimeUnixNano) < at(p.StartTimeUnixNano)-slack || at(s.EndTimeUnixNano) > at(p.EndTimeUnixNano)+slack) {
			t.Errorf("%s runs from %s to %s, not within %s to %s", s.path, s.StartTimeUnixNano, s.EndTimeUnixNano, p.StartTimeUnixNano, p.EndTimeUnixNano)
		}
		if at(s.EndTimeUnixNano) < at(s.StartTimeUnixNano) {
			t.Errorf("%s ends before it begins", s.path)
		}
	}
	return byPath
}

// TestATraceTellsWhereTheTimeOfABuildWent traces a build, one whose steps are
// cached, and one with nothing to do.
func TestATraceTellsWhereTheTimeOfABuildWent(t *testing.T) {
	real(t)
	_, env := ownState(t)
	src := smallDir(t, "RUN echo x > /x\nFROM scratch\nCOPY --from=work /x /x\n")
	file, profile := filepath.Join(t.TempDir(), "build.json"), filepath.Join(t.TempDir(), "build.pprof")
	name := filepath.Base(src)
	run, service := "/slipway build", "/slipway build/"+name
	build := func(args ...string) map[string]traced {
		args = append([]string{"build", "--trace", file, "--cpuprofile", profile}, args...)
		invocation{dir: src, env: env, args: args}.run(t).must(t, 0)
		return spansOf(t, file)
	}
	has := func(spans map[string]traced, paths ...string) {
		t.Helper()
		for _, p := range paths {
			if _, ok := spans[p]; !ok {
				t.Errorf("no span %s among\n%s", p, strings.Join(slices.Sorted(maps.Keys(spans)), "\n"))
			}
		}
	}
	step, export := service+"/build/RUN echo x > /x", service+"/build/exporting to oci image format"
	first := build()
	has(first, run, run+"/planning", run+"/fingerprints", run+"/opening the engine", run+"/closing the engine", service, service+"/build", service+"/fingerprint again", step, export)
	if first[step].is("slipway.cached") || first[service].is("slipway.unchanged") {
		t.Errorf("the first build has cached steps: %+v", first[step])
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("the CPU profile: %v, %v", info, err)
	}
	if again := build("--force"); !again[step].is("slipway.cached") {
		t.Errorf("the second build has no cached step: %+v", again[step])
	}
	idle := build()
	has(idle, run+"/fingerprints", service)
	if !idle[service].is("slipway.unchanged") {
		t.Errorf("the third build is not unchanged: %+v", idle[service])
	}
	for path := range idle {
		if strings.Contains(path, "engine") && path != run+"/closing the engine" || strings.Contains(path, "/build/"+name+"/build") {
			t.Errorf("with nothing to do there is a span %s", path)
		}
	}
}

// TestAnInterruptedBuildLeavesItsTrace also finds the step that was stopped.
func TestAnInterruptedBuildLeavesItsTrace(t *testing.T) {
	real(t)
	dir, env := ownState(t)
	src, out := smallDir(t, slow), t.TempDir()
	file := filepath.Join(out, "build.json")
	r := invocation{dir: src, env: env, args: []string{"build", "--trace", file, "--cpuprofile", filepath.Join(out, "build.pprof")}}.start(t)
	r.until(t, "the step", inStep(dir))
	interrupted(t, r, dir)
	path := "/slipway build/" + filepath.Base(src) + "/build/RUN echo running; sleep 300"
	if spans := spansOf(t, file); spans[path].Name == "" {
		t.Errorf("no span %s among\n%s", path, strings.Join(slices.Sorted(maps.Keys(spans)), "\n"))
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 2 {
		t.Errorf("%v beside the two files: %v", entries, err)
	}
}

// TestAnOrdinaryUsersTraceIsThatOfTheWork: the command runs once more inside a
// user namespace, and that one is traced.
func TestAnOrdinaryUsersTraceIsThatOfTheWork(t *testing.T) {
	real(t)
	cmd, _ := ordinary(t, true, smallDir(t, "RUN echo x > /x\n"), "build", "--trace", "build.json", "--cpuprofile", "build.pprof")
	finish(t, cmd).must(t, 0)
	spans := spansOf(t, filepath.Join(cmd.Dir, "build.json"))
	if step := "/slipway build/src/build/RUN echo x > /x"; spans[step].Name == "" {
		t.Errorf("no span %s among\n%s", step, strings.Join(slices.Sorted(maps.Keys(spans)), "\n"))
	}
	left, err := filepath.Glob(filepath.Join(cmd.Dir, ".build*"))
	if info, statErr := os.Stat(filepath.Join(cmd.Dir, "build.pprof")); err != nil || statErr != nil || info.Size() == 0 || len(left) > 0 {
		t.Errorf("the profile: %v, left %v, %v", statErr, left, err)
	}
}
