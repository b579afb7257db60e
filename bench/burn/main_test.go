package main

import "testing"

// Marsaglia's paper has the first number after its seed.
func TestBurnWalksThroughXorshift(t *testing.T) {
	for n, want := range map[int]uint64{1: 8748534153485358512, 3: 3453997556048239312} {
		if got := burn(n); got != want {
			t.Errorf("burn(%d) = %d, want %d", n, got, want)
		}
	}
}
