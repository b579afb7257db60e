package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// questions are what the examples are asked; one without is built and started
// until it is healthy.
var questions = map[string]struct {
	question
	answer string
}{
	"01-nodejs-basic":       {question{3000, "/", ""}, `{"service":"nodejs-basic","notes":0}`},
	"02-go-basic":           {question{8080, "/quotes/3", ""}, "Simplicity is prerequisite"},
	"03-python-basic":       {question{8000, "/tasks", ""}, "[]"},
	"04-static-basic":       {question{8080, "/prices", ""}, "Spelt"},
	"05-java-basic":         {question{8080, "/", ""}, `{"try":"/parcels/1200"}`},
	"06-rust-basic":         {question{8080, "/tides/highest", ""}, `"centimetres":`},
	"01-nodejs-optimized":   {question{3000, "/", ""}, `"orders":0`},
	"02-parallel-builds":    {question{8081, "/stations", ""}, "Harbour"},
	"03-asset-optimization": {question{8080, "/any/page", ""}, "Rainfall by month"},
	"04-cross-compilation":  {question{8080, "/platform", ""}, `"os":"linux"`},
}

// TestTheExamplesBuildAndAnswer does for every example of Module 5 what its
// README says: build it under its name, run it by that name, ask it.
func TestTheExamplesBuildAndAnswer(t *testing.T) {
	real(t)
	dirs, err := filepath.Glob(filepath.Join(root, "examples", "0*-*", "0*-*"))
	if err != nil || len(dirs) < len(questions) {
		t.Fatalf("%d examples: %v", len(dirs), err)
	}
	for _, from := range dirs {
		name := filepath.Base(from)
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			copyExample(t, dir, from)
			image := name[3:]
			build, run := []string{"build", "-t", image, "."}, []string{image}
			if _, err := os.Stat(filepath.Join(dir, "slipway.yaml")); err == nil {
				build, run = []string{"build"}, nil // a fleet
			}
			built := invocation{dir: dir, args: build, limit: 20 * time.Minute}.run(t).must(t, 0)
			asked, ok := questions[name]
			if !ok {
				invocation{dir: dir, args: append([]string{"run", "--until-healthy", "--timeout", "120s"}, run...)}.run(t).must(t, 0)
				return
			}
			answer := answerOf(t, dir, asked.question, run...)
			if !strings.HasPrefix(answer, "200") || !strings.Contains(answer, asked.answer) {
				t.Errorf("%s answers %q, which has no %q", asked.path, answer, asked.answer)
			}
			t.Logf("built in %v\n%s", built.took.Round(time.Second), built.stdout)
		})
	}
}

// TestTheOptimizedExampleKeepsItsPromise runs the scripts of 01-nodejs-optimized
// and holds its figures against what its README promises.
func TestTheOptimizedExampleKeepsItsPromise(t *testing.T) {
	real(t)
	dir := filepath.Join(t.TempDir(), "01-nodejs-optimized")
	copyExample(t, dir, filepath.Join(root, "examples", "02-OptimizedMultiStage", "01-nodejs-optimized"))
	script := func(args ...string) result {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(dir, "scripts", args[0]), args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(append(os.Environ(), "SLIPWAY="+slipwayBinary()), shared()...)
		return finish(t, cmd).must(t, 0)
	}
	if out := script("build.sh").stdout; !strings.Contains(out, "Size=") {
		t.Errorf("build.sh prints no statistics:\n%s", out)
	}
	out := script("benchmark.sh", "--runs", "1", "--json").stdout
	var figures struct{ Ratio map[string]float64 }
	if err := json.Unmarshal([]byte(out), &figures); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, most := range map[string]float64{"source_change": 0.5, "size": 0.4} {
		if got := figures.Ratio[name]; got == 0 || got > most {
			t.Errorf("%s: %.2f of the single stage, want at most %.2f", name, got, most)
		}
	}
	t.Log(out)
	left, err := filepath.Glob(filepath.Join(state, "bench-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("slipway bench left %v, %v", left, err)
	}
}
