package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/bench/peer"
)

// repeat runs a command n times and returns the seconds of each run.
func repeat(ctx context.Context, n int, c peer.Command) ([]float64, error) {
	var samples []float64
	for range n {
		out, err := peer.Execute(ctx, c)
		if err != nil {
			return nil, err
		}
		samples = append(samples, out.Seconds)
	}
	return samples, nil
}

// trial is one timed run of one side of a comparison.
type trial func(ctx context.Context, round int) (seconds float64, err error)

// alternate runs the sides in turn, A B A B …, so that all see the same noise.
// It returns the samples of each side.
func alternate(ctx context.Context, rounds int, sides ...trial) ([][]float64, error) {
	samples := make([][]float64, len(sides))
	for round := range rounds {
		for i, side := range sides {
			seconds, err := side(ctx, round)
			if err != nil {
				return samples, err
			}
			samples[i] = append(samples[i], seconds)
		}
	}
	return samples, nil
}

// median returns the middle value, the mean of the two middle ones of an even
// number, 0 of none.
func median(samples []float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(samples))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// ratio divides the medians of two sides.
func ratio(a, b []float64) float64 {
	if median(b) == 0 {
		return 0
	}
	return median(a) / median(b)
}

// scaled multiplies samples, to print seconds as milliseconds.
func scaled(samples []float64, by float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = s * by
	}
	return out
}

// secondsOf prints the single measurements for a note.
func secondsOf(samples []float64) string {
	words := make([]string, len(samples))
	for i, s := range samples {
		words[i] = fmt.Sprintf("%.2f", s)
	}
	return strings.Join(words, "/") + " s"
}
