// Command distribution is distribution's own registry, its command line and
// server as they are, with the file storage driver alone: the cloud drivers
// bring a thousand packages that no test needs.
//
//	distribution serve config.yml
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the driver of the tests
)

func main() {
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
