//go:build !linux

package state

import "errors"

// DiskSpace is not known on this system.
func DiskSpace(string) (free, total int64, err error) {
	return 0, 0, errors.New("not known on this system")
}
