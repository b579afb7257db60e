package state

import (
	"context"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/quota"
)

// Containers is the runtime of this machine with its image store. maxUnpacked is the
// value of a flag, see UnpackLimit.
func (d Dir) Containers(maxUnpacked string) (*oci.Runtime, error) {
	runc, err := d.Runc()
	if err != nil {
		return nil, err
	}
	store, err := d.Images(event.Discard{})
	if err != nil {
		return nil, err
	}
	limit, err := d.UnpackLimit(maxUnpacked)
	if err != nil {
		return nil, err
	}
	return &oci.Runtime{MaxBytes: limit, Blame: store.Blame, StateDir: d.Path, Runc: runc, Images: func(ctx context.Context, name, platform string) (oci.Image, error) {
		return store.Image(ctx, name, platform)
	}}, nil
}

// UnpackLimit reads the value of --max-unpacked; without one it is the usual share
// of the disk.
func (d Dir) UnpackLimit(flag string) (int64, error) {
	if flag != "" {
		limit, err := config.ParseMemory(flag)
		if err != nil {
			return 0, diag.Fail(diag.ExitUsage, "--max-unpacked %q is not a size", flag).WithHint("--max-unpacked 100GB")
		}
		return limit, nil
	}
	dir := d.Path
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) { // before the first build there is none
		if _, err := os.Stat(dir); err == nil {
			break
		}
	}
	free, _, err := DiskSpace(dir)
	if err != nil || free <= 0 {
		return 0, nil //nolint:nilerr // a disk that does not say what is free has no share
	}
	return quota.Default(free), nil
}

// RepairContainers removes what killed processes have left, and says so.
func (d Dir) RepairContainers(note func(text string)) error {
	rt, err := d.Containers("")
	if err != nil {
		return err
	}
	return oci.Repair(d.Path, rt.Runc, note)
}
