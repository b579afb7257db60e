// Package e2e drives the real binary: real bases from the machine's mirrors,
// the real engine, real registries, real containers. It needs root and the
// network and runs only with SLIPWAY_E2E=1, which `make test` sets. Heavy state
// is made once: all tests share one state directory and one build of the fleet,
// unless a test is about an empty one.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

// state is the shared state directory, root the repository.
var state, root string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == peer.WrapperName { // the peer's buildkitd starts this for each step
		os.Exit(peer.RunWrapped(os.Args, os.Environ()))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if root, err = filepath.Abs("../.."); err != nil {
		panic(err)
	}
	if os.Getenv("SLIPWAY_E2E") != "1" {
		return m.Run() // every test says why it skips
	}
	if state = os.Getenv("SLIPWAY_E2E_STATE"); state == "" {
		if state, err = os.MkdirTemp("", "slipway-e2e-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(state)
	}
	return m.Run()
}

// real skips a test unless the suite may use root and the network.
func real(t *testing.T) {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("needs root, the network and bin/slipway: set SLIPWAY_E2E=1 (make test does)")
	}
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// invocation is a command of slipway to run.
type invocation struct {
	dir   string
	env   []string // added; SLIPWAY_STATE_DIR is the shared one unless set here
	args  []string
	stdin string
	limit time.Duration // 0: ten minutes
}

func slipwayBinary() string {
	if b := os.Getenv("SLIPWAY_BIN"); b != "" {
		return b
	}
	return filepath.Join(root, "bin", "slipway")
}

// command prepares a command without starting it.
func (i invocation) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, slipwayBinary(), i.args...)
	cmd.Dir = i.dir
	if i.stdin != "" {
		cmd.Stdin = strings.NewReader(i.stdin)
	}
	cmd.Env = append(os.Environ(), shared(i.env...)...)
	return cmd
}

// shared are the variables of a command that works in the shared state, then others. The
// suite's repositories share downloads, which saves a third of its time.
func shared(more ...string) []string {
	return append([]string{"SLIPWAY_STATE_DIR=" + state, "SLIPWAY_CACHE_SCOPE=shared"}, more...)
}

// run runs a command to its end.
func (i invocation) run(t *testing.T) result {
	t.Helper()
	limit := i.limit
	if limit == 0 {
		limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return finish(t, i.command(ctx))
}

// finish runs a prepared command and collects what it printed.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, errs.String())
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

// must fails the test unless the command ended with the code.
func (r result) must(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// says fails the test unless stderr has each of the texts.
func (r result) says(t *testing.T, texts ...string) result {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, r.stderr)
		}
	}
	return r
}

// fast is examples/fast of this checkout.
func fast() string { return filepath.Join(root, "examples", "fast") }

var fleetOnce = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	out, err := invocation{dir: fast(), args: []string{"build"}}.command(ctx).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the fleet: %w\n%s", err, out)
	}
	return nil
})

// builtFleet builds the FAST fleet into the shared state, once for all tests.
func builtFleet(t *testing.T) {
	t.Helper()
	real(t)
	if err := fleetOnce(); err != nil {
		t.Fatal(err)
	}
}

// fleetImage is the name that a service's image has in the store.
func fleetImage(service string) string { return "localhost:5000/gpp-g3/" + service + ":latest" }
