// Command slipway builds, runs and ships fleets of services.
package main

import (
	"os"

	"github.com/slipway-build/slipway/internal/cli"
)

// The command has a goroutine of its own: a dependency keeps the first one on the
// first thread (github.com/moby/go-archive/internal/unshare), where every wait is
// a switch of threads.
func main() {
	exit := make(chan int)
	go func() { exit <- int(cli.Main(os.Args[1:], cli.Process())) }()
	os.Exit(<-exit)
}
