//go:build linux

package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	runc "github.com/containerd/go-runc"
	"github.com/moby/buildkit/identity"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/event"
)

// tempMounts is where layers are mounted while they are read.
const tempMounts = "mounts"

// repair removes what a killed process left in the state directory: containers
// that still run, mounts, bundles, layers that were being written. The caller
// holds the lock, so whatever is there belongs to nobody.
func repair(ctx context.Context, o Options, sink event.Sink) error {
	bundles := filepath.Join(o.StateDir, "runc-overlayfs", "executor")
	containers, err := staleBundles(bundles)
	if err != nil {
		return err
	}
	layers, err := removeUnfinished(o)
	if err != nil {
		return err
	}
	var found []string
	if len(containers) > 0 {
		found = append(found, fmt.Sprintf("%d build step(s)", len(containers)))
	}
	if layers > 0 {
		found = append(found, fmt.Sprintf("%d unfinished layer(s)", layers))
	}
	if len(found) > 0 {
		sink.Emit(event.Note{Text: "clearing " + strings.Join(found, " and ") + " that an interrupted build left behind"})
	}
	rt := &runc.Runc{Command: o.Runc}
	for _, id := range containers {
		// The container may be gone already; what matters is that it is after this.
		stop, cancel := context.WithTimeout(ctx, 10*time.Second)
		_ = rt.Delete(stop, id, &runc.DeleteOpts{Force: true})
		cancel()
	}
	if err := unmountBelow(o.StateDir); err != nil {
		return err
	}
	var errs []error
	points, _ := filepath.Glob(filepath.Join(o.StateDir, tempMounts, "*"))
	for _, path := range points {
		_ = os.Remove(path) // nothing is mounted there any more; what is not empty does no harm
	}
	made, _ := filepath.Glob(filepath.Join(bundles, strings.Repeat("?", len(identity.NewID())))) // with or without a container
	hosts, _ := filepath.Glob(filepath.Join(bundles, "hosts.*"))                                 // one for each step that ran
	for _, path := range append(made, hosts...) {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// removeUnfinished removes what was being written into the engine's content
// store and into the image store's; only the holder of the lock writes there. It
// returns how many pieces there were.
func removeUnfinished(o Options) (int, error) {
	removed := 0
	for _, dir := range []string{
		filepath.Join(o.StateDir, "runc-overlayfs", "content", "ingest"), filepath.Join(o.ImageDir, "ingest"),
	} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, fmt.Errorf("reading %s: %w", dir, err)
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return removed, fmt.Errorf("removing an unfinished layer: %w", err)
			}
			removed++
		}
	}
	return removed, nil
}

// staleBundles lists the containers whose bundle directories exist.
func staleBundles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	var ids []string
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(dir, e.Name(), "rootfs")); e.IsDir() && err == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// unmountBelow detaches every mount below the directory, the innermost first.
func unmountBelow(dir string) error {
	points, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for i := len(points) - 1; i >= 0; i-- {
		if err := unix.Unmount(points[i], unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("unmounting %s: %w", points[i], err)
		}
	}
	return nil
}

// mountsBelow lists the mount points of this process below the directory, in
// the order in which they were mounted.
func mountsBelow(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mount table: %w", err)
	}
	defer f.Close()
	var points []string
	for s := bufio.NewScanner(f); s.Scan(); {
		// proc(5): the fifth field is the mount point, with octal escapes.
		if fields := strings.Fields(s.Text()); len(fields) > 4 {
			if point := unescapeMount.Replace(fields[4]); strings.HasPrefix(point, dir+"/") {
				points = append(points, point)
			}
		}
	}
	return points, nil
}

var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
