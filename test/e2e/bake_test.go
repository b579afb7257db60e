package e2e

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/bench/peer"
	"github.com/slipway-build/slipway/internal/dockerfile"
)

// baked is what is built twice: by Slipway, and by bake from generated files.
type baked struct {
	dir       string   // below examples
	services  []string // of a fleet; none: all
	question  question
	answer    string
	platforms []string // none: the machine's
	cheap     bool     // runs wherever the peers are compiled
}

// bakedExamples are two services of FAST and every example of Module 5 but those of quality.
func bakedExamples(t *testing.T) []baked {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(root, "examples", "0*-*", "0*-*"))
	if err != nil || len(dirs) < len(questions) {
		t.Fatalf("%d examples: %v", len(dirs), err)
	}
	all := []baked{{
		dir: "fast", services: []string{"fast-orchestrator-service", "fast-requesthandler-service"}, cheap: true,
		question: question{3004, "/payments", "payments/malformed.json"}, answer: "REFUSED",
	}}
	for _, dir := range dirs {
		example := filepath.Base(dir)
		if filepath.Base(filepath.Dir(dir)) == "03-TestingMultiStage" {
			continue // its tests build it with other builders, see TestTheTestedExample
		}
		asked, ok := questions[example]
		if !ok {
			t.Errorf("nothing is asked of the example %s", example)
		}
		b := baked{dir: filepath.Join(filepath.Base(filepath.Dir(dir)), example), question: asked.question, answer: asked.answer}
		switch example {
		case "04-static-basic", "02-parallel-builds":
			b.cheap = true
		case "04-cross-compilation":
			b.platforms = []string{"linux/amd64", "linux/arm64"}
		}
		all = append(all, b)
	}
	return all
}

// TestBakeBuildsWhatSlipwayBuilds builds generated files with docker buildx bake,
// and each Dockerfile with docker buildx build, on a buildkitd of its own, from
// bases that a registry has. The images have the same settings, files and layers
// as Slipway's own, and answer alike.
func TestBakeBuildsWhatSlipwayBuilds(t *testing.T) {
	real(t)
	registry := slipwayRegistry(t)
	bake := startBake(t, registry)
	for _, c := range bakedExamples(t) {
		t.Run(filepath.Base(c.dir), func(t *testing.T) {
			if !c.cheap && os.Getenv("SLIPWAY_E2E_PEERS") != "1" {
				t.Skip("builds an example twice, from nothing: SLIPWAY_E2E_PEERS=1 runs it")
			}
			c.check(t, registry, bake)
		})
	}
}

func (c baked) check(t *testing.T, registry string, bake *peer.Bake) {
	dir := filepath.Join(t.TempDir(), filepath.Base(c.dir))
	copyExample(t, dir, filepath.Join(root, "examples", c.dir))
	invocation{dir: dir, args: append([]string{"generate", "--bake", "--registry", registry}, c.services...)}.run(t).must(t, 0)
	targets := targetsOf(t, filepath.Join(dir, dockerfile.BakeFile))
	services := slices.Sorted(maps.Keys(targets)) // named, because a directory alone is built as docker build does
	tag := "own"
	if _, err := os.Stat(filepath.Join(dir, "slipway.yaml")); err != nil {
		tag = targets[services[0]].repository + ":own" // without a slipway.yaml, it is the whole name
	}
	build := append([]string{"build", "--registry", registry, "--tag", tag}, services...)
	set := []string{"--set", "*.output=type=image,push=true,rewrite-timestamp=true", "--set", "*.args.VERSION=own"}
	platforms := []string{""}
	if c.platforms != nil {
		platforms = c.platforms
		build = append(build, "--platform", strings.Join(platforms, ","))
		set = append(set, "--set", "*.platform="+strings.Join(platforms, ","))
	}
	invocation{dir: dir, args: build, limit: 20 * time.Minute}.run(t).must(t, 0)
	invocation{dir: dir, args: append([]string{"push", "--registry", registry}, basesBelow(t, dir)...)}.run(t).must(t, 0)
	t.Setenv("TAG", "baked")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	out, err := bake.Bake(ctx, dir, dockerfile.BakeFile, set...)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bake took %.1f s", out.Seconds)
	for _, service := range services {
		image := registry + "/" + targets[service].repository
		targets[service].build(ctx, t, bake, dir, registry, image+":built", c.platforms)
		for _, platform := range platforms {
			own := stored(t, state, image+":own", platform)
			compareImages(t, "bake "+service+" "+platform, own, fetched(t, image+":baked", platform))
			compareImages(t, "build "+service+" "+platform, own, fetched(t, image+":built", platform))
		}
		keep(t, image+":baked", fetched(t, image+":baked", ""))
	}
	own := answerOf(t, dir, c.question, append([]string{"--registry", registry, "--tag", "own"}, services...)...)
	other := answerOf(t, dir, c.question, append([]string{"--registry", registry, "--tag", "baked"}, services...)...)
	if !strings.Contains(own, c.answer) {
		t.Errorf("Slipway's own image answers %q, which has no %q", own, c.answer)
	}
	if diff := cmp.Diff(measured.ReplaceAllString(own, ""), measured.ReplaceAllString(other, "")); diff != "" {
		t.Errorf("answers (-Slipway +bake):\n%s", diff)
	}
}

// target is a service in a generated bake file.
type target struct {
	context, dockerfile string
	repository          string // of its image, without the registry
}

// build builds a service with docker buildx build, without the definition: its
// Dockerfile, and a named context for each base. What bake built is cached.
func (s target) build(ctx context.Context, t *testing.T, b *peer.Bake, dir, registry, image string, platforms []string) {
	t.Helper()
	from := filepath.Join(dir, filepath.FromSlash(s.context))
	text, err := os.ReadFile(filepath.Join(from, s.dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--file", s.dockerfile, "--build-arg", "VERSION=own", "--build-arg", "SOURCE_DATE_EPOCH=0",
		"--output", "type=image,push=true,rewrite-timestamp=true,name=" + image}
	for _, base := range peer.BasesOf(text) {
		args = append(args, "--build-context", strings.TrimSuffix(base, ":latest")+"=docker-image://"+registry+"/"+base)
	}
	if len(platforms) > 0 {
		args = append(args, "--platform", strings.Join(platforms, ","))
	}
	out, err := b.Build(ctx, from, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("build took %.1f s", out.Seconds)
}

// targetsOf reads the services of a generated bake file.
func targetsOf(t *testing.T, file string) map[string]target {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Group  map[string]struct{ Targets []string }
		Target map[string]struct {
			Context, Dockerfile string
			Tags                []string
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	targets := map[string]target{}
	for _, service := range doc.Group["default"].Targets {
		d := doc.Target[service]
		for _, tag := range d.Tags {
			targets[service] = target{d.Context, d.Dockerfile, strings.TrimSuffix(strings.TrimPrefix(tag, "${REGISTRY}"), ":${TAG}")}
		}
	}
	if len(targets) == 0 {
		t.Fatalf("%s builds nothing:\n%s", file, data)
	}
	return targets
}

// measured is what no two answers have in common.
var measured = regexp.MustCompile(`"durationMs": [0-9.]+`)

// startBake starts a buildkitd with empty caches. The programs are those that
// make bench compiles; without them the test is skipped, unless it is asked for:
// compiling them takes five minutes.
func startBake(t *testing.T, registry string) *peer.Bake {
	t.Helper()
	cache := os.Getenv("SLIPWAY_BENCH_DIR") // as bench/ has it
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(user, "slipway-bench")
	}
	work, err := os.MkdirTemp("", "slipway-bake-") // short, because a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(work); err != nil {
			t.Errorf("buildkitd left something mounted: %v", err)
		}
	})
	place := peer.Place{Cache: cache, Work: work, Say: t.Logf}
	if !place.Compiled() && os.Getenv("SLIPWAY_E2E_PEERS") != "1" {
		t.Skipf("needs buildkitd and buildx in %s/bin: make bench compiles them once, as SLIPWAY_E2E_PEERS=1 does here, in five minutes", cache)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	programs, err := place.Compile(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	bake, err := place.StartBake(ctx, programs, registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bake.Stop)
	return bake
}

// copyExample copies an example without what an earlier build left there.
func copyExample(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, withoutBuilt{os.DirFS(from)}); err != nil {
		t.Fatal(err)
	}
}

// withoutBuilt hides the directories that builds leave.
type withoutBuilt struct{ fs.FS }

// ReadDir implements fs.ReadDirFS.
func (f withoutBuilt) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	kept := entries[:0]
	for _, e := range entries {
		if n := e.Name(); !e.IsDir() || n != "node_modules" && n != "dist" && n != "generated" {
			kept = append(kept, e)
		}
	}
	return kept, err
}

// basesBelow returns the bases that the Dockerfiles of a tree name.
func basesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(e.Name(), "Dockerfile") {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(append(all, text...), '\n')
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return peer.BasesOf(all)
}

// fetched reads an image from a registry on loopback; "" is the machine's own
// platform.
func fetched(t *testing.T, image, platform string) v1.Image {
	t.Helper()
	ref, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if platform == "" {
		platform = "linux/" + runtime.GOARCH
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref, remote.WithPlatform(*p))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// keep writes an image into the shared store.
func keep(t *testing.T, image string, img v1.Image) {
	t.Helper()
	if _, err := images(t, state).Write(t.Context(), image, img); err != nil {
		t.Fatal(err)
	}
}

// compareImages compares settings and files of two images.
func compareImages(t *testing.T, service string, own, baked v1.Image) {
	t.Helper()
	var configs [2]*v1.ConfigFile
	var files [2]map[string]string
	for i, img := range []v1.Image{own, baked} {
		var err error
		if configs[i], err = img.ConfigFile(); err != nil {
			t.Fatal(err)
		}
		files[i] = filesOf(t, img)
	}
	if diff := cmp.Diff(configs[0].Config, configs[1].Config); diff != "" {
		t.Errorf("%s: settings (-Slipway +bake):\n%s", service, diff)
	}
	if diff := cmp.Diff(files[0], files[1]); diff != "" {
		t.Errorf("%s: files (-Slipway +bake):\n%s", service, diff)
	}
	if len(files[0]) == 0 {
		t.Errorf("%s: the image has no files", service)
	}
	if diff := cmp.Diff(configs[0].RootFS.DiffIDs, configs[1].RootFS.DiffIDs); diff != "" {
		t.Errorf("%s: layers (-Slipway +bake):\n%s", service, diff)
	}
	t.Logf("%s: %d files in %d layers", service, len(files[0]), len(configs[0].RootFS.DiffIDs))
}

// filesOf describes every file of an image: kind, mode, owner, link and content.
func filesOf(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	content := mutate.Extract(img)
	defer content.Close()
	files := map[string]string{}
	archive := tar.NewReader(content)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, archive); err != nil {
			t.Fatal(err)
		}
		files[strings.Trim(h.Name, "/")] = fmt.Sprintf("%c %o %d:%d %s %x", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, sum.Sum(nil)[:8])
	}
}
