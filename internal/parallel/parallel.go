// Package parallel does many small things on all processors. It is not for what
// waits: for that there are goroutines.
//
//	parallel.Each(len(jobs), func(i int) { prints[i] = fingerprint(jobs[i]) })
package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Each calls do for 0 to n-1, as many at once as there are processors, and
// returns when all calls have. A few goroutines make them all: their stacks grow
// once, not for each call. A panic of a call ends the others after the one that
// they make, and is the caller's then, who may catch it.
func Each(n int, do func(i int)) { Start(n, do)() }

// Start is as Each and does not wait: the caller calls wait, once.
func Start(n int, do func(i int)) (wait func()) {
	var next atomic.Int64
	var workers sync.WaitGroup
	var broken atomic.Pointer[Panic]
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					broken.CompareAndSwap(nil, &Panic{r, debug.Stack()})
					next.Store(int64(n))
				}
			}()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	return func() {
		workers.Wait()
		if p := broken.Load(); p != nil {
			panic(p)
		}
	}
}

// Panic is a panic of a call, with the stack that it had.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }
