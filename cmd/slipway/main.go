// Command slipway builds, runs and ships fleets of services.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/slipway-build/slipway/internal/cli"
)

// The command has a goroutine of its own: a dependency keeps the first one on the
// first thread (github.com/moby/go-archive/internal/unshare), where every wait is
// a switch of threads.
func main() {
	collectLate()
	exit := make(chan int)
	go func() { exit <- int(cli.Main(os.Args[1:], cli.Process())) }()
	os.Exit(<-exit)
}

// collectLate makes the first garbage collection come at 32 MB, where most commands
// have ended, and those after it as usual, unless the command has chosen otherwise.
func collectLate() {
	const late = 800 // of at least 4 MB
	usual := debug.SetGCPercent(late)
	runtime.AddCleanup(&[64]byte{}, func(percent int) {
		if chosen := debug.SetGCPercent(percent); chosen != late {
			debug.SetGCPercent(chosen)
		}
	}, usual)
}
