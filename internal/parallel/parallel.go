// Package parallel does many small things on all processors. It is not for what
// waits: for that there are goroutines.
//
//	parallel.Each(len(jobs), func(i int) { prints[i] = fingerprint(jobs[i]) })
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls do for 0 to n-1, as many at once as there are processors, and
// returns when all calls have. A few goroutines make them all: their stacks grow
// once, not for each call.
func Each(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}
