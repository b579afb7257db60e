package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/bench/peer"
)

// fleetStats is what `slipway stats --json` says, as far as it is used here.
type fleetStats struct {
	Services []struct {
		Service         string `json:"service"`
		SizeBytes       int64  `json:"size_bytes"`
		CompressedBytes int64  `json:"compressed_bytes"`
		Layers          int    `json:"layers"`
		Unchanged       bool   `json:"unchanged"`
	} `json:"services"`
	UniqueBytes int64 `json:"unique_bytes"`
}

func parseStats(data []byte) (fleetStats, error) {
	var s fleetStats
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading the statistics: %w", err)
	}
	if len(s.Services) == 0 {
		return s, errors.New("the statistics have no service")
	}
	return s, nil
}

// largest returns the highest size, compressed size and number of layers.
func (s fleetStats) largest() (size, compressed int64, layers int) {
	for _, v := range s.Services {
		size, compressed, layers = max(size, v.SizeBytes), max(compressed, v.CompressedBytes), max(layers, v.Layers)
	}
	return size, compressed, layers
}

// unchanged counts the services that did not have to be built.
func (s fleetStats) unchanged() int {
	n := 0
	for _, v := range s.Services {
		if v.Unchanged {
			n++
		}
	}
	return n
}

// measureSizes judges the largest of the ten images, in gzip and in zstd.
func measureSizes(ctx context.Context, b *bench) ([]Figure, error) {
	f, err := b.builtFleet(ctx)
	if err != nil {
		return nil, err
	}
	gzip, err := b.buildStats(ctx, f.sources, f.built)
	if err != nil {
		return nil, err
	}
	zstd, err := b.zstdStats(ctx, f)
	if err != nil {
		return nil, err
	}
	size, compressed, layers := gzip.largest()
	_, packed, _ := zstd.largest()
	note := fmt.Sprintf("largest of %d images", len(gzip.Services))
	return []Figure{
		atMost("image, unpacked", 110, float64(size)/1e6, "MB", note),
		atMost("image, layers", 12, float64(layers), "", note),
		atMost("image, gzip", 45, float64(compressed)/1e6, "MB", note),
		atMost("image, zstd", 34, float64(packed)/1e6, "MB", note),
		atMost("ten images, unpacked, layers in common once", 150, float64(gzip.UniqueBytes)/1e6, "MB",
			fmt.Sprintf("%d images", len(gzip.Services))),
	}, nil
}

// buildStats builds a fleet, of which all is cached, and reads its figures.
func (b *bench) buildStats(ctx context.Context, dir, state string) (fleetStats, error) {
	return b.statsOf(ctx, b.slipwayCommand(dir, state, "build", "--tag", tag, "--json"))
}

// statsOf reads the figures that a command prints.
func (b *bench) statsOf(ctx context.Context, c peer.Command) (fleetStats, error) {
	out, err := peer.Execute(ctx, c)
	if err != nil {
		return fleetStats{}, err
	}
	return parseStats(out.Stdout)
}

// zstdStats builds a copy of the fleet that asks for zstd.
func (b *bench) zstdStats(ctx context.Context, f *fleetState) (fleetStats, error) {
	dir, state := filepath.Join(b.work, "fleet-zstd"), filepath.Join(b.work, "state-zstd")
	if err := copySources(dir, f.sources); err != nil {
		return fleetStats{}, err
	}
	path := filepath.Join(dir, "slipway.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return fleetStats{}, err
	}
	if err := os.WriteFile(path, append([]byte("compression: zstd\n"), text...), 0o644); err != nil {
		return fleetStats{}, err
	}
	if err := copyTree(ctx, state, f.built); err != nil {
		return fleetStats{}, err
	}
	defer os.RemoveAll(state)
	return b.buildStats(ctx, dir, state)
}
