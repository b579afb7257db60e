package parallel

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachCallIsMadeOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		calls, want := make([]atomic.Int32, n), make([]int32, n)
		Each(n, func(i int) { calls[i].Add(1) })
		got := make([]int32, n)
		for i := range got {
			got[i], want[i] = calls[i].Load(), 1
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d calls (-want +got):\n%s", n, diff)
		}
	}
}
