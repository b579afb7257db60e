//go:build linux

package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// recorder keeps every event.
type recorder struct {
	mu     sync.Mutex
	events []event.Event
}

func (r *recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) logs() string {
	var b strings.Builder
	for _, e := range r.events {
		if l, ok := e.(event.StepLog); ok {
			b.Write(l.Data)
		}
	}
	return b.String()
}

func needsReal(t *testing.T) {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" {
		t.Skip("needs root and runc: set SLIPWAY_E2E=1 (make test does)")
	}
}

// openReal opens an engine on a fresh state directory, or skips.
func openReal(t *testing.T, o Options) *Engine {
	t.Helper()
	needsReal(t)
	if o.StateDir == "" {
		o.StateDir = t.TempDir()
	}
	if o.ImageDir == "" {
		o.ImageDir = t.TempDir()
	}
	o.Runc = os.Getenv("SLIPWAY_RUNC")
	if o.Runc == "" {
		o.Runc = "runc"
	}
	e, err := Open(context.Background(), o, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// busyboxContext is a build context with a static busybox.
func busyboxContext(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("needs a static busybox: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "busybox"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

const busyboxBase = "FROM scratch AS base\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\",\"--install\",\"-s\",\"/bin\"]\n"

func TestBuildOfAnUnchangedRequestIsCachedAndIdentical(t *testing.T) {
	e := openReal(t, Options{})
	req := engine.Request{
		Name: "web", Context: busyboxContext(t),
		Dockerfile: []byte(busyboxBase + "RUN date > /stamp\nFROM scratch\nCOPY --from=base /stamp /a/b/stamp\n"),
	}
	first, err := e.Build(context.Background(), req, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := e.Build(context.Background(), req, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Digest == "" || first.Digest != second.Digest {
		t.Errorf("digests %q and %q, want one", first.Digest, second.Digest)
	}
	if second.CachedSteps != second.Steps || second.Steps == 0 {
		t.Errorf("%d of %d steps cached, want all", second.CachedSteps, second.Steps)
	}
	t.Logf("first %v, second %v", first.Duration, second.Duration)
}

// TestAContextOfFilesLiesOverItsStage: equal files of two builds are one input,
// whatever the stage that they lie over has.
func TestAContextOfFilesLiesOverItsStage(t *testing.T) {
	e := openReal(t, Options{})
	in := func(dir, own, shared string) (engine.Result, string) {
		t.Helper()
		out := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "m"), []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		req := engine.Request{
			Name: "web", Context: dir, Output: engine.Output{Kind: engine.OutputLocal, Path: out},
			Dockerfile: []byte("FROM scratch AS manifests\nCOPY m /\nFROM scratch\nCOPY --from=manifests m /\n"),
		}
		if shared != "" {
			req.Contexts = map[string]func() (map[string][]byte, error){
				"manifests": func() (map[string][]byte, error) { return map[string][]byte{"m": []byte(shared)}, nil },
			}
		}
		res, err := e.Build(context.Background(), req, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(out, "m"))
		if err != nil {
			t.Fatal(err)
		}
		return res, string(got)
	}
	build := func(own, shared string) (engine.Result, string) { return in(t.TempDir(), own, shared) }
	if _, got := build("own", ""); got != "own" {
		t.Errorf("without the context: %q", got)
	}
	if _, got := build("one", "shared"); got != "shared" {
		t.Errorf("with it: %q", got)
	}
	if res, got := build("two", "shared"); got != "shared" || res.CachedSteps != res.Steps {
		t.Errorf("with equal files: %q, %d of %d steps cached", got, res.CachedSteps, res.Steps)
	}
	dir := t.TempDir()
	for _, text := range []string{"first", "other"} { // of equal size
		if _, got := in(dir, "own", text); got != text {
			t.Errorf("with changed files: %q, want %q", got, text)
		}
	}
	_, err := e.Build(context.Background(), engine.Request{Name: "web", Context: t.TempDir(), Dockerfile: []byte("FROM scratch\n"),
		Contexts: map[string]func() (map[string][]byte, error){"manifests": func() (map[string][]byte, error) { return nil, fs.ErrNotExist }}}, event.Discard{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("files that cannot be read: %v", err)
	}
}

func TestStepsSeeTheHostsCertificatesAndEnvironmentButLayersDoNot(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, []byte("CANARY-CA"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := openReal(t, Options{CAFile: ca, StepEnv: []string{"https_proxy=http://canary.example"}})
	out := t.TempDir()
	rec := &recorder{}
	_, err := e.Build(context.Background(), engine.Request{
		Name: "web", Context: busyboxContext(t),
		Dockerfile: []byte(busyboxBase + "RUN cat $SSL_CERT_FILE; echo; echo $https_proxy; find /dev/slipway\n"),
		Output:     engine.Output{Kind: engine.OutputLocal, Path: out},
	}, rec)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CANARY-CA", "http://canary.example"} {
		if !strings.Contains(rec.logs(), want) {
			t.Errorf("the step did not see %s:\n%s", want, rec.logs())
		}
	}
	if _, err := os.Lstat(filepath.Join(out, "dev", "slipway")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mount point is part of the layer: %v", err)
	}
}

func TestAFailedStepIsNamedWithItsWholeLog(t *testing.T) {
	e := openReal(t, Options{})
	_, err := e.Build(context.Background(), engine.Request{
		Name: "web", Context: busyboxContext(t),
		Dockerfile: []byte(busyboxBase + "RUN echo one; echo two >&2; exit 7\n"),
	}, event.Discard{})
	var step *engine.StepError
	if !errors.As(err, &step) {
		t.Fatalf("error %v, want a StepError", err)
	}
	if step.ExitCode != 7 || step.Step == "" || !strings.Contains(string(step.Log), "one\n") || !strings.Contains(string(step.Log), "two\n") {
		t.Errorf("exit %d, stage %q, log %q", step.ExitCode, step.Stage, step.Log)
	}
}

func TestAnAbandonedEngineIsKnown(t *testing.T) {
	needsReal(t)
	dir := t.TempDir()
	if Abandoned(dir) {
		t.Error("an engine that never was is abandoned")
	}
	t.Run("open", func(t *testing.T) {
		openReal(t, Options{StateDir: dir})
		if Abandoned(dir) {
			t.Error("an open engine is abandoned")
		}
	})
	if Abandoned(dir) {
		t.Error("a closed engine is abandoned")
	}
	if err := os.WriteFile(filepath.Join(dir, "lock"), []byte("1 slipway build\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !Abandoned(dir) {
		t.Error("a killed process is not missed")
	}
	fresh := t.TempDir() // killed before it had anything
	if err := os.WriteFile(filepath.Join(fresh, "lock"), []byte("1 slipway build\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("killed", func(t *testing.T) { openReal(t, Options{StateDir: fresh}) })
}

func TestCancelLeavesNoMount(t *testing.T) {
	e := openReal(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := e.Build(ctx, engine.Request{
		Name: "web", Context: busyboxContext(t),
		Dockerfile: []byte(busyboxBase + "RUN echo started; sleep 600\n"),
	}, cancelOn{"started", cancel})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := mountsBelow(e.opts.StateDir)
	if err != nil || len(left) > 0 {
		t.Errorf("mounts left: %v %v", left, err)
	}
	e.client, e.controller, e.server, e.log, e.lock = nil, nil, nil, nil, nil
}

// cancelOn calls cancel when a step prints the word.
type cancelOn struct {
	word   string
	cancel context.CancelFunc
}

func (c cancelOn) Emit(e event.Event) {
	if l, ok := e.(event.StepLog); ok && strings.Contains(string(l.Data), c.word) {
		c.cancel()
	}
}

func TestCollectKeepsTheCacheWithinItsLimit(t *testing.T) {
	small := openReal(t, Options{MaxCacheSize: 1}) // byte
	large := openReal(t, Options{})
	req := engine.Request{Name: "web", Context: busyboxContext(t), Dockerfile: []byte(busyboxBase + "RUN echo once > /once\n")}
	for _, c := range []struct {
		engine *Engine
		cached bool
	}{{small, false}, {large, true}} {
		if _, err := c.engine.Build(context.Background(), req, event.Discard{}); err != nil {
			t.Fatal(err)
		}
		if err := c.engine.Collect(context.Background()); err != nil {
			t.Fatal(err)
		}
		again, err := c.engine.Build(context.Background(), req, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		if got := again.CachedSteps == again.Steps; got != c.cached {
			t.Errorf("limit %d: %d of %d steps cached", c.engine.opts.MaxCacheSize, again.CachedSteps, again.Steps)
		}
	}
}

// TestEnginesOneAfterAnother in one process build the same, also when a step fails: what
// BuildKit remembers of files is in variables of the process.
func TestEnginesOneAfterAnother(t *testing.T) {
	needsReal(t)
	o, context := Options{StateDir: t.TempDir(), ImageDir: t.TempDir()}, busyboxContext(t)
	for _, command := range []string{"false", "false", "true", "false", "true"} {
		t.Run(command, func(t *testing.T) {
			_, err := openReal(t, o).Build(t.Context(), engine.Request{
				Name: "web", Context: context, NoCache: true, Dockerfile: []byte(busyboxBase + "RUN " + command + "\n"),
			}, event.Discard{})
			if failed := (*engine.StepError)(nil); (command == "false") != errors.As(err, &failed) || command == "true" && err != nil {
				t.Errorf("%s: %v", command, err)
			}
		})
	}
}
