// Package delivery sends built images on: to a registry, and to Docker's engine
// on this machine. It decides under which name an image goes, and it opens what
// a delivery needs before anything is built for it.
//
//	to, err := delivery.Open(ctx, delivery.Options{Push: true, Store: store, Sink: sink}, jobs)
//	if err != nil {
//		return err
//	}
//	defer to.Close()
package delivery

import (
	"context"
	"errors"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/trace"
)

// Options say how images are delivered.
type Options struct {
	Load, Push bool
	Registry   Registry
	Store      *image.Store
	Sink       event.Sink
	Trace      *trace.Recorder // nil: none
}

// Registry is how registries are spoken to. Credentials of one that Name does not
// name come from the Docker configuration file.
type Registry struct {
	Name           string // the one that user and password belong to
	User, Password string
	Insecure       bool // plain HTTP or unverified TLS
}

// Pusher opens what pushes images of the store.
func (r Registry) Pusher(store *image.Store, sink event.Sink) (*image.Pusher, error) {
	return image.NewPusher(store, image.PushOptions{Registry: r.Name, User: r.User, Password: r.Password, Insecure: r.Insecure, Sink: sink})
}

// Delivery is all ways that the images of a build go, in order. It is a
// pipeline.Pusher, safe for concurrent use; Close it after the last Push.
type Delivery struct {
	ways     []way
	trace    *trace.Recorder
	services map[string]string // by image
	close    []func() error
}

// way is one of them.
type way struct {
	what string // "push"
	pipeline.Pusher
}

// Open opens what the options ask for; without any, the Delivery is nil.
func Open(ctx context.Context, o Options, jobs []pipeline.Job) (_ *Delivery, err error) {
	if !o.Load && !o.Push {
		return nil, nil
	}
	d := &Delivery{trace: o.Trace, services: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	for _, j := range jobs {
		d.services[j.Image] = j.Request.Name
	}
	if o.Load {
		l, err := openLoader(ctx, o.Store, o.Sink, jobs)
		if err != nil {
			return nil, err
		}
		d.close = append(d.close, l.Close)
		d.ways = append(d.ways, way{"load", l})
	}
	if o.Push {
		p, err := o.Registry.Pusher(o.Store, o.Sink)
		if err != nil {
			return nil, err
		}
		d.ways = append(d.ways, way{"push", pusher{p}})
	}
	return d, nil
}

// CheckOutput refuses --load of a build that leaves no image in the store.
func CheckOutput(load, output bool) error {
	if !load || !output {
		return nil
	}
	return diag.Fail(diag.ExitUsage, "--load and --output exclude each other: --output keeps no image to load").
		WithHint("remove one; `docker load --input` reads the file that -o type=docker writes")
}

// Push implements pipeline.Pusher.
func (d *Delivery) Push(ctx context.Context, name string) error {
	for _, to := range d.ways {
		span := d.trace.Start(d.services[name], to.what)
		err := to.Push(ctx, name)
		span.End(err)
		if err != nil {
			return err
		}
	}
	return nil
}

// Pusher returns the Delivery as one way, and nil for a nil one.
func (d *Delivery) Pusher() pipeline.Pusher {
	if d == nil {
		return nil
	}
	return d
}

// Close lets go of what Open opened; a nil Delivery has nothing.
func (d *Delivery) Close() error {
	if d == nil {
		return nil
	}
	var err error
	for _, c := range d.close {
		err = errors.Join(err, c())
	}
	d.close = nil
	return err
}

// pusher pushes images under their own names.
type pusher struct{ *image.Pusher }

// Push implements pipeline.Pusher.
func (p pusher) Push(ctx context.Context, name string) error { return p.Pusher.Push(ctx, name, name) }
