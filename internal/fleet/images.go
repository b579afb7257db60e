package fleet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/repository"
)

// Image is an image of the store and the service that it is of.
type Image struct{ Service, Name string }

// Stored takes every name as that of an image of the store.
func Stored(ctx context.Context, store *image.Store, names []string) ([]Image, error) {
	var images []Image
	for _, n := range names {
		if _, err := store.Resolve(ctx, n); err != nil {
			return nil, err
		}
		images = append(images, Image{n, n})
	}
	return images, nil
}

// CheckBuilt refuses services of the fleet at root whose images are not in the store,
// all at once, and one whose image another repository built under its name.
func CheckBuilt(ctx context.Context, store *image.Store, root string, images []Image) error {
	var missing []Image
	own := sync.OnceValue(func() string { return repository.ID(root) })
	for _, n := range images {
		desc, err := store.Resolve(ctx, n.Name)
		if by := desc.Annotations[image.NamedBy]; by != "" && by != own() {
			return diag.Fail(diag.ExitUsage, "%s is not built: the image %s in the store is that of another repository", n.Service, n.Name).
				WithHint("slipway build %s", n.Service)
		}
		if errors.Is(err, image.ErrNotFound) {
			missing = append(missing, n)
		} else if err != nil {
			return err
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return diag.Fail(diag.ExitUsage, "%s is not built: image %s not found", missing[0].Service, missing[0].Name).
			WithHint("slipway build %s", missing[0].Service)
	}
	return diag.Fail(diag.ExitUsage, "%d of %d services are not built: image %s not found, among others", len(missing), len(images), missing[0].Name).
		WithHint("run slipway build, or use another --tag or --registry")
}

// Images finds the images that words of a command line mean: images of the store
// by name, else the selected services of the fleet at or above the Loader's
// directory.
func (l Loader) Images(ctx context.Context, store *image.Store, args []string, o Overrides) ([]Image, error) {
	if len(args) > 0 {
		if images, err := Stored(ctx, store, args); err == nil {
			return images, nil
		}
	}
	if _, err := Find(l.Dir); errors.Is(err, ErrNone) {
		if len(args) == 0 {
			return nil, diag.Fail(diag.ExitUsage, "slipway.yaml not found in %s or above, and no image specified", l.Dir).
				WithHint("specify images, or run this in the directory of a fleet")
		}
		images, err := Stored(ctx, store, args)
		return images, l.NoFile(args, err)
	}
	f, err := l.Read(l.Dir, o)
	if err != nil {
		return nil, err
	}
	services, err := l.choose(f, Target{Names: args}, o)
	if err != nil {
		return nil, l.NoFile(args, err)
	}
	var images []Image
	for _, s := range services {
		images = append(images, Image{s, f.Image(s)})
	}
	return images, CheckBuilt(ctx, store, f.Root, images)
}

// NoFile explains an error about names of images when one of them is that of a file or
// directory, which no image is.
func (l Loader) NoFile(names []string, err error) error {
	if err == nil {
		return nil
	}
	for _, name := range names {
		info, missing := os.Stat(filepath.Join(l.Dir, name))
		if filepath.IsAbs(name) {
			info, missing = os.Stat(name)
		}
		switch {
		case missing != nil:
		case info.IsDir():
			return diag.Fail(diag.ExitUsage, "%s is a directory, not the name of an image or service", name).
				WithHint("slipway stats lists the images; slipway build %s makes one of it", name)
		default:
			return diag.Fail(diag.ExitUsage, "%s is a file, not the name of an image or service", name).
				WithHint("slipway stats lists the images; slipway build makes them")
		}
	}
	return err
}

// Measure collects the figures of images; each platform of an image counts as
// one, and layers in common are found over all of them.
func Measure(ctx context.Context, store *image.Store, images []Image) (report.Stats, error) {
	var stats report.Stats
	var all []v1.Image
	for _, n := range images {
		images, err := store.Images(ctx, n.Name)
		if err != nil {
			return stats, err
		}
		for range images {
			stats.Services = append(stats.Services, report.ServiceStats{Service: n.Service, Image: n.Name})
		}
		all = append(all, images...)
	}
	infos, err := store.DescribeAll(ctx, all)
	if err != nil {
		return stats, err
	}
	sharing := image.ShareOf(infos)
	stats.UniqueBytes, stats.UniqueCompressedBytes = sharing.UniqueUnpackedBytes, sharing.UniqueCompressedBytes
	for i, info := range infos {
		s := &stats.Services[i]
		s.Platform, s.Digest, s.SizeBytes, s.CompressedBytes = info.Platform, info.Digest.String(), info.UnpackedBytes, info.CompressedBytes
		s.Layers = len(info.Layers)
		s.SharedBytes, s.OwnBytes = sharing.Images[i].SharedBytes, sharing.Images[i].OwnBytes
	}
	return stats, nil
}
