// Command slipway builds, runs and ships fleets of services.
package main

import (
	"os"

	"github.com/slipway-build/slipway/internal/cli"
)

func main() {
	os.Exit(int(cli.Main(os.Args[1:], cli.Process())))
}
