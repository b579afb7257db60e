package cli_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/cli"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/state"
)

// fixture does what needs an engine or root otherwise, and returns the exit code:
//
//	images NAME…          puts images into the store
//	index NAME            puts an image of two platforms into the store, each with an SBOM
//	built [failed SERVICE] records a build of the fleet here, with its images
//	tested [half]         records runs of the quality stages of the fleet here, which pass;
//	                      half: and whose reports end early
//	broken HOW NAME       puts an image into the store that is none: fixtureBroken
//	group NAME SERVICE…   leaves the group of a detached run that has ended
func fixture(words []string) int {
	ctx, dir := context.Background(), state.Dir{Path: state.PathOf(os.Getenv), Getenv: os.Getenv}
	var err error
	switch words[0] {
	case "images":
		err = fixtureImages(ctx, dir, words[1:])
	case "index":
		err = fixtureIndex(ctx, dir, words[1])
	case "built":
		err = fixtureBuilt(ctx, dir, words[1:])
	case "tested":
		err = fixtureTested(ctx, dir, len(words) > 1)
	case "broken":
		err = fixtureBroken(ctx, dir, words[1], words[2])
	case "group":
		err = fixtureGroup(dir, words[1], words[2:])
	default:
		err = fmt.Errorf("there is no fixture %s", words[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fixture:", err)
		return 1
	}
	return 0
}

// fixtureImage is an image of two layers, of which all have one in common.
func fixtureImage(name string) (v1.Image, error) {
	base, err := fixtureLayer("base", strings.Repeat("base ", 100))
	if err != nil {
		return nil, err
	}
	own, err := fixtureLayer("own", name)
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, base, own)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture = "linux", "amd64"
	return mutate.ConfigFile(img, config)
}

// fixtureLayer is a layer with one file, the same bytes everywhere.
func fixtureLayer(name, text string) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Format: tar.FormatPAX})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	err = errors.Join(err, w.Close())
	return static.NewLayer(b.Bytes(), types.DockerUncompressedLayer), err
}

func fixtureImages(ctx context.Context, dir state.Dir, names []string) error {
	store, err := dir.Images(event.Discard{})
	if err != nil {
		return err
	}
	for _, name := range names {
		img, err := fixtureImage(name)
		if err != nil {
			return err
		}
		if _, err := store.Write(ctx, name, img); err != nil {
			return err
		}
	}
	return nil
}

// fixtureIndex keeps an image of two platforms, each with an SBOM.
func fixtureIndex(ctx context.Context, dir state.Dir, name string) error {
	store, err := dir.Images(event.Discard{})
	if err != nil {
		return err
	}
	var index v1.ImageIndex = empty.Index
	for _, platform := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}} {
		img, err := fixtureImage(name + platform.Architecture)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	if _, err := store.Write(ctx, name, index); err != nil {
		return err
	}
	subject, err := evidence.Stored(ctx, store, name)
	if err != nil {
		return err
	}
	platforms, err := subject.Platforms(ctx)
	for _, one := range platforms {
		err = errors.Join(err, one.Attach(ctx, attest.PredicateCycloneDX, "sbom.json", []byte(`{"bomFormat": "CycloneDX"}`)))
	}
	return err
}

// fixtureBroken keeps an image and breaks it: "text" has a layer that is no tar, "cut" one
// that ends early, and of "manifest", "config" and "layer" this part is gone.
func fixtureBroken(ctx context.Context, dir state.Dir, how, name string) error {
	img, err := fixtureImage(name)
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	switch how {
	case "text":
		img, err = mutate.AppendLayers(img, static.NewLayer([]byte("no tar at all"), types.OCILayer))
	case "cut":
		rc, err := layers[1].Uncompressed()
		if err != nil {
			return err
		}
		whole, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			return err
		}
		img, err = mutate.AppendLayers(img, static.NewLayer(whole[:520], types.OCIUncompressedLayer))
		if err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	store, err := dir.Images(event.Discard{})
	if err != nil {
		return err
	}
	desc, err := store.Write(ctx, name, img)
	if err != nil {
		return err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	gone := map[string]v1.Hash{"manifest": desc.Digest, "config": manifest.Config.Digest, "layer": manifest.Layers[len(manifest.Layers)-1].Digest}
	if digest, ok := gone[how]; ok {
		return os.Remove(filepath.Join(store.Dir(), "blobs", digest.Algorithm, digest.Hex))
	}
	return nil
}

func fixtureBuilt(ctx context.Context, dir state.Dir, failed []string) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	f, err := fleet.Loader{Dir: here, Warn: func(diag.Findings) {}}.Load(fleet.Target{Root: here}, fleet.Overrides{})
	if err != nil {
		return err
	}
	jobs, err := f.Jobs(engine.Request{})
	if err != nil {
		return err
	}
	store, err := dir.Images(event.Discard{})
	if err != nil {
		return err
	}
	h := history.Open(history.Options{StateDir: dir.Path, Fleet: f.Root, Version: cli.Version, Elsewhere: os.Getenv("SLIPWAY_BUILDER") != "", Store: store, Sink: event.Discard{}})
	for i, was := range h.Recall(ctx, jobs) {
		built, err := fixtureService(ctx, dir, store, jobs[i], was)
		if err != nil {
			return err
		}
		if slices.Contains(failed, jobs[i].Request.Name) {
			built.Err, built.Result = diag.Fail(diag.ExitBuild, "the step `RUN false` failed"), engine.Result{}
		}
		h.Keep(ctx, jobs[i], was, built)
	}
	return h.Close()
}

// fixtureTested runs the stages of the fleet here on an engine whose steps report one
// test that passes.
func fixtureTested(ctx context.Context, dir state.Dir, half bool) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	f, err := fleet.Loader{Dir: here, Warn: func(diag.Findings) {}}.Load(fleet.Target{Root: here}, fleet.Overrides{})
	if err != nil {
		return err
	}
	jobs, err := f.Jobs(engine.Request{})
	if err != nil {
		return err
	}
	var stages []pipeline.Job
	for _, job := range jobs {
		proving, err := fleet.Quality(job)
		if err != nil {
			return err
		}
		stages = append(stages, proving.Stages...)
	}
	store, err := dir.Images(event.Discard{})
	if err != nil {
		return err
	}
	known := &history.Stages{History: history.Open(history.Options{StateDir: dir.Path, Fleet: f.Root, Version: cli.Version, Store: store, Sink: event.Discard{}}), Shelf: dir.Tests()}
	_, err = pipeline.Build{Builder: reporting{half}, Sink: event.Discard{}, History: known, Reports: known, KeepGoing: true, Now: time.Now}.Run(ctx, stages)
	return errors.Join(err, known.Close())
}

// reporting is an engine whose steps report one test.
type reporting struct{ half bool }

func (r reporting) Build(_ context.Context, req engine.Request, _ event.Sink) (engine.Result, error) {
	text := "<testsuite name=\"" + req.Target + "\"><testcase name=\"works\" time=\"1.5\"/></testsuite>"
	if r.half {
		text = text[:len(text)-len("ite>")]
	}
	return engine.Result{}, os.WriteFile(filepath.Join(req.Collect.To, "junit.xml"), []byte(text), 0o600)
}

// fixtureService is how the build of one service ended.
func fixtureService(ctx context.Context, dir state.Dir, store *image.Store, job pipeline.Job, was pipeline.Recalled) (pipeline.Built, error) {
	built := pipeline.Built{
		Service: job.Request.Name, Image: job.Image, Reasons: was.Reasons, Duration: 1500 * time.Millisecond, PeakMemory: 64e6,
		Ran: []pipeline.Step{{Service: job.Request.Name, Stage: "production", Step: "COPY . /app", Duration: 20 * time.Millisecond}},
	}
	if err := fixtureImages(ctx, dir, []string{job.Image}); err != nil {
		return built, err
	}
	desc, err := store.Resolve(ctx, job.Image)
	built.Result = engine.Result{Digest: desc.Digest.String(), MediaType: string(desc.MediaType), SizeBytes: desc.Size, Steps: 3, CachedSteps: 2}
	return built, err
}

func fixtureGroup(dir state.Dir, name string, services []string) error {
	group := oci.GroupStatus{Name: name, PID: 4242, Detached: true, StartedAt: time.Now().Add(-time.Minute)}
	for i, s := range services {
		group.Services = append(group.Services, localrun.Status{
			Service: s, Type: "http", Image: name + "/" + s + ":latest", State: localrun.Exited, StartedAt: group.StartedAt,
			ReadyMillis: 320, MemoryLimitBytes: 512 << 20, Check: "HTTP /health", Exit: &localrun.Exit{Code: i},
		})
		log := oci.LogPath(dir.Path, name, s)
		if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(log, []byte(s+" listens\n"+s+" ends\n"), 0o600); err != nil {
			return err
		}
	}
	data, err := json.Marshal(group)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(oci.GroupDir(dir.Path, name), "state.json"), data, 0o600)
}
