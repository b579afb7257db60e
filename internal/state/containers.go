package state

import (
	"context"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/localrun/oci"
)

// Containers is the runtime of this machine with its image store.
func (d Dir) Containers() (*oci.Runtime, error) {
	runc, err := d.Runc()
	if err != nil {
		return nil, err
	}
	store, err := d.Images(event.Discard{})
	if err != nil {
		return nil, err
	}
	return &oci.Runtime{Blame: store.Blame, StateDir: d.Path, Runc: runc, Images: func(ctx context.Context, name, platform string) (oci.Image, error) {
		return store.Image(ctx, name, platform)
	}}, nil
}

// RepairContainers removes what killed processes have left, and says so.
func (d Dir) RepairContainers(note func(text string)) error {
	rt, err := d.Containers()
	if err != nil {
		return err
	}
	return oci.Repair(d.Path, rt.Runc, note)
}
