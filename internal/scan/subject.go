// Package scan joins the image store to the core packages that look into images: what
// is inside (inventory), which vulnerabilities that has (advisory), which secrets are
// in it. It downloads nothing and decides nothing.
//
//	subject, err := scan.Open(ctx, store, "shop/web:latest", "")
//	list := subject.Inventory(nil)
package scan

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/inventory"
)

// Subject is an image of the store of one platform, with the indexes of its layers.
type Subject struct {
	Name     string
	Digest   string // of its manifest
	Platform string
	Created  time.Time
	Layers   []inventory.Layer
	Env      []string // NAME=value
	Labels   map[string]string
	Commands []string // of the start and the health check, and the history, one after another
}

// Open reads an image of the store; an empty platform is this machine's.
func Open(ctx context.Context, store *image.Store, name, platform string) (Subject, error) {
	img, err := store.Image(ctx, name, platform)
	if err != nil {
		return Subject{}, image.Unreadable(name, err)
	}
	info, err := store.Describe(ctx, img)
	if err != nil {
		return Subject{}, image.Unreadable(name, err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return Subject{}, image.Unreadable(name, fmt.Errorf("reading its configuration: %w", err))
	}
	contents, err := store.Contents(ctx, img)
	if err != nil {
		return Subject{}, image.Unreadable(name, err)
	}
	s := Subject{
		Name: name, Digest: info.Digest.String(), Platform: info.Platform, Created: config.Created.Time,
		Env: config.Config.Env, Labels: config.Config.Labels,
	}
	s.Commands = append(append(s.Commands, config.Config.Entrypoint...), config.Config.Cmd...)
	if config.Config.Healthcheck != nil {
		s.Commands = append(s.Commands, config.Config.Healthcheck.Test...)
	}
	for _, h := range config.History {
		s.Commands = append(s.Commands, h.CreatedBy)
	}
	for i, l := range info.Layers {
		s.Layers = append(s.Layers, inventory.Layer{Digest: l.Digest.String(), By: l.CreatedBy, Index: contents[i]})
	}
	return s, nil
}

// Inventory lists the packages of the image, and those that its build is known to
// bring.
func (s Subject) Inventory(planned []inventory.Package) inventory.Inventory {
	return inventory.Of(s.Layers, planned)
}
