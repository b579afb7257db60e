//go:build !linux

package account

// Machine is "": there is no name of the running kernel.
func Machine() string { return "" }
