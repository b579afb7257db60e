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
	figures, err := measureZstd(ctx, b, service)
	if err != nil {
		return figures, err
	}
	gzip, err := measureGzip(ctx, b, service)
	return append(figures, gzip...), err
}

// measureZstd compares the export with what all cores together would need if
// they did nothing but compress.
func measureZstd(ctx context.Context, b *bench, service string) ([]Figure, error) {
	x := b.slipwayExports(service, "zstd", "")
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
func measureGzip(ctx context.Context, b *bench, service string) ([]Figure, error) {
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
	ours := b.slipwayExports(service, "gzip", registry.address)
	theirs, err := bakeExports(service, registry.address, side)
	if err != nil {
		return nil, err
	}
	samples, err := alternate(ctx, quickRuns, ours.export, theirs.export)
	if err != nil {
		return nil, err
	}
	return []Figure{
		atMost("the same with gzip and push, of bake's time", 0.6, ratio(samples[0], samples[1]), "×", against(samples[0], samples[1])),
		info("the same, whole process, of bake's", []float64{ratio(ours.whole, theirs.whole)}, "×", against(ours.whole, theirs.whole)),
	}, nil
}

// exports times one side's export of the layer.
type exports struct {
	service, name string
	build         func(context.Context) (float64, error) // of what the Dockerfile says now
	whole, rest   []float64
}

// export makes a layer that was never exported, builds the image that has it,
// and once more when it is exported: the difference is the export.
func (x *exports) export(ctx context.Context, round int) (float64, error) {
	another := fmt.Appendf(nil, "%s, round %d\n", x.name, round)
	if err := os.WriteFile(filepath.Join(x.service, "data", "round"), another, 0o644); err != nil {
		return 0, err
	}
	var took []float64
	for _, dockerfile := range []string{layerUnseen, layerExported, layerExported} {
		if err := os.WriteFile(filepath.Join(x.service, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
			return 0, err
		}
		seconds, err := x.build(ctx)
		if err != nil {
			return 0, err
		}
		took = append(took, seconds)
	}
	x.whole, x.rest = append(x.whole, took[1]), append(x.rest, took[2])
	return took[1] - took[2], nil
}

// slipwayExports builds the layer with slipway, and pushes it where a registry is
// named.
func (b *bench) slipwayExports(service, compression, push string) *exports {
	dir := filepath.Dir(service)
	args := []string{"build", "--force"} // else no engine opens for the last one
	if push != "" {
		args = append(args, "--push", "--registry", push)
	}
	return &exports{service: service, name: compression, build: func(ctx context.Context) (float64, error) {
		fleet := "version: 1\nfleet: layers\nregistry: registry.example\ncompression: " + compression + "\nservices:\n  layer: {type: job}\n"
		if err := os.WriteFile(filepath.Join(dir, "slipway.yaml"), []byte(fleet), 0o644); err != nil {
			return 0, err
		}
		out, err := peer.Execute(ctx, b.slipwayCommand(dir, filepath.Join(dir, "state-"+compression), args...))
		return out.Seconds, err
	}}
}

// bakeExports builds and pushes it with bake.
func bakeExports(service, registry string, side *peer.Bake) (*exports, error) {
	dir, definition := filepath.Dir(service), "docker-bake.json"
	data, err := peer.Definition([]string{"layer"}, func(string) peer.Target {
		return peer.Target{
			Context: filepath.Base(service), Dockerfile: "Dockerfile",
			Tags: []string{registry + "/bake/layer:" + tag}, Output: []string{"type=image,push=true"},
		}
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, definition), data, 0o644); err != nil {
		return nil, err
	}
	return &exports{service: service, name: "bake", build: func(ctx context.Context) (float64, error) {
		out, err := side.Bake(ctx, dir, definition)
		return out.Seconds, err
	}}, nil
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
