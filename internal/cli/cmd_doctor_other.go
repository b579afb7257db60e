//go:build !linux

package cli

func checkPrivileges() checkup {
	return checkup{Check: "privileges", Found: "not needed here", OK: true}
}

func checkSubordinateIDs() []checkup { return nil }

func checkOverlay(string) checkup {
	return checkup{Check: "overlayfs", Found: "needs Linux", Mend: "run slipway on Linux"}
}
