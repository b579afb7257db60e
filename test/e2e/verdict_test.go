//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/fingerprint/disk"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestEqualFingerprintsMeanEqualImages makes random changes to a small service:
// contents, modes, renames, deletions, links, times (also those that hide a
// change), attributes, ignore rules, arguments, the Dockerfile, bases, secrets,
// platforms. After each of them the engine builds everything anew from a fresh
// copy of the context, and the verdict of the fingerprint is held against it: a
// fingerprint that was seen before has to have the image that it had then. The
// few values that each input takes make fingerprints come back often. A wrong
// skip fails the test; needless rebuilds are counted and printed by what caused them.
// Of these, only a build can tell those where a step runs and the files that its stage gets
// differ in what it can see of them: it may look at that, or not.
//
// SLIPWAY_VERDICT_RUNS is the number of changes, 100 unless set; the whole test is
//
//	make verdicts RUNS=10000
//
// SLIPWAY_VERDICT_SEED repeats a run; the seed is printed.
func TestEqualFingerprintsMeanEqualImages(t *testing.T) {
	real(t)
	runs, seed := number(t, "SLIPWAY_VERDICT_RUNS", 100), number(t, "SLIPWAY_VERDICT_SEED", 1)
	t.Logf("SLIPWAY_VERDICT_SEED=%d SLIPWAY_VERDICT_RUNS=%d", seed, runs)
	j := newJudge(t, uint64(seed))
	start := time.Now()
	for i := range runs {
		if i%2000 == 0 && i > 0 { // its cache only grows
			j.openEngine(t)
		}
		if i%500 == 0 && i > 0 {
			j.builds.Wait()
			t.Logf("%d changes in %v: %v", i, time.Since(start).Round(time.Second), j.count)
		}
		j.mutate(t)
		j.judge(t, i)
		if t.Failed() {
			break
		}
	}
	j.builds.Wait()
	t.Logf("%d changes in %v: %v", runs, time.Since(start).Round(time.Second), j.count)
	t.Logf("needless rebuilds, those of them that only a build can tell, and all, by the change before them:%s", j.table())
	if runs >= 100 && (j.count.skips < runs/20 || j.count.rebuilds-j.count.needless < runs/20) {
		t.Error("the changes are not varied enough to prove anything")
	}
}

// judge holds the service that changes, and what it was built to.
type judge struct {
	*rand.Rand
	engine *embedded.Engine
	builds sync.WaitGroup
	slot   chan struct{} // of the one build at a time
	bases  []string      // digests
	dir    string        // of the context
	work   string        // for copies
	images string
	req    engine.Request
	cache  *fingerprint.Cache
	what   []string // the changes, for a failure
	kind   string   // of the last one

	// Of the one build at a time, in the order of the changes:
	seen  map[string]verdict // by fingerprint
	last  verdict
	count counts
	by    map[string]*counts // rebuilds, by the kind of change
}

func newJudge(t *testing.T, seed uint64) *judge {
	t.Helper()
	j := &judge{
		Rand: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), work: t.TempDir(), images: t.TempDir(),
		cache: fingerprint.NewCache(time.Now()), slot: make(chan struct{}, 1), seen: map[string]verdict{}, by: map[string]*counts{},
	}
	j.openEngine(t)
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("needs a static busybox: %v", err)
	}
	context := t.TempDir()
	writeFile(t, filepath.Join(context, "busybox"), busybox, 0o755)
	for _, version := range []string{"1", "2"} {
		res, err := j.engine.Build(t.Context(), engine.Request{
			Name: "base", Context: context,
			Dockerfile: []byte("FROM scratch\nCOPY busybox /bin/busybox\nENV VERSION=" + version + "\n"),
		}, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		j.bases = append(j.bases, res.Digest)
	}
	for _, name := range []string{"a.txt", "b.txt", "src/a.txt", "src/deep/b.txt", "lib/a.txt"} {
		path := filepath.Join(j.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, []byte("one"), 0o644)
	}
	if err := os.Symlink("../lib", filepath.Join(j.dir, "src", "link")); err != nil {
		t.Fatal(err)
	}
	j.req = engine.Request{Name: "service", Context: j.dir, Dockerfile: j.dockerfile(), Bases: map[string]string{"test/base:1": j.bases[0]}}
	return j
}

func writeFile(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// openEngine opens an engine with an empty cache.
func (j *judge) openEngine(t *testing.T) {
	t.Helper()
	runc := os.Getenv("SLIPWAY_RUNC")
	if runc == "" {
		runc = "runc"
	}
	j.builds.Wait()
	if j.engine != nil {
		if err := j.engine.Close(); err != nil {
			t.Fatal(err)
		}
	}
	e, err := embedded.Open(t.Context(), embedded.Options{StateDir: t.TempDir(), ImageDir: j.images, Runc: runc}, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	if j.engine == nil {
		t.Cleanup(func() {
			if err := j.engine.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	j.engine = e
}

// fingerprint is that of the service as it is now.
func (j *judge) fingerprint(ctx context.Context, cache *fingerprint.Cache) (fingerprint.Print, error) {
	in, err := j.input(cache)
	if err != nil {
		return fingerprint.Print{}, err
	}
	return fingerprint.Of(ctx, in)
}

// step digests the files that the stage gets which runs a step, as far as a step can see
// them; it is empty when the target needs none.
func (j *judge) step(t *testing.T) string {
	t.Helper()
	in, err := j.input(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := dockerfile.Read("Dockerfile", in.Dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	given := func(name string) bool { return in.Bases[name] != "" }
	if !file.Reads(in.Target, in.Args, given).Steps {
		return ""
	}
	in.Target = "two" // see dockerfile
	print, _ := fingerprint.Of(t.Context(), in)
	var all bytes.Buffer
	for _, f := range print.Files {
		text, _ := f.MarshalText() // never fails
		fmt.Fprintf(&all, "%q\n", text)
	}
	return fmt.Sprintf("%x", sha256.Sum256(all.Bytes()))
}

// input is the service as it is now.
func (j *judge) input(cache *fingerprint.Cache) (fingerprint.Input, error) {
	tree, err := disk.Open(j.dir)
	if err != nil {
		return fingerprint.Input{}, err
	}
	in := fingerprint.Input{
		Context: tree, Dockerfile: j.req.Dockerfile, Ignore: j.req.Ignore, GitModes: j.req.GitModes, Target: j.req.Target,
		Args: j.req.Args, Labels: j.req.Labels, Platforms: j.req.Platforms, Bases: j.req.Bases, Compression: j.req.Compression,
		Recipe: "test", Cache: cache, Embedded: true, Host: plan.Host(),
	}
	if !j.req.Epoch.IsZero() {
		in.Epoch = j.req.Epoch.Unix()
	}
	for _, s := range j.req.Secrets {
		in.Secrets = append(in.Secrets, fingerprint.Secret{ID: s.ID, Source: "env:" + s.Env})
	}
	return in, nil
}

// judge takes the fingerprint and starts a full build.
func (j *judge) judge(t *testing.T, i int) {
	t.Helper()
	j.keepCache(t)
	print, err := j.fingerprint(t.Context(), j.cache)
	fresh, freshErr := j.fingerprint(t.Context(), nil)
	v := verdict{key: print.Key, print: print, step: j.step(t), err: err, kind: j.kind, story: j.story()}
	if print.Key != fresh.Key || (err == nil) != (freshErr == nil) {
		t.Errorf("change %d: with its cache the fingerprint is %s (%v), without %s (%v)\n%s", i, print.Key, err, fresh.Key, freshErr, v.story)
	}
	j.build(t, i, v)
}

// keepCache writes and reads the cache of digests, as each command does.
func (j *judge) keepCache(t *testing.T) {
	t.Helper()
	var file bytes.Buffer
	if err := j.cache.Encode(&file); err != nil {
		t.Fatal(err)
	}
	var err error
	if j.cache, err = fingerprint.DecodeCache(file.Bytes(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// build builds everything anew, from a copy of the context that the engine has
// never seen, beside the next change. Two builds at once would not be
// independent: BuildKit runs steps of equal content once, and times that are
// older than the epoch, which the image keeps, are not part of what it compares.
func (j *judge) build(t *testing.T, change int, v verdict) {
	t.Helper()
	dir, err := os.MkdirTemp(j.work, "context")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", "--", j.dir+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	req := j.req
	req.Context, req.NoCache = dir, true
	j.slot <- struct{}{}
	j.builds.Go(func() {
		defer func() { <-j.slot }()
		defer os.RemoveAll(dir)
		res, err := j.engine.Build(t.Context(), req, event.Discard{})
		if v.image = res.Digest; err != nil {
			v.story += err.Error()
		}
		j.hold(t, change, v)
	})
}

func (j *judge) story() string {
	out, _ := exec.Command("find", j.dir, "-printf", "%P %M %l %n %T@\n").Output()
	return fmt.Sprintf("%s\ntarget %q ignore %q args %q git modes %v epoch %v bases %v\n%s\nlast changes:\n  %s",
		j.req.Dockerfile, j.req.Target, j.req.Ignore, j.req.Args, j.req.GitModes, j.req.Epoch, j.req.Bases, out,
		strings.Join(j.what[max(0, len(j.what)-15):], "\n  "))
}
