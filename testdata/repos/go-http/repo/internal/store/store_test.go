package store

import "testing"

func TestNew(t *testing.T) {
	if got := New().All(); len(got) != 1 {
		t.Errorf("All() = %v", got)
	}
}
