package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.samples); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.samples, got, c.want)
		}
	}
}

func TestMedianKeepsTheOrderOfItsSamples(t *testing.T) {
	samples := []float64{3, 1, 2}
	median(samples)
	if diff := cmp.Diff([]float64{3, 1, 2}, samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestRatio(t *testing.T) {
	if got := ratio([]float64{1, 2, 3}, []float64{20, 10, 40}); got != 0.1 {
		t.Errorf("ratio = %v, want 0.1", got)
	}
	if got := ratio([]float64{1}, nil); got != 0 {
		t.Errorf("ratio with nothing to compare = %v, want 0", got)
	}
}

func TestAlternateTakesTurns(t *testing.T) {
	var order strings.Builder
	side := func(name string, seconds float64) trial {
		return func(context.Context, int) (float64, error) {
			order.WriteString(name)
			return seconds, nil
		}
	}
	got, err := alternate(t.Context(), 3, side("A", 1), side("B", 2))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]float64{{1, 1, 1}, {2, 2, 2}}, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if order.String() != "ABABAB" {
		t.Errorf("order = %s, want ABABAB", order.String())
	}
}

func TestAlternateStopsAtAFailure(t *testing.T) {
	broken := errors.New("broken")
	_, err := alternate(t.Context(), 2,
		func(context.Context, int) (float64, error) { return 0, broken },
		func(context.Context, int) (float64, error) { t.Error("the other side ran"); return 0, nil })
	if !errors.Is(err, broken) {
		t.Errorf("error = %v, want %v", err, broken)
	}
}
