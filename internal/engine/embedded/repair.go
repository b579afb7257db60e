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
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/event"
)

// repair removes what a killed process left in the state directory: containers
// that still run, mounts, bundles. The caller holds the lock, so whatever is
// there belongs to nobody.
func repair(ctx context.Context, o Options, sink event.Sink) error {
	bundles := filepath.Join(o.StateDir, "runc-overlayfs", "executor")
	containers, err := staleBundles(bundles)
	if err != nil {
		return err
	}
	if len(containers) > 0 {
		sink.Emit(event.Note{Text: fmt.Sprintf("clearing %d build step(s) that an interrupted build left behind", len(containers))})
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
	for _, id := range containers {
		errs = append(errs, os.RemoveAll(filepath.Join(bundles, id)))
	}
	return errors.Join(errs...)
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
