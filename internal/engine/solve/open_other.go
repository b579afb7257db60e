//go:build !linux

package solve

import (
	"io"
	"os"
)

func openFile(root *os.Root, _ *os.File, path string) (io.ReadCloser, error) {
	return openBelow(root, path)
}
