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

func TestAPanicIsTheCallers(t *testing.T) {
	defer func() {
		if p, ok := recover().(*Panic); !ok || p.Value != "page 5" || len(p.Stack) == 0 {
			t.Errorf("recovered %v", p)
		}
	}()
	Each(100, func(i int) {
		if i == 50 {
			panic("page 5")
		}
	})
	t.Error("no panic")
}
