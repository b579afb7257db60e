package delivery

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/trace"
)

// Shipment is an image of the store and where it goes.
type Shipment struct{ Local, Destination string }

// Send pushes images, so many at once, and returns how each one ended.
func Send(ctx context.Context, p *image.Pusher, shipments []Shipment, parallel int, rec *trace.Recorder) []error {
	group := errgroup.Group{}
	group.SetLimit(max(1, parallel))
	failures := make([]error, len(shipments))
	for i, s := range shipments {
		group.Go(func() error {
			span := rec.Start("", "push "+s.Destination)
			failures[i] = p.Push(ctx, s.Local, s.Destination)
			span.End(failures[i])
			return nil
		})
	}
	_ = group.Wait() // the failures are kept one by one
	return failures
}

// Join makes one failure of several; a single one stays as it is.
func Join(failures []error) error {
	var failed []error
	for _, err := range failures {
		if err != nil {
			failed = append(failed, err)
		}
	}
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return failed[0]
	}
	f := diag.Fail(diag.ExitOf(failed[0]), "%d of %d images were not pushed", len(failed), len(failures)).Because(errors.Join(failed...))
	if hint := diag.HintOf(failed[0]); hint != "" {
		return f.WithHint("%s", hint)
	}
	return f
}

// Destinations decides what goes where. A service goes under the name of its image
// with the overrides applied; it may have been built without the registry or the
// tag that they name, then the image under slipway.yaml's own name is meant. An
// image goes to its own name, under the registry and the tag of the overrides.
func Destinations(ctx context.Context, l fleet.Loader, store *image.Store, args []string, o fleet.Overrides) ([]Shipment, error) {
	if _, err := fleet.Find(l.Dir); err == nil {
		if len(args) > 0 {
			if images, err := fleet.Stored(ctx, store, args); err == nil {
				return ofImages(images, o)
			}
		}
		return ofFleet(ctx, l, store, args, o)
	}
	images, err := l.Images(ctx, store, args, o)
	if err != nil {
		return nil, err
	}
	return ofImages(images, o)
}

func ofFleet(ctx context.Context, l fleet.Loader, store *image.Store, args []string, o fleet.Overrides) ([]Shipment, error) {
	f, services, err := l.Choose(l.Dir, args, o)
	if err != nil {
		return nil, err
	}
	if f.Registry == "" {
		return nil, diag.Fail(diag.ExitUsage, "pushing requires a registry").
			WithHint("slipway push --registry localhost:5000, or set registry: in slipway.yaml")
	}
	plain, err := l.Read(l.Dir, fleet.Overrides{})
	if err != nil {
		return nil, err
	}
	var shipments []Shipment
	var images []fleet.Image
	for _, s := range services {
		destination := f.Image(s)
		local := destination
		if _, err := store.Resolve(ctx, local); errors.Is(err, image.ErrNotFound) {
			local = firstStored(ctx, store, destination, strings.TrimPrefix(destination, f.Registry+"/"), plain.Image(s))
		}
		shipments = append(shipments, Shipment{local, destination})
		images = append(images, fleet.Image{Service: s, Name: local})
	}
	return shipments, fleet.CheckBuilt(ctx, store, f.Root, images)
}

// firstStored returns the first name that the store has, else the first name.
func firstStored(ctx context.Context, store *image.Store, names ...string) string {
	for _, n := range names {
		if _, err := store.Resolve(ctx, n); err == nil {
			return n
		}
	}
	return names[0]
}

func ofImages(images []fleet.Image, o fleet.Overrides) ([]Shipment, error) {
	var shipments []Shipment
	for _, n := range images {
		destination := image.Name(n.Name).WithTag(o.Tag)
		if o.Registry != "" {
			destination = image.Name(o.Registry + "/" + string(destination.Local()))
		} else if destination.Local() == destination {
			return nil, diag.Fail(diag.ExitUsage, "image name %s has no registry", n.Name).
				WithHint("slipway push %s --registry localhost:5000", n.Name)
		}
		shipments = append(shipments, Shipment{n.Name, string(destination)})
	}
	return shipments, nil
}
