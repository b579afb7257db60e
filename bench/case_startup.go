package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

	"github.com/slipway-build/slipway/bench/peer"
)

// Repetitions of what takes milliseconds.
const (
	helpRuns   = 21
	cachedRuns = 11
)

// measureStartup times what a person waits for before anything is built.
func measureStartup(ctx context.Context, b *bench) ([]Figure, error) {
	help, err := repeat(ctx, helpRuns, peer.Command{Argv: []string{b.slipway, "--help"}})
	if err != nil {
		return nil, err
	}
	figures := []Figure{medianAtMost("slipway --help", 30, scaled(help, 1000), "ms", fmt.Sprintf("median of %d", helpRuns))}
	f, err := b.builtFleet(ctx)
	if err != nil {
		return figures, err
	}
	c := b.slipwayCommand(f.sources, f.built, "build", "--tag", tag, f.services[0])
	if _, err := peer.Execute(ctx, c); err != nil { // an earlier case may have changed its sources
		return figures, err
	}
	unchanged, err := repeat(ctx, cachedRuns, c)
	if err != nil {
		return figures, err
	}
	c.Argv = append(c.Argv, "--force") // else no engine opens
	cached, err := repeat(ctx, cachedRuns, c)
	if err != nil {
		return figures, err
	}
	figures = append(figures,
		medianAtMost("one service, everything cached, whole process", 0.3, cached, "s", fmt.Sprintf("with --force, median of %d", cachedRuns)),
		info("one service, nothing changed, whole process", unchanged, "s", fmt.Sprintf("median of %d", cachedRuns)))
	opened, err := openTimes(ctx, c)
	if err != nil {
		return figures, err
	}
	return append(figures, medianAtMost("engine open on a used state directory", 150, opened, "ms", fmt.Sprintf("median of %d", len(opened)))), nil
}

// engineOpen is the line that SLIPWAY_TRACE=1 adds to stderr.
var engineOpen = regexp.MustCompile(`(?m)engine open: ([0-9.]+) ms`)

// openTimes runs a command that opens the engine and reads how long that took.
func openTimes(ctx context.Context, c peer.Command) ([]float64, error) {
	c.Env = append(c.Env, "SLIPWAY_TRACE=1")
	var samples []float64
	for range cachedRuns {
		out, err := peer.Execute(ctx, c)
		if err != nil {
			return nil, err
		}
		ms, err := parseOpenTime(out.Stderr)
		if err != nil {
			return nil, err
		}
		samples = append(samples, ms)
	}
	return samples, nil
}

func parseOpenTime(stderr []byte) (float64, error) {
	m := engineOpen.FindSubmatch(stderr)
	if m == nil {
		return 0, errors.New("with SLIPWAY_TRACE=1 slipway did not say how long the engine took to open")
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// measureBinary weighs the binary with all that it carries.
func measureBinary(_ context.Context, b *bench) ([]Figure, error) {
	info, err := os.Stat(b.slipway)
	if err != nil {
		return nil, err
	}
	return []Figure{atMost("slipway binary", 90, float64(info.Size())/1e6, "MB", "")}, nil
}
