//go:build !unix

package download

import (
	"errors"
	"os"
)

// tryLock has no counterpart here, so that nothing is ever taken for abandoned.
func tryLock(*os.File) error { return errors.ErrUnsupported }
