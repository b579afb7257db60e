//go:build !linux

package disk

import (
	"fmt"
	"os"

	"github.com/slipway-build/slipway/internal/fingerprint"
)

// Tree is a directory of this machine.
type Tree struct{ fingerprint.Tree }

// Open opens the directory as the context of a build.
func Open(dir string) (*Tree, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("reading the build context: %w", err)
	}
	return &Tree{fingerprint.FromFS(os.DirFS(dir))}, nil
}
