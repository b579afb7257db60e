// Package pace adjusts the bounds of tests that look at the time to the binary that
// they run in.
package pace

import (
	"runtime/debug"
	"time"
)

// racing says that this binary was built with the race detector.
var racing = builtWithRace()

func builtWithRace() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// Within is the bound of what takes at most d in an ordinary binary. The race detector
// slows code down five to ten times, which is nobody's waiting time.
func Within(d time.Duration) time.Duration {
	if racing {
		return 10 * d
	}
	return d
}
