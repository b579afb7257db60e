package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/bench/peer"
)

// The base that both sides make: Node.js 20 for this suite.
const (
	suite   = "trixie"
	baseRef = "slipway/node:20-" + suite
)

// measureBases compares the assembly of a Node.js base with mmdebstrap's, from
// the same mirror: with nothing at all on disk, with nothing but the packages
// there, and (for information) with only the image removed.
func measureBases(ctx context.Context, b *bench) ([]Figure, error) {
	mirror, keyring, err := debianMirror(ctx, suite)
	if err != nil {
		return nil, err
	}
	dir, err := b.scratch("bases")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	state := filepath.Join(dir, "state")
	assemble := func(ctx context.Context, _ int) (float64, error) {
		out, err := peer.Execute(ctx, b.slipwayCommand(dir, state, "bases", "build", baseRef))
		return out.Seconds, err
	}
	cold := func(ctx context.Context, round int) (float64, error) {
		if err := os.RemoveAll(state); err != nil {
			return 0, err
		}
		return assemble(ctx, round)
	}
	warm := func(ctx context.Context, round int) (float64, error) {
		if err := keepOnly(state, "packages"); err != nil {
			return 0, err
		}
		return assemble(ctx, round)
	}
	downloads := func(ctx context.Context, round int) (float64, error) {
		if err := keepOnly(state, "packages"); err != nil {
			return 0, err
		}
		for _, made := range []string{"kept", "chosen"} {
			if err := os.RemoveAll(filepath.Join(state, "packages", made)); err != nil {
				return 0, err
			}
		}
		return assemble(ctx, round)
	}
	unpacked := func(ctx context.Context, round int) (float64, error) {
		if err := os.RemoveAll(filepath.Join(state, "images")); err != nil {
			return 0, err
		}
		return assemble(ctx, round)
	}
	bootstrap := func(variant string) trial {
		return func(ctx context.Context, _ int) (float64, error) {
			tar := filepath.Join(dir, variant+".tar")
			defer os.Remove(tar)
			out, err := peer.Execute(ctx, peer.Command{Argv: []string{
				"mmdebstrap", "--variant=" + variant, "--include=nodejs", "--keyring=" + keyring,
				suite, tar, fmt.Sprintf("deb %s %s main", mirror, suite),
			}})
			return out.Seconds, err
		}
	}
	samples, err := alternate(ctx, b.runs, cold, warm, unpacked, bootstrap("minbase"), downloads)
	if err != nil {
		return nil, err
	}
	extract, err := alternate(ctx, 1, bootstrap("extract"))
	if err != nil {
		return nil, err
	}
	colds, warms, theirs := samples[0], samples[1], samples[3]
	return []Figure{
		atMost("Node base, packages cached, of mmdebstrap's time", 0.1, ratio(warms, theirs), "×", against(warms, theirs)),
		atMost("Node base, cold, of mmdebstrap's time", 0.2, ratio(colds, theirs), "×", against(colds, theirs)),
		info("Node base, downloads alone cached", samples[4], "s", secondsOf(samples[4])),
		info("Node base, its layers cached too", samples[2], "s", secondsOf(samples[2])),
		info("mmdebstrap --variant=extract, which configures nothing", extract[0], "s", "1 run"),
	}, nil
}

// against shows the single measurements of both sides.
func against(ours, theirs []float64) string {
	return secondsOf(ours) + " against " + secondsOf(theirs)
}

// keepOnly removes everything but one entry from a directory.
func keepOnly(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != name {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
