package quota_test

import (
	"errors"
	"math"
	"testing"

	"github.com/slipway-build/slipway/internal/quota"
)

func TestDefault(t *testing.T) {
	for free, want := range map[int64]int64{0: 0, 10e9: 9e9, 56e9: 20e9, 200e9: 20e9, 1000e9: 100e9} {
		if got := quota.Default(free); got != want {
			t.Errorf("%d bytes free: %d, want %d", free, got, want)
		}
	}
}

func TestTake(t *testing.T) {
	for name, c := range map[string]struct {
		limit int64
		sizes []int64
		fits  bool
	}{
		"nothing": {1000, nil, true}, "fits": {2000, []int64{100, 800}, true}, "one too many": {2000, []int64{100, 800, 100}, false},
		"one too large": {1000, []int64{math.MaxInt64}, false}, "sums beyond an int": {1e12, []int64{5e11, math.MaxInt64 - 10}, false},
		"negative": {1000, []int64{-5000}, false}, "no limit": {0, []int64{math.MaxInt64, math.MaxInt64}, true},
		"empty files": {5000, make([]int64, 10), false},
	} {
		q, err := quota.New(c.limit), error(nil)
		for _, size := range c.sizes {
			err = errors.Join(err, q.Take(size))
		}
		if (err == nil) != c.fits || err != nil && !errors.As(err, new(*quota.Exceeded)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
