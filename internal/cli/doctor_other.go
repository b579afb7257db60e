//go:build !linux

package cli

import "errors"

func diskSpace(string) (free, total int64, err error) {
	return 0, 0, errors.New("not known on this system")
}

func checkPrivileges() checkup {
	return checkup{Check: "privileges", Found: "not needed here", OK: true}
}

func checkSubordinateIDs() []checkup { return nil }

func checkOverlay(string) checkup {
	return checkup{Check: "overlayfs", Found: "needs Linux", Mend: "run slipway on Linux"}
}
