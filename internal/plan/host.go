package plan

import "runtime"

// Host is the platform of images that this machine runs, "linux/amd64". Images
// are for Linux wherever Slipway itself runs.
func Host() string { return "linux/" + runtime.GOARCH }
