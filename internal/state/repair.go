package state

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

	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/resident"
	"github.com/slipway-build/slipway/internal/rootless"
)

// Repaired is what Repair found in one part of the state directory.
type Repaired struct {
	Part  string
	Found string
	Err   error // it could not be looked at, or not be repaired
}

// Repair looks at everything in the state directory, and removes or replaces what is
// damaged: a later command makes it again.
func (d Dir) Repair(ctx context.Context, sink event.Sink) []Repaired {
	parts := []struct {
		name string
		look func(context.Context, event.Sink) (string, error)
	}{
		{"permissions", d.repairPermissions}, {"containers", d.repairLeftContainers}, {"build engine", d.repairEngine},
		{"images", d.repairImages}, {"local registry", d.repairRegistry},
	}
	var out []Repaired
	for _, p := range parts {
		found, err := p.look(ctx, sink)
		out = append(out, Repaired{p.name, found, err})
		if ctx.Err() != nil {
			break
		}
	}
	return out
}

// repairPermissions takes from others what would let them change images.
func (d Dir) repairPermissions(context.Context, event.Sink) (string, error) {
	changed := 0
	for _, path := range []string{d.Path, d.ImageDir(), filepath.Join(d.ImageDir(), "blobs", "sha256"), d.engineDir(), d.binDir(), filepath.Join(d.Path, "bases"), filepath.Join(d.Path, "packages"), filepath.Join(d.Path, "ledger.db"), d.AuditDir()} {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if mode := info.Mode(); mode.Type() != fs.ModeSymlink && mode.Perm()&0o022 != 0 {
			if err := os.Chmod(path, mode.Perm()&^0o022); err != nil {
				return "", err
			}
			changed++
		}
	}
	if changed > 0 {
		return fmt.Sprintf("other users could write to %d places; they cannot any more", changed), nil
	}
	return "only their owner may write", nil
}

func (d Dir) repairLeftContainers(context.Context, event.Sink) (string, error) {
	cleared := 0
	if err := d.RepairContainers(func(string) { cleared++ }); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d group(s) of killed commands removed", cleared), nil
}

func (d Dir) repairEngine(ctx context.Context, sink event.Sink) (string, error) {
	runc, err := d.Runc()
	if err != nil {
		return "", err
	}
	return embedded.Overhaul(ctx, embedded.Options{
		StateDir: d.engineDir(), ImageDir: d.ImageDir(), Runc: runc, Owner: "slipway doctor --repair", PID: rootless.PID(),
		Waiting: func() { resident.GiveWay(d.Path) },
	}, sink)
}

func (d Dir) repairImages(ctx context.Context, sink event.Sink) (string, error) {
	store, err := d.Images(sink)
	if err != nil {
		return "", err
	}
	names, err := store.List(ctx) // replaces a damaged list
	if err != nil {
		return "", err
	}
	looked, damaged, err := store.Heal(ctx, true)
	if err != nil {
		return "", err
	}
	incomplete := 0
	for _, e := range names {
		if store.Holds(e.Descriptor) != nil {
			incomplete++
		}
	}
	found := fmt.Sprintf("%d blobs read, %d damaged ones removed", looked, len(damaged))
	if incomplete > 0 {
		found += fmt.Sprintf("; %d of %d images are incomplete and will be built again", incomplete, len(names))
	}
	return found, nil
}

// repairRegistry compares what `slipway registry serve` keeps with its digests
// (distribution's layout: blobs/sha256/ab/<digest>/data).
func (d Dir) repairRegistry(ctx context.Context, _ event.Sink) (string, error) {
	paths, err := filepath.Glob(filepath.Join(d.RegistryDir(), "docker", "registry", "v2", "blobs", "sha256", "*", "*", "data"))
	if err != nil {
		return "", err
	}
	removed := 0
	for _, path := range paths {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		whole, err := hasDigest(path, filepath.Base(filepath.Dir(path)))
		if err != nil {
			return "", err
		}
		if !whole {
			if err := os.Remove(path); err != nil {
				return "", err
			}
			removed++
		}
	}
	if removed > 0 {
		return fmt.Sprintf("%d blobs read, %d damaged ones removed: push their images again", len(paths), removed), nil
	}
	return fmt.Sprintf("%d blobs read, all whole", len(paths)), nil
}

func hasDigest(path, want string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return false, err
	}
	return hex.EncodeToString(sum.Sum(nil)) == want, nil
}
