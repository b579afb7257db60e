package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/bench/peer"
)

// The large layer: its files, half of them text and half random.
const (
	layerFiles    = 400
	layerFileSize = 1_000_000
	layerSize     = layerFiles * layerFileSize
)

// Two Dockerfiles over the same context. With the first one the engine makes
// the layer and leaves it as files, because the image has one small file of it;
// with the second one nothing is left to do but to export it.
const (
	layerUnseen   = "FROM scratch AS layer\nCOPY data /data\nFROM scratch\nCOPY --from=layer /data/round /\nCMD [\"/round\"]\n"
	layerExported = "FROM scratch\nCOPY data /data\nCMD [\"/data/round\"]\n"
)

// measureLayers times the export of one large layer: with zstd against the
// library that slipway uses, on one core in this process; with gzip against bake.
func measureLayers(ctx context.Context, b *bench) ([]Figure, error) {
	dir, err := b.scratch("layers")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b.say("writing %d MB of files", layerSize/1_000_000)
	service := filepath.Join(dir, "layer")
	if err := writeLayer(filepath.Join(service, "data")); err != nil {
		return nil, err
	}
	figures, err := measureZstd(ctx, b, dir, service)
	if err != nil {
		return figures, err
	}
	gzip, err := measureGzip(ctx, b, dir, service)
	return append(figures, gzip...), err
}

// measureZstd compares the export with what all cores together would need if
// they did nothing but compress.
func measureZstd(ctx context.Context, b *bench, dir, service string) ([]Figure, error) {
	x := exports{b: b, dir: dir, service: service, state: filepath.Join(dir, "state-zstd"), compression: "zstd"}
	alone, err := packer(service)
	if err != nil {
		return nil, err
	}
	samples, err := alternate(ctx, quickRuns, x.export, alone.compress, alone.digest)
	if err != nil {
		return nil, err
	}
	export, single, hashes := samples[0], samples[1], samples[2]
	cores := float64(runtime.NumCPU())
	return []Figure{
		atMost("export of a 400 MB layer, zstd, of size ÷ (cores × speed of one)", 1.25, ratio(export, single)*cores, "×",
			fmt.Sprintf("%s; one core compresses it in %s", secondsOf(export), secondsOf(single))),
		info("the same, when digests count as work", []float64{median(export) * cores / (median(single) + median(hashes))}, "×",
			"SHA-256 of both forms on one core: "+secondsOf(hashes)),
		info("the same, whole process", x.whole, "s", secondsOf(x.whole)+"; without the export "+secondsOf(x.rest)),
	}, nil
}

// measureGzip compares the export and push with bake's.
func measureGzip(ctx context.Context, b *bench, dir, service string) ([]Figure, error) {
	p, err := b.place().Compile(ctx, ".")
	if err != nil {
		return nil, err
	}
	registry, err := b.startRegistry(ctx)
	if err != nil {
		return nil, err
	}
	defer registry.stop()
	side, err := b.place().StartBake(ctx, p, registry.address)
	if err != nil {
		return nil, err
	}
	defer side.Stop()
	ours := exports{b: b, dir: dir, service: service, state: filepath.Join(dir, "state-gzip"), compression: "gzip", push: registry.address}
	theirs := bakeExports{dir: dir, service: service, registry: registry.address, side: side}
	samples, err := alternate(ctx, quickRuns, ours.export, theirs.export)
	if err != nil {
		return nil, err
	}
	return []Figure{
		atMost("the same with gzip and push, of bake's time", 0.6, ratio(samples[0], samples[1]), "×", against(samples[0], samples[1])),
		info("the same, whole process, of bake's", []float64{ratio(ours.whole, theirs.whole)}, "×", against(ours.whole, theirs.whole)),
	}, nil
}

// exports builds the layer with slipway.
type exports struct {
	b                   *bench
	dir, service, state string
	compression, push   string // push is a registry; empty: none
	whole, rest         []float64
}

// export makes a layer that was never exported, builds the image that has it,
// and once more when it is exported: the difference is the export.
func (x *exports) export(ctx context.Context, round int) (float64, error) {
	fleet := "version: 1\nfleet: layers\nregistry: registry.example\ncompression: " + x.compression + "\nservices:\n  layer: {type: job}\n"
	if err := os.WriteFile(filepath.Join(x.dir, "slipway.yaml"), []byte(fleet), 0o644); err != nil {
		return 0, err
	}
	if err := newRound(x.service, x.compression, round); err != nil {
		return 0, err
	}
	if _, err := x.build(ctx, layerUnseen); err != nil {
		return 0, err
	}
	whole, err := x.build(ctx, layerExported)
	if err != nil {
		return 0, err
	}
	rest, err := x.build(ctx, layerExported)
	x.whole, x.rest = append(x.whole, whole), append(x.rest, rest)
	x.b.say("export with %s: %.2f s and %.2f s for the rest", x.compression, whole-rest, rest)
	return whole - rest, err
}

func (x *exports) build(ctx context.Context, dockerfile string) (float64, error) {
	if err := os.WriteFile(filepath.Join(x.service, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return 0, err
	}
	args := []string{"build", "--force"} // else no engine opens for the last one
	if x.push != "" {
		args = append(args, "--push", "--registry", x.push)
	}
	out, err := peer.Execute(ctx, x.b.slipwayCommand(x.dir, x.state, args...))
	return out.Seconds, err
}

// bakeExports builds it with bake.
type bakeExports struct {
	dir, service, registry string
	side                   *peer.Bake
	whole, rest            []float64
}

// export is that of exports.
func (x *bakeExports) export(ctx context.Context, round int) (float64, error) {
	if err := newRound(x.service, "bake", round); err != nil {
		return 0, err
	}
	if _, err := x.build(ctx, layerUnseen); err != nil {
		return 0, err
	}
	whole, err := x.build(ctx, layerExported)
	if err != nil {
		return 0, err
	}
	rest, err := x.build(ctx, layerExported)
	x.whole, x.rest = append(x.whole, whole), append(x.rest, rest)
	return whole - rest, err
}

func (x *bakeExports) build(ctx context.Context, dockerfile string) (float64, error) {
	if err := os.WriteFile(filepath.Join(x.service, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return 0, err
	}
	data, err := peer.Definition([]string{"layer"}, func(string) peer.Target {
		return peer.Target{Context: "layer", Dockerfile: "Dockerfile", Tags: []string{x.registry + "/bake/layer:" + tag}, Output: []string{"type=image,push=true"}}
	})
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(x.dir, "docker-bake.json"), data, 0o644); err != nil {
		return 0, err
	}
	out, err := x.side.Bake(ctx, x.dir, "docker-bake.json")
	return out.Seconds, err
}

// newRound makes another layer of the same files.
func newRound(service, side string, round int) error {
	return os.WriteFile(filepath.Join(service, "data", "round"), fmt.Appendf(nil, "%s, round %d\n", side, round), 0o644)
}

// A packed layer's files, to compress and to hash them on one core.
type files struct{ data, packed []byte }

func packer(service string) (*files, error) {
	paths, err := filepath.Glob(filepath.Join(service, "data", "*"))
	if err != nil {
		return nil, err
	}
	f := &files{data: make([]byte, 0, layerSize+1<<20), packed: make([]byte, 0, layerSize+1<<20)}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f.data = append(f.data, data...)
	}
	return f, nil
}

// compress compresses as slipway's engine does (internal/engine/embedded/stamp.go),
// on one core and into memory.
func (f *files) compress(context.Context, int) (float64, error) {
	packed := writer{f.packed[:0]}
	began := time.Now()
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	_, err = z.Write(f.data)
	err = errors.Join(err, z.Close())
	took := time.Since(began).Seconds()
	f.packed = packed.data
	return took, err
}

// writer keeps what is written.
type writer struct{ data []byte }

func (w *writer) Write(p []byte) (int, error) {
	w.data = append(w.data, p...)
	return len(p), nil
}

// digest hashes what every layer is hashed in: as it is and compressed.
func (f *files) digest(context.Context, int) (float64, error) {
	began := time.Now()
	for _, data := range [][]byte{f.data, f.packed} {
		_ = sha256.Sum256(data)
	}
	return time.Since(began).Seconds(), nil
}
