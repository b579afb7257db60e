//go:build linux

package embedded

import (
	"context"
	"slices"
	"testing"

	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/conformance"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

func execWith(ids ...string) *pb.Op {
	e := &pb.ExecOp{Mounts: []*pb.Mount{{Dest: "/", MountType: pb.MountType_BIND}}}
	for _, id := range ids {
		e.Mounts = append(e.Mounts, &pb.Mount{Dest: "/c", MountType: pb.MountType_CACHE, CacheOpt: &pb.CacheOpt{ID: id}})
	}
	return &pb.Op{Op: &pb.Op_Exec{Exec: e}}
}

func TestCacheSpaces(t *testing.T) {
	for name, c := range map[string]struct {
		sys  any
		want []string
	}{
		"no operation":           {nil, nil},
		"no step":                {&pb.Op{Op: &pb.Op_File{File: &pb.FileOp{}}}, nil},
		"no cache mount":         {execWith(), nil},
		"a mount that all share": {execWith("//c", "/id"), nil},
		"a repository's":         {execWith("abc//c", "abc/id"), []string{"abc"}},
		"of two":                 {execWith("b/id", "a/id", "b//c"), []string{"a", "b"}},
	} {
		if got := cacheSpaces(c.sys); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// oneKey is a step with the same key, whoever asks.
type oneKey struct{ solver.Op }

func (oneKey) CacheMap(context.Context, solver.JobContext, int) (*solver.CacheMap, bool, error) {
	return &solver.CacheMap{Digest: digest.FromString("step")}, true, nil
}

func TestKeysOfStepsHaveTheRepository(t *testing.T) {
	seen := map[digest.Digest][]string{digest.FromString("step"): {}}
	for _, spaces := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
		m, done, err := scopedOp{oneKey{}, spaces}.CacheMap(t.Context(), nil, 0)
		again, _, _ := scopedOp{oneKey{}, spaces}.CacheMap(t.Context(), nil, 0)
		if err != nil || !done || m.Digest != again.Digest {
			t.Fatalf("%q: %v, %v, then %v (%v)", spaces, m, done, again, err)
		}
		if before, ok := seen[m.Digest]; ok {
			t.Errorf("%q has the key of %q", spaces, before)
		}
		seen[m.Digest] = spaces
	}
}

// TestResultsWithCacheMountsAreThoseOfOneRepository: a repository that runs another
// one's step, with a mount that it filled before, does not leave its result to that
// one, whatever the mount is called.
func TestResultsWithCacheMountsAreThoseOfOneRepository(t *testing.T) {
	images := t.TempDir()
	e := openReal(t, Options{ImageDir: images})
	dir := conformance.Busybox(t)
	build := func(repository, text string) engine.Result {
		t.Helper()
		res, err := e.Build(t.Context(), engine.Request{
			Name: "app", Context: dir, Platforms: []string{plan.Host()}, Repository: repository, Dockerfile: []byte(conformance.BusyboxBase + text),
		}, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	for name, mount := range map[string]string{"with an id": "id=deps,target=/c", "locked": "target=/c,sharing=locked"} {
		step := "RUN --mount=type=cache," + mount + " [ -e /c/f ] && echo poisoned > /out || echo clean > /out\n"
		clean := build("first "+name, step)
		build("hostile "+name, "RUN --mount=type=cache,"+mount+" touch /c/f\n")
		poisoned := build("hostile "+name, step)
		victim := build("victim "+name, step)
		if poisoned.Digest == clean.Digest {
			t.Fatalf("%s: the hostile repository did not see its own mount", name)
		}
		if victim.Digest != clean.Digest {
			t.Errorf("%s: the image of the victim is %s, want %s; the poisoned one is %s", name, victim.Digest, clean.Digest, poisoned.Digest)
		}
		if again := build("victim "+name, step); again.CachedSteps != again.Steps || again.Digest != victim.Digest {
			t.Errorf("%s: %d of %d steps are cached in the same repository", name, again.CachedSteps, again.Steps)
		}
	}
}

// TestAStageThatRunsAgainKeepsItsCacheMounts: what `slipway test --again` compiles anew is
// its own. Without the cache for another reason, a mount is new, as in docker build.
func TestAStageThatRunsAgainKeepsItsCacheMounts(t *testing.T) {
	e, dir := openReal(t, Options{}), conformance.Busybox(t)
	run := func(set func(*engine.Request)) string {
		t.Helper()
		req := engine.Request{
			Name: "app", Context: dir, Platforms: []string{plan.Host()}, Repository: "app", Output: engine.Output{Kind: engine.OutputNone},
			Dockerfile: []byte(conformance.BusyboxBase + "FROM base AS tests\nRUN --mount=type=cache,target=/c echo run >> /c/f; echo runs: $(wc -l < /c/f)\n"),
		}
		set(&req)
		rec := &conformance.Recorder{}
		if _, err := e.Build(t.Context(), req, rec); err != nil {
			t.Fatal(err)
		}
		return rec.Log()
	}
	afresh := func(req *engine.Request) { req.NoCacheOf, req.KeepMounts = []string{"tests"}, true }
	for i, c := range []struct {
		set  func(*engine.Request)
		want string
	}{
		{func(*engine.Request) {}, "runs: 1\n"},
		{afresh, "runs: 2\n"},
		{afresh, "runs: 3\n"},
		{func(req *engine.Request) { req.NoCacheOf = []string{"tests"} }, "runs: 1\n"},
		{afresh, "runs: 2\n"},
		{func(req *engine.Request) { afresh(req); req.NoCache = true }, "runs: 1\n"},
	} {
		if log := run(c.set); log != c.want {
			t.Errorf("build %d prints %q, want %q", i+1, log, c.want)
		}
	}
}
