//go:build linux

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/fingerprint/disk"
)

// TestEqualFingerprintsMeanEqualImages makes random changes to a small service:
// contents, modes, renames, deletions, links, times (also those that hide a
// change), attributes, ignore rules, arguments, the Dockerfile, bases, secrets,
// platforms. After each of them the engine builds everything anew from a fresh
// copy of the context, and the verdict of the fingerprint is held against it: a
// fingerprint that was seen before has to have the image that it had then. The
// few values that each input takes make fingerprints come back often. A wrong
// skip fails the test; needless rebuilds are counted and printed by what caused them.
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
	t.Logf("needless rebuilds, and all, by the change before them:%s", j.table())
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
	last  string             // image
	count counts
	by    map[string]*counts // rebuilds, by the kind of change
}

type counts struct{ skips, rebuilds, needless, unknown, refused int }

func (c counts) String() string {
	return fmt.Sprintf("%d equal fingerprints confirmed, %d rebuilds of which %d needless, %d could not be known, %d builds refused",
		c.skips, c.rebuilds, c.needless, c.unknown, c.refused)
}

// table has a line for each kind of change, the most needless first.
func (j *judge) table() string {
	kinds := slices.SortedFunc(maps.Keys(j.by), func(a, b string) int {
		return cmp.Or(cmp.Compare(j.by[b].needless, j.by[a].needless), cmp.Compare(a, b))
	})
	var b strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n  %4d of %4d  %s", j.by[kind].needless, j.by[kind].rebuilds, kind)
	}
	return b.String()
}

// verdict is one state of the service: its fingerprint, and the image that a full
// build made of it.
type verdict struct {
	key, image string
	err        error  // of the fingerprint
	kind       string // of the change
	story      string
}

// hold holds a fingerprint against the image.
func (j *judge) hold(t *testing.T, change int, v verdict) {
	before, ok := j.seen[v.key]
	if v.image == "" {
		j.count.refused++
	}
	switch {
	case errors.As(v.err, new(*fingerprint.UnknownError)):
		j.count.unknown++
	case v.err != nil && v.image != "":
		t.Errorf("change %d: the fingerprint fails, the build does not: %v\n%s", change, v.err, v.story)
	case v.err != nil:
	case ok && before.image != v.image:
		t.Errorf("change %d: A WRONG SKIP: %s is the image %q\n%s\nand the image %q\n%s", change, v.key, before.image, before.story, v.image, v.story)
	case ok:
		j.count.skips++
	default:
		j.seen[v.key] = v
		if j.by[v.kind] == nil {
			j.by[v.kind] = &counts{}
		}
		j.count.rebuilds++
		j.by[v.kind].rebuilds++
		if v.image == j.last && v.image != "" {
			j.count.needless++
			j.by[v.kind].needless++
		}
	}
	j.last = v.image
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
	tree, err := disk.Open(j.dir)
	if err != nil {
		return fingerprint.Print{}, err
	}
	in := fingerprint.Input{
		Context: tree, Dockerfile: j.req.Dockerfile, Ignore: j.req.Ignore, GitModes: j.req.GitModes, Target: j.req.Target,
		Args: j.req.Args, Labels: j.req.Labels, Platforms: j.req.Platforms, Bases: j.req.Bases, Compression: j.req.Compression,
		Recipe: "test", Cache: cache,
	}
	if !j.req.Epoch.IsZero() {
		in.Epoch = j.req.Epoch.Unix()
	}
	for _, s := range j.req.Secrets {
		in.Secrets = append(in.Secrets, fingerprint.Secret{ID: s.ID, Source: "env:" + s.Env})
	}
	return fingerprint.Of(ctx, in)
}

// judge takes the fingerprint and starts a full build.
func (j *judge) judge(t *testing.T, i int) {
	t.Helper()
	j.keepCache(t)
	print, err := j.fingerprint(t.Context(), j.cache)
	fresh, freshErr := j.fingerprint(t.Context(), nil)
	v := verdict{key: print.Key, err: err, kind: j.kind, story: j.story()}
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

func pick[T any](j *judge, list ...T) T { return list[j.IntN(len(list))] }

// name is one of the few paths that files have.
func (j *judge) name() string {
	return filepath.Join(pick(j, ".", "src", "lib", "src/deep"), pick(j, "a.txt", "b.txt", "c.md", "link"))
}

// mutate makes one change, most often to a file.
func (j *judge) mutate(t *testing.T) {
	t.Helper()
	j.restore(t)
	if j.IntN(3) > 0 {
		j.mutateFile(t)
		return
	}
	r := &j.req
	option := j.IntN(13)
	j.kind = append([]string{"ignore patterns", "arguments", "labels", "target", "platforms", "bases", "secrets", "compression", "epoch", "git modes"},
		slices.Repeat([]string{"Dockerfile"}, 3)...)[option]
	switch option {
	case 0:
		r.Ignore = pick(j, nil, []string{"*.md"}, []string{"src", "!src/deep"}, []string{"**/b.txt"}, []string{"*", "!src/**", "!a.txt"}, []string{"lib/", "!lib/a.txt", "link"})
	case 1:
		r.Args = pick(j, nil, map[string]string{"WHAT": "lib"}, map[string]string{"WHAT": "src"}, map[string]string{"BASE": "scratch"})
	case 2:
		r.Labels = pick(j, nil, map[string]string{"a": "b"})
	case 3:
		r.Target = pick(j, "", "", "one", "two", "three")
	case 4:
		r.Platforms = pick(j, nil, []string{"linux/amd64"}, []string{"linux/arm64"})
	case 5:
		r.Bases = map[string]string{"test/base:1": pick(j, j.bases...)}
		if j.IntN(4) == 0 {
			r.Bases["one"] = pick(j, j.bases...)
		}
	case 6:
		r.Secrets = pick(j, nil, []engine.Secret{{ID: "token", Env: "HOME"}}, []engine.Secret{{ID: "token", Env: "PATH"}}, []engine.Secret{{ID: "other", Env: "HOME"}})
	case 7:
		r.Compression = pick(j, "", "gzip", "zstd")
	case 8:
		r.Epoch = pick(j, time.Time{}, time.Unix(1_000_000_000, 0))
	case 9:
		r.GitModes = !r.GitModes
	default:
		r.Dockerfile = j.dockerfile()
	}
	j.what = append(j.what, j.kind)
}

// restore brings back, now and then, a file that most of the Dockerfiles copy.
func (j *judge) restore(t *testing.T) {
	t.Helper()
	for _, name := range []string{"a.txt", "src/a.txt", "lib/a.txt"} {
		path := filepath.Join(j.dir, name)
		if info, err := os.Stat(path); (err != nil || info.IsDir()) && j.IntN(2) == 0 {
			_ = os.RemoveAll(path)
			_ = os.MkdirAll(filepath.Dir(path), 0o755)
			writeFile(t, path, []byte("one"), 0o644)
		}
	}
}

// dockerfile writes one of many.
func (j *judge) dockerfile() []byte {
	sources := func() string {
		return pick(j, ".", ".", "src", "src/", "lib", "*.txt", "a.txt b.txt", "src/a.txt", "s*/a.txt", "*/a.txt", "lib/*", "src/?.txt", "./src/../lib",
			"link", "link/a.txt", "src/link/b.txt", "lib src/link/a.txt", "$WHAT", "--exclude=*.md .", "--chmod=640 src", "--parents src/deep/b.txt", "--parents ./src/./deep/*.txt", "--link src", "*", "**/a.txt", "[ab].txt")
	}
	var b strings.Builder
	b.WriteString(pick(j, "", "ARG BASE=test/base:1\n", "# syntax=docker/dockerfile:1\n"))
	fmt.Fprintf(&b, "FROM scratch AS one\nARG WHAT=src\nCOPY %s /one/\n", sources())
	fmt.Fprintf(&b, "FROM %s AS two\nARG WHAT=lib\nCOPY %s /two/\n", pick(j, "scratch", "scratch", "test/base:1", "one"), sources())
	if strings.Contains(b.String(), "FROM test/base:1 AS two") {
		mount := pick(j, "src", "lib", ".", "src/deep", "link")
		fmt.Fprintf(&b, "RUN --mount=type=bind,source=%s,target=/mnt [\"/bin/busybox\",\"cp\",\"-r\",\"/mnt\",\"/copied\"]\n", mount)
	}
	fmt.Fprintf(&b, "FROM scratch AS three\nADD %s /three/\n", pick(j, "a.txt", "src", "."))
	b.WriteString(pick(j, "", "COPY --from=one / /from\n", "COPY --from=two / /from\n", "COPY --from=0 / /from\n", "COPY --from=test/base:1 /bin /from\n"))
	return []byte(b.String())
}

// mutateFile changes one file. An impossible change is none.
func (j *judge) mutateFile(t *testing.T) {
	t.Helper()
	name, other := j.name(), j.name()
	path, to := filepath.Join(j.dir, name), filepath.Join(j.dir, other)
	_ = os.MkdirAll(filepath.Dir(path), 0o755)
	var err error
	what := ""
	switch j.IntN(16) {
	case 0, 1, 2:
		what = "write"
		err = os.WriteFile(path, []byte(pick(j, "one", "two", "three", "")), 0o644)
	case 3, 4:
		what, err = "write without a trace", hiddenWrite(path, pick(j, "one", "two"))
	case 5:
		what = "chmod"
		err = os.Chmod(path, pick[os.FileMode](j, 0o644, 0o755, 0o600, os.ModeSetuid|0o755))
	case 6:
		what, err = "rename to "+other, os.Rename(path, to)
	case 7:
		what, err = "delete", os.RemoveAll(path)
	case 8:
		what = "symlink"
		_ = os.RemoveAll(path)
		err = os.Symlink(pick(j, "a.txt", "../lib", "src", "/src/a.txt", "nowhere", "../../outside"), path)
	case 9:
		what = "hard link to " + other
		_ = os.RemoveAll(path)
		err = os.Link(to, path)
	case 10, 11:
		what = "touch"
		at := pick(j, time.Unix(-1000, 0), time.Unix(1000, 0), time.Unix(900_000_000, 0), time.Now(), time.Unix(4_000_000_000, 0))
		err = os.Chtimes(path, at, at)
	case 12:
		what, err = "attribute", attribute(j, path)
	case 13:
		what = "directory"
		_ = os.RemoveAll(path)
		err = os.MkdirAll(path, 0o755)
	case 14:
		what, err = "chmod directory", os.Chmod(filepath.Dir(path), pick[os.FileMode](j, 0o755, 0o700))
	case 15:
		what = "two exchanged" // inodes and times stay
		tmp := filepath.Join(j.work, "exchange")
		err = errors.Join(os.Rename(path, tmp), os.Rename(to, path), os.Rename(tmp, to))
		if _, lost := os.Lstat(tmp); lost == nil {
			err = errors.Join(os.RemoveAll(path), os.Rename(tmp, path))
		}
	}
	j.kind, _, _ = strings.Cut(what, " to ")
	j.what = append(j.what, fmt.Sprintf("%s %s (%v)", what, name, err))
	_ = os.Chmod(j.dir, 0o755)
}

// hiddenWrite gives a file other bytes of the same number and the times that it
// had.
func hiddenWrite(path, data string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("not a file: %w", err)
	}
	if err := os.WriteFile(path, []byte(data), 0); err != nil {
		return err
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}

func attribute(j *judge, path string) error {
	if j.IntN(2) == 0 {
		return unix.Lsetxattr(path, "user.test", []byte(pick(j, "1", "2")), 0)
	}
	// cap_net_bind_service, as a file capability of version 2.
	capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	capability[5] = pick[byte](j, 4, 8)
	return unix.Lsetxattr(path, "security.capability", capability, 0)
}
