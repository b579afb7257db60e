// Command burn computes for about a second on one core and prints a line. It is
// a build step of the benchmark's case nodes: static, so that it runs in an empty
// image, and without input or output, so that nothing but the core counts. It
// refuses to run where it may use more than one core, because then the figure
// would mean nothing.
//
//	COPY burn /burn
//	RUN ["/burn"]
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	if n := runtime.NumCPU(); n != 1 { // as sched_getaffinity(2) has it
		fmt.Fprintf(os.Stderr, "burn: this step may use %d cores, and the node is meant to have one\n", n)
		os.Exit(1)
	}
	fmt.Println(burn(400_000_000))
}

// burn walks through a random sequence (xorshift64, Marsaglia 2003), in which
// every number needs the one before.
func burn(n int) uint64 {
	x := uint64(88172645463325252)
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}
