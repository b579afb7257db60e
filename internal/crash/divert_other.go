//go:build !linux

package crash

import "os"

// Divert does nothing here: a dying process writes to standard error.
func Divert(string) (*os.File, string) { return os.Stderr, "" }
