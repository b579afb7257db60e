//go:build linux

package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/internal/atomicfile"
)

// contentDir has the layers and manifests of the engine, by digest.
func contentDir(stateDir string) string {
	return filepath.Join(stateDir, "runc-"+snapshotter, "content", "blobs", "sha256")
}

// checkContent reads the blobs that nobody has sealed: those of a killed engine, and
// what something else wrote to. BuildKit never reads a blob again to compare it.
func checkContent(ctx context.Context, stateDir string) error {
	return unsealedContent(stateDir, func(path string, info fs.FileInfo) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := sealWhole(path); err != nil {
			return &damagedError{filepath.Join("content", info.Name()[:min(12, len(info.Name()))]), err}
		}
		return nil
	})
}

// sealContent seals what this engine wrote; BuildKit compared it then.
func sealContent(stateDir string, opened time.Time) error {
	return unsealedContent(stateDir, func(path string, info fs.FileInfo) error {
		if info.ModTime().Before(opened) {
			return nil
		}
		return atomicfile.Seal(path, info.ModTime())
	})
}

func unsealedContent(stateDir string, visit func(path string, info fs.FileInfo) error) error {
	dir := contentDir(stateDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the content of the engine: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || atomicfile.Sealed(info) {
			continue
		}
		if err := visit(filepath.Join(dir, e.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

// sealWhole compares a blob with its name, which is its digest, and seals it.
func sealWhole(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != filepath.Base(path) {
		return fmt.Errorf("its digest is sha256:%s", got[:12])
	}
	return atomicfile.Seal(path, time.Now())
}
